//! What is defined, and is it running? Functions, schedules, parameters and whom buckets' events call, kept as resources
//! of the database; and what keeps running equal to them: the code store, the clock that calls, the followers of buckets,
//! the events that wait for their call.
//!
//! Knows definitions and when they apply; neither HTTP nor templates nor how a handler runs. In reading order: the four
//! definitions, the code store, the seam to whatever runs functions, and [`Control`], which puts them together.

mod calls;
mod clock;
mod code;
mod control;
mod error;
mod feed;
mod fields;
mod function;
mod keep;
mod notification;
mod notifications;
mod parameter;
mod runner;
mod schedule;

#[cfg(test)]
mod tests;

pub use self::{
    calls::{CallSettings, Condition, Counts, Delays, LastRun, RunOutcome},
    code::{PACKAGE_BYTES_MAX, Package},
    control::{
        Control, Defined, EVENT_BYTES_MAX, NotificationStatus, ParameterPage, Planned, Refused, ScheduleStatus,
        Settings, Step, Wanted, WantedSource, WantedTrigger,
    },
    error::Error,
    fields::Malformed,
    function::{Code, EventInvoke, Events, FUNCTION, FunctionDefinition, Origin},
    notification::{NOTIFICATION, NotificationDefinition},
    notifications::Counts as NotificationCounts,
    parameter::{PARAMETER, Parameter, ParameterDefinition, ParameterType, Tier},
    runner::{Answer, Runner},
    schedule::{Missed, RetryPolicy, SCHEDULE, Schedule, ScheduleDefinition},
};
pub use ::schedule::Service;
pub use functions::{Function, Invocation, InvokeError, Outcome};

/// Runs what may take a disk's time where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

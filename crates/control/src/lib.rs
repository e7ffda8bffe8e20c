//! What is defined, and is it running? Functions, schedules and parameters, kept as resources of the database; and what
//! keeps running equal to them: the code store, the clock that calls, the events that wait for their call.
//!
//! Knows definitions and when they apply; neither HTTP nor templates nor how a handler runs. In reading order: the three
//! definitions, the code store, the seam to whatever runs functions, and [`Control`], which puts them together.

mod code;
mod control;
mod error;
mod fields;
mod function;
mod parameter;
mod runner;
mod schedule;

#[cfg(test)]
mod tests;

pub use self::{
    code::{PACKAGE_BYTES_MAX, Package},
    control::{Control, Defined, ParameterPage, Settings},
    error::Error,
    fields::Malformed,
    function::{Code, Events, FUNCTION, FunctionDefinition, Origin},
    parameter::{PARAMETER, Parameter, ParameterDefinition, ParameterType, Tier},
    runner::{Answer, Function, Invocation, InvokeError, Outcome, Runner},
    schedule::{Missed, RetryPolicy, SCHEDULE, Schedule, ScheduleDefinition},
};
pub use ::schedule::Service;

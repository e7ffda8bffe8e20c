//! Lambda's operations: functions, their calls, and what feeds them. Knows paths, JSON shapes and AWS's words; what a
//! function is and whether it runs is `control`'s, what feeds it `triggers`'.

mod account;
mod concurrency;
pub(crate) mod events;
mod fault;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod mappings;
mod name;
mod package;
mod page;
mod settings;
mod shown;
pub(crate) mod tags;

pub(crate) use account::account_settings;
pub(crate) use concurrency::{delete as delete_concurrency, get as get_concurrency, put as put_concurrency};

use crate::{
    protocol::{Answer, Fault},
    routes::Step,
};

/// The ARN of a function.
pub(crate) fn arn(place: &wire::Place, name: &str) -> String {
    place.arn("lambda", &format!("function:{name}"))
}

/// A step that waits for other rooms.
fn later(answer: impl Future<Output = Result<Answer, Fault>> + Send + 'static) -> Result<Step, Fault> {
    Ok(Step::Later(Box::pin(answer)))
}

//! What `control` and `triggers` refuse, in Lambda's words.

use crate::protocol::{Code, Fault};
use wire::Place;

/// A value that is refused.
pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidParameterValue, message)
}

/// A function that does not exist, by its ARN.
pub(super) fn no_function(arn: &str) -> Fault {
    Fault::new(Code::ResourceNotFound, format!("Function not found: {arn}"))
}

fn service(error: &impl std::fmt::Display) -> Fault {
    Fault::new(Code::Service, error.to_string())
}

/// Why nothing happened to a function. The only match over `control::Error` at this door.
pub(super) fn of_control(place: &Place, error: &control::Error) -> Fault {
    use control::Error;
    match error {
        Error::NotFound { name, .. } => no_function(&super::arn(place, name)),
        Error::Exists { name, .. } => Fault::new(Code::ResourceConflict, format!("Function already exist: {name}")),
        Error::Changed { .. } => other_revision(),
        Error::Invalid { message, .. } => invalid(message),
        Error::Code(message) | Error::Limit(message) => invalid(message),
        Error::TooManyRequests(message) => Fault::new(Code::TooManyRequests, message),
        Error::TooLarge(message) => Fault::new(Code::RequestTooLarge, message),
        Error::Database(db::Error::Busy) => {
            Fault { limit: Some("CallerRateLimitExceeded"), ..Fault::new(Code::TooManyRequests, "Rate Exceeded.") }
        }
        Error::Trigger(error) => of_triggers(error),
        // Parameters are another door's; the rest is the server's own trouble.
        Error::TooDeep(_)
        | Error::PatternMismatch(_)
        | Error::InvalidPattern(_)
        | Error::Closed
        | Error::Malformed { .. }
        | Error::Disk { .. }
        | Error::Database(_) => service(error),
    }
}

/// A change that was made for another state of the function.
pub(super) fn other_revision() -> Fault {
    Fault::new(
        Code::PreconditionFailed,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
         the latest Revision Id",
    )
}

/// Why nothing happened to a mapping. The only match over `triggers::Error` at this door.
pub(super) fn of_triggers(error: &triggers::Error) -> Fault {
    use triggers::Error;
    match error {
        Error::Invalid(message) => invalid(message),
        Error::InvalidFilter { .. } => invalid("Invalid filter pattern definition."),
        Error::StreamNotFound(arn) => invalid(format!("Stream not found: {arn}")),
        // The spaces are AWS's.
        Error::Exists { uuid, function, source_arn } => Fault::new(
            Code::ResourceConflict,
            format!(
                "The event source arn (\" {source_arn} \") and function (\" {function} \") provided mapping already \
                 exists. Please update or delete the existing mapping with UUID {uuid}"
            ),
        ),
        Error::NotFound(_) => no_mapping(),
        Error::NotRunning(_) | Error::NotParked { .. } => Fault::new(Code::ResourceConflict, error.to_string()),
        Error::Db(_) => service(error),
    }
}

pub(super) fn no_mapping() -> Fault {
    Fault::new(Code::ResourceNotFound, "The resource you requested does not exist.")
}

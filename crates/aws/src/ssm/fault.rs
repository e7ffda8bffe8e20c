//! What `control` refuses, in SSM's words.

use crate::protocol::{Code, Fault};

/// The only match over `control::Error` at this door.
pub(super) fn of(error: &control::Error) -> Fault {
    use control::Error;
    match error {
        // AWS says nothing more.
        Error::NotFound { .. } => Fault::bare(Code::ParameterNotFound),
        Error::Exists { .. } => Fault::new(
            Code::ParameterAlreadyExists,
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ),
        Error::Invalid { message, .. } => Fault::validation(message),
        Error::TooDeep(message) => Fault::new(Code::HierarchyLevelLimitExceeded, message),
        Error::PatternMismatch(message) => Fault::new(Code::ParameterPatternMismatch, message),
        Error::InvalidPattern(message) => Fault::new(Code::InvalidAllowedPattern, message),
        Error::Limit(message) => Fault::new(Code::ParameterLimitExceeded, message),
        Error::Changed { .. } | Error::TooManyRequests(_) | Error::Database(db::Error::Busy) => {
            Fault::new(Code::Throttling, "Rate exceeded")
        }
        // Functions are another door's; the rest is the server's own trouble.
        Error::Code(_)
        | Error::TooLarge(_)
        | Error::Trigger(_)
        | Error::Closed
        | Error::Malformed { .. }
        | Error::Disk { .. }
        | Error::Database(_) => Fault::new(Code::InternalServerError, error.to_string()),
    }
}

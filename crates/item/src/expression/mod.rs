//! Condition, filter, key condition, projection and update expressions: parsed once into types, then evaluated.
//! Knows no operation and no table: which expressions a request may have is the door's business.
//!
//! Wordings and the order of checks follow AWS. Sources: dynalite's grammars (`db/*.pegjs`), tested against AWS;
//! ScyllaDB's `test/alternator`, likewise; DynamoDB Local's `DbValidationError`.

mod check;
mod condition;
mod key_condition;
mod lex;
mod path;
mod placeholders;
mod projection;
mod reserved;
mod syntax;
#[cfg(test)]
mod tests;
mod update;

pub use condition::{Comparator, Condition, Operand};
pub use key_condition::KeyCondition;
pub use path::{Path, Step};
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use update::{Action, Assigned, Update};

/// Why an expression is refused, or an update cannot be applied. `Display` is AWS's whole message, with its
/// `Invalid …Expression: ` where AWS has that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    /// A message of one expression: `what` is the parameter's name.
    fn of(what: &str, message: impl std::fmt::Display) -> Invalid {
        Invalid(format!("Invalid {what}: {message}"))
    }
}

/// Longest expression, in bytes.
const BYTES_MAX: usize = 4096;

/// What holds for every kind of expression before its grammar.
fn check_text(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("The expression can not be empty;".to_string());
    }
    if text.len() > BYTES_MAX {
        return Err(format!("Expression size has exceeded the maximum allowed size; expression size: {}", text.len()));
    }
    Ok(())
}

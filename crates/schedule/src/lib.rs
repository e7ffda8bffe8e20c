//! When is it due? Schedule expressions as EventBridge's rules and EventBridge Scheduler read them: `rate(5 minutes)`,
//! `cron(0 10 * * ? *)`, `at(2026-11-20T13:00:00)`. Pure: no I/O and no clock. Whoever asks says what time it is, in
//! milliseconds since 1970; this room knows nothing of what runs.
//!
//! In reading order: [`Expression`] is the text, parsed; `cron` holds its fields and finds the next date in a calendar
//! without time zones; [`Zone`] turns dates into moments; [`Timetable`] puts them together, and [`Runs`] is a timetable
//! that counts from the moment it was created.

mod cron;
mod expression;
mod field;
mod timetable;
mod zone;

use std::fmt;

pub use expression::{Expression, Service};
pub use timetable::{Runs, Timetable};
pub use zone::{Zone, parse_date};

/// Why a text is not a schedule expression, a time zone or a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    refusal: Option<String>,
    reason: String,
}

impl Error {
    fn new(reason: impl Into<String>) -> Error {
        Error { refusal: None, reason: reason.into() }
    }

    /// What is wrong, in our words: lower case, no full stop.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What AWS says about such an expression, if the text was one.
    pub fn as_aws(&self) -> Option<&str> {
        self.refusal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.refusal {
            Some(refusal) => write!(f, "{} ({})", refusal.trim_end_matches('.'), self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for Error {}

//! The first of AWS's checks: constraints on single parameters, told together as `N validation errors detected`. Knows no
//! operation.

use crate::{json::Text, protocol::Fault};
use std::fmt::{self, Display};

/// AWS tells no more than this many at once.
const ERRORS_MAX: usize = 10;

/// Constraints broken so far.
#[derive(Default)]
pub(crate) struct Checks(Vec<String>);

impl Checks {
    /// Tells that a value breaks a constraint; nothing is formatted where it does not.
    pub fn check(&mut self, holds: bool, at: impl Display, value: impl Display, constraint: fmt::Arguments<'_>) {
        if !holds && self.0.len() < ERRORS_MAX {
            self.0.push(format!("Value '{value}' at '{at}' failed to satisfy constraint: Member must {constraint}"));
        }
    }

    /// A broken constraint in words of its own.
    pub fn broken(&mut self, words: String) {
        if self.0.len() < ERRORS_MAX {
            self.0.push(words);
        }
    }

    pub fn required(&mut self, at: impl Display, present: bool) {
        if !present && self.0.len() < ERRORS_MAX {
            self.0.push(format!("Value null at '{at}' failed to satisfy constraint: Member must not be null"));
        }
    }

    pub fn at_least(&mut self, at: impl Display, value: Option<i64>, least: i64) {
        if let Some(value) = value {
            self.check(value >= least, at, value, format_args!("have value greater than or equal to {least}"));
        }
    }

    pub fn at_most(&mut self, at: impl Display, value: Option<i64>, most: i64) {
        if let Some(value) = value {
            self.check(value <= most, at, value, format_args!("have value less than or equal to {most}"));
        }
    }

    /// A text's length in characters.
    pub fn longest(&mut self, at: impl Display, text: &str, most: usize) {
        // No text has more characters than bytes.
        let fits = text.len() <= most || text.chars().count() <= most;
        self.check(fits, at, text, format_args!("have length less than or equal to {most}"));
    }

    /// An enumeration; answers the value's place in the set.
    pub fn one_of(&mut self, at: impl Display, value: Option<&Text<'_>>, set: &[&str]) -> Option<usize> {
        let value = value?;
        let place = set.iter().position(|member| *member == value.as_str());
        self.check(place.is_some(), at, value.as_str(), format_args!("satisfy enum value set: [{}]", Joined(set)));
        place
    }

    pub fn finish(self) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let count = self.0.len();
        let errors = if count == 1 { "error" } else { "errors" };
        Err(Fault::validation(format!("{count} validation {errors} detected: {}", self.0.join("; "))))
    }
}

/// `a, b, c`.
struct Joined<'a>(&'a [&'a str]);

impl Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

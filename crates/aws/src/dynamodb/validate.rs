//! The first of AWS's checks: constraints on single parameters, told together as `N validation errors detected`.

use crate::{json::Text, protocol::Fault};
use std::fmt::{self, Display};

/// AWS tells no more than this many at once.
const ERRORS_MAX: usize = 10;

/// Constraints broken so far.
#[derive(Default)]
pub(crate) struct Checks(Vec<String>);

/// What `ReturnConsumedCapacity` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Consumed {
    #[default]
    None,
    Total,
    Indexes,
}

/// What `ReturnValues` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Returns {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

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

    /// An enumeration; answers the value's place in the set.
    pub fn one_of(&mut self, at: impl Display, value: Option<&Text<'_>>, set: &[&str]) -> Option<usize> {
        let value = value?;
        let place = set.iter().position(|member| *member == value.as_str());
        self.check(place.is_some(), at, value.as_str(), format_args!("satisfy enum value set: [{}]", Joined(set)));
        place
    }

    /// A name of at least `least` characters: of a table, or of an index.
    pub fn name(&mut self, at: impl Display + Copy, name: Option<&str>, least: usize) {
        self.plain_name(at, name.filter(|name| !name.starts_with("arn:")), least);
    }

    /// A name that no ARN can stand for.
    pub fn plain_name(&mut self, at: impl Display + Copy, name: Option<&str>, least: usize) {
        let Some(name) = name else { return };
        self.check(
            name.is_empty() || is_name(name),
            at,
            name,
            format_args!("satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        );
        self.check(name.len() >= least, at, name, format_args!("have length greater than or equal to {least}"));
        self.check(name.len() <= 255, at, name, format_args!("have length less than or equal to 255"));
    }

    /// The table of a data operation.
    pub fn table_name(&mut self, name: Option<&Text<'_>>) {
        self.required("tableName", name.is_some());
        self.name("tableName", name.map(Text::as_str), 1);
    }

    pub fn consumed(&mut self, value: Option<&Text<'_>>) -> Consumed {
        match self.one_of("returnConsumedCapacity", value, &["INDEXES", "TOTAL", "NONE"]) {
            Some(0) => Consumed::Indexes,
            Some(1) => Consumed::Total,
            _ => Consumed::None,
        }
    }

    /// Whether the sizes of item collections are asked for.
    pub fn item_collection_metrics(&mut self, value: Option<&Text<'_>>) -> bool {
        self.one_of("returnItemCollectionMetrics", value, &["SIZE", "NONE"]) == Some(0)
    }

    pub fn returns(&mut self, value: Option<&Text<'_>>) -> Returns {
        let set = ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"];
        match self.one_of("returnValues", value, &set) {
            Some(0) => Returns::AllNew,
            Some(1) => Returns::UpdatedOld,
            Some(2) => Returns::AllOld,
            Some(4) => Returns::UpdatedNew,
            _ => Returns::None,
        }
    }

    /// Whether a failed condition shows the item.
    pub fn returns_on_failure(&mut self, value: Option<&Text<'_>>) -> bool {
        self.one_of("returnValuesOnConditionCheckFailure", value, &["ALL_OLD", "NONE"]) == Some(0)
    }

    /// `true` for OR.
    pub fn conditional_operator(&mut self, value: Option<&Text<'_>>) -> bool {
        self.one_of("conditionalOperator", value, &["OR", "AND"]) == Some(0)
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

/// Whether a text matches `[a-zA-Z0-9_.-]+`.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
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

/// `The parameter 'TableName' is required ...`: how control operations ask for their table.
pub(crate) fn control_table<'a>(name: Option<&'a Text<'_>>, least: usize) -> Result<&'a str, Fault> {
    let name = name
        .ok_or_else(|| Fault::validation("The parameter 'TableName' is required but was not present in the request"))?;
    let mut checks = Checks::default();
    checks.name("tableName", Some(name), least);
    checks.finish()?;
    Ok(name)
}

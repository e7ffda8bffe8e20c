//! The first of DynamoDB's checks: constraints on parameters that many of its operations have.

pub(crate) use crate::checks::Checks;

use crate::{json::Text, protocol::Fault};
use std::fmt::Display;

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
}

/// Whether a text matches `[a-zA-Z0-9_.-]+`.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
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

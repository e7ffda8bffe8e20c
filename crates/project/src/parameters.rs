//! The Parameters section: what each parameter comes to, from the command line or its default, checked against the
//! parameter's own rules. Knows nothing of who refers to them.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Severity};
use crate::field::{Field, Report, short};
use crate::suggest::did_you_mean;
use crate::template::MAX_ENTRIES;
use crate::yaml::{Node, Value};

const KNOWN: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];
const TYPES: [&str; 4] = ["String", "Number", "CommaDelimitedList", "List<Number>"];

/// The value of each parameter. One whose value is missing or against its rules is [`Value::Broken`].
pub(crate) fn read(
    section: Option<&Field<'_>>,
    given: &BTreeMap<String, String>,
    report: &Report,
) -> BTreeMap<String, Value> {
    let entries = section.map(|section| section.at_most(MAX_ENTRIES)).unwrap_or_default();
    for name in given.keys() {
        if entries.iter().all(|(known, _)| known != name) {
            let mut diagnostic =
                Diagnostic::error(format!("`--parameter {name}=...`: the template has no such parameter"));
            diagnostic.help = did_you_mean(name, entries.iter().map(|(known, _)| *known));
            report.push(diagnostic);
        }
    }
    entries
        .iter()
        .map(|(name, field)| (name.to_string(), parameter(name, field, given.get(*name)).unwrap_or(Value::Broken)))
        .collect()
}

fn parameter(name: &str, field: &Field<'_>, given: Option<&String>) -> Option<Value> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        field.error(format!("parameter name `{name}`: only letters and digits are allowed"));
    }
    if !field.only(&KNOWN) {
        return None;
    }
    let kind_field = field.require("Type")?;
    let kind = kind_field.text()?;
    let from_store = kind.starts_with("AWS::SSM::Parameter::Value<");
    if !TYPES.contains(&kind.as_str()) && !kind.starts_with("AWS::") && !kind.starts_with("List<AWS::") {
        kind_field.error_known(format!("`{kind}` is not a parameter type"), &kind, &TYPES);
        return None;
    }
    let value = match (given, field.get("Default")) {
        (Some(given), _) => given.clone(),
        (None, _) if from_store => {
            let why = format!(
                "parameter `{name}` is kept in AWS Systems Manager, which is not asked from here; \
                 give its value with `--parameter {name}=VALUE`"
            );
            return Some(Value::Away(why));
        }
        (None, Some(default)) => default.text()?,
        (None, None) => {
            let help = format!("give it with `--parameter {name}=VALUE`, or add a Default");
            field.error_help(format!("parameter `{name}` has no value"), help);
            return None;
        }
    };
    let is_list =
        kind == "CommaDelimitedList" || kind.starts_with("List<") || kind.contains("<List<") || kind.contains("<Comma");
    let members: Vec<String> =
        if is_list { value.split(',').map(|member| member.trim().to_string()).collect() } else { vec![value] };
    let rules =
        Rules { field, secret: field.get("NoEcho").and_then(|f| f.boolean()) == Some(true), given: given.is_some() };
    let number = kind == "Number" || kind == "List<Number>";
    if members.iter().filter(|member| !rules.check(member, number)).count() > 0 {
        return None;
    }
    let span = field.node.span;
    let text = |member: String| Value::Text { text: member, plain: false };
    let node = |member| Node { span, tag: None, value: text(member) };
    Some(if is_list { Value::List(members.into_iter().map(node).collect()) } else { text(members.concat()) })
}

struct Rules<'f, 'a> {
    field: &'f Field<'a>,
    /// NoEcho: the value must not be printed.
    secret: bool,
    given: bool,
}

impl Rules<'_, '_> {
    fn check(&self, value: &str, number: bool) -> bool {
        let parsed = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        if number && parsed.is_none() {
            return self.refuse("Type", value, "is not a number");
        }
        self.allowed_values(value)
            && self.pattern(value)
            && self.bound("MinLength", value, |least| value.chars().count() as f64 >= least)
            && self.bound("MaxLength", value, |most| value.chars().count() as f64 <= most)
            && self.bound("MinValue", value, |least| parsed.is_some_and(|number| number >= least))
            && self.bound("MaxValue", value, |most| parsed.is_some_and(|number| number <= most))
    }

    fn allowed_values(&self, value: &str) -> bool {
        let Some(field) = self.field.get("AllowedValues") else { return true };
        let allowed: Vec<String> = field.items().iter().filter_map(Field::text).collect();
        allowed.iter().any(|one| one == value)
            || self.refuse("AllowedValues", value, &format!("is not one of: {}", short(&allowed.join(", "))))
    }

    fn pattern(&self, value: &str) -> bool {
        let Some(field) = self.field.get("AllowedPattern") else { return true };
        let Some(pattern) = field.text() else { return false };
        match regex_lite::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => {
                regex.is_match(value)
                    || self.refuse("AllowedPattern", value, &format!("does not match {}", short(&pattern)))
            }
            Err(_) => {
                field.warning("this pattern is not understood here, so the value is not checked against it", None);
                true
            }
        }
    }

    fn bound(&self, rule: &str, value: &str, holds: impl Fn(f64) -> bool) -> bool {
        let Some(field) = self.field.get(rule) else { return true };
        let Some(text) = field.text() else { return false };
        match text.parse::<f64>() {
            Ok(bound) => holds(bound) || self.refuse(rule, value, &format!("is against {rule} {text}")),
            Err(_) => {
                field.error(format!("expected a number, found `{}`", short(&text)));
                false
            }
        }
    }

    fn refuse(&self, rule: &str, value: &str, why: &str) -> bool {
        let shown = if self.secret { "the value".to_string() } else { format!("`{}`", short(value)) };
        let origin = if self.given { "from the command line" } else { "the default" };
        let at = self.field.get(rule).unwrap_or_else(|| self.field.clone());
        let mut diagnostic = at.diagnostic(Severity::Error, format!("{origin}: {shown} {why}"));
        diagnostic.help = self.field.get("ConstraintDescription").and_then(|f| f.text());
        at.report.push(diagnostic);
        false
    }
}

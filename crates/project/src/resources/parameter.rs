//! `AWS::SSM::Parameter`: a value that programs read with GetParameter.

use super::ResourceType;
use super::marks;
use super::physical::{self, Naming, once, text};
use super::properties;
use crate::diagnostic::Severity;
use crate::field::{Field, short};
use crate::model::{ParameterKind, Project, SsmParameter};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(super) const TYPE: ResourceType = ResourceType {
    name: "AWS::SSM::Parameter",
    read,
    reference: |scope, resource| physical::name(scope, resource, &NAMING),
    attributes: &["Arn", "Type", "Value"],
    attribute,
};

const NAMING: Naming = Naming { property: "Name", most: 255, check: name };

const PROPERTIES: [&str; 9] =
    ["AllowedPattern", "DataType", "Description", "Name", "Policies", "Tags", "Tier", "Type", "Value"];

/// Longest value of each tier.
const TIERS: [(&str, usize); 3] = [("Standard", 4096), ("Advanced", 8192), ("Intelligent-Tiering", 8192)];

fn name(field: &Field<'_>) -> Option<String> {
    let name = field.name()?;
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
    let first = name.trim_start_matches('/').to_lowercase();
    if !fine || name.len() > 1011 {
        let help = "at most 1011 characters of a-z, A-Z, 0-9, _, ., - and /";
        field.error_help(format!("`{}` cannot be the name of a parameter", short(&name)), help);
    } else if name.contains('/') && !name.starts_with('/') {
        field.error_help("a name with levels begins with a slash", format!("/{name}"));
    } else if first.starts_with("aws") || first.starts_with("ssm") {
        field.error("names that begin with aws or ssm belong to AWS");
    } else {
        return Some(name);
    }
    None
}

fn attribute(scope: &Scope<'_>, resource: &Resource<'_>, attribute: &str) -> Value {
    if attribute == "Arn" {
        return match physical::name(scope, resource, &NAMING) {
            // A name that begins with a slash brings its own.
            Value::Text { text: name, .. } => {
                text(scope.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))))
            }
            other => other,
        };
    }
    let key = format!("{}.{attribute}", resource.logical_id);
    once(scope, &key, &resource.field, || {
        let written = resource.properties().and_then(|properties| properties.get(attribute));
        written.and_then(|written| scope.resolve(&written)).map_or(Value::Broken, |node| node.value)
    })
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    marks::none(resource);
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only(&PROPERTIES) {
        return;
    }
    let node = scope.resolve_some(&written, &PROPERTIES);
    let field = written.with_node(&node);
    use ParameterKind::{SecureString, String, StringList};
    let kinds = [String, StringList, SecureString].map(|kind| (kind.as_str(), kind));
    let kind = field.require("Type").and_then(|f| f.one_of(&kinds).map(|kind| (kind, f)));
    if let Some((SecureString, at)) = &kind {
        let note = at.diagnostic(Severity::Note, "kept as plain text here; CloudFormation creates no SecureString");
        at.report.push(note);
    }
    let tier = field.get("Tier").and_then(|f| f.one_of(&TIERS.map(|tier| (tier.0, tier)))).unwrap_or(TIERS[0]);
    let pattern = field.get("AllowedPattern").and_then(|f| f.text_within(1024));
    let name = physical::name_text(scope, resource, &NAMING);
    let Some(value) = field.require("Value").and_then(|f| value(&f, tier.1, pattern.as_deref())) else { return };
    project.parameters.push(SsmParameter {
        origin: properties::origin(resource, &written),
        name,
        kind: kind.map_or(String, |(kind, _)| kind),
        value,
        description: field.get("Description").and_then(|f| f.text_within(1024)).unwrap_or_default(),
        allowed_pattern: pattern,
        tier: tier.0.to_string(),
        tags: properties::tag_map(&field),
    });
}

fn value(field: &Field<'_>, most: usize, pattern: Option<&str>) -> Option<String> {
    if let Value::Away(why) = &field.node.value {
        field.warning(format!("the parameter is left out: {why}"), None);
        return None;
    }
    let value = field.name()?;
    if value.len() > most {
        field.error(format!("a value of this tier has at most {most} bytes, found {}", value.len()));
    }
    // A pattern that is not understood is AWS's business.
    let regex = pattern.and_then(|pattern| regex_lite::Regex::new(pattern).ok());
    if let (Some(regex), Some(pattern)) = (regex, pattern)
        && !regex.is_match(&value)
    {
        field.error(format!("`{}` does not match AllowedPattern {}", short(&value), short(pattern)));
    }
    Some(value)
}

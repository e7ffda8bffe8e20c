//! What a parameter is (SSM): its definition, AWS's rules for names and values, and the item it is stored as.

use crate::{
    Error,
    fields::{Body, Fields, Malformed},
    function::{ORIGINS, Origin, check_tags, length},
};
use item::Item;
use regex_lite::Regex;
use std::collections::BTreeMap;

/// The kind of its resource.
pub const PARAMETER: &str = "parameter";

/// The name and the ARN before it together, on AWS; the ARN takes at least this much of 1011.
const NAME_MAX: usize = 1011 - 45;
const LEVELS_MAX: usize = 15;
const DESCRIPTION_MAX: usize = 1024;
const PATTERN_MAX: usize = 1024;
const STANDARD_BYTES_MAX: usize = 4096;
const ADVANCED_BYTES_MAX: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    String,
    StringList,
    /// Kept as it is: there is no key service here.
    SecureString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Values up to 4 KB.
    Standard,
    /// Values up to 8 KB.
    Advanced,
    /// Standard while the value fits.
    Intelligent,
}

pub(crate) const TYPES: [(&str, ParameterType); 3] = [
    ("String", ParameterType::String),
    ("StringList", ParameterType::StringList),
    ("SecureString", ParameterType::SecureString),
];
pub(crate) const TIERS: [(&str, Tier); 3] =
    [("Standard", Tier::Standard), ("Advanced", Tier::Advanced), ("Intelligent-Tiering", Tier::Intelligent)];

impl ParameterType {
    /// AWS's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        TYPES.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<ParameterType> {
        TYPES.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
    }
}

impl Tier {
    /// AWS's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        TIERS.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Tier> {
        TIERS.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
    }
}

/// A parameter as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterDefinition {
    pub name: String,
    pub kind: ParameterType,
    pub value: String,
    pub description: String,
    /// A regular expression that the value matches.
    pub allowed_pattern: Option<String>,
    pub tier: Tier,
    /// `text` unless named.
    pub data_type: String,
    pub tags: BTreeMap<String, String>,
    pub origin: Origin,
}

/// A parameter as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub definition: ParameterDefinition,
    /// 1 when created, one more with each value.
    pub version: u64,
    /// Milliseconds since the epoch.
    pub modified_ms: u64,
}

impl ParameterDefinition {
    /// With AWS's defaults for all else.
    #[must_use]
    pub fn new(name: &str, kind: ParameterType, value: &str) -> ParameterDefinition {
        ParameterDefinition {
            name: name.to_owned(),
            kind,
            value: value.to_owned(),
            description: String::new(),
            allowed_pattern: None,
            tier: Tier::Standard,
            data_type: "text".to_owned(),
            tags: BTreeMap::new(),
            origin: Origin::Api,
        }
    }

    /// Refuses what AWS refuses, in its words.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::TooDeep`], [`Error::PatternMismatch`], [`Error::InvalidPattern`].
    pub fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        length("description", &self.description, DESCRIPTION_MAX)?;
        self.check_value()?;
        check_tags(&self.tags)
    }

    fn check_value(&self) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::invalid("value", message));
        if self.value.is_empty() {
            return invalid("Parameter value cannot be empty.".to_owned());
        }
        if self.tier == Tier::Standard && self.value.len() > STANDARD_BYTES_MAX {
            return invalid(format!(
                "Standard tier parameters support a maximum parameter value of {STANDARD_BYTES_MAX} characters. To \
                 create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            ));
        }
        if self.value.len() > ADVANCED_BYTES_MAX {
            return invalid(format!(
                "Advanced-tier parameters support a maximum parameter value of {ADVANCED_BYTES_MAX} characters."
            ));
        }
        self.check_pattern()
    }

    fn check_pattern(&self) -> Result<(), Error> {
        let Some(pattern) = &self.allowed_pattern else { return Ok(()) };
        length("allowedPattern", pattern, PATTERN_MAX)?;
        // AWS compares the whole value.
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        let whole =
            whole.map_err(|error| Error::InvalidPattern(format!("The pattern {pattern} is invalid: {error}")))?;
        // A list's values are compared one by one.
        let values: Vec<&str> = match self.kind {
            ParameterType::StringList => self.value.split(',').collect(),
            ParameterType::String | ParameterType::SecureString => vec![&self.value],
        };
        if values.iter().all(|value| whole.is_match(value)) {
            return Ok(());
        }
        Err(Error::PatternMismatch(format!("Parameter value, cannot be validated against allowedPattern: {pattern}")))
    }

    /// Whether the value has outgrown the standard tier.
    #[must_use]
    pub fn is_advanced(&self) -> bool {
        match self.tier {
            Tier::Standard => false,
            Tier::Advanced => true,
            Tier::Intelligent => self.value.len() > STANDARD_BYTES_MAX,
        }
    }

    /// The body of its resource, with the version that goes with it.
    #[must_use]
    pub fn to_item(&self, version: u64, modified_ms: u64) -> Item {
        Body::default()
            .word("type", &TYPES, &self.kind)
            .text("value", &self.value)
            .text("description", &self.description)
            .optional_text("allowed_pattern", self.allowed_pattern.as_deref())
            .word("tier", &TIERS, &self.tier)
            .text("data_type", &self.data_type)
            .texts("tags", &self.tags)
            .word("origin", &ORIGINS, &self.origin)
            .number("version", version)
            .number("modified_ms", modified_ms)
            .item()
    }
}

impl Parameter {
    /// Reads the body of the resource of this name.
    ///
    /// # Errors
    /// The attribute that does not read.
    pub fn from_item(name: &str, item: &Item) -> Result<Parameter, Malformed> {
        let fields = Fields(item);
        let definition = ParameterDefinition {
            name: name.to_owned(),
            kind: fields.word("type", &TYPES)?,
            value: fields.text("value")?,
            description: fields.text_or_empty("description")?,
            allowed_pattern: fields.optional_text("allowed_pattern")?,
            tier: fields.word("tier", &TIERS)?,
            data_type: fields.text_or_empty("data_type")?,
            tags: fields.texts("tags")?,
            origin: fields.word("origin", &ORIGINS)?,
        };
        let (version, modified_ms) = (fields.number("version")?, fields.number("modified_ms")?);
        Ok(Parameter { definition, version, modified_ms })
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let invalid = |message: String| Err(Error::invalid("name", message));
    if name.is_empty() || name.len() > NAME_MAX {
        return invalid(format!("Parameter name: {} characters, 1 to {NAME_MAX} are allowed.", name.len()));
    }
    // A name is a leaf, or the whole path to one from the root.
    if name.contains('/') && !name.starts_with('/') || name.ends_with('/') || name.contains("//") {
        return invalid("Parameter name must be a fully qualified name.".to_owned());
    }
    let path = name.strip_prefix('/').unwrap_or(name);
    let reserved = |word: &str| path.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let is_path = path.contains('/');
    if reserved("aws") && is_path {
        return invalid(format!("No access to reserved parameter name: {name}."));
    }
    let words = "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as \
                 a mix of letters, numbers and the following 3 symbols .-_";
    if reserved("ssm") && is_path {
        return invalid(format!("Parameter name: can't be prefixed with \"ssm\" (case-insensitive). {words}"));
    }
    if reserved("aws") || reserved("ssm") {
        return invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).".to_owned());
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte)) {
        return invalid(format!("Only a mix of letters, numbers and the following 3 symbols .-_ are allowed. {words}"));
    }
    if path.split('/').count() > LEVELS_MAX {
        let words = "parameter can have a maximum of";
        return Err(Error::TooDeep(format!("A hierarchical {words} {LEVELS_MAX} levels: {name}")));
    }
    Ok(())
}

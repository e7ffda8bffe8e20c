//! Filters of lists of parameters: keys, options and values, all of which a parameter has to fit.

use super::shown::KEY;
use crate::{
    json::{List, Text},
    protocol::{Code, Fault},
};
use control::{Parameter, ParameterType};

shape! {
    /// `ParameterFilters`.
    ParameterStringFilter<'a> (plain) {
        "Key" => key: Text<'a>,
        "Option" => option: Text<'a>,
        "Values" => values: List<Text<'a>>,
    }
}

shape! {
    /// `Filters`, as they were before.
    ParametersFilter<'a> (plain) {
        "Key" => key: Text<'a>,
        "Values" => values: List<Text<'a>>,
    }
}

/// What a value of a parameter is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    Equals,
    BeginsWith,
    Contains,
    OneLevel,
    Recursive,
}

const OPTIONS: [(&str, Compared); 5] = [
    ("Equals", Compared::Equals),
    ("BeginsWith", Compared::BeginsWith),
    ("Contains", Compared::Contains),
    ("OneLevel", Compared::OneLevel),
    ("Recursive", Compared::Recursive),
];

#[derive(Debug)]
struct Filter<'a> {
    key: &'a str,
    compared: Compared,
    values: Vec<&'a str>,
}

/// Filters that were checked.
#[derive(Debug, Default)]
pub(super) struct Filters<'a>(Vec<Filter<'a>>);

impl<'a> Filters<'a> {
    /// Checks filters; `keys` are those that the operation takes.
    pub fn of(filters: Option<&'a List<ParameterStringFilter<'a>>>, keys: &[&str]) -> Result<Filters<'a>, Fault> {
        let filters = filters.map_or(&[][..], |filters| &filters[..]);
        filters.iter().map(|filter| Filter::of(filter, keys)).collect::<Result<_, _>>().map(Filters)
    }

    /// Names begin with one of the values, all else equals one of them.
    pub fn of_before(filters: Option<&'a List<ParametersFilter<'a>>>) -> Result<Filters<'a>, Fault> {
        let one = |filter: &'a ParametersFilter<'a>| {
            let key = filter.key.as_deref().unwrap_or_default();
            let compared = if key == "Name" { Compared::BeginsWith } else { Compared::Equals };
            check_key(key, &["Name", "Type", "KeyId"])?;
            Ok(Filter { key, compared, values: values(filter.values.as_ref()) })
        };
        filters.map_or(&[][..], |filters| &filters[..]).iter().map(one).collect::<Result<_, _>>().map(Filters)
    }

    pub fn want(&self, parameter: &Parameter) -> bool {
        self.0.iter().all(|filter| filter.wants(parameter))
    }
}

impl<'a> Filter<'a> {
    fn of(filter: &'a ParameterStringFilter<'a>, keys: &[&str]) -> Result<Filter<'a>, Fault> {
        let key = filter.key.as_deref().unwrap_or_default();
        check_key(key, keys)?;
        let usual = if key == "Path" { "OneLevel" } else { "Equals" };
        let option = filter.option.as_deref().unwrap_or(usual);
        let compared = OPTIONS.iter().find(|(name, _)| *name == option).map(|(_, compared)| *compared);
        let fits = |compared: &Compared| match compared {
            Compared::Equals | Compared::BeginsWith => key != "Path",
            Compared::Contains => key == "Name",
            Compared::OneLevel | Compared::Recursive => key == "Path",
        };
        let Some(compared) = compared.filter(fits) else {
            let message = format!("The filter option {option} does not go with the key {key}.");
            return Err(Fault::new(Code::InvalidFilterOption, message));
        };
        let values = values(filter.values.as_ref());
        if values.is_empty() && !key.starts_with("tag:") {
            let message = format!("The filter {key} has no values.");
            return Err(Fault::new(Code::InvalidFilterValue, message));
        }
        Ok(Filter { key, compared, values })
    }

    fn wants(&self, parameter: &Parameter) -> bool {
        let definition = &parameter.definition;
        let tier = if definition.is_advanced() { "Advanced" } else { "Standard" };
        match self.key {
            "Name" => self.fits(&definition.name) || self.fits(definition.name.trim_start_matches('/')),
            "Path" => self.values.iter().any(|path| {
                let recursive = self.compared == Compared::Recursive;
                super::get::is_below(path, &definition.name, recursive)
            }),
            "Type" => self.fits(definition.kind.name()),
            "Tier" => self.fits(tier),
            "DataType" => self.fits(&definition.data_type),
            "KeyId" => definition.kind == ParameterType::SecureString && self.fits(KEY),
            key => {
                let tag = key.strip_prefix("tag:").and_then(|name| definition.tags.get(name));
                tag.is_some_and(|value| self.values.is_empty() || self.fits(value))
            }
        }
    }

    fn fits(&self, text: &str) -> bool {
        self.values.iter().any(|value| match self.compared {
            Compared::BeginsWith => text.starts_with(value),
            Compared::Contains => text.contains(value),
            _ => text == *value,
        })
    }
}

fn values<'a>(values: Option<&'a List<Text<'a>>>) -> Vec<&'a str> {
    values.map_or(&[][..], |values| &values[..]).iter().map(Text::as_str).collect()
}

fn check_key(key: &str, keys: &[&str]) -> Result<(), Fault> {
    let fits = |known: &&str| *known == key || *known == "tag:" && key.len() > 4 && key.starts_with("tag:");
    if keys.iter().any(fits) {
        return Ok(());
    }
    let message =
        format!("The following filter key is not valid: {key}. Valid filter keys include: [{}].", keys.join(", "));
    Err(Fault::new(Code::InvalidFilterKey, message))
}

//! GetParameter, GetParameters, GetParametersByPath.

use super::{
    filter::{Filters, ParameterStringFilter},
    name::{self, Found},
    page, shown,
};
use crate::{
    checks::Checks,
    json::{self, Flag, Integer, List, Object, Text, string},
    protocol::{Code, Fault},
    routes::{Call, Step},
};

shape! {
    GetParameterRequest<'a> (plain) {
        "Name" => name: Text<'a>,
        "WithDecryption" => decrypted: Flag,
    }
}

shape! {
    GetParametersRequest<'a> (plain) {
        "Names" => names: List<Text<'a>>,
        "WithDecryption" => decrypted: Flag,
    }
}

shape! {
    GetParametersByPathRequest<'a> (plain) {
        "Path" => path: Text<'a>,
        "Recursive" => recursive: Flag,
        "ParameterFilters" => filters: List<ParameterStringFilter<'a>>,
        "WithDecryption" => decrypted: Flag,
        "MaxResults" => max: Integer,
        "NextToken" => token: Text<'a>,
    }
}

/// Parameters of one request or page.
const NAMES_MAX: usize = 10;

pub(crate) fn one(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetParameterRequest<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("name", input.name.is_some());
    checks.finish()?;
    let Found { parameter, selector } = name::find(call.door.control()?, input.name.as_deref().unwrap_or_default())?;
    let decrypted = input.decrypted == Some(Flag(true));
    let mut out = Vec::with_capacity(512);
    let mut response = Object::new(&mut out);
    let mut object = response.object("Parameter");
    shown::value(&mut object, &call.door.config.place, &parameter, decrypted, selector);
    object.end();
    response.end();
    Ok(Step::Done(out))
}

/// The names of a request that takes several.
pub(super) fn names<'a>(names: Option<&'a List<Text<'a>>>) -> Result<&'a [Text<'a>], Fault> {
    let mut checks = Checks::default();
    checks.required("names", names.is_some());
    let names = names.map_or(&[][..], |names| &names[..]);
    let all = names.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    checks.check(
        names.len() <= NAMES_MAX,
        "names",
        format_args!("[{all}]"),
        format_args!("have length less than or equal to {NAMES_MAX}"),
    );
    checks.finish()?;
    Ok(names)
}

pub(crate) fn several(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetParametersRequest<'_> = json::decode(call.body)?;
    let names = names(input.names.as_ref())?;
    let (control, place) = (call.door.control()?, &call.door.config.place);
    let decrypted = input.decrypted == Some(Flag(true));
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut parameters = response.array("Parameters");
    let mut invalid = Vec::new();
    for name in names {
        match name::find(control, name) {
            Ok(Found { parameter, selector }) => {
                let mut object = parameters.object();
                shown::value(&mut object, place, &parameter, decrypted, selector);
                object.end();
            }
            Err(fault) if matches!(fault.code, Code::ParameterNotFound | Code::ParameterVersionNotFound) => {
                invalid.push(name);
            }
            Err(fault) => return Err(fault),
        }
    }
    parameters.end();
    let mut unknown = response.array("InvalidParameters");
    invalid.iter().for_each(|name| string(unknown.element(), name));
    unknown.end();
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn by_path(call: &Call<'_>) -> Result<Step, Fault> {
    let input: GetParametersByPathRequest<'_> = json::decode(call.body)?;
    let max = input.max.map(|max| max.0);
    let mut checks = Checks::default();
    checks.required("path", input.path.is_some());
    checks.at_least("maxResults", max, 1);
    checks.at_most("maxResults", max, NAMES_MAX as i64);
    checks.finish()?;
    let path = input.path.as_deref().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(Fault::validation(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
             numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not \
             allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: \
             /get/parameters2-/by1./path0_.",
        ));
    }
    let filters = Filters::of(input.filters.as_ref(), &["Type", "KeyId", "DataType", "tag:"])?;
    let recursive = input.recursive == Some(Flag(true));
    let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(NAMES_MAX);
    let wanted = |name: &str| is_below(path, name, recursive);
    let (found, token) = page::take(call.door.control()?, input.token.as_deref(), max, wanted, &filters)?;
    let decrypted = input.decrypted == Some(Flag(true));
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut parameters = response.array("Parameters");
    for parameter in &found {
        let mut object = parameters.object();
        shown::value(&mut object, &call.door.config.place, parameter, decrypted, None);
        object.end();
    }
    parameters.end();
    if let Some(token) = token {
        response.text("NextToken", &token);
    }
    response.end();
    Ok(Step::Done(out))
}

/// Whether a name lies below a path: right below it, or (`recursive`) anywhere.
pub(super) fn is_below(path: &str, name: &str, recursive: bool) -> bool {
    let (path, name) = (path.trim_matches('/'), name.strip_prefix('/').unwrap_or(name));
    let rest = match path {
        "" => Some(name),
        path => name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')),
    };
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

//! How a request names a parameter: by its name or its ARN, perhaps with a version behind a colon.

use super::fault;
use crate::protocol::{Code, Fault};
use control::{Control, Parameter};
use wire::Place;

/// The ARN of a parameter: a name that is a path brings its slash along.
pub(crate) fn arn(place: &Place, name: &str) -> String {
    place.arn("ssm", &format!("parameter/{}", name.strip_prefix('/').unwrap_or(name)))
}

/// A parameter that was found, and what chose its version.
pub(super) struct Found<'t> {
    pub parameter: Parameter,
    /// `:3`.
    pub selector: Option<&'t str>,
}

/// Finds the parameter that a text names.
pub(super) fn find<'t>(control: &Control, text: &'t str) -> Result<Found<'t>, Fault> {
    let (text, of_arn) = match text.split_once(":parameter/").filter(|_| text.starts_with("arn:")) {
        Some((_, rest)) => (rest, true),
        None => (text, false),
    };
    let (name, selector) = match text.find(':') {
        Some(colon) => (&text[..colon], Some(&text[colon..])),
        None => (text, None),
    };
    let parameter = match control.parameter(name) {
        // The ARN of `/a` and that of `a` are the same.
        Err(control::Error::NotFound { .. }) if of_arn => control.parameter(&format!("/{name}")),
        found => found,
    };
    let parameter = parameter.map_err(|error| fault::of(&error))?;
    let version = selector.map(|selector| &selector[1..]);
    // Only the newest version is kept, and there are no labels.
    if version.is_some_and(|version| version != parameter.version.to_string()) {
        let (version, name) = (version.unwrap_or_default(), &parameter.definition.name);
        return Err(Fault::new(
            Code::ParameterVersionNotFound,
            format!("Systems Manager could not find version {version} of {name}. Verify the version and try again."),
        ));
    }
    Ok(Found { parameter, selector })
}

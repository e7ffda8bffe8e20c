//! SSM's operations on parameters.

use wire::Place;

/// The ARN of a parameter: a name that is a path brings its slash along.
pub(crate) fn arn(place: &Place, name: &str) -> String {
    place.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

//! Parameters as SSM shows them.

use super::arn;
use crate::json::{Array, Object};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{Parameter, ParameterType};
use wire::{Place, time};

/// What AWS's key service is called for parameters that name no key.
pub(super) const KEY: &str = "alias/aws/ssm";

/// A parameter with its value, as it is read.
pub(super) fn value(
    object: &mut Object<'_>,
    place: &Place,
    parameter: &Parameter,
    decrypted: bool,
    selector: Option<&str>,
) {
    let definition = &parameter.definition;
    object.text("Name", &definition.name);
    object.text("Type", definition.kind.name());
    if definition.kind == ParameterType::SecureString && !decrypted {
        object.text("Value", &unreadable(&definition.value));
    } else {
        object.text("Value", &definition.value);
    }
    object.bare("Version", parameter.version);
    if let Some(selector) = selector {
        object.text("Selector", selector);
    }
    object.bare("LastModifiedDate", time::seconds(parameter.modified_ms));
    object.text("ARN", &arn(place, &definition.name));
    object.text("DataType", &definition.data_type);
}

/// Who forgets `WithDecryption` gets what is no use, as at AWS.
fn unreadable(value: &str) -> String {
    STANDARD.encode([b"\x01\x02\x02\x00", value.as_bytes()].concat())
}

/// A parameter without its value, as it is listed.
pub(super) fn listed(list: &mut Array<'_>, place: &Place, parameter: &Parameter) {
    let definition = &parameter.definition;
    let mut object = list.object();
    object.text("Name", &definition.name);
    object.text("ARN", &arn(place, &definition.name));
    object.text("Type", definition.kind.name());
    if definition.kind == ParameterType::SecureString {
        object.text("KeyId", KEY);
    }
    object.bare("LastModifiedDate", time::seconds(parameter.modified_ms));
    if !definition.description.is_empty() {
        object.text("Description", &definition.description);
    }
    if let Some(pattern) = &definition.allowed_pattern {
        object.text("AllowedPattern", pattern);
    }
    object.bare("Version", parameter.version);
    object.text("Tier", tier(parameter));
    object.array("Policies").end();
    object.text("DataType", &definition.data_type);
    object.end();
}

/// The tier that a parameter came to.
pub(super) fn tier(parameter: &Parameter) -> &'static str {
    if parameter.definition.is_advanced() { "Advanced" } else { "Standard" }
}

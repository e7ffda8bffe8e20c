//! TagResource, UntagResource, ListTags.

use super::{
    fault, functions, later,
    name::{self, Kind, Named},
    settings, shown,
};
use crate::{
    checks::Checks,
    json::{self, Map, Object, Text},
    protocol::{Answer, Fault},
    routes::{Call, Step},
    uri,
};
use control::FunctionDefinition;
use http::StatusCode;
use std::collections::BTreeMap;

shape! {
    TagResourceRequest<'a> (plain) {
        "Tags" => tags: Map<Text<'a>, Text<'a>>,
    }
}

const TAGS_MAX: usize = 50;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;
const RESOURCE: &str = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})";

/// Tags as a function may have them.
pub(super) fn checked(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(fault::invalid("Number of tags exceeds resource tag limit."));
    }
    let mut checks = Checks::default();
    for (key, value) in &tags {
        checks.longest("tags", key, KEY_MAX);
        checks.longest("tags", value, VALUE_MAX);
    }
    checks.finish()?;
    Ok(tags)
}

pub(crate) fn tag(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TagResourceRequest<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("tags", input.tags.is_some());
    checks.finish()?;
    let added = settings::texts(input.tags);
    if added.is_empty() {
        return Err(fault::invalid("An error occurred and the request cannot be processed."));
    }
    let mut tags = functions::find(call, &tagged(call)?)?.definition.tags;
    tags.extend(added.clone());
    checked(tags)?;
    change(call, move |tags| tags.extend(added))
}

pub(crate) fn untag(call: &Call<'_>) -> Result<Step, Fault> {
    let keys = uri::parameters(call.query).filter(|(name, _)| name == "tagKeys");
    let keys: Vec<String> = keys.map(|(_, key)| key.into_owned()).collect();
    let mut checks = Checks::default();
    checks.required("tagKeys", !keys.is_empty());
    checks.finish()?;
    change(call, move |tags| tags.retain(|key, _| !keys.contains(key)))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let function = functions::find(call, &tagged(call)?)?;
    let mut out = Vec::new();
    let mut response = Object::new(&mut out);
    shown::texts(&mut response, "Tags", &function.definition.tags);
    response.end();
    Ok(Step::Done(out))
}

/// Changes tags of the function that the path names.
fn change(call: &Call<'_>, change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static) -> Result<Step, Fault> {
    let named = tagged(call)?;
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = |definition: &mut FunctionDefinition| change(&mut definition.tags);
        let updated = control.update_function(&named.name, None, change, None).await;
        updated.map_err(|error| fault::of_control(&place, &error))?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// The function whose ARN the path is.
fn tagged(call: &Call<'_>) -> Result<Named, Fault> {
    let arn = call.arguments.first().map_or("", String::as_str);
    let kind = arn.split(':').nth(5).filter(|_| arn.starts_with("arn:aws") && arn.split(':').nth(2) == Some("lambda"));
    match kind {
        Some("function") => {}
        Some(kind @ ("event-source-mapping" | "code-signing-config")) => {
            return Err(fault::invalid(format!("Tags of {kind}s do not work here")));
        }
        _ => {
            let mut checks = Checks::default();
            checks.check(false, "resource", arn, format_args!("satisfy regular expression pattern: {RESOURCE}"));
            checks.finish()?;
        }
    }
    if arn.split(':').count() > 7 {
        let words = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
        return Err(fault::invalid(words));
    }
    name::named(&call.door.config.place, arn, None, Kind::Narrow)
}

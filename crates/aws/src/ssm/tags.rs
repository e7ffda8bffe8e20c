//! AddTagsToResource, RemoveTagsFromResource, ListTagsForResource: of parameters.

use super::fault;
use crate::{
    checks::Checks,
    json::{self, List, Object, Text},
    protocol::{Answer, Code, Fault},
    routes::{Call, Step},
};
use std::collections::BTreeMap;

shape! {
    Tag<'a> (plain) {
        "Key" => key: Text<'a>,
        "Value" => value: Text<'a>,
    }
}

shape! {
    /// Of all three.
    Resource<'a> (plain) {
        "ResourceType" => kind: Text<'a>,
        "ResourceId" => id: Text<'a>,
        "Tags" => tags: List<Tag<'a>>,
        "TagKeys" => keys: List<Text<'a>>,
    }
}

const TAGS_MAX: usize = 50;
/// What AWS tags beside parameters.
const KINDS: [&str; 10] = [
    "Association",
    "Automation",
    "CloudConnector",
    "Document",
    "MaintenanceWindow",
    "ManagedInstance",
    "OpsItem",
    "OpsMetadata",
    "Parameter",
    "PatchBaseline",
];

/// Tags as a request has them, checked.
pub(super) fn taken(tags: Option<&List<Tag<'_>>>) -> Result<BTreeMap<String, String>, Fault> {
    let mut checks = Checks::default();
    let mut taken = BTreeMap::new();
    for (place, tag) in tags.map_or(&[][..], |tags| &tags[..]).iter().enumerate() {
        let at = |member: &str| format!("tags.{}.member.{member}", place + 1);
        checks.required(at("key"), tag.key.is_some());
        checks.required(at("value"), tag.value.is_some());
        let (key, value) = (tag.key.as_deref().unwrap_or_default(), tag.value.as_deref().unwrap_or_default());
        checks.longest(at("key"), key, 128);
        checks.longest(at("value"), value, 256);
        taken.insert(key.to_owned(), value.to_owned());
    }
    checks.finish()?;
    if taken.len() > TAGS_MAX { Err(Fault::bare(Code::TooManyTags)) } else { Ok(taken) }
}

impl Resource<'_> {
    /// The name of the parameter that is meant.
    fn name(&self, call: &Call<'_>) -> Result<String, Fault> {
        let mut checks = Checks::default();
        checks.required("resourceType", self.kind.is_some());
        checks.required("resourceId", self.id.is_some());
        checks.one_of("resourceType", self.kind.as_ref(), &KINDS);
        checks.finish()?;
        if self.kind.as_deref() != Some("Parameter") {
            return Err(Fault::new(Code::InvalidResourceType, "Only parameters have tags here"));
        }
        let name = self.id.as_deref().unwrap_or_default();
        let missing = |error: &control::Error| matches!(error, control::Error::NotFound { .. });
        match call.door.control()?.parameter(name) {
            Ok(_) => Ok(name.to_owned()),
            Err(error) if missing(&error) => Err(unknown()),
            Err(error) => Err(fault::of(&error)),
        }
    }
}

fn unknown() -> Fault {
    Fault::bare(Code::InvalidResourceId)
}

pub(crate) fn add(call: &Call<'_>) -> Result<Step, Fault> {
    let input: Resource<'_> = json::decode(call.body)?;
    let name = input.name(call)?;
    let mut checks = Checks::default();
    checks.required("tags", input.tags.is_some());
    checks.finish()?;
    let added = taken(input.tags.as_ref())?;
    let before = call.door.control()?.parameter(&name).map_err(|error| fault::of(&error))?.definition.tags;
    if before.keys().chain(added.keys()).collect::<std::collections::BTreeSet<_>>().len() > TAGS_MAX {
        return Err(Fault::bare(Code::TooManyTags));
    }
    change(call, name, move |tags| tags.extend(added))
}

pub(crate) fn remove(call: &Call<'_>) -> Result<Step, Fault> {
    let input: Resource<'_> = json::decode(call.body)?;
    let name = input.name(call)?;
    let mut checks = Checks::default();
    checks.required("tagKeys", input.keys.is_some());
    checks.finish()?;
    let keys: Vec<String> = input.keys.iter().flat_map(|keys| keys.iter()).map(|key| key.to_string()).collect();
    change(call, name, move |tags| tags.retain(|key, _| !keys.contains(key)))
}

fn change(
    call: &Call<'_>,
    name: String,
    change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
) -> Result<Step, Fault> {
    let control = call.door.control()?.clone();
    Ok(Step::Later(Box::pin(async move {
        control.tag_parameter(&name, change).await.map_err(|error| fault::of(&error))?;
        Ok(Answer::from(b"{}".to_vec()))
    })))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let input: Resource<'_> = json::decode(call.body)?;
    let name = input.name(call)?;
    let parameter = call.door.control()?.parameter(&name).map_err(|error| fault::of(&error))?;
    let mut out = Vec::with_capacity(128);
    let mut response = Object::new(&mut out);
    let mut tags = response.array("TagList");
    for (key, value) in &parameter.definition.tags {
        let mut tag = tags.object();
        tag.text("Key", key);
        tag.text("Value", value);
        tag.end();
    }
    tags.end();
    response.end();
    Ok(Step::Done(out))
}

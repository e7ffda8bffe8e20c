//! Tags of streams: AddTagsToStream, RemoveTagsFromStream, ListTagsForStream, and TagResource, UntagResource,
//! ListTagsForResource, which name the stream by its ARN.

use super::{
    fault,
    manage::change,
    named::{Named, check_arn},
};
use crate::{
    checks::Checks,
    json::{self, Integer, List, Map, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use kinesis::{Stream, TAGS_MAX};
use std::collections::{BTreeMap, BTreeSet};

shape! {
    /// Of all six.
    TagsInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "ResourceARN" => resource: Text<'a>,
        "Tags" => tags: Map<Text<'a>, Text<'a>>,
        "TagKeys" => keys: List<Text<'a>>,
        "ExclusiveStartTagKey" => start: Text<'a>,
        "Limit" => limit: Integer,
    }
}

const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

pub(super) fn check(checks: &mut Checks, tags: Option<&Map<Text<'_>, Text<'_>>>) {
    let tags = tags.map_or(&[][..], |tags| &tags[..]);
    let keys_fit = tags.iter().all(|(key, _)| (1..=KEY_MAX).contains(&key.chars().count()));
    let values_fit = tags.iter().all(|(_, value)| value.chars().count() <= VALUE_MAX);
    let shown = || tags.iter().map(|(key, value)| format!("{}={}", key.as_str(), value.as_str()));
    let mut broken = |fits: bool, what: &str, most: usize, least: usize| {
        if !fits {
            checks.broken(format!(
                "Value '{{{}}}' at 'tags' failed to satisfy constraint: Map {what} must satisfy constraint: [Member must \
                 have length less than or equal to {most}, Member must have length greater than or equal to {least}]",
                shown().collect::<Vec<_>>().join(", ")
            ));
        }
    };
    broken(keys_fit, "keys", KEY_MAX, 1);
    broken(values_fit, "value", VALUE_MAX, 0);
}

/// Tags as a request has them.
pub(super) fn taken(tags: Option<&Map<Text<'_>, Text<'_>>>) -> Result<BTreeMap<String, String>, Fault> {
    let mut taken = BTreeMap::new();
    for (key, value) in tags.map_or(&[][..], |tags| &tags[..]) {
        if ![key, value].into_iter().all(|text| text.chars().all(is_of_tags)) {
            return Err(fault::invalid(
                "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = \
                 + - % @ :.",
            ));
        }
        taken.insert(key.to_string(), value.to_string());
    }
    Ok(taken)
}

fn is_of_tags(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_./=+-%@:".contains(character)
}

pub(crate) fn add(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = of_stream(call, require_tags)?;
    put(call, &input, &stream)
}

pub(crate) fn tag(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = of_resource(call, require_tags)?;
    put(call, &input, &stream)
}

fn require_tags(checks: &mut Checks, input: &TagsInput<'_>) {
    checks.required("tags", input.tags.is_some());
    check(checks, input.tags.as_ref());
}

fn put(call: &Call<'_>, input: &TagsInput<'_>, stream: &Stream) -> Result<Step, Fault> {
    let added = taken(input.tags.as_ref())?;
    let account = call.door.config.place.account.clone();
    change(call, stream, move |definition| {
        let all = definition.tags.keys().chain(added.keys()).collect::<BTreeSet<_>>().len();
        if all > TAGS_MAX {
            return Err(fault::invalid(format!(
                "Failed to add tags to stream {} under account {account} because a given stream cannot have more than \
                 {TAGS_MAX} tags associated with it.",
                definition.name
            )));
        }
        definition.tags.extend(added.clone());
        Ok(())
    })
}

pub(crate) fn remove(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = of_stream(call, require_keys)?;
    take_away(call, &input, &stream)
}

pub(crate) fn untag(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = of_resource(call, require_keys)?;
    take_away(call, &input, &stream)
}

fn require_keys(checks: &mut Checks, input: &TagsInput<'_>) {
    checks.required("tagKeys", input.keys.is_some());
    if let Some(keys) = &input.keys {
        let shown = || format!("[{}]", keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", "));
        if keys.is_empty() {
            checks.check(false, "tagKeys", shown(), format_args!("have length greater than or equal to 1"));
        }
        if keys.len() > TAGS_MAX {
            checks.check(false, "tagKeys", shown(), format_args!("have length less than or equal to {TAGS_MAX}"));
        }
    }
}

fn take_away(call: &Call<'_>, input: &TagsInput<'_>, stream: &Stream) -> Result<Step, Fault> {
    let keys: Vec<String> = input.keys.iter().flat_map(|keys| keys.iter()).map(|key| key.to_string()).collect();
    change(call, stream, move |definition| {
        definition.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

pub(crate) fn list_of_stream(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = of_stream(call, |checks, input| {
        let limit = input.limit.map(|limit| limit.0);
        checks.at_least("limit", limit, 1);
        checks.at_most("limit", limit, TAGS_MAX as i64);
    })?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit.0).ok()).unwrap_or(TAGS_MAX);
    let start = input.start.as_deref();
    let after = stream.definition.tags.iter().filter(|(key, _)| start.is_none_or(|start| key.as_str() > start));
    let after: Vec<_> = after.collect();
    let mut out = Vec::with_capacity(128);
    let mut response = Object::new(&mut out);
    write(&mut response, after.iter().take(limit).copied());
    response.bare("HasMoreTags", after.len() > limit);
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn list_of_resource(call: &Call<'_>) -> Result<Step, Fault> {
    let (_, stream) = of_resource(call, |_, _| ())?;
    let mut out = Vec::with_capacity(128);
    let mut response = Object::new(&mut out);
    write(&mut response, stream.definition.tags.iter());
    response.end();
    Ok(Step::Done(out))
}

fn write<'t>(response: &mut Object<'_>, shown: impl Iterator<Item = (&'t String, &'t String)>) {
    let mut tags = response.array("Tags");
    for (key, value) in shown {
        let mut tag = tags.object();
        tag.text("Key", key);
        tag.text("Value", value);
        tag.end();
    }
    tags.end();
}

/// The request and the stream that it names.
fn of_stream<'b>(
    call: &Call<'b>,
    check: impl FnOnce(&mut Checks, &TagsInput<'b>),
) -> Result<(TagsInput<'b>, Stream), Fault> {
    let input: TagsInput<'b> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    check(&mut checks, &input);
    checks.finish()?;
    let stream = named.find(call)?;
    Ok((input, stream))
}

/// The request and the stream of its `ResourceARN`.
fn of_resource<'b>(
    call: &Call<'b>,
    check: impl FnOnce(&mut Checks, &TagsInput<'b>),
) -> Result<(TagsInput<'b>, Stream), Fault> {
    let input: TagsInput<'b> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("resourceARN", input.resource.is_some());
    if let Some(arn) = &input.resource {
        check_arn(&mut checks, "resourceARN", arn);
    }
    check(&mut checks, &input);
    checks.finish()?;
    let stream = Named::new(None, input.resource.as_ref()).find(call)?;
    Ok((input, stream))
}

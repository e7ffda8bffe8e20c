//! TagResource, UntagResource, ListTagsOfResource.

use crate::{
    json::{self, List, Object, Text},
    protocol::{Code, Fault},
    routes::{Call, Step},
};
use db::{Table, TableUpdate};
use std::sync::Arc;

shape! {
    Tag<'a> (member) {
        "Key" => key: Text<'a>,
        "Value" => value: Text<'a>,
    }
}

shape! {
    TagResourceInput<'a> (request) {
        "ResourceArn" => arn: Text<'a>,
        "Tags" => tags: List<Tag<'a>>,
    }
}

shape! {
    UntagResourceInput<'a> (request) {
        "ResourceArn" => arn: Text<'a>,
        "TagKeys" => keys: List<Text<'a>>,
    }
}

shape! {
    ListTagsOfResourceInput<'a> (request) {
        "ResourceArn" => arn: Text<'a>,
        "NextToken" => token: Text<'a>,
    }
}

/// Tags of one table.
const TAGS_MAX: usize = 50;

/// Tags as a request has them, checked.
pub(super) fn take(tags: &[Tag<'_>]) -> Result<Vec<(String, String)>, Fault> {
    let one = |tag: &Tag<'_>| match (&tag.key, &tag.value) {
        (Some(key), Some(value)) if (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 => {
            Ok((key.to_string(), value.to_string()))
        }
        _ => Err(Fault::validation(
            "One or more parameter values were invalid: a tag has a key of 1 to 128 characters and a value of at most \
             256",
        )),
    };
    tags.iter().map(one).collect()
}

/// The table of an ARN.
fn table(call: &Call<'_>, arn: Option<&Text<'_>>) -> Result<Arc<Table>, Fault> {
    let arn = arn.ok_or_else(|| Fault::validation("Invalid TableArn"))?.as_str();
    let name = wire::names::table_name(arn);
    let invalid = || Fault::validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}"));
    if !arn.starts_with("arn:aws:dynamodb:") || name.len() < 3 || !arn.ends_with(name) {
        return Err(invalid());
    }
    let missing =
        || Fault::new(Code::ResourceNotFound, format!("Requested resource not found: ResourcArn: {arn} not found"));
    call.door
        .db
        .table(name)
        .filter(|table| call.door.config.place.table_arn(&table.spec.name) == arn)
        .ok_or_else(missing)
}

pub(crate) fn tag(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TagResourceInput<'_> = json::decode(call.body)?;
    let table = table(call, input.arn.as_ref())?;
    let added = input.tags.as_deref().ok_or_else(|| null("tags"))?;
    if added.is_empty() {
        return Err(Fault::validation("Atleast one Tag needs to be provided as Input."));
    }
    let added = take(added)?;
    let mut tags = table.spec.tags.clone();
    tags.retain(|(key, _)| added.iter().all(|(other, _)| other != key));
    tags.extend(added);
    if tags.len() > TAGS_MAX {
        return Err(Fault::validation(format!(
            "One or more parameter values were invalid: Too many tags: {TAGS_MAX} are allowed"
        )));
    }
    Ok(set(call, &table, tags))
}

pub(crate) fn untag(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UntagResourceInput<'_> = json::decode(call.body)?;
    let table = table(call, input.arn.as_ref())?;
    let keys = input.keys.as_deref().ok_or_else(|| null("tagKeys"))?;
    if keys.is_empty() {
        return Err(Fault::validation("Atleast one Tag Key needs to be provided as Input."));
    }
    let mut tags = table.spec.tags.clone();
    tags.retain(|(key, _)| keys.iter().all(|other| other.as_str() != key));
    Ok(set(call, &table, tags))
}

fn set(call: &Call<'_>, table: &Table, tags: Vec<(String, String)>) -> Step {
    let update = TableUpdate { tags: Some(tags), ..TableUpdate::default() };
    // AWS answers with an empty body.
    Step::Table(call.door.db.update_table(&table.spec.name, update), Box::new(|_, _| Vec::new()))
}

fn null(at: &str) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value null at '{at}' failed to satisfy constraint: Member must not be null"
    ))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let input: ListTagsOfResourceInput<'_> = json::decode(call.body)?;
    let table = table(call, input.arn.as_ref())?;
    let mut out = Vec::new();
    let mut response = Object::new(&mut out);
    let mut tags = response.array("Tags");
    for (key, value) in &table.spec.tags {
        let mut tag = tags.object();
        tag.text("Key", key);
        tag.text("Value", value);
        tag.end();
    }
    tags.end();
    response.end();
    Ok(Step::Done(out))
}

//! Events of buckets that call functions: which changes of which keys. The same under a function's `Events` and under a
//! bucket's `NotificationConfiguration`.

use super::events::Event;
use crate::field::Field;
use crate::model::{BucketTrigger, Project};
use crate::yaml::Value;

/// Which changes of which keys.
#[derive(Default)]
pub(in crate::resources) struct Configured {
    pub(in crate::resources) changes: Vec<String>,
    pub(in crate::resources) prefix: Option<String>,
    pub(in crate::resources) suffix: Option<String>,
}

/// Changes that S3 has words for.
const CHANGES: [&str; 27] = [
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// An event of type `S3` of a function.
pub(super) fn read(event: &Event<'_, '_>, project: &mut Project) {
    if !event.properties.only(&["Bucket", "Events", "Filter"]) {
        return;
    }
    let node = event.scope.resolve_some(&event.properties, &["Bucket", "Events", "Filter"]);
    let field = event.properties.with_node(&node);
    let bucket = field.require("Bucket").and_then(|f| f.name());
    let changes = field.require("Events").map(|f| changes(&f)).unwrap_or_default();
    let (prefix, suffix) = field.get("Filter").map(|f| filter(&f)).unwrap_or_default();
    let Some(bucket) = bucket else { return };
    project.bucket_triggers.push(BucketTrigger {
        origin: event.origin(),
        name: event.logical_id(),
        event: Some(event.name.to_string()),
        function: event.function.name.clone(),
        bucket,
        changes,
        prefix,
        suffix,
    });
}

/// One change or a list of them.
pub(in crate::resources) fn changes(field: &Field<'_>) -> Vec<String> {
    let one = |f: &Field<'_>| f.one_of(&CHANGES.map(|change| (change, change))).map(str::to_string);
    match &field.node.value {
        Value::List(_) => field.items().iter().filter_map(one).collect(),
        _ => one(field).into_iter().collect(),
    }
}

/// The prefix and the suffix of `S3Key: Rules:`.
pub(in crate::resources) fn filter(field: &Field<'_>) -> (Option<String>, Option<String>) {
    let (mut prefix, mut suffix) = (None, None);
    let rules = field.only(&["S3Key"]).then(|| field.require("S3Key")).flatten();
    let rules = rules.filter(|key| key.only(&["Rules"])).and_then(|key| key.require("Rules"));
    for rule in rules.map(|rules| rules.items()).unwrap_or_default() {
        rule.only(&["Name", "Value"]);
        let value = rule.require("Value").and_then(|f| f.text());
        let name = rule.require("Name").and_then(|f| f.one_of(&[("prefix", false), ("suffix", true)]));
        match name {
            Some(false) => prefix = value,
            Some(true) => suffix = value,
            None => {}
        }
    }
    (prefix, suffix)
}

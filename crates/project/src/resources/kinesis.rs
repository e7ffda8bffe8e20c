//! `AWS::Kinesis::Stream`: a stream that programs put records into.

use super::ResourceType;
use super::marks;
use super::physical::{self, Naming, text};
use super::properties;
use crate::diagnostic::Severity;
use crate::field::Field;
use crate::model::{KinesisStream, Project, StreamMode};
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

pub(super) const TYPE: ResourceType = ResourceType {
    name: "AWS::Kinesis::Stream",
    read,
    reference: |scope, resource| physical::name(scope, resource, &NAMING),
    attributes: &["Arn"],
    attribute: arn,
};

const NAMING: Naming = Naming { property: "Name", most: 128, check: |field| physical::plain_name(field, 128, "_.-") };

const PROPERTIES: [&str; 9] = [
    "DesiredShardLevelMetrics",
    "MaxRecordSizeInKiB",
    "Name",
    "RetentionPeriodHours",
    "ShardCount",
    "StreamEncryption",
    "StreamModeDetails",
    "Tags",
    "WarmThroughputMiBps",
];

/// Most shards of all streams together.
const MAX_SHARDS: u64 = 1000;

fn arn(scope: &Scope<'_>, resource: &Resource<'_>, _: &str) -> Value {
    match physical::name(scope, resource, &NAMING) {
        Value::Text { text: name, .. } => text(scope.arn("kinesis", &format!("stream/{name}"))),
        other => other,
    }
}

fn read(scope: &Scope<'_>, resource: &Resource<'_>, project: &mut Project) {
    marks::none(resource);
    let Some(written) = resource.field.require("Properties") else { return };
    if !written.only(&PROPERTIES) {
        return;
    }
    let node = scope.resolve_some(&written, &PROPERTIES);
    let field = written.with_node(&node);
    if let Some(encryption) = field.get("StreamEncryption")
        && encryption.only(&["EncryptionType", "KeyId"])
    {
        let note = encryption.diagnostic(Severity::Note, "records are not encrypted here");
        encryption.report.push(note);
    }
    let mode = field.get("StreamModeDetails").and_then(|f| mode(&f));
    let number = |name: &str, least: u64, most: u64| {
        let number = field.get(name).and_then(|f| f.integer(least, most))?;
        Some(u32::try_from(number).expect("the most is less"))
    };
    project.streams.push(KinesisStream {
        origin: properties::origin(resource, &written),
        name: physical::name_text(scope, resource, &NAMING),
        mode,
        shards: shards(&field, mode),
        retention_hours: number("RetentionPeriodHours", 24, 8760),
        record_kib: number("MaxRecordSizeInKiB", 1024, 10_240),
        tags: properties::tag_list(&field),
    });
}

fn mode(field: &Field<'_>) -> Option<StreamMode> {
    if !field.only(&["StreamMode"]) {
        return None;
    }
    let words = [("ON_DEMAND", StreamMode::OnDemand), ("PROVISIONED", StreamMode::Provisioned)];
    field.require("StreamMode")?.one_of(&words)
}

/// The number of shards, which the mode decides about. PROVISIONED is what AWS assumes.
fn shards(field: &Field<'_>, mode: Option<StreamMode>) -> Option<u16> {
    let written = field.get("ShardCount");
    match (&written, mode) {
        (None, Some(StreamMode::OnDemand)) => return None,
        (None, _) => field.error_help(
            "a stream with provisioned capacity needs ShardCount",
            "add `ShardCount: 1`, or `StreamModeDetails: { StreamMode: ON_DEMAND }` to leave it to AWS",
        ),
        (Some(written), Some(StreamMode::OnDemand)) => {
            written.error_help("a stream with StreamMode ON_DEMAND has no ShardCount", "leave one of them out");
        }
        (Some(_), _) => {}
    }
    let shards = written?.integer(1, MAX_SHARDS)?;
    u16::try_from(shards).ok()
}

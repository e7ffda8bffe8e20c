//! What a template asks for, after every parameter, condition and function in it has been worked out. Plain data for
//! whoever creates it; knows nothing of YAML, of the engine or of the API. Functions and what calls them are in
//! `functions` and `schedules`, exports in `exports`.

mod exports;
mod functions;
mod schedules;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use exports::{Brake, Complete, Empty, Export, OtherColumns};
pub use functions::{
    BucketTrigger, Code, EventConfig, EventInvoke, Events, Function, Quarantine, Runtime, RuntimeFamily, Source,
    StartingPosition, Trigger, TriggerSettings,
};
pub use schedules::{Missed, ParameterKind, RetryPolicy, Schedule, ScheduleKind, SsmParameter};

use crate::diagnostic::{Diagnostic, Location, Severity};

/// What a warning or a note says about a project that loads: "not needed here", "not run here yet".
pub type Note = Diagnostic;

/// Everything a template asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The template file.
    pub path: PathBuf,
    /// The folder of the template; paths in it are relative to this.
    pub root: PathBuf,
    /// What AWS calls the stack: the folder's name. It is part of names that the template leaves open.
    pub stack_name: String,
    /// Tables to create, in the order of the template. Names are unique.
    pub tables: Vec<Table>,
    /// Kinesis streams to create, in the order of the template. Names are unique.
    pub streams: Vec<KinesisStream>,
    /// Buckets to create, in the order of the template. Names are unique.
    pub buckets: Vec<Bucket>,
    /// Functions to run, in the order of the template. Names are unique; what cannot be run here is not among them.
    pub functions: Vec<Function>,
    /// What becomes of events is said apart from their functions here, until everything is read; then it is theirs.
    pub event_configs: Vec<EventConfig>,
    /// What streams call functions, in the order of the template. Names are unique, and each function is one of
    /// `functions`.
    pub triggers: Vec<Trigger>,
    /// What buckets call functions, in the order of the template. Each function is one of `functions`.
    pub bucket_triggers: Vec<BucketTrigger>,
    /// Full exports that arrive in buckets, in the order of the template. No object belongs to two of them.
    pub exports: Vec<Export>,
    /// What time calls functions, in the order of the template. Names are unique within each of the two services, and
    /// each function is one of `functions`.
    pub schedules: Vec<Schedule>,
    /// Parameters that programs read with GetParameter, in the order of the template. Names are unique.
    pub parameters: Vec<SsmParameter>,
    /// Dashboards, in the order of the template.
    pub dashboards: Vec<Dashboard>,
    /// Outputs by name. A stream's ARN is not known before the stream exists and stands here as
    /// `{stream-arn:TABLE}`: see [`Project::outputs_with`].
    pub outputs: Vec<(String, String)>,
    /// Warnings and notes, in the order of the template.
    pub notes: Vec<Note>,
}

impl Project {
    /// The table called `name`.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// The function called `name`.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The outputs with the ARN of each stream filled in: `stream_arn` is asked by table name.
    pub fn outputs_with(&self, stream_arn: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
        self.outputs.iter().map(|(name, value)| (name.clone(), fill_stream_arns(value, &stream_arn))).collect()
    }
}

/// `text`, an output or the value of an environment variable, with the ARN of each stream filled in: `stream_arn` is
/// asked by table name. What it does not know stays `{stream-arn:TABLE}`.
pub fn fill_stream_arns(text: &str, stream_arn: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(PLACEHOLDER) {
        filled.push_str(before);
        let arn = after.split_once('}').and_then(|(table, rest)| Some((stream_arn(table)?, rest)));
        match arn {
            Some((arn, after)) => {
                filled.push_str(&arn);
                rest = after;
            }
            None => {
                filled.push_str(PLACEHOLDER);
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// How a placeholder for the ARN of a stream begins.
const PLACEHOLDER: &str = "{stream-arn:";

/// Stands for the ARN of a table's stream until the stream exists. Braces and colons cannot be in a table name.
pub(crate) fn stream_placeholder(table: &str) -> String {
    format!("{PLACEHOLDER}{table}}}")
}

/// The table whose stream `text` is the placeholder of.
pub(crate) fn stream_table(text: &str) -> Option<&str> {
    text.strip_prefix(PLACEHOLDER)?.strip_suffix('}')
}

/// Where something stands in the template, so that whoever creates it can say what is wrong with it and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The dotted path of its properties below the resource: `Properties`, or for an event of a function
    /// `Properties.Events.Changes.Properties`.
    pub path: String,
    /// Where it begins.
    pub location: Location,
    /// Where each of its properties stands, by its name (`BatchSize`).
    pub properties: BTreeMap<String, Location>,
}

impl Origin {
    /// An error about one property (`BatchSize`), placed there, or at the whole when the template leaves the property
    /// open. An empty name means the whole.
    pub fn error(&self, property: &str, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, property, message)
    }

    /// Like [`Origin::error`], of any severity.
    pub fn diagnostic(&self, severity: Severity, property: &str, message: impl Into<String>) -> Diagnostic {
        let location = self.properties.get(property).unwrap_or(&self.location).clone();
        let diagnostic = Diagnostic::new(severity, message).with_location(location).with_logical_id(&self.logical_id);
        let path = match property {
            "" => self.path.trim_end_matches("Properties").trim_end_matches('.').to_string(),
            property => format!("{}.{property}", self.path),
        };
        if path.is_empty() { diagnostic } else { diagnostic.with_property(path) }
    }
}

/// HASH or RANGE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// Partition key.
    Hash,
    /// Sort key.
    Range,
}

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttrType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

/// What a stream's records show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamViewType {
    /// KEYS_ONLY
    KeysOnly,
    /// NEW_IMAGE
    NewImage,
    /// OLD_IMAGE
    OldImage,
    /// NEW_AND_OLD_IMAGES
    NewAndOldImages,
}

impl StreamViewType {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamViewType::KeysOnly => "KEYS_ONLY",
            StreamViewType::NewImage => "NEW_IMAGE",
            StreamViewType::OldImage => "OLD_IMAGE",
            StreamViewType::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }
}

/// How capacity is paid for on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingMode {
    /// PROVISIONED
    Provisioned,
    /// PAY_PER_REQUEST
    PayPerRequest,
}

/// One attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyElement {
    /// The attribute's name.
    pub name: String,
    /// Its place in the key.
    pub key_type: KeyType,
    /// Its type.
    pub attr_type: AttrType,
}

/// A table to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The table's name: 3 to 255 of `a-z A-Z 0-9 _ . -`.
    pub name: String,
    /// Where the resource begins.
    pub location: Location,
    /// Where each property of the table stands, by its name (`KeySchema`).
    pub properties: BTreeMap<String, Location>,
    /// The partition key, then the sort key if there is one.
    pub key: Vec<KeyElement>,
    /// The stream, if one is asked for.
    pub stream: Option<StreamViewType>,
    /// On AWS; here it changes nothing but what DescribeTable says.
    pub billing: BillingMode,
    /// The attribute that holds the expiry, if TTL is on.
    pub ttl: Option<String>,
    /// Whether DeleteTable is refused.
    pub deletion_protection: bool,
    /// Tags in the order of the template.
    pub tags: Vec<(String, String)>,
    /// Read and write capacity units, when billing is provisioned.
    pub provisioned: Option<(u64, u64)>,
    /// Indexes with keys of their own, at most 20.
    pub global_indexes: Vec<Index>,
    /// Indexes that share the table's partition key, at most 5. They come and go with the table.
    pub local_indexes: Vec<Index>,
    /// The query that keeps this table up to date, if it is a view.
    pub view: Option<View>,
    /// Shards of the stream, 1 unless the mark says otherwise.
    pub shards: u16,
}

impl Table {
    /// An error about one property of this table (`KeySchema`), placed at that property, or at the resource when the
    /// template leaves the property open.
    pub fn error(&self, property: &str, message: impl Into<String>) -> Diagnostic {
        let location = self.properties.get(property).unwrap_or(&self.location);
        Diagnostic::error(message)
            .with_location(location.clone())
            .with_logical_id(&self.logical_id)
            .with_property(format!("Properties.{property}"))
    }
}

/// A bucket to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Where it stands.
    pub origin: Origin,
    /// Its name: 3 to 63 of `a-z 0-9 - .`.
    pub name: String,
}

/// How AWS charges for a Kinesis stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamMode {
    /// ON_DEMAND
    OnDemand,
    /// PROVISIONED
    Provisioned,
}

/// A Kinesis stream to create. What the template leaves open is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinesisStream {
    /// Where it stands.
    pub origin: Origin,
    /// Its name: 1 to 128 of `a-z A-Z 0-9 _ . -`.
    pub name: String,
    /// How it is charged for.
    pub mode: Option<StreamMode>,
    /// Its shards; open for one on demand.
    pub shards: Option<u16>,
    /// How long records are kept.
    pub retention_hours: Option<u32>,
    /// Largest record, KiB.
    pub record_kib: Option<u32>,
    /// Tags in the order of the template.
    pub tags: Vec<(String, String)>,
}

/// A secondary index to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The index's name: 3 to 255 of `a-z A-Z 0-9 _ . -`.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// The same as a dotted path: `Properties.GlobalSecondaryIndexes[0]`.
    pub property: String,
    /// Partition key attributes, then sort key attributes; up to four of each in a global index.
    pub key: Vec<KeyElement>,
    /// What it holds besides the keys.
    pub projection: Projection,
    /// Read and write capacity units of a global index of a provisioned table.
    pub provisioned: Option<(u64, u64)>,
}

impl Index {
    /// An error about this index of `table`.
    pub fn error(&self, table: &Table, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message)
            .with_location(self.location.clone())
            .with_logical_id(&table.logical_id)
            .with_property(&self.property)
    }
}

/// What an index holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Whole items.
    All,
    /// The keys of the index and of the table.
    KeysOnly,
    /// The keys and these attributes.
    Include(Vec<String>),
}

/// A query that keeps a table up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The query's text.
    pub sql: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// Where the template names the file.
    pub location: Location,
    /// The name in the query and the name of the table it means.
    pub sources: Vec<(String, String)>,
}

impl View {
    /// An error at a line and column (both from 1) of the query.
    pub fn error(&self, line: usize, column: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).with_location(Location { file: self.file.clone(), line, column })
    }
}

/// A page to put on a wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// Its name in the address: 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub name: String,
    /// Its heading; the name unless the template says otherwise.
    pub title: String,
    /// The newest items of a table.
    pub recent: Option<Recent>,
    /// Charts in the order of the template.
    pub charts: Vec<Chart>,
    /// How fast a table changes.
    pub rate: Option<Rate>,
}

/// The newest items of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Table name.
    pub table: String,
    /// Attributes to show; empty: the key.
    pub columns: Vec<String>,
    /// How many, 1 to 100.
    pub limit: usize,
}

/// One bar per value of `group`, as long as the sum of `value` over its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Heading.
    pub title: String,
    /// Table name.
    pub table: String,
    /// The attribute that names the bar.
    pub group: String,
    /// The attribute that is summed up.
    pub value: String,
}

/// Changes a second of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Table name.
    pub table: String,
}

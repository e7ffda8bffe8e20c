//! Functions, and what streams and buckets call them for. Settings are as the template gives them, with AWS's defaults
//! filled in.

use std::path::PathBuf;

use super::Origin;

/// A function to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Where it stands.
    pub origin: Origin,
    /// Its name: 1 to 64 of `a-z A-Z 0-9 _ -`.
    pub name: String,
    /// What it runs.
    pub code: Code,
    /// `app.lambda_handler`
    pub handler: String,
    /// What runs it.
    pub runtime: Runtime,
    /// How long one invocation may take: 1 to 900, 3 if left out.
    pub timeout_seconds: u32,
    /// What the function is told it may use: 128 to 10,240, 128 if left out.
    pub memory_mb: u32,
    /// How many invocations run at once, if there is a limit; 0 means none at all.
    pub reserved_concurrency: Option<u32>,
    /// Environment variables in the order of the template. The ARN of a stream stands here as a placeholder: see
    /// [`fill_stream_arns`](crate::fill_stream_arns).
    pub environment: Vec<(String, String)>,
    /// What it is for.
    pub description: String,
    /// Tags in the order of the template.
    pub tags: Vec<(String, String)>,
    /// What becomes of events that nobody waits for.
    pub events: Events,
}

/// What becomes of events that nobody waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// The ARN of the queue or topic that gets those that are given up, unless `invoke` names somebody.
    pub dead_letter: Option<String>,
    /// `EventInvokeConfig`, if there is one: the function's own, or a resource.
    pub invoke: Option<EventInvoke>,
}

/// How events are tried, and whom their ends are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventInvoke {
    /// Calls after the first one that failed: 0 to 2.
    pub retry_attempts: Option<u32>,
    /// How old one may get before it is given up: 60 to 21,600.
    pub age_seconds: Option<u32>,
    /// The ARN of what gets those that are given up: a queue, a topic or a bucket.
    pub on_failure: Option<String>,
    /// The ARN of what gets those that succeed: a queue or a topic.
    pub on_success: Option<String>,
}

/// An `EventInvokeConfig` that is a resource by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventConfig {
    /// Where it stands.
    pub origin: Origin,
    /// The name of the function.
    pub function: String,
    /// What it says.
    pub invoke: EventInvoke,
}

/// What a function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A folder that exists.
    Folder(PathBuf),
    /// The text of `index.py` or `index.js`.
    Inline(String),
}

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// As the template names it: `python3.13`.
    pub name: String,
    /// What it comes to here.
    pub family: RuntimeFamily,
}

/// Runtimes that can be run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeFamily {
    /// `python3.x`
    Python,
    /// `nodejs22.x`
    Node,
    /// `provided.al2023`: the executable `bootstrap`.
    Provided,
}

/// A stream whose records are passed to a function: an event source mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Where it stands.
    pub origin: Origin,
    /// What CloudFormation calls it: its logical id, or that of the function followed by the name of the event.
    pub name: String,
    /// The name of the event, if it is one of a function's `Events`.
    pub event: Option<String>,
    /// The name of the function.
    pub function: String,
    /// Whose records.
    pub source: Source,
    /// How.
    pub settings: TriggerSettings,
}

/// Where a trigger's records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The stream of the table of this name, which is one of the project's and has a stream.
    Table(String),
    /// The Kinesis stream with this ARN.
    Kinesis(String),
}

/// How records are passed to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerSettings {
    /// Whether it runs from the start.
    pub enabled: bool,
    /// Most records of a call: 1 to 10,000, 100 if left out.
    pub batch_size: u32,
    /// How long to wait for a batch to fill: 0 to 300, 0 if left out.
    pub batching_window_seconds: u32,
    /// How many batches of a shard run at once: 1 to 10, 1 if left out.
    pub parallelization_factor: u32,
    /// Where it begins to read.
    pub starting_position: StartingPosition,
    /// How often a batch that failed is tried again: 0 to 10,000; until it expires if left out.
    pub retry_attempts_max: Option<u32>,
    /// How old a record may get before it is given up: 60 to 604,800; as old as the stream keeps it if left out.
    pub record_age_seconds_max: Option<u32>,
    /// Whether a batch that failed is halved.
    pub bisect_on_error: bool,
    /// Whether the function says which records of a batch failed: `ReportBatchItemFailures`.
    pub report_item_failures: bool,
    /// The ARN of what is told of batches that are given up: a queue, a topic or a bucket.
    pub on_failure: Option<String>,
    /// The length of windows over which the function keeps a state: 0 to 900, 0 for none.
    pub tumbling_window_seconds: u32,
    /// Patterns, JSON objects, one of which a record has to match; empty if every record is passed.
    pub filters: Vec<String>,
    /// Whether a poison record parks its key, and how many records may wait there.
    pub quarantine: Option<Quarantine>,
}

/// Where a trigger begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// With the oldest record that the stream has.
    TrimHorizon,
    /// With what is written from then on.
    Latest,
    /// With the first record from this moment on, in milliseconds since 1970. Kinesis only.
    At(i64),
}

/// `Quarantine` under `Metadata: Streamfold:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarantine {
    /// How many records may wait before the shard stops: 1 to 10,000, 1,000 if left out.
    pub records: u32,
}

/// A bucket whose changes are passed to a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTrigger {
    /// Where it stands.
    pub origin: Origin,
    /// The logical id of the function followed by the name of the event, or that of the bucket and a number.
    pub name: String,
    /// The name of the event, if it is one of a function's `Events`.
    pub event: Option<String>,
    /// The name of the function.
    pub function: String,
    /// The name of the bucket, which is one of the project's.
    pub bucket: String,
    /// Which changes: `s3:ObjectCreated:*`.
    pub changes: Vec<String>,
    /// How keys of objects begin, if only some are meant.
    pub prefix: Option<String>,
    /// How keys of objects end, if only some are meant.
    pub suffix: Option<String>,
}

//! What runs beside the database, as plain rows: functions, the triggers that feed them, schedules that call them, their
//! logs, and what a person may do about them. The binary fills these in; nothing here knows where they come from.

use crate::executions::Decision;
use bytes::Bytes;
use item::Seq;
use std::time::Duration;

/// A function at one moment. Counts are since the program started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionRow {
    pub name: String,
    pub arn: String,
    /// As its definition names it: `python3.12`.
    pub runtime: String,
    pub handler: String,
    /// Where its code lies.
    pub folder: String,
    pub description: String,
    /// Names only: values may be secrets.
    pub environment: Vec<String>,
    pub timeout_s: u32,
    pub memory_mb: u32,
    /// Invocations at once; `None`: as many as the program allows.
    pub reserved_concurrency: Option<u32>,
    /// Why its code does not start, if so: the latest attempt failed.
    pub init_error: Option<String>,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    /// Errors that were time-outs.
    pub timeouts: u64,
    pub cold_starts: u64,
    pub durations: Durations,
    /// Most memory that a process of it ever took.
    pub memory_max_mb: Option<u64>,
    pub processes: Processes,
    /// Invocations that wait for a process.
    pub waiting: u64,
    pub events: EventCounts,
    pub last_error: Option<LastError>,
}

/// How long invocations took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Durations {
    /// Of all, and how many there were.
    pub sum: Duration,
    pub count: u64,
    /// Of the latest ones.
    pub p50: Duration,
    pub p99: Duration,
    /// Of all.
    pub max: Duration,
}

/// A function's processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    pub busy: u32,
    pub idle: u32,
    /// Being started.
    pub starting: u32,
}

/// What became of invocations that nobody waits for: a function's events, a schedule's runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Not done yet.
    pub waiting: u64,
    pub succeeded: u64,
    /// Attempts that failed and were followed by another one.
    pub tried_again: u64,
    pub given_up: u64,
    pub dead_letters: u64,
}

/// The newest error of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    pub kind: String,
    pub message: String,
    pub at_ms: u64,
}

/// A trigger at one moment. Counts are since it was created.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriggerRow {
    pub uuid: String,
    /// The function's name.
    pub function: String,
    pub source: TriggerSource,
    /// Where it started, in AWS's word.
    pub starting: String,
    /// AWS's word: `Enabled`, `Disabled`, ...
    pub state: String,
    pub enabled: bool,
    pub created_ms: u64,
    pub changed_ms: u64,
    pub last_result: String,
    /// Why it does nothing although it is enabled, if so.
    pub trouble: Option<String>,
    /// Records came back to the function that its own writes had made: so many functions deep at most.
    pub recursion_depth: Option<u8>,
    pub settings: TriggerSettings,
    pub counts: TriggerCounts,
    /// Age of the oldest record that is not delivered; 0: none waits.
    pub iterator_age_ms: u64,
    /// Records, at most, that are not delivered.
    pub lag_records: u64,
    /// In order of shards.
    pub lanes: Vec<LaneRow>,
}

/// What a trigger reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerSource {
    pub arn: String,
    /// What a person calls it: the table's name.
    pub name: String,
    /// The table, where it is one that has a page.
    pub table: Option<String>,
}

/// How a trigger batches, retries and gives up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerSettings {
    pub batch_size: u32,
    pub batching_window_s: u32,
    pub parallelization: u16,
    /// `None`: as long as records are kept.
    pub retry_attempts: Option<u32>,
    pub record_age_s: Option<u32>,
    pub bisect: bool,
    pub report_item_failures: bool,
    /// 0: none.
    pub tumbling_window_s: u32,
    /// Patterns; none: every record is wanted.
    pub filters: Vec<String>,
    /// ARN of what gets to know of records that were given up.
    pub on_failure: Option<String>,
    pub quarantine: Option<QuarantineBound>,
}

/// How much may be parked at once; then the lane that would park more stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineBound {
    pub records: u32,
    pub bytes: u64,
}

/// What became of a trigger's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TriggerCounts {
    /// Records that the function took.
    pub delivered: u64,
    pub calls: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls that found no room.
    pub throttles: u64,
    /// Records that no filter wanted.
    pub filtered: u64,
    pub given_up: u64,
    /// Records that were ever parked, and those that are parked now.
    pub parked: u64,
    pub parked_now: u64,
    pub dead_letters: u64,
    /// Positions of the log that were trimmed before they were read.
    pub lost: u64,
}

/// One lane of a trigger: the part of a shard whose items keep their order among themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRow {
    pub shard: String,
    /// Which of the shard's lanes.
    pub lane: u16,
    /// Everything before it is done with.
    pub position: Seq,
    /// Positions, at most, that are not done with.
    pub lag: u64,
    /// Age of its oldest record that is not done with.
    pub age_ms: u64,
    /// Failed calls of the batch under way.
    pub attempts: u32,
    pub phase: LanePhase,
    pub counts: TriggerCounts,
    pub last_error: Option<String>,
    /// The latest records that were given up.
    pub gave_up: Option<GaveUp>,
}

/// What a lane is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LanePhase {
    Idle,
    /// A batch that is not full waits for more.
    Gathering {
        until_ms: u64,
    },
    /// The function has so many records.
    Calling {
        records: u64,
    },
    /// The last call failed, or found no room.
    BackingOff {
        until_ms: u64,
    },
    /// It does nothing until somebody does something.
    Stopped(String),
    /// Its stream was closed, and everything in it is delivered.
    Ended,
}

/// Records that were given up together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    pub first: Seq,
    pub last: Seq,
    pub records: u64,
    /// AWS's word for why.
    pub condition: String,
    /// What the function had said last.
    pub error: Option<String>,
}

/// A schedule at one moment. Counts are since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Unique; may hold slashes.
    pub name: String,
    pub description: String,
    /// `rate(5 minutes)`, `cron(..)`, `at(..)`.
    pub expression: String,
    /// The time zone's name.
    pub zone: String,
    pub enabled: bool,
    /// The function's name.
    pub function: String,
    /// JSON; `None`: the document that AWS sends.
    pub input: Option<String>,
    pub missed_policy: Missed,
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    /// Minutes in which a run may start.
    pub window_minutes: Option<u32>,
    pub retry_attempts: u32,
    pub retry_age_s: u32,
    /// ARN of what gets runs that were given up.
    pub dead_letter: Option<String>,
    /// Its next moments; none while it is disabled or when it is over.
    pub next_ms: Vec<i64>,
    pub last: Option<LastRun>,
    /// Moments that got no run of their own.
    pub missed: u64,
    pub runs: EventCounts,
    /// Why it does not run, if so.
    pub trouble: Option<String>,
}

/// What becomes of runs that were due while nobody was there to call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// One run for all of them.
    #[default]
    Run,
    /// None.
    Skip,
}

/// A schedule's latest run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The moment that it was for, and when it ended.
    pub scheduled_ms: u64,
    pub ended_ms: u64,
    pub outcome: RunOutcome,
    /// Empty when all went well.
    pub error: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    Succeeded,
    /// It failed and is tried again.
    WillTryAgain,
    GaveUp,
}

/// Some lines of a function's log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Ask for what comes after this next. Positions grow and survive restarts.
    pub next: u64,
    /// Lines between the position asked for and the first one here are gone.
    pub lost: bool,
}

/// A line of a log, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, where that is known.
    pub at_ms: Option<u64>,
    pub text: String,
}

/// Some keys of a trigger's quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantinePage {
    pub keys: Vec<ParkedKey>,
    /// Ask for what comes after this next; `None`: that was all.
    pub next: Option<String>,
}

/// A key whose records wait because one of them failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedKey {
    /// Names it in [`Action::Retry`] and [`Action::Drop`].
    pub id: String,
    /// The item's key, readable.
    pub key: String,
    pub shard: String,
    pub parked_ms: u64,
    /// Failed calls with its first record.
    pub attempts: u32,
    /// What the function said.
    pub error: String,
    /// The record that failed, then those of the same key that came after it.
    pub records: Vec<ParkedRecord>,
    /// Further ones, which are not shown.
    pub records_more: u64,
    /// A retry or a drop was asked for and is not done yet.
    pub pending: bool,
}

/// A parked record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRecord {
    pub seq: Seq,
    /// The record as the function gets it: JSON.
    pub event: String,
}

/// What a person may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Pause {
        trigger: String,
    },
    Resume {
        trigger: String,
    },
    /// Call the function with the key's records again.
    Retry {
        trigger: String,
        id: String,
    },
    /// Give up the record that failed, and deliver what waits behind it.
    Drop {
        trigger: String,
        id: String,
    },
    /// Call a schedule's function once.
    Run {
        schedule: String,
    },
    /// Decide about an execution of an export.
    Decide {
        /// `TENANT/TABLE`.
        table: String,
        version: String,
        decision: Decision,
    },
}

/// What a function answered to an invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub request_id: String,
    pub payload: Bytes,
    /// AWS's word, where the payload is an error document: `Unhandled`.
    pub error: Option<String>,
    pub duration: Duration,
    /// Of a cold start.
    pub init: Option<Duration>,
    pub memory_max_mb: Option<u64>,
    /// The end of what it wrote meanwhile.
    pub log_tail: String,
}

/// Why something was not done, as told to who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub cause: Cause,
    pub why: String,
}

/// What kind of reason it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no such thing.
    Missing,
    /// Its state does not allow it now.
    Conflict,
    /// There is no room now.
    Busy,
    /// The request is wrong.
    Invalid,
    /// It was tried and failed.
    Failed,
}

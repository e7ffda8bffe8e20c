//! What a trigger says of itself: plain figures for the API, the console, the command line and tests.

use crate::Mapping;
use item::Seq;
use std::sync::Arc;

/// The words of `LastProcessingResult`, as AWS has them.
pub const NOTHING_YET: &str = "No records processed";
pub const OK: &str = "OK";
pub const CALL_FAILED: &str = "PROBLEM: Function call failed";

/// A trigger at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerStatus {
    pub mapping: Arc<Mapping>,
    pub state: State,
    /// When it was created and last changed, milliseconds since the epoch.
    pub created_ms: u64,
    pub changed_ms: u64,
    /// AWS's `LastProcessingResult`.
    pub last_result: String,
    /// Why it does nothing although it is enabled, if so: its stream is gone, its function is, a lane is stopped.
    pub trouble: Option<String>,
    /// Records came back to this function that its own writes had made: so many functions deep at most.
    pub recursion_depth: Option<u8>,
    /// Sums over all lanes, since the trigger was created.
    pub counts: Counts,
    /// Age of the oldest record that is not delivered, milliseconds; 0 when there is none.
    pub iterator_age_ms: u64,
    /// In order of shards; at most ten for each.
    pub lanes: Vec<LaneStatus>,
}

/// AWS's states of an event source mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

impl State {
    /// AWS's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Creating => "Creating",
            State::Enabling => "Enabling",
            State::Enabled => "Enabled",
            State::Disabling => "Disabling",
            State::Disabled => "Disabled",
            State::Updating => "Updating",
            State::Deleting => "Deleting",
        }
    }
}

/// What became of records. A crash may count a batch again that is delivered again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that the function took.
    pub delivered: u64,
    pub calls: u64,
    /// Calls that failed, or whose answer named records that did.
    pub errors: u64,
    /// Calls that found no room.
    pub throttles: u64,
    /// Records that no filter wanted.
    pub filtered: u64,
    /// Records that were given up, with or without a destination that knows of them.
    pub given_up: u64,
    /// Records that were parked, and those of them that are parked now.
    pub parked: u64,
    pub parked_now: u64,
    /// Messages about given-up records that went to a destination.
    pub dead_letters: u64,
    /// Positions of the log that were trimmed before they were read; changes of all tables, so an upper bound.
    pub lost: u64,
}

/// One lane: the part of a shard whose items keep their order among themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    pub shard: u16,
    /// Which of the shard's lanes.
    pub lane: u16,
    /// Everything before this position is done with.
    pub position: Seq,
    /// Positions of the log that it has not looked at or not done with; changes of all tables, so an upper bound.
    pub lag: u64,
    /// Age of its oldest record that is not done with, milliseconds.
    pub age_ms: u64,
    /// Failed calls of the batch under way.
    pub attempts: u32,
    pub phase: LanePhase,
    pub counts: Counts,
    /// The latest failure, at most a few hundred characters.
    pub last_error: Option<String>,
    /// The latest records that were given up.
    pub gave_up: Option<GaveUp>,
}

/// Records that were given up together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    pub first: Seq,
    pub last: Seq,
    pub records: u64,
    /// AWS's word for why: `RetryAttemptsExhausted`, `RecordAgeExceeded`; ours: `RecursionDetected`.
    pub condition: String,
    /// What the function had said last.
    pub error: Option<String>,
}

/// What a lane is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LanePhase {
    /// There is nothing for it.
    Idle,
    /// A batch that is not full waits for more.
    Gathering { until_ms: u64 },
    /// The function has so many records.
    Calling { records: usize },
    /// The last call failed, or found no room.
    BackingOff { until_ms: u64 },
    /// It does nothing until somebody does something.
    Stopped { reason: String },
    /// Its stream was closed and everything in it is delivered.
    Ended,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.delivered += other.delivered;
        self.calls += other.calls;
        self.errors += other.errors;
        self.throttles += other.throttles;
        self.filtered += other.filtered;
        self.given_up += other.given_up;
        self.parked += other.parked;
        self.parked_now += other.parked_now;
        self.dead_letters += other.dead_letters;
        self.lost += other.lost;
    }
}

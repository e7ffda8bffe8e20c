//! One lane: what to do next with the records at hand, and what an outcome changes. Pure: records and times come in,
//! nothing is read, called or waited for here.
//!
//! A lane owns a part of a shard's keys. It walks over its records in order; what it gives out is a [`Plan`], what it
//! is told is an [`Outcome`]. Its [`State`] is all that has to be kept.

mod batch;
mod park;
mod state;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Gathered};
pub use park::{Amount, Parked, Wanted};
pub use state::{Failure, State, Window};

use crate::{
    GaveUp, Settings, event,
    limits::{self, DEPTH_MAX, PARK_RETRIES, WINDOW_GRACE_MS, WINDOW_STATE_BYTES_MAX},
    record::{KeyId, Record},
};
use item::Seq;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The settings as a lane needs them.
#[derive(Clone, Debug)]
pub struct Rules {
    pub batch_size: usize,
    pub batching_ms: u64,
    pub retries: Option<u32>,
    pub age_ms: Option<u64>,
    /// How long the stream keeps its records, if that is less than what the log keeps: they are given up then.
    pub keep_ms: Option<u64>,
    pub bisect: bool,
    pub quarantine: bool,
    /// 0: none.
    pub window_ms: u64,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Rules {
        Rules {
            batch_size: settings.batch_size as usize,
            batching_ms: u64::from(settings.batching_window_s) * 1000,
            retries: settings.retry_attempts,
            age_ms: settings.record_age_s.map(|seconds| u64::from(seconds) * 1000),
            keep_ms: None,
            bisect: settings.bisect,
            quarantine: settings.quarantine.is_some(),
            window_ms: u64::from(settings.tumbling_window_s) * 1000,
        }
    }
}

/// What a lane sees when it plans.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Its records that were read and are not done with, in order.
    pub buffer: &'a VecDeque<Record>,
    /// The log was read up to here, exclusive.
    pub seen: Seq,
    /// There is more to be read.
    pub more: bool,
    pub now_ms: u64,
    /// How much may still be parked.
    pub room: Amount,
}

/// What to do next. Counts are of records from the buffer's front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read on: what is there is not enough to decide.
    Read,
    /// Wait for the log to grow, or until then.
    Gather {
        until_ms: Option<u64>,
    },
    /// Wait until then, whatever comes.
    BackOff {
        until_ms: u64,
    },
    Call(Batch),
    /// Call with the window's state and no records: it is over.
    Close {
        early: bool,
    },
    /// All of these belong behind parked ones.
    Pass(Batch),
    /// Park the key of the batch's one member, which is poison.
    Park(Batch),
    GiveUp(Batch, Condition),
    /// Call with the first parked record of a key, as somebody asked.
    Redeliver(KeyId),
    /// Take the first parked record of a key away, as somebody asked.
    Drop(KeyId),
    /// Nothing can be done before somebody acts.
    Stop {
        reason: String,
    },
}

/// Why records are given up; AWS's words, and two of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
    RecursionDetected,
    /// A record is larger than the largest event.
    PayloadTooLarge,
}

impl Condition {
    /// Whether a letter is kept even where nobody named a destination: what no setting asked to give up.
    pub fn is_always_told(self) -> bool {
        matches!(self, Condition::RecursionDetected | Condition::PayloadTooLarge)
    }

    pub fn name(self) -> &'static str {
        match self {
            Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Condition::RecordAgeExceeded => "RecordAgeExceeded",
            Condition::RecursionDetected => "RecursionDetected",
            Condition::PayloadTooLarge => "PayloadTooLarge",
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All records are taken. With tumbling windows: the state afterwards.
    Done { state: Option<String> },
    /// Those before the member of this place are taken; it and what follows is not.
    Partial { first: usize, state: Option<String>, failure: Failure },
    /// None is taken.
    Failed(Failure),
    /// The function was not called.
    NoRoom { why: String },
}

/// What of the buffer is done with, for whoever drives the lane to take off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the buffer and the lane's position belong together"]
pub struct Taken(pub usize);

#[derive(Clone, Debug)]
pub struct Lane {
    pub rules: Rules,
    pub state: State,
    /// Nothing is called before.
    not_before_ms: u64,
    parked: BTreeMap<KeyId, Parked>,
    /// Those of them about which somebody asked something.
    wanted: BTreeSet<KeyId>,
}

impl Lane {
    pub fn new(rules: Rules, state: State, parked: BTreeMap<KeyId, Parked>) -> Lane {
        let wanted = parked.iter().filter(|(_, parked)| parked.wanted.is_some()).map(|(key, _)| *key).collect();
        Lane { rules, state, not_before_ms: 0, parked, wanted }
    }

    /// Something changed: what failed may be tried again at once.
    pub fn hurry(&mut self) {
        self.not_before_ms = 0;
    }

    /// What to do next.
    pub fn plan(&self, view: View<'_>) -> Plan {
        if view.now_ms < self.not_before_ms {
            return Plan::BackOff { until_ms: self.not_before_ms };
        }
        if let Some(plan) = self.asked() {
            return plan;
        }
        if let Some(early) = self.closing(view) {
            return Plan::Close { early };
        }
        let Gathered { batch, ended, no_room } = self.gather(view);
        let Some(&first) = batch.members.first() else {
            return self.without_members(view, batch, no_room);
        };
        if view.buffer[first].depth >= DEPTH_MAX {
            return Plan::GiveUp(batch, Condition::RecursionDetected);
        }
        if self.is_too_large(view, &batch) {
            return Plan::GiveUp(batch, Condition::PayloadTooLarge);
        }
        if let Some(aged) = self.aged(view, &batch) {
            return Plan::GiveUp(aged, Condition::RecordAgeExceeded);
        }
        if self.is_exhausted(&batch) {
            let parks = self.rules.quarantine;
            return if parks {
                park::plan(view, batch)
            } else {
                Plan::GiveUp(batch, Condition::RetryAttemptsExhausted)
            };
        }
        if !ended && view.more {
            return Plan::Read;
        }
        match self.ready_ms(view, first) {
            Some(until_ms) if !ended && self.state.ranges.is_empty() && view.now_ms < until_ms => {
                Plan::Gather { until_ms: Some(until_ms) }
            }
            _ => Plan::Call(batch),
        }
    }

    /// Where nothing is to be called.
    fn without_members(&self, view: View<'_>, batch: Batch, no_room: bool) -> Plan {
        if batch.span > 0 {
            return Plan::Pass(batch);
        }
        if no_room {
            return park::full();
        }
        if view.more {
            return Plan::Read;
        }
        Plan::Gather { until_ms: self.state.window.as_ref().map(|window| window.end_ms + WINDOW_GRACE_MS) }
    }

    /// When a batch that is not full is called all the same; `None`: now.
    fn ready_ms(&self, view: View<'_>, first: usize) -> Option<u64> {
        let record = &view.buffer[first];
        let gathered = record.arrived_ms + self.rules.batching_ms;
        let over = self.window_of(record).map(|window| window.end_ms + WINDOW_GRACE_MS);
        (self.rules.batching_ms > 0).then(|| over.map_or(gathered, |over| over.min(gathered)))
    }

    /// The leading members that are too old, with what lies between them.
    fn aged(&self, view: View<'_>, batch: &Batch) -> Option<Batch> {
        let age_ms = self.rules.age_ms.into_iter().chain(self.rules.keep_ms).min()?;
        let is_old = |&at: &usize| view.buffer[at].time_ms + age_ms < view.now_ms;
        match batch.members.iter().position(|at| !is_old(at)) {
            Some(0) => None,
            Some(young) => Some(batch.before(young)),
            None => Some(batch.clone()),
        }
    }

    /// Whether no call can be made with the batch: its one record is larger than an event may be.
    fn is_too_large(&self, view: View<'_>, batch: &Batch) -> bool {
        let [only] = batch.members[..] else { return false };
        let window = self.rules.window_ms > 0;
        let state = self.state.window.as_ref().map_or(0, |window| window.state.len());
        let around = if window { limits::ENVELOPE_BYTES + state } else { event::ENVELOPE_BYTES };
        around + view.buffer[only].event.len() > limits::PAYLOAD_BYTES_MAX
    }

    /// Whether the batch failed as often as it may.
    fn is_exhausted(&self, batch: &Batch) -> bool {
        let retries = match self.rules.retries {
            // One that can be split is: only a single record is poison.
            _ if self.rules.quarantine && batch.members.len() > 1 => return false,
            None if self.rules.quarantine => PARK_RETRIES,
            None => return false,
            Some(retries) => retries,
        };
        self.state.attempts > retries
    }

    /// Whether the open window is to be closed now, and if so whether before its time.
    fn closing(&self, view: View<'_>) -> Option<bool> {
        let window = self.state.window.as_ref()?;
        if window.overfull {
            return Some(true);
        }
        let is_over = match view.buffer.iter().find(|record| !self.parked.contains_key(&record.key)) {
            Some(record) => self.window_of(record).is_none_or(|next| !next.is_same(window)),
            None => !view.more && view.now_ms >= window.end_ms + WINDOW_GRACE_MS,
        };
        is_over.then_some(false)
    }

    /// The window that a record belongs to, if there are windows.
    fn window_of(&self, record: &Record) -> Option<Window> {
        (self.rules.window_ms > 0).then(|| Window::of(record.time_ms, self.rules.window_ms))
    }

    /// The window that a batch is called with: the open one, or a new one.
    pub fn window(&self, buffer: &VecDeque<Record>, batch: &Batch) -> Option<Window> {
        let new = self.window_of(&buffer[*batch.members.first()?])?;
        Some(self.state.window.clone().filter(|open| open.is_same(&new)).unwrap_or(new))
    }

    /// Takes in what a call with a batch came to.
    pub fn called(&mut self, buffer: &VecDeque<Record>, batch: &Batch, outcome: Outcome, now_ms: u64) -> Taken {
        match outcome {
            Outcome::Done { state } => {
                self.state.counts.calls += 1;
                self.take_window(buffer, batch, state);
                self.state.counts.delivered += batch.members.len() as u64;
                self.state.failures = 0;
                self.advance(buffer, batch.span, false)
            }
            Outcome::Partial { first, state, failure } if first > 0 => {
                self.failed(&failure, now_ms);
                self.take_window(buffer, batch, state);
                self.state.counts.delivered += first as u64;
                // What is left is tried again by itself, with all its attempts.
                self.hold(buffer, batch);
                self.advance(buffer, batch.members[first], false)
            }
            Outcome::Partial { failure, .. } => {
                self.failed(&failure, now_ms);
                self.split_or_count(buffer, batch, 1, failure);
                Taken(0)
            }
            Outcome::Failed(failure) => {
                self.failed(&failure, now_ms);
                self.split_or_count(buffer, batch, batch.members.len() / 2, failure);
                Taken(0)
            }
            Outcome::NoRoom { why } => {
                self.no_room(&why, now_ms);
                Taken(0)
            }
        }
    }

    /// Takes in what the call at a window's end came to.
    pub fn closed(&mut self, early: bool, outcome: Outcome, now_ms: u64) {
        match outcome {
            Outcome::Done { .. } => {
                self.state.counts.calls += 1;
                self.state.failures = 0;
                // One that ended early goes on with nothing in it.
                let rest = self.state.window.take().filter(|_| early);
                self.state.window = rest.map(|open| Window { state: "{}".to_owned(), overfull: false, ..open });
            }
            // Nothing of the shard is called before this succeeds, as AWS has it.
            Outcome::Failed(failure) | Outcome::Partial { failure, .. } => self.failed(&failure, now_ms),
            Outcome::NoRoom { why } => self.no_room(&why, now_ms),
        }
    }

    /// Gives a batch up.
    pub fn give_up(&mut self, buffer: &VecDeque<Record>, batch: &Batch, condition: Condition) -> Taken {
        let (Some(&first), Some(&last)) = (batch.members.first(), batch.members.last()) else { return Taken(0) };
        let records = batch.members.len() as u64;
        self.state.counts.given_up += records;
        self.state.gave_up = Some(GaveUp {
            first: buffer[first].seq,
            last: buffer[last].seq,
            records,
            condition: condition.name().to_owned(),
            error: self.state.failure.as_ref().map(|failure| failure.error.clone()),
        });
        self.state.failures = 0;
        // The younger part of a failing batch keeps count of its attempts.
        self.advance(buffer, batch.span, condition == Condition::RecordAgeExceeded)
    }

    /// Everything in the batch belongs behind parked records.
    pub fn pass(&mut self, buffer: &VecDeque<Record>, batch: &Batch) -> Taken {
        self.advance(buffer, batch.span, true)
    }

    /// Nothing of its own lies before this position.
    pub fn passed(&mut self, upto: Seq) {
        self.move_to(self.state.next.max(upto), true);
    }

    /// What lay before this position was trimmed; answers how many positions were lost.
    pub fn lost(&mut self, upto: Seq) -> u64 {
        let lost = upto.0.saturating_sub(self.state.next.0);
        self.state.counts.lost += lost;
        self.passed(upto);
        lost
    }

    /// Moves behind the first `span` records of the buffer.
    fn advance(&mut self, buffer: &VecDeque<Record>, span: usize, keep_attempts: bool) -> Taken {
        if let Some(last) = span.checked_sub(1) {
            self.move_to(buffer[last].seq.next(), keep_attempts);
        }
        Taken(span)
    }

    fn move_to(&mut self, next: Seq, keep_attempts: bool) {
        self.state.next = next;
        let parts = self.state.ranges.len();
        self.state.ranges.retain(|end| *end >= next);
        if self.state.ranges.len() < parts || !keep_attempts {
            self.state.attempts = 0;
            self.state.failure = None;
        }
    }

    /// Keeps a batch that failed together, so that it is what is tried again.
    fn hold(&mut self, buffer: &VecDeque<Record>, batch: &Batch) {
        if self.state.ranges.is_empty() {
            self.state.ranges.push(buffer[batch.span - 1].seq);
        }
    }

    /// After a failure of all members: only the first `part` of them next, or the same again.
    fn split_or_count(&mut self, buffer: &VecDeque<Record>, batch: &Batch, part: usize, failure: Failure) {
        self.hold(buffer, batch);
        self.state.failure = Some(failure);
        if batch.members.len() > 1 && (self.rules.bisect || self.rules.quarantine) {
            // A split consumes no attempt and waits for nothing: it is another, smaller batch.
            self.state.ranges.push(buffer[batch.members[part - 1]].seq);
            self.state.attempts = 0;
            self.state.failures = 0;
            self.not_before_ms = 0;
            return;
        }
        self.state.attempts += 1;
        if self.is_exhausted(batch) {
            self.not_before_ms = 0;
        }
    }

    fn failed(&mut self, failure: &Failure, now_ms: u64) {
        self.state.counts.calls += 1;
        self.state.counts.errors += 1;
        self.state.last_error = Some(limits::shortened(&failure.error));
        self.back_off(now_ms);
    }

    fn no_room(&mut self, why: &str, now_ms: u64) {
        self.state.counts.throttles += 1;
        self.state.last_error = Some(limits::shortened(why));
        self.back_off(now_ms);
    }

    fn back_off(&mut self, now_ms: u64) {
        self.state.failures = self.state.failures.saturating_add(1);
        self.not_before_ms = now_ms + limits::backoff_ms(self.state.failures);
    }

    fn take_window(&mut self, buffer: &VecDeque<Record>, batch: &Batch, state: Option<String>) {
        let Some(state) = state else { return };
        self.state.window = self.window(buffer, batch).map(|window| {
            let overfull = state.len() > WINDOW_STATE_BYTES_MAX;
            Window { state, overfull, ..window }
        });
    }
}

impl Window {
    fn is_same(&self, other: &Window) -> bool {
        (self.start_ms, self.end_ms) == (other.start_ms, other.end_ms)
    }
}

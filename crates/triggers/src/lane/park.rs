//! Quarantine within a lane: keys whose records wait, and what becomes of them when somebody asks.

use super::{Batch, Failure, Lane, Outcome, Plan, Taken, View};
use crate::{
    limits,
    record::{KeyId, Record},
};
use item::Seq;
use std::collections::{BTreeMap, VecDeque};

/// How much is parked, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub records: u64,
    pub bytes: u64,
}

impl Amount {
    pub fn of(record: &Record) -> Amount {
        Amount { records: 1, bytes: record.event.len() as u64 }
    }

    #[must_use]
    pub fn plus(self, record: &Record) -> Amount {
        self.and(Amount::of(record))
    }

    #[must_use]
    pub fn and(self, other: Amount) -> Amount {
        Amount { records: self.records + other.records, bytes: self.bytes + other.bytes }
    }

    #[must_use]
    pub fn less(self, other: Amount) -> Amount {
        Amount { records: self.records.saturating_sub(other.records), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    pub fn is_zero(self) -> bool {
        self == Amount::default()
    }

    /// Itself, if there is room for it.
    pub fn within(self, room: Amount) -> Option<Amount> {
        (self.records <= room.records && self.bytes <= room.bytes).then_some(self)
    }
}

/// A key whose records wait: the first failed, the others came after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The key's attributes, JSON as in the record.
    pub key: String,
    pub amount: Amount,
    /// The newest of its records. Another number of lanes lets a lane read again what is parked already.
    pub newest: Seq,
    pub since_ms: u64,
    /// Failed calls of the first record.
    pub attempts: u32,
    /// How the last of them failed.
    pub error: String,
    pub wanted: Option<Wanted>,
}

/// What somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Call with the records one by one, in order, until one fails.
    Retry,
    /// Take the first one away, then as above.
    Drop,
}

/// The one member of an exhausted batch is poison, and parked if there is room.
pub(super) fn plan(view: View<'_>, batch: Batch) -> Plan {
    let poison = batch.members[0];
    // What lies behind it in the batch is for the next one.
    let batch = Batch { span: poison + 1, ..batch };
    match batch.behind.plus(&view.buffer[poison]).within(view.room) {
        Some(behind) => Plan::Park(Batch { behind, ..batch }),
        None => full(),
    }
}

pub(super) fn full() -> Plan {
    Plan::Stop { reason: "the quarantine is full: retry or drop what is parked, or let it hold more".to_owned() }
}

impl Lane {
    pub fn parked(&self) -> &BTreeMap<KeyId, Parked> {
        &self.parked
    }

    /// What somebody asked for, one key after the other.
    pub(super) fn asked(&self) -> Option<Plan> {
        let key = *self.wanted.first()?;
        match self.parked[&key].wanted? {
            Wanted::Retry => Some(Plan::Redeliver(key)),
            Wanted::Drop => Some(Plan::Drop(key)),
        }
    }

    /// Notes what is asked for; false when the key is not parked.
    pub fn ask(&mut self, key: KeyId, wanted: Wanted) -> bool {
        let Some(parked) = self.parked.get_mut(&key) else { return false };
        parked.wanted = Some(wanted);
        self.wanted.insert(key);
        true
    }

    /// Parks the key of the batch's one member, `key` in words; its record is among those taken.
    pub fn park(&mut self, buffer: &VecDeque<Record>, batch: &Batch, key: String, now_ms: u64) -> Taken {
        let poison = &buffer[batch.members[0]];
        let error = self.state.failure.as_ref().map_or_else(String::new, |failure| limits::shortened(&failure.error));
        let attempts = self.state.attempts;
        let parked = Parked {
            key,
            amount: Amount::default(),
            newest: Seq::ZERO,
            since_ms: now_ms,
            attempts,
            error,
            wanted: None,
        };
        self.parked.insert(poison.key, parked);
        self.state.failures = 0;
        self.advance(buffer, batch.span, false)
    }

    /// What is to be parked of a record; `None`: its key is not parked.
    pub(super) fn behind(&self, record: &Record) -> Option<Amount> {
        let parked = self.parked.get(&record.key)?;
        Some(if record.seq > parked.newest { Amount::of(record) } else { Amount::default() })
    }

    /// Counts a record that was taken off the buffer, if it is to be parked.
    pub fn is_parked(&mut self, record: &Record) -> bool {
        let new = self.parked.get_mut(&record.key).filter(|parked| record.seq > parked.newest);
        let Some(parked) = new else { return false };
        parked.amount = parked.amount.plus(record);
        parked.newest = record.seq;
        self.state.counts.parked += 1;
        true
    }

    /// Takes in what a call with the first parked record of a key came to. Answers whether it was taken.
    pub fn redelivered(&mut self, key: KeyId, record: &Record, outcome: Outcome, now_ms: u64) -> bool {
        match outcome {
            Outcome::Done { .. } => {
                self.state.counts.calls += 1;
                self.state.counts.delivered += 1;
                self.state.failures = 0;
                self.unpark(key, record);
                true
            }
            Outcome::Failed(failure) | Outcome::Partial { failure, .. } => {
                self.poisoned_again(key, &failure);
                false
            }
            Outcome::NoRoom { why } => {
                self.no_room(&why, now_ms);
                false
            }
        }
    }

    /// Takes the first parked record of a key away; those behind it are called with next.
    pub fn dropped(&mut self, key: KeyId, record: &Record) {
        self.state.counts.given_up += 1;
        self.unpark(key, record);
        self.ask(key, Wanted::Retry);
    }

    /// Nothing is parked under the key after all.
    pub fn forget(&mut self, key: KeyId) {
        self.parked.remove(&key);
        self.wanted.remove(&key);
    }

    fn unpark(&mut self, key: KeyId, record: &Record) {
        let Some(parked) = self.parked.get_mut(&key) else { return };
        parked.amount = parked.amount.less(Amount::of(record));
        parked.attempts = 0;
        if parked.amount.records == 0 {
            self.forget(key);
        }
    }

    /// The others of the lane do not wait: only this key failed.
    fn poisoned_again(&mut self, key: KeyId, failure: &Failure) {
        self.state.counts.calls += 1;
        self.state.counts.errors += 1;
        self.state.last_error = Some(limits::shortened(&failure.error));
        self.wanted.remove(&key);
        let Some(parked) = self.parked.get_mut(&key) else { return };
        parked.wanted = None;
        parked.attempts += 1;
        parked.error = limits::shortened(&failure.error);
    }
}

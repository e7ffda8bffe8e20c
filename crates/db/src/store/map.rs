//! The store's twin in memory: a map from keys to their versions. Deterministic, without threads or disk. For tests
//! it tells right from wrong, for simulation it stands in for the engine.

use super::{Batch, Bytes, Error, Hook, Pressure, Readers, Usage, Value};
use item::Seq;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, RwLock},
};

/// Bytes applied before the pressure asks for a rotation.
const BUFFER_BYTES: usize = 1 << 20;

pub(super) struct Map {
    state: RwLock<State>,
    readers: Arc<Readers>,
    hook: Mutex<Option<Hook>>,
}

/// Ascending by Seq; `None` where the key was removed.
type Versions = Vec<(u64, Option<Value>)>;

#[derive(Default)]
struct State {
    rows: BTreeMap<Bytes, Versions>,
    /// Bytes and newest Seq of what was applied since the last rotation.
    dirty: usize,
    applied: u64,
    persisted: Option<u64>,
    failure: Option<String>,
}

fn visible(versions: &Versions, at: Seq) -> Option<&Value> {
    let newer = versions.partition_point(|(seq, _)| *seq <= at.0);
    versions[..newer].last()?.1.as_ref()
}

impl Map {
    pub(super) fn new(readers: Arc<Readers>) -> Self {
        Map { state: RwLock::default(), readers, hook: Mutex::default() }
    }

    pub(super) fn crash(&self, readers: Arc<Readers>) -> Self {
        let state = self.read();
        let mut rows = BTreeMap::new();
        let persisted = state.persisted.unwrap_or_default();
        for (key, versions) in &state.rows {
            let mut kept = versions.clone();
            kept.retain(|(seq, _)| *seq <= persisted);
            if !kept.is_empty() {
                rows.insert(key.clone(), kept);
            }
        }
        readers.start_at(persisted);
        let state = State { rows, applied: persisted, persisted: state.persisted, ..State::default() };
        Map { state: RwLock::new(state), readers, hook: Mutex::default() }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().expect("nothing panics while holding the map")
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().expect("nothing panics while holding the map")
    }

    pub(super) fn apply(&self, batch: &mut Batch) {
        let mut state = self.write();
        for put in batch.0.drain(..) {
            state.dirty += put.key.len() + put.value.as_ref().map_or(0, |value| value.len());
            state.applied = state.applied.max(put.seq.0);
            let versions = state.rows.entry(put.key).or_default();
            let index = versions.partition_point(|(seq, _)| *seq < put.seq.0);
            if versions.get(index).is_some_and(|(seq, _)| *seq == put.seq.0) {
                versions[index].1 = put.value;
            } else {
                versions.insert(index, (put.seq.0, put.value));
            }
        }
    }

    pub(super) fn get(&self, key: &[u8], at: Seq) -> Option<Value> {
        visible(self.read().rows.get(key)?, at).cloned()
    }

    pub(super) fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>), at: Seq, reverse: bool) -> Cursor {
        Cursor { start: bounds.0.map(Bytes::from), end: bounds.1.map(Bytes::from), at, reverse }
    }

    pub(super) fn write_pressure(&self) -> Pressure {
        if self.read().dirty > BUFFER_BYTES { Pressure::Rotate } else { Pressure::Fine }
    }

    pub(super) fn rotate(&self) {
        let mut state = self.write();
        let newest = state.applied.max(self.readers.head());
        let marked = state.persisted.map_or(1, |persisted| persisted + 1);
        if state.dirty == 0 && newest < marked || state.failure.is_some() {
            return;
        }
        if let Some(hook) = &*self.hook.lock().expect("the hook does not panic")
            && let Err(error) = hook()
        {
            state.failure = Some(error.to_string());
            return;
        }
        state.dirty = 0;
        state.persisted = Some(newest);
        let needed = self.readers.thin_out(newest);
        self.readers.publish(&needed);
        state.rows.retain(|_, versions| {
            let newer: Vec<u64> = versions.iter().skip(1).map(|(seq, _)| *seq).collect();
            let mut newer = newer.into_iter();
            versions.retain(|(seq, _)| newer.next().is_none_or(|newer| !needed.shadowed(*seq, newer)));
            !matches!(&versions[..], [(seq, None)] if *seq <= needed.limit())
        });
    }

    pub(super) fn persisted(&self) -> Option<Seq> {
        self.read().persisted.map(Seq)
    }

    pub(super) fn flush_and_wait(&self) -> Result<(), Error> {
        self.rotate();
        self.failure().map_or(Ok(()), |failure| Err(Error::Stopped(failure)))
    }

    pub(super) fn before_flush(&self, hook: Hook) {
        *self.hook.lock().expect("the hook does not panic") = Some(hook);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.read().failure.clone()
    }

    pub(super) fn drop_range(&self, start: &[u8], end: &[u8]) {
        let mut state = self.write();
        let persisted = state.persisted.unwrap_or_default();
        // Like the engine, it frees tables and leaves the write buffer alone.
        for (_, versions) in state.rows.range_mut::<[u8], _>((Bound::Included(start), Bound::Excluded(end))) {
            versions.retain(|(seq, _)| *seq > persisted);
        }
        state.rows.retain(|_, versions| !versions.is_empty());
    }

    pub(super) fn usage(&self) -> Usage {
        Usage { buffer_bytes: self.read().dirty as u64, ..Usage::default() }
    }
}

/// What is left of a range.
pub(super) struct Cursor {
    start: Bound<Bytes>,
    end: Bound<Bytes>,
    at: Seq,
    reverse: bool,
}

impl Cursor {
    pub(super) fn next(&mut self, map: &Map) -> Option<(Bytes, Value)> {
        let state = map.read();
        let bounds = (self.start.as_ref().map(|key| &**key), self.end.as_ref().map(|key| &**key));
        if let (Bound::Excluded(start) | Bound::Included(start), Bound::Excluded(end)) = bounds
            && start >= end
        {
            return None;
        }
        let mut rows = state
            .rows
            .range::<[u8], _>(bounds)
            .filter_map(|(key, versions)| Some((key.clone(), visible(versions, self.at)?.clone())));
        let next = if self.reverse { rows.next_back() } else { rows.next() };
        if let Some((key, _)) = &next {
            let passed = Bound::Excluded(key.clone());
            *(if self.reverse { &mut self.end } else { &mut self.start }) = passed;
        }
        next
    }
}

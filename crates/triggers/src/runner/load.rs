//! A trigger's lanes as they were left, read from the follower's state.

use crate::{
    Counts, Mapping,
    commit::{LaneId, StateRows},
    lane::{Amount, Parked, State},
    parked,
    record::KeyId,
};
use db::{Db, Error, FollowerId};
use item::Seq;
use std::collections::BTreeMap;

/// Rows read at once.
const PAGE: usize = 256;
/// How many lanes each shard had when the rows were written.
const LANES: &[u8] = b"lanes";
const LANE: &[u8] = b"lane/";

/// One lane to be started.
pub struct Loaded {
    pub state: State,
    pub parked: BTreeMap<KeyId, Parked>,
}

/// All of them.
pub struct Lanes {
    pub lanes: BTreeMap<LaneId, Loaded>,
    /// What is to be committed before they start.
    pub rows: StateRows,
    /// What is parked in all of them together.
    pub parked: Amount,
}

/// The row of a lane.
pub fn lane_row((shard, lane): LaneId) -> Vec<u8> {
    format!("lane/{shard:05}/{lane:02}").into_bytes()
}

fn lane_of(row: &[u8]) -> Option<LaneId> {
    let (shard, lane) = std::str::from_utf8(row).ok()?.strip_prefix("lane/")?.split_once('/')?;
    Some((shard.parse().ok()?, lane.parse().ok()?))
}

/// Reads the lanes of a trigger whose source has so many shards.
///
/// # Errors
/// When stored bytes cannot be read.
pub fn lanes(db: &Db, follower: FollowerId, mapping: &Mapping, shards: u16) -> Result<Lanes, Error> {
    let wanted = mapping.settings.lanes();
    let count = |bytes: Vec<u8>| std::str::from_utf8(&bytes).ok()?.parse::<u16>().ok();
    let had = db.follower_state(follower, LANES)?.and_then(count);
    let mut states = complete(stored(db, follower)?, shards, had.unwrap_or(wanted), mapping.from);
    let mut rows: StateRows = vec![(LANES.to_vec(), Some(wanted.to_string().into_bytes()))];
    if had.is_some_and(|had| had != wanted) {
        rows.extend(states.keys().map(|lane| (lane_row(*lane), None)));
        states = divided(states, wanted);
        rows.extend(states.iter().map(|(lane, state)| (lane_row(*lane), Some(state.encode()))));
    }
    let lane = |(id, state)| (id, Loaded { state, parked: BTreeMap::new() });
    let mut lanes = states.into_iter().map(lane).collect();
    let parked = park(db, follower, wanted, &mut lanes)?;
    Ok(Lanes { lanes, rows, parked })
}

/// Where lanes are, as far as they ever committed.
pub fn stored(db: &Db, follower: FollowerId) -> Result<BTreeMap<LaneId, State>, Error> {
    let mut states = BTreeMap::new();
    each(db, follower, LANE, |row, value| {
        if let Some((lane, state)) = lane_of(row).zip(State::decode(value)) {
            states.insert(lane, state);
        }
    })?;
    Ok(states)
}

/// All lanes of all shards: those that never committed are at the beginning.
fn complete(mut states: BTreeMap<LaneId, State>, shards: u16, lanes: u16, from: Seq) -> BTreeMap<LaneId, State> {
    for shard in 0..shards {
        for lane in 0..lanes {
            states.entry((shard, lane)).or_insert_with(|| State::at(from));
        }
    }
    states
}

/// As many lanes as there are to be, from as many as there were. Each starts where the hindmost of its shard was:
/// records are repeated, none is left out.
fn divided(before: BTreeMap<LaneId, State>, wanted: u16) -> BTreeMap<LaneId, State> {
    let mut shards: BTreeMap<u16, Vec<State>> = BTreeMap::new();
    for ((shard, _), state) in before {
        shards.entry(shard).or_default().push(state);
    }
    let mut after = BTreeMap::new();
    for (shard, states) in shards {
        let next = states.iter().map(|state| state.next).min().unwrap_or(Seq::ZERO);
        for lane in 1..wanted {
            after.insert((shard, lane), State::at(next));
        }
        // What they counted, and the window of the one that had one, are carried on by the first.
        let mut first = State::at(next);
        for state in states {
            first.counts += Counts { parked_now: 0, ..state.counts };
            first.window = first.window.or(state.window);
            first.last_error = first.last_error.or(state.last_error);
            first.gave_up = first.gave_up.or(state.gave_up);
        }
        after.insert((shard, 0), first);
    }
    after
}

/// Gives every lane the parked keys that are its own.
fn park(db: &Db, follower: FollowerId, wanted: u16, lanes: &mut BTreeMap<LaneId, Loaded>) -> Result<Amount, Error> {
    let mut all = Amount::default();
    each(db, follower, parked::KEYS.as_bytes(), |row, value| {
        let key = std::str::from_utf8(&row[parked::KEYS.len()..]).ok().and_then(parked::key_of);
        let Some((key, (shard, parked))) = key.zip(parked::decode_key(value)) else { return };
        all = all.and(parked.amount);
        if let Some(lane) = lanes.get_mut(&(shard, key.lane(wanted))) {
            lane.parked.insert(key, parked);
        }
    })?;
    Ok(all)
}

/// Calls `visit` with every row of a prefix.
fn each(db: &Db, follower: FollowerId, prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), Error> {
    let mut start = prefix.to_vec();
    loop {
        let page = db.follower_states(follower, &start, PAGE)?;
        for (row, value) in &page {
            if !row.starts_with(prefix) {
                return Ok(());
            }
            visit(row, value);
        }
        match page.last() {
            Some((last, _)) => start = [last.as_slice(), &[0]].concat(),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_lanes_starts_where_the_hindmost_of_the_shard_was() {
        let counted = |next: u64, delivered| {
            let mut state = State::at(Seq(next));
            state.counts.delivered = delivered;
            (state.attempts, state.ranges) = (3, vec![Seq(next + 5)]);
            state
        };
        // Of the second shard, the second lane never committed.
        let before = BTreeMap::from([((0, 0), counted(9, 2)), ((0, 1), counted(7, 3)), ((1, 0), counted(8, 1))]);
        let after = divided(complete(before, 2, 2, Seq(4)), 3);
        let nexts: Vec<_> = after.iter().map(|(lane, state)| (*lane, state.next.0, state.counts.delivered)).collect();
        let expected = [((0, 0), 7, 5), ((0, 1), 7, 0), ((0, 2), 7, 0), ((1, 0), 4, 1), ((1, 1), 4, 0), ((1, 2), 4, 0)];
        assert_eq!(nexts, expected);
        assert!(after.values().all(|state| state.ranges.is_empty() && state.attempts == 0));
        assert_eq!(lane_of(&lane_row((65_535, 9))), Some((65_535, 9)));
    }
}

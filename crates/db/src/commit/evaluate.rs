//! What a write does to an item: the old image, the condition, the new image, the entry.

use super::{Core, FollowerId};
use crate::{
    Error, FollowerCommit, Op, RetryToken, Row, Table, TableSpec, Write, Written,
    index::{self, EntryChange, Image},
    log::{
        entry::{self, ChangeEntry, Reader},
        read::Next,
    },
    rows,
    store::Bytes,
    stream::StreamRead,
};
use item::{Item, Key, KeyValue, Origin, Seq, TableId, codec, partition_hash, size};
use std::sync::Arc;

/// A row of a follower's state after its commit: key and value, `None` removes.
type StateAfter = (Vec<u8>, Option<Vec<u8>>);

/// What became of a client's call.
pub(super) enum Called {
    /// Its outcome, in this group or from the first attempt.
    Now(Result<Vec<Written>, Error>),
    /// It repeats a call of this very group.
    Later,
}

/// A stored image, from the group or from the state.
enum Stored {
    Group(Vec<u8>),
    State(Bytes),
}

impl AsRef<[u8]> for Stored {
    fn as_ref(&self) -> &[u8] {
        match self {
            Stored::Group(bytes) => bytes,
            Stored::State(bytes) => bytes,
        }
    }
}

impl Core {
    /// Carries out the writes of one client call, once, however often the client's SDK repeats it.
    pub(super) fn call(&mut self, writes: &[Write], retry: Option<RetryToken>) -> Called {
        let Some(token) = retry else { return Called::Now(self.writes(writes, None)) };
        if self.group.calls.contains(&token.id) {
            return Called::Later;
        }
        if token.repeat || self.repeats.may_hold(self.group.time_ms, &token.id) {
            match self.first_attempt(writes, token) {
                Ok(Some(written)) => return Called::Now(Ok(written)),
                Ok(None) => {}
                Err(error) => return Called::Now(Err(error)),
            }
        }
        let first = self.next_seq();
        let written = self.writes(writes, Some(token));
        let end = self.next_seq();
        if written.is_ok() && end > first {
            self.remember(token, first, Seq(end.0 - 1));
        }
        Called::Now(written)
    }

    /// Keeps where the entries of a call are, for its repeats.
    pub(super) fn remember(&mut self, token: RetryToken, first: Seq, last: Seq) {
        self.group.calls.push(token.id);
        if token.repeat {
            self.repeats.add(self.group.time_ms, token.id);
        }
        let row = rows::call(self.group.time_ms, &token.id);
        self.group.batch.put(row, call_row(token.request, first, last), last);
    }

    /// All writes, or none where one is refused. Their keys are distinct, so each is evaluated before any is entered.
    fn writes(&mut self, writes: &[Write], token: Option<RetryToken>) -> Result<Vec<Written>, Error> {
        let evaluated = writes.iter().map(|write| self.evaluate(write)).collect::<Result<Vec<_>, _>>()?;
        self.group.writes += writes.len() as u64;
        Ok(evaluated.into_iter().map(|change| self.enter_change(change, token)).collect())
    }

    /// What a write would do.
    pub(super) fn evaluate(&self, write: &Write) -> Result<NewChange, Error> {
        let table = self.table(write.table)?;
        let writes = !matches!(write.op, Op::Check);
        if write.origin != Origin::View && writes {
            check_keeper(&table.spec)?;
        }
        let row = rows::item(table.id, &write.key);
        let stored = self.stored(&row)?;
        let old = decode(stored.as_ref())?;
        if let Some(condition) = &write.condition
            && !condition.matches(old.as_ref())
        {
            return Err(Error::ConditionFailed { item: old.map(Box::new) });
        }
        let new = outcome(&table, &write.key, &write.op, old.as_ref())?;
        check_new(&table, old.as_ref(), new.as_ref())?;
        Ok(NewChange { table, key: write.key.clone(), row, origin: write.origin, stored, old, new })
    }

    /// Enters a change into the group, unless nothing changes.
    pub(super) fn enter_change(&mut self, change: NewChange, token: Option<RetryToken>) -> Written {
        let NewChange { table, key, row, origin, stored, old, new } = change;
        let image = new.as_ref().map(|item| {
            let mut image = Vec::with_capacity(256);
            codec::encode(item, &mut image);
            image
        });
        let before = stored.as_ref().map(AsRef::as_ref);
        if before == image.as_deref() {
            return Written { seq: None, old, new };
        }
        let seq = self.next_seq();
        let shard = shard_of(&key.partition, table.spec.shards);
        let call = token.map(entry::call_of);
        let entry = ChangeEntry { table: table.id, shard, origin, call, old: before, new: image.as_deref() };
        entry::push_change(&entry, self.writer.builder.entry());
        let totals = self.totals_mut(table.id);
        totals.items = totals.items + u64::from(new.is_some()) - u64::from(old.is_some());
        totals.bytes = totals.bytes + bytes_of(new.as_ref()) - bytes_of(old.as_ref());
        totals.fingerprint = totals.fingerprint.replace(before, image.as_deref());
        totals.changed = seq;
        let entries =
            index::derive(&table, &key, Image::of(old.as_ref(), before), Image::of(new.as_ref(), image.as_deref()));
        for entry in entries {
            self.enter_index(entry, seq);
        }
        match &image {
            Some(image) => self.group.batch.put(row.clone(), image.clone(), seq),
            None => self.group.batch.remove(row.clone(), seq),
        }
        self.group.overlay.insert(row, image);
        Written { seq: Some(seq), old, new }
    }

    /// Enters what a change makes of an index's entry. Nothing reads entries while the group is built.
    pub(super) fn enter_index(&mut self, change: EntryChange, seq: Seq) {
        let EntryChange { index, old, new } = &change;
        let totals = self.totals_mut(*index);
        totals.items = totals.items + u64::from(new.is_some()) - u64::from(old.is_some());
        let bytes = |entry: &Option<index::Entry>| entry.as_ref().map_or(0, |entry| entry.bytes);
        totals.bytes = totals.bytes + bytes(new) - bytes(old);
        let (before, after) = (old.as_ref().map(|entry| &*entry.image), new.as_ref().map(|entry| &*entry.image));
        totals.fingerprint = totals.fingerprint.replace(before, after);
        totals.changed = seq;
        change.apply(&mut self.group.batch, seq);
    }

    /// The stored image as the group sees it.
    fn stored(&self, row: &[u8]) -> Result<Option<Stored>, Error> {
        if let Some(image) = self.group.overlay.get(row) {
            return Ok(image.clone().map(Stored::Group));
        }
        let head = self.shared.head.get();
        let found = self.shared.store.get(row, head).map_err(|error| Error::Read(error.to_string()))?;
        Ok(found.map(Stored::State))
    }

    /// Request hash, first and last position of a call within the last minutes.
    pub(super) fn call_of(&self, id: &[u8; 16]) -> Result<Option<(u64, Seq, Seq)>, Error> {
        let now = self.group.time_ms;
        for time_ms in [now, now.saturating_sub(rows::CALL_BUCKET_MS)] {
            let Some(row) = self.stored(&rows::call(time_ms, id))? else { continue };
            let mut reader = Reader(row.as_ref());
            if let (Some(request), Some(first), Some(last)) = (reader.u64(), reader.u64(), reader.u64()) {
                return Ok(Some((request, Seq(first), Seq(last))));
            }
        }
        Ok(None)
    }

    /// What the first attempt of this call answered, if there was one.
    fn first_attempt(&self, writes: &[Write], token: RetryToken) -> Result<Option<Vec<Written>>, Error> {
        match self.call_of(&token.id)? {
            Some((request, first, last)) if request == token.request => {
                self.first_answers(writes, token, first, last).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn first_answers(
        &self,
        writes: &[Write],
        token: RetryToken,
        first: Seq,
        last: Seq,
    ) -> Result<Vec<Written>, Error> {
        writes.iter().map(|write| self.first_answer(write, token, first, last)).collect()
    }

    /// What a write did when it was first carried out, from the log; a write without an entry changed nothing.
    fn first_answer(&self, write: &Write, token: RetryToken, first: Seq, last: Seq) -> Result<Written, Error> {
        let table = self.table(write.table)?;
        let read = StreamRead { table: table.id, shard: None, from: first, records_max: 0, bytes_max: 0 };
        let mut found = None;
        self.writer.log.read(&read, |seq, time_ms, change| {
            if seq > last {
                return Ok(Next::Enough);
            }
            if change.call == Some(entry::call_of(token)) {
                let change = change.to_change(seq, time_ms).map_err(|error| Error::Read(error.to_string()))?;
                if change.key(&table.spec.key) == write.key {
                    found = Some(Written { seq: Some(seq), old: change.old, new: change.new });
                    return Ok(Next::Enough);
                }
            }
            Ok(Next::More)
        })?;
        if let Some(written) = found {
            return Ok(written);
        }
        let stored = self.stored(&rows::item(table.id, &write.key))?;
        let item = decode(stored.as_ref())?;
        Ok(Written { seq: None, old: item.clone(), new: item })
    }

    /// A follower's rows, state and cursor, all or nothing.
    pub(super) fn follower_commit(&mut self, commit: FollowerCommit) -> Result<(), Error> {
        if !self.catalog.follows(commit.follower) {
            return Err(Error::FollowerNotFound(commit.follower));
        }
        let at = match self.group.cursors.get(&commit.follower) {
            Some(cursor) => Some(*cursor),
            None => self.shared.cursors.read().expect("no holder panics").get(&commit.follower).copied(),
        };
        if at != commit.expected {
            return Err(Error::CursorMoved { at });
        }
        let FollowerCommit { follower, upto, rows, records, state, .. } = commit;
        let rows = rows.into_iter().map(|row| self.follower_row(row)).collect::<Result<Vec<_>, _>>()?;
        self.enter_records(&records, None)?;
        for change in rows {
            self.enter_change(change, None);
        }
        self.follower_state(follower, upto, &state);
        Ok(())
    }

    fn follower_row(&self, after: Row) -> Result<NewChange, Error> {
        let Row { table, key, new, origin } = after;
        let table = self.table(table)?;
        check_size(new.as_ref())?;
        let row = rows::item(table.id, &key);
        let stored = self.stored(&row)?;
        let old = decode(stored.as_ref())?;
        Ok(NewChange { table, key, row, origin, stored, old, new })
    }

    fn follower_state(&mut self, follower: FollowerId, upto: Seq, state: &[StateAfter]) {
        let seq = self.next_seq();
        entry::push_follower(follower, upto, state, self.writer.builder.entry());
        let state = state.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        super::redo::follower_rows(&mut self.group.batch, follower, upto, state, seq);
        self.group.cursors.insert(follower, upto);
    }
}

/// A change on its way into the group.
pub(super) struct NewChange {
    table: Arc<Table>,
    key: Key,
    row: Vec<u8>,
    origin: Origin,
    stored: Option<Stored>,
    old: Option<Item>,
    new: Option<Item>,
}

impl NewChange {
    /// Size of the item that is left, where it changes.
    pub fn bytes(&self) -> u64 {
        if self.old == self.new { 0 } else { bytes_of(self.new.as_ref()) }
    }
}

/// The item after an operation.
fn outcome(table: &Table, key: &Key, op: &Op, old: Option<&Item>) -> Result<Option<Item>, Error> {
    let update = match op {
        Op::Put(item) => return Ok(Some(item.clone())),
        Op::Delete => return Ok(None),
        Op::Check => return Ok(old.cloned()),
        Op::Expire(seconds) => {
            let still = |item: &Item| table.expiry.as_ref().and_then(|expiry| index::expires(item, &expiry.attribute));
            return Ok(old.filter(|old| still(old) != Some(*seconds)).cloned());
        }
        Op::Update(update) => update,
    };
    let identity = table.spec.key.attributes(key);
    let new = update.apply(old.unwrap_or(&identity))?;
    match identity.iter().find(|(name, value)| new.get(name) != Some(*value)) {
        Some((name, _)) => Err(Error::KeyChanged(name.to_owned())),
        None => Ok(Some(new)),
    }
}

/// What holds for every image that a client writes.
fn check_new(table: &Table, old: Option<&Item>, new: Option<&Item>) -> Result<(), Error> {
    check_size(new)?;
    new.map_or(Ok(()), |new| index::check(table, old, new))
}

/// Refuses what is not its keeper's.
pub(super) fn check_keeper(spec: &TableSpec) -> Result<(), Error> {
    match spec.keeper() {
        Some(keeper) => Err(Error::ReadOnly { table: spec.name.clone(), keeper }),
        None => Ok(()),
    }
}

fn check_size(item: Option<&Item>) -> Result<(), Error> {
    if item.is_some_and(|item| size::item(item) > size::ITEM_BYTES_MAX) { Err(Error::ItemTooLarge) } else { Ok(()) }
}

fn bytes_of(item: Option<&Item>) -> u64 {
    item.map_or(0, |item| size::item(item) as u64)
}

fn decode(stored: Option<&Stored>) -> Result<Option<Item>, Error> {
    stored.map(|bytes| codec::decode(bytes.as_ref())).transpose().map_err(|error| Error::Read(error.to_string()))
}

/// Shards divide the range of partition hashes evenly.
pub(crate) fn shard_of(partition: &KeyValue, shards: u16) -> u16 {
    let hash = u64::from(partition_hash(partition));
    u16::try_from((hash * u64::from(shards)) >> 32).expect("less than the count of shards")
}

/// Value of a call's row: request hash, first and last position.
pub(super) fn call_row(request: u64, first: Seq, last: Seq) -> Vec<u8> {
    [request, first.0, last.0].into_iter().flat_map(u64::to_le_bytes).collect()
}

/// A follower is named after its output table.
impl From<TableId> for FollowerId {
    fn from(table: TableId) -> FollowerId {
        FollowerId(table.0)
    }
}

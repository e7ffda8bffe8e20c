//! One definition of a view over one source, from clearing to live: the algorithm of each stage.
//!
//! Backfill: everything up to and including the frontier key is counted as of the cursor. A step takes a snapshot,
//! folds the changes between cursor and snapshot that are behind the frontier (those beyond will be read), reads the
//! next items at the snapshot, and commits both with the new frontier. No gap, no overlap, no long-held snapshot.

use super::{
    Step,
    fold::{Drained, Fold, FoldError, Images, Load},
    key_text,
    state::{self, Definition, META, Meta, Sample, Stage},
    status::{Phase, Skip, ViewStatus},
};
use crate::sql::{Image, Misfit, Plan};
use db::{Db, FollowerCommit, FollowerId, RawChange, Row, Scan, Snapshot, StreamRead, Table};
use item::{Item, Key, KeySchema, Seq, TableId, codec};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

// In tests the bounds are small, so that a handful of items crosses all of them.

/// Most changes and most bytes of their images folded by one step.
const CHANGES_MAX: usize = if cfg!(test) { 7 } else { 8192 };
const BYTES_MAX: usize = 2 << 20;
/// Items asked for at a time and folded by one step of a backfill.
const PAGE_ITEMS: usize = if cfg!(test) { 2 } else { 1000 };
const CHUNK_ITEMS_MAX: usize = if cfg!(test) { 5 } else { 8000 };
/// State entries or rows removed by one step.
const CLEAR_MAX: usize = if cfg!(test) { 3 } else { 1000 };
/// How far a view that has nothing to do falls behind before it commits its cursor alone: the cursors of many idle
/// views are entries themselves, and must not keep one another busy.
const IDLE_POSITIONS_MAX: u64 = if cfg!(test) { 50 } else { 10_000 };

pub(super) enum Failure {
    Db(db::Error),
    /// State and log contradict one another.
    Diverged(String),
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Failure {
        Failure::Db(error)
    }
}

impl From<FoldError> for Failure {
    fn from(error: FoldError) -> Failure {
        match error {
            FoldError::Diverged(why) => Failure::Diverged(why),
            FoldError::Load(error) => Failure::Db(error),
        }
    }
}

pub(super) struct Running {
    id: FollowerId,
    table: Arc<Table>,
    source: Arc<Table>,
    plan: Arc<Plan>,
    meta: Meta,
    /// As committed.
    cursor: Option<Seq>,
    /// Everything up to here was looked at; ahead of the cursor where there was nothing to commit.
    position: Seq,
    fold: Fold,
    folded_last: u64,
    /// What a test makes happen between a backfill's snapshot and its reading of the log.
    #[cfg(test)]
    pub after_snapshot: Option<Box<dyn FnMut() + Send>>,
}

impl Running {
    /// Reads where the view stands. Another definition or source than the state was made by starts with clearing.
    pub fn load(db: &Db, plan: Arc<Plan>, table: Arc<Table>, source: Arc<Table>) -> Result<Running, db::Error> {
        let id = FollowerId(table.id.0);
        let cursor = db.follower_cursor(id);
        let definition = Definition::new(table.view_generation, source.id);
        let stored = db.follower_state(id, META)?.and_then(|bytes| Meta::decode(&bytes));
        let meta = stored
            .filter(|meta| meta.definition == definition)
            .unwrap_or_else(|| Meta::new(definition, Stage::Clearing { from: Vec::new() }));
        let (skips, samples) = match meta.stage {
            Stage::Clearing { .. } => Default::default(),
            _ => (load_skips(db, id)?, load_samples(db, id)?),
        };
        let fold = Fold::new(plan.clone(), skips, samples);
        Ok(Running {
            id,
            table,
            source,
            plan,
            meta,
            cursor,
            position: cursor.unwrap_or_default(),
            fold,
            folded_last: 0,
            #[cfg(test)]
            after_snapshot: None,
        })
    }

    pub fn source(&self) -> TableId {
        self.source.id
    }

    pub fn position(&self) -> Seq {
        self.position
    }

    pub fn folded_last(&self) -> u64 {
        self.folded_last
    }

    pub fn skips_version(&self) -> u64 {
        self.fold.skips_version()
    }

    pub fn show(&self, status: &mut ViewStatus) {
        status.phase = match &self.meta.stage {
            Stage::Clearing { .. } => Phase::Clearing,
            Stage::Backfilling { done, total, .. } => Phase::Backfilling { done: *done, total: *total },
            Stage::Live => Phase::Live,
        };
        status.cursor = self.cursor.unwrap_or_default();
        status.groups = self.meta.groups;
        status.folded_total = self.meta.folded;
        status.commits_total = self.meta.commits;
    }

    pub fn show_skips(&self, status: &mut ViewStatus) {
        let skip = |sample: &Sample| Skip {
            key: sample.key.clone(),
            reason: self.plan.reason(sample.misfit),
            seq: sample.seq,
        };
        let counts = self.fold.skips().iter().filter(|(_, count)| **count > 0);
        status.skipped = counts.map(|(misfit, count)| (self.plan.reason(*misfit), *count)).collect();
        status.samples = self.fold.samples().rev().map(skip).collect();
    }

    pub fn advance(&mut self, db: &Db, head: Seq) -> Result<Step, Failure> {
        self.folded_last = 0;
        let step = match &self.meta.stage {
            Stage::Clearing { from } => {
                let from = from.clone();
                self.clear(db, head, &from)
            }
            Stage::Backfilling { frontier, .. } => {
                let frontier = frontier.clone();
                self.backfill(db, frontier)
            }
            Stage::Live => self.follow(db, head),
        };
        match step {
            // The log does not reach back to the cursor: what is missing can only be counted anew.
            Err(Failure::Db(db::Error::Trimmed(_))) => {
                self.restart();
                Ok(Step::Progress)
            }
            other => other,
        }
    }

    fn restart(&mut self) {
        self.meta = Meta::new(self.meta.definition, Stage::Clearing { from: Vec::new() });
        self.fold = Fold::new(self.plan.clone(), BTreeMap::new(), Vec::new());
    }

    /// Removes one chunk of what an earlier definition left.
    fn clear(&mut self, db: &Db, head: Seq, from: &[u8]) -> Result<Step, Failure> {
        let upto = self.cursor.unwrap_or_default().max(head);
        let mut states = db.follower_states(self.id, from, CLEAR_MAX)?;
        states.retain(|(key, _)| key != META);
        if let Some((last, _)) = states.last() {
            self.meta.stage = Stage::Clearing { from: [last, &[0][..]].concat() };
            let rows = states.iter().filter_map(|(key, _)| self.plan.group_key(state::group_of(key)?));
            let drained = Drained {
                rows: rows.map(|key| (key, None)).collect(),
                state: states.iter().map(|(key, _)| (key.clone(), None)).collect(),
                ..Drained::default()
            };
            self.commit(db, upto, drained)?;
            return Ok(Step::Progress);
        }
        // Every row has a state entry. Should one be there without, it would stay for ever: look.
        let page = db.scan(&self.table, &scan(None, CLEAR_MAX))?;
        if !page.items.is_empty() {
            let key = |item: &Item| self.table.spec.key.key_of(item).expect("a stored item has its key");
            let rows = page.items.iter().map(|item| (key(item), None)).collect();
            self.commit(db, upto, Drained { rows, ..Drained::default() })?;
            return Ok(Step::Progress);
        }
        let total = db.stats(self.source.id).items;
        let stage = Stage::Backfilling { frontier: None, done: 0, total };
        // Nothing is committed: a crash here repeats this look.
        self.meta = Meta::new(self.meta.definition, stage);
        Ok(Step::Progress)
    }

    fn backfill(&mut self, db: &Db, frontier: Option<Vec<u8>>) -> Result<Step, Failure> {
        let snapshot = db.snapshot();
        let at = snapshot.seq();
        #[cfg(test)]
        if let Some(interrupt) = &mut self.after_snapshot {
            interrupt();
        }
        if let Some(frontier) = &frontier
            && !self.catch_up(db, frontier, at)?
        {
            return Ok(Step::Progress);
        }
        self.read_chunk(db, frontier, &snapshot)?;
        drop(snapshot);
        let drained = self.fold.drain()?;
        self.folded_last += drained.folded;
        self.commit(db, at, drained)?;
        Ok(Step::Progress)
    }

    /// Folds the changes up to `at` that are behind the frontier. Where there are more than one commit takes, commits
    /// those and answers false.
    fn catch_up(&mut self, db: &Db, frontier: &[u8], at: Seq) -> Result<bool, Failure> {
        if self.position >= at {
            return Ok(true);
        }
        let upto = self.fold_log(db, at, Some(frontier))?;
        if upto >= at && !self.fold.is_full() {
            return Ok(true);
        }
        let drained = self.fold.drain()?;
        self.folded_last += drained.folded;
        self.commit(db, upto, drained)?;
        Ok(false)
    }

    /// Folds the next items behind the frontier and moves it.
    fn read_chunk(&mut self, db: &Db, frontier: Option<Vec<u8>>, snapshot: &Snapshot) -> Result<(), Failure> {
        let schema = &self.source.spec.key;
        let unreadable = || Failure::Diverged("the frontier of the backfill cannot be read".to_string());
        let mut start = frontier.map(|bytes| schema.decode(&bytes).ok_or_else(unreadable)).transpose()?;
        let load = |key: &[u8]| db.follower_state(self.id, key);
        let (mut items, mut bytes) = (0, 0);
        loop {
            let page = db.scan_at(&self.source, &scan(start, PAGE_ITEMS), snapshot)?;
            for item in &page.items {
                let key = || key_text(schema, &schema.key_of(item).expect("a stored item has its key"));
                self.fold.change(
                    Images { old: None, new: Some(Image::Item(item)), seq: snapshot.seq() },
                    key,
                    &load,
                )?;
            }
            items += page.items.len();
            bytes += page.bytes;
            start = page.last;
            if start.is_none() || items >= CHUNK_ITEMS_MAX || bytes >= BYTES_MAX || self.fold.is_full() {
                break;
            }
        }
        let Stage::Backfilling { done, total, .. } = self.meta.stage else {
            unreachable!("only a backfill reads chunks");
        };
        self.meta.stage = match start {
            None => Stage::Live,
            Some(last) => {
                let mut frontier = Vec::new();
                last.encode(&mut frontier);
                let done = done + items as u64;
                Stage::Backfilling { frontier: Some(frontier), done, total: total.max(done) }
            }
        };
        Ok(())
    }

    fn follow(&mut self, db: &Db, head: Seq) -> Result<Step, Failure> {
        let upto = self.fold_log(db, Seq(u64::MAX), None)?;
        if self.fold.is_clean() {
            self.position = self.position.max(upto);
            let behind = self.position.0 - self.cursor.unwrap_or_default().0;
            if behind >= IDLE_POSITIONS_MAX || self.cursor.unwrap_or_default() < db.trimmed() {
                self.flush(db)?;
            }
            // Whatever was read may not have been everything.
            return Ok(if self.position >= head { Step::Idle { seen: self.position } } else { Step::Progress });
        }
        let drained = self.fold.drain()?;
        self.folded_last = drained.folded;
        self.commit(db, upto, drained)?;
        Ok(Step::Progress)
    }

    /// Folds the changes behind the position, `until` at most, of keys up to the frontier if there is one, until the
    /// commit is full. Answers how far it came.
    fn fold_log(&mut self, db: &Db, until: Seq, frontier: Option<&[u8]>) -> Result<Seq, Failure> {
        let read = StreamRead {
            table: self.source.id,
            shard: None,
            from: self.position.next(),
            records_max: CHANGES_MAX,
            bytes_max: BYTES_MAX,
        };
        let load = |key: &[u8]| db.follower_state(self.id, key);
        let (schema, fold) = (&self.source.spec.key, &mut self.fold);
        let mut outcome = Ok(());
        let next = db.visit_changes(&read, |change| {
            outcome = fold_change(fold, schema, change, until, frontier, &load);
            if outcome.is_err() || change.seq >= until || fold.is_full() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        outcome?;
        Ok(Seq(next.0 - 1).min(until))
    }

    /// Commits the position alone, if the cursor is behind it.
    pub fn flush(&mut self, db: &Db) -> Result<(), Failure> {
        if self.meta.stage == Stage::Live && self.cursor.is_some_and(|cursor| cursor < self.position) {
            let drained = self.fold.drain()?;
            self.commit(db, self.position, drained)?;
        }
        Ok(())
    }

    fn commit(&mut self, db: &Db, upto: Seq, drained: Drained) -> Result<(), Failure> {
        let Drained { rows, mut state, groups_added, groups_removed, folded } = drained;
        self.meta.upto = upto;
        self.meta.groups = (self.meta.groups + groups_added).saturating_sub(groups_removed);
        self.meta.folded += folded;
        self.meta.commits += 1;
        state.push((META.to_vec(), Some(self.meta.encode())));
        let table = self.table.id;
        let rows = rows.into_iter().map(|(key, new)| Row::folded(table, key, new)).collect();
        db.follower_commit(FollowerCommit {
            follower: self.id,
            expected: self.cursor,
            upto,
            rows,
            records: Vec::new(),
            state,
        })
        .wait()?;
        self.cursor = Some(upto);
        self.position = upto;
        self.fold.committed();
        Ok(())
    }
}

fn fold_change(
    fold: &mut Fold,
    schema: &KeySchema,
    change: RawChange<'_>,
    until: Seq,
    frontier: Option<&[u8]>,
    load: &Load<'_>,
) -> Result<(), Failure> {
    if change.seq > until {
        return Ok(());
    }
    let key = || {
        let image = change.new.or(change.old).expect("a change has an image");
        let item = codec::decode(image).map_err(|error| db::Error::Read(error.to_string()))?;
        Ok::<Key, db::Error>(schema.key_of(&item).expect("a committed image carries its key"))
    };
    if let Some(frontier) = frontier {
        let mut encoded = Vec::new();
        key()?.encode(&mut encoded);
        // Those beyond will be read.
        if encoded.as_slice() > frontier {
            return Ok(());
        }
    }
    let images = Images { old: change.old.map(Image::Stored), new: change.new.map(Image::Stored), seq: change.seq };
    let text = || key().map_or_else(|error| error.to_string(), |key| key_text(schema, &key));
    Ok(fold.change(images, text, load)?)
}

pub(super) fn scan(start: Option<Key>, limit: usize) -> Scan {
    Scan { segment: (0, 1), start, limit: Some(limit), filter: None }
}

pub(super) fn load_skips(db: &Db, id: FollowerId) -> Result<BTreeMap<Misfit, u64>, db::Error> {
    let mut skips = BTreeMap::new();
    let mut start = state::skips_start().to_vec();
    loop {
        let page = db.follower_states(id, &start, CLEAR_MAX)?;
        let before = skips.len();
        for (key, value) in &page {
            if let Some((misfit, count)) = state::skip_of(key).zip(state::decode_count(value)) {
                skips.insert(misfit, count);
            }
        }
        match page.last() {
            Some((last, _)) if skips.len() > before => start = [last, &[0][..]].concat(),
            _ => return Ok(skips),
        }
    }
}

fn load_samples(db: &Db, id: FollowerId) -> Result<Vec<Sample>, db::Error> {
    let stored = db.follower_state(id, state::SAMPLES)?;
    // Samples are for reading only: unreadable ones are no reason to stop.
    Ok(stored.and_then(|bytes| Sample::decode_all(&bytes)).unwrap_or_default())
}

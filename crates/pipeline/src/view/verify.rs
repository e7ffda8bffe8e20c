//! Is a view true? Its query evaluated from scratch over the source as it was at the view's cursor, against its rows.

use super::{
    stages::{load_skips, scan},
    state::{Definition, META, Meta, Stage},
};
use crate::sql::{Misfit, Plan, Tally};
use db::{Db, FollowerId, Snapshot, StreamRead, Table};
use item::{Item, Key, Seq};
use std::collections::{BTreeMap, HashMap};

/// Most differences listed.
const DIFFERENCES_MAX: usize = 100;
/// Most changes between cursor and head that are undone in memory.
const LAG_MAX: usize = 200_000;
/// Tries to read rows and cursor of the same moment while the view is at work.
const TRIES: usize = 1000;
const PAGE_ITEMS: usize = 1000;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The view's cursor: rows and query are compared as of here.
    pub at: Seq,
    /// Items of the source.
    pub items: u64,
    /// Rows of the view.
    pub rows: u64,
    /// In words, at most 100; empty: the view is true.
    pub differences: Vec<String>,
}

impl Verification {
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Why a view cannot be verified now.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("table {0} is not a view")]
    NotAView(String),
    #[error("the view cannot be verified: {0}")]
    NotRunning(String),
    /// Clearing or backfilling.
    #[error("the view is still being filled")]
    Filling,
    #[error("the view is more than {LAG_MAX} changes behind")]
    Behind,
    #[error("the view moves too fast to be caught")]
    Moving,
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// Evaluates the view's query from scratch and compares rows and counts of left-out items. The view may be at work
/// meanwhile. Holds the groups of the query in memory.
///
/// # Errors
/// When the view is not live, or too far behind.
pub fn verify(db: &Db, output: &Table) -> Result<Verification, VerifyError> {
    let not_a_view = || VerifyError::NotAView(output.spec.name.clone());
    let output = db.table_by_id(output.id).ok_or_else(not_a_view)?;
    let spec = output.spec.view.as_ref().ok_or_else(not_a_view)?;
    let plan = Plan::parse(&spec.sql, &output.spec.key)
        .map_err(|found| VerifyError::NotRunning(found.first().map(ToString::to_string).unwrap_or_default()))?;
    let named = spec.sources.iter().find(|(name, _)| name == plan.source());
    let name = named.map_or(plan.source(), |(_, table)| table.as_str());
    let missing = || VerifyError::NotRunning(format!("source table {name} does not exist"));
    let source = db.table(name).ok_or_else(missing)?;
    let moment = Moment::catch(db, &output)?;
    if moment.meta.definition != Definition::new(output.view_generation, source.id) {
        return Err(VerifyError::Filling);
    }
    let changed = changed_since(db, &source, moment.meta.upto, moment.snapshot.seq())?;
    compare(db, &plan, &source, &output, &moment, changed)
}

/// Rows, cursor and counters of one position.
struct Moment {
    snapshot: Snapshot,
    meta: Meta,
    skipped: BTreeMap<Misfit, u64>,
}

impl Moment {
    /// The view's state is read at the head: when it is the same before and after the snapshot was taken, it is the
    /// snapshot's.
    fn catch(db: &Db, output: &Table) -> Result<Moment, VerifyError> {
        let id = FollowerId(output.id.0);
        for _ in 0..TRIES {
            let before = db.follower_state(id, META)?;
            let snapshot = db.snapshot();
            let skipped = load_skips(db, id)?;
            if db.follower_state(id, META)? != before {
                continue;
            }
            let meta = before.and_then(|bytes| Meta::decode(&bytes)).ok_or(VerifyError::Filling)?;
            if meta.stage != Stage::Live {
                return Err(VerifyError::Filling);
            }
            return Ok(Moment { snapshot, meta, skipped });
        }
        Err(VerifyError::Moving)
    }
}

/// Items changed after `from` and up to `to`, by key, as they were at `from`.
type Before = HashMap<Key, Option<Item>>;

fn changed_since(db: &Db, source: &Table, from: Seq, to: Seq) -> Result<Before, VerifyError> {
    let mut before = Before::new();
    let mut read =
        StreamRead { table: source.id, shard: None, from: from.next(), records_max: PAGE_ITEMS, bytes_max: 1 << 20 };
    while read.from <= to {
        let page = db.changes(&read)?;
        for change in page.changes.into_iter().filter(|change| change.seq <= to) {
            let key = change.key(&source.spec.key);
            before.entry(key).or_insert(change.old);
        }
        if before.len() > LAG_MAX {
            return Err(VerifyError::Behind);
        }
        read.from = page.next;
    }
    Ok(before)
}

fn compare(
    db: &Db,
    plan: &Plan,
    source: &Table,
    output: &Table,
    moment: &Moment,
    mut changed: Before,
) -> Result<Verification, VerifyError> {
    let mut reference = Tally::default();
    let mut items = 0;
    each(db, source, &moment.snapshot, |item| {
        let key = source.spec.key.key_of(&item).expect("a stored item has its key");
        let item = changed.remove(&key).unwrap_or(Some(item));
        items += u64::from(item.is_some());
        item.iter().for_each(|item| reference.add(plan, item));
    })?;
    for item in changed.into_values().flatten() {
        items += 1;
        reference.add(plan, &item);
    }
    let mut reference = reference.finish(plan);
    let mut rows = 0;
    let mut differences = Differences::default();
    each(db, output, &moment.snapshot, |row| {
        rows += 1;
        let key = output.spec.key.key_of(&row).expect("a stored item has its key");
        let mut encoded = Vec::new();
        key.encode(&mut encoded);
        match reference.rows.remove(&encoded) {
            Some((_, expected)) if expected == row => {}
            Some((_, expected)) => differences.add(format!("row {row:?} should be {expected:?}")),
            None => differences.add(format!("row {row:?} should not be there")),
        }
    })?;
    for (_, expected) in reference.rows.values() {
        differences.add(format!("row {expected:?} is missing"));
    }
    if rows != moment.meta.groups {
        differences.add(format!("the view counts {} rows and has {rows}", moment.meta.groups));
    }
    let skipped: BTreeMap<String, u64> =
        moment.skipped.iter().map(|(misfit, count)| (plan.reason(*misfit), *count)).collect();
    if skipped != reference.skipped {
        differences.add(format!("left out are {skipped:?}, should be {:?}", reference.skipped));
    }
    Ok(Verification { at: moment.meta.upto, items, rows, differences: differences.0 })
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn add(&mut self, difference: String) {
        if self.0.len() < DIFFERENCES_MAX {
            self.0.push(difference);
        }
    }
}

fn each(db: &Db, table: &Table, at: &Snapshot, mut visit: impl FnMut(Item)) -> Result<(), db::Error> {
    let mut start = None;
    loop {
        let page = db.scan_at(table, &scan(start, PAGE_ITEMS), at)?;
        page.items.into_iter().for_each(&mut visit);
        match page.last {
            Some(last) => start = Some(last),
            None => return Ok(()),
        }
    }
}

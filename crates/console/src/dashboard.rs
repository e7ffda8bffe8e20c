//! A dashboard's frames: what a few tables hold and how they change, followed along the log.
//!
//! A table is read once, at a position; from there on its changes are enough, because the log has both images.
//! The same source serves the page of a single table, which is a dashboard of its changes.

use crate::{
    Dashboard, Inner, Phase,
    feed::{Built, Vitals},
    index,
    overview::key,
    rate::{RateWindow, WINDOW_MS},
    recent::{Rows, Tail},
    sums::Sums,
};
use db::{Db, Error, Scan, StreamRead, Table};
use item::{Change, Item, Seq};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Items of one table that charts sum up; where there are more, those with the first keys.
const ITEMS_MAX: usize = 100_000;
/// One read of the log.
const PAGE_CHANGES_MAX: usize = 2_000;
const PAGE_BYTES_MAX: usize = 4 << 20;
/// Pages read for one frame and table; the rest follows with the next frame, at once.
const FRAME_PAGES_MAX: usize = 25;
/// Changes read to fill the history of a rate when somebody starts to watch.
const HISTORY_CHANGES_MAX: usize = 150_000;
/// The history is read backwards in slices of this length.
const HISTORY_SLICE_MS: u64 = 15_000;

/// What one producer knows between frames.
pub struct DashboardSource {
    spec: Dashboard,
    rows: Rows,
    followed: Vec<Followed>,
    /// Frames made since the tables were read.
    frames: u64,
}

/// One table of the dashboard and everything the dashboard shows of it.
struct Followed {
    name: String,
    /// `None` while there is no such table.
    table: Option<Arc<Table>>,
    /// First position not seen yet.
    next: Seq,
    tail: Option<Tail>,
    rate: Option<RateWindow>,
    /// With the chart's place in the dashboard.
    sums: Vec<(usize, Sums)>,
    /// Encoded key of the last item that is summed up, where there are more than [`ITEMS_MAX`].
    cut: Option<Vec<u8>>,
}

impl DashboardSource {
    pub fn new(spec: Dashboard, rows: Rows) -> DashboardSource {
        DashboardSource { spec, rows, followed: Vec::new(), frames: 0 }
    }

    /// The next frame; reads the log up to its head or its bound.
    pub fn build(&mut self, inner: &Inner) -> Built {
        // The head first: what comes while this reads makes another frame.
        let seq = inner.db.head();
        let now_ms = inner.db.now_ms();
        let vitals = Vitals::of(inner);
        match self.advance(&inner.db, now_ms) {
            Ok(more) => {
                self.frames += 1;
                let settling = self.followed.iter().flat_map(|table| &table.rate).any(|rate| rate.settling(now_ms));
                let again = match (more, settling) {
                    (true, _) => Some(Duration::ZERO),
                    (false, true) => Some(Duration::from_millis(1_000 - now_ms % 1_000)),
                    (false, false) => None,
                };
                Built { body: self.frame(inner, now_ms), now_ms, of_log: Some((seq, vitals)), again }
            }
            Err(error) => {
                self.followed.clear();
                let body = json!({ "error": error.to_string() });
                Built { body, now_ms, of_log: Some((seq, vitals)), again: Some(Duration::from_secs(1)) }
            }
        }
    }

    /// True when there is more to read at once.
    fn advance(&mut self, db: &Db, now_ms: u64) -> Result<bool, Error> {
        if self.followed.is_empty() || self.followed.iter().any(|followed| followed.replaced(db)) {
            return self.begin(db, now_ms);
        }
        if self.frames == 1 {
            self.followed.iter_mut().try_for_each(|followed| followed.load_history(db, now_ms))?;
        }
        let mut more = false;
        for followed in &mut self.followed {
            match followed.catch_up(db) {
                Ok(left) => more |= left,
                // The watcher slept longer than the log is kept: read the tables again.
                Err(Error::Trimmed(_)) => return self.begin(db, now_ms),
                Err(error) => return Err(error),
            }
        }
        Ok(more)
    }

    /// Reads the tables as they are now.
    fn begin(&mut self, db: &Db, now_ms: u64) -> Result<bool, Error> {
        self.frames = 0;
        self.followed = Followed::of(&self.spec);
        for followed in &mut self.followed {
            followed.begin(db, &self.spec, self.rows, now_ms)?;
        }
        // History may take a moment to read; the first frame does not wait for it.
        Ok(self.followed.iter().any(|followed| followed.rate.is_some()))
    }

    fn find(&self, table: &str) -> Option<&Followed> {
        self.followed.iter().find(|followed| followed.name == table)
    }

    fn frame(&self, inner: &Inner, now_ms: u64) -> Value {
        let charts: Vec<Value> = self
            .spec
            .charts
            .iter()
            .enumerate()
            .map(|(index, chart)| {
                let followed = self.find(&chart.table);
                let sums = followed.and_then(|followed| followed.sums.iter().find(|(at, _)| *at == index));
                let mut frame = sums.map_or_else(|| json!({}), |(_, sums)| sums.frame());
                frame["title"] = chart.title.as_str().into();
                frame["table"] = chart.table.as_str().into();
                frame["group"] = chart.group.as_str().into();
                frame["cut"] = followed.and_then(|followed| followed.cut.as_ref()).map(|_| ITEMS_MAX).into();
                frame
            })
            .collect();
        let recent = self.spec.recent.as_ref().and_then(|recent| {
            let tail = self.find(&recent.table)?.tail.as_ref();
            Some(json!({
                "table": recent.table,
                "columns": tail.map_or(&recent.columns, |tail| &tail.columns),
                "limit": recent.limit,
                "rows": tail.map(Tail::frame),
            }))
        });
        let rate = self.spec.rate.as_ref().and_then(|rate| {
            let mut frame = self.find(&rate.table)?.rate.as_ref()?.frame(now_ms);
            frame["table"] = rate.table.as_str().into();
            Some(frame)
        });
        json!({
            "name": self.spec.name,
            "title": self.spec.title,
            "seq": self.changed(&inner.db).0.to_string(),
            "recent": recent,
            "charts": charts,
            "rate": rate,
            "tables": self.followed.iter().map(|followed| followed.facts(&inner.db, self.rows)).collect::<Vec<Value>>(),
            "views": self.views(inner),
            "poisoned": inner.db.status().poisoned,
        })
    }

    /// The last change of any table that is followed; the log's head would move with every other table.
    fn changed(&self, db: &Db) -> Seq {
        let tables = self.followed.iter().filter_map(|followed| followed.table.as_ref());
        tables.map(|table| db.stats(table.id).changed).max().unwrap_or(Seq::ZERO)
    }

    fn views(&self, inner: &Inner) -> Vec<Value> {
        let views = (inner.config.views)();
        let shown = views.iter().filter(|view| self.find(&view.table).is_some());
        shown
            .map(|view| {
                let skipped: u64 = view.skipped.iter().map(|skipped| skipped.count).sum();
                // Whole seconds: a view that looks at a change of some other table makes no frame.
                let lag_ms = view.lag_ms / 1000 * 1000;
                json!({ "table": view.table, "phase": phase(&view.phase), "lag_ms": lag_ms, "skipped": skipped })
            })
            .collect()
    }
}

/// `{name: "live"}`, `{name: "backfill", done, total}` or `{name: "stopped", why}`.
pub fn phase(phase: &Phase) -> Value {
    match phase {
        Phase::Live => json!({ "name": "live" }),
        Phase::Backfill { done, total } => json!({ "name": "backfill", "done": done, "total": total }),
        Phase::Stopped(why) => json!({ "name": "stopped", "why": why }),
    }
}

impl Followed {
    /// The tables that a dashboard names, each once.
    fn of(spec: &Dashboard) -> Vec<Followed> {
        let mut names: Vec<&str> = Vec::new();
        let recent = spec.recent.iter().map(|recent| &recent.table);
        let rate = spec.rate.iter().map(|rate| &rate.table);
        for name in recent.chain(rate).chain(spec.charts.iter().map(|chart| &chart.table)) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.into_iter().map(Followed::unread).collect()
    }

    fn unread(name: &str) -> Followed {
        let name = name.to_owned();
        Followed { name, table: None, next: Seq::ZERO, tail: None, rate: None, sums: Vec::new(), cut: None }
    }

    /// Whether the table was created, deleted or defined anew since it was read.
    fn replaced(&self, db: &Db) -> bool {
        let identity = |table: &Table| (table.id, table.view_generation);
        db.table(&self.name).as_deref().map(identity) != self.table.as_deref().map(identity)
    }

    /// Reads what the dashboard shows of the table as it is now.
    fn begin(&mut self, db: &Db, spec: &Dashboard, rows: Rows, now_ms: u64) -> Result<(), Error> {
        self.table = db.table(&self.name);
        let Some(table) = self.table.clone() else { return Ok(()) };
        let charts = spec.charts.iter().enumerate().filter(|(_, chart)| chart.table == self.name);
        self.sums = charts.map(|(index, chart)| (index, Sums::new(&chart.group, &chart.value))).collect();
        let at = if self.sums.is_empty() { db.head() } else { self.scan(db, &table, ITEMS_MAX)? };
        self.next = at.next();
        if let Some(recent) = spec.recent.as_ref().filter(|recent| recent.table == self.name) {
            let mut tail = Tail::new(&recent.columns, recent.limit, rows, &table.spec.key);
            tail.absorb(&last_changes(db, &table, at, 2 * recent.limit)?, &table.spec.key);
            self.tail = Some(tail);
        }
        if spec.rate.as_ref().is_some_and(|rate| rate.table == self.name) {
            self.rate = Some(RateWindow::new(now_ms));
        }
        Ok(())
    }

    /// Sums up the table's items, the first `items_max` of them; answers the position read.
    fn scan(&mut self, db: &Db, table: &Table, items_max: usize) -> Result<Seq, Error> {
        let snapshot = db.snapshot();
        let mut left = items_max;
        let mut scan = Scan { segment: (0, 1), start: None, limit: Some(left), filter: None };
        loop {
            let page = db.scan_at(table, &scan, &snapshot)?;
            for item in &page.items {
                self.sums.iter_mut().for_each(|(_, sums)| sums.add(item));
            }
            left = left.saturating_sub(page.scanned);
            let Some(last) = page.last else { break };
            if left == 0 {
                let mut key = Vec::new();
                last.encode(&mut key);
                self.cut = Some(key);
                break;
            }
            scan.start = Some(last);
            scan.limit = Some(left);
        }
        Ok(snapshot.seq())
    }

    /// Follows the changes since the last frame; true when there are more than one frame takes.
    fn catch_up(&mut self, db: &Db) -> Result<bool, Error> {
        let Some(table) = self.table.clone() else { return Ok(false) };
        for _ in 0..FRAME_PAGES_MAX {
            let head = db.head();
            if self.next > head {
                return Ok(false);
            }
            let page = db.changes(&read(&table, self.next))?;
            let moved = page.next > self.next;
            self.next = page.next;
            self.absorb(&page.changes, &table);
            if !moved {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn absorb(&mut self, changes: &[Change], table: &Table) {
        if let Some(tail) = &mut self.tail {
            tail.absorb(changes, &table.spec.key);
        }
        if let Some(rate) = &mut self.rate {
            rate.count(changes.iter().map(|change| change.time_ms));
        }
        if self.sums.is_empty() {
            return;
        }
        for change in changes.iter().filter(|change| summed(self.cut.as_deref(), change, table)) {
            let apply = |image: &Option<Item>, sums: &mut Sums, fold: fn(&mut Sums, &Item)| {
                image.iter().for_each(|item| fold(sums, item));
            };
            for (_, sums) in &mut self.sums {
                apply(&change.old, sums, Sums::remove);
                apply(&change.new, sums, Sums::add);
            }
        }
    }

    /// Counts the changes of the last minutes, newest first, within a bound: what is older stays unknown.
    fn load_history(&mut self, db: &Db, now_ms: u64) -> Result<(), Error> {
        let (Some(rate), Some(table)) = (&mut self.rate, &self.table) else { return Ok(()) };
        let mut left = HISTORY_CHANGES_MAX;
        // Everything from `next` on is counted as it is followed.
        let mut upto = self.next;
        for slice in 1..=WINDOW_MS / HISTORY_SLICE_MS {
            let from_ms = now_ms.saturating_sub(slice * HISTORY_SLICE_MS);
            let mut from = db.seq_at(from_ms)?.max(db.trimmed());
            let mut times = Vec::new();
            while from < upto {
                let page = match db.changes(&read(table, from)) {
                    Ok(page) => page,
                    Err(Error::Trimmed(_)) => return Ok(()),
                    Err(error) => return Err(error),
                };
                let within = page.changes.iter().filter(|change| change.seq < upto);
                times.extend(within.map(|change| change.time_ms));
                if times.len() > left {
                    return Ok(());
                }
                if page.next <= from {
                    break;
                }
                from = page.next;
            }
            left -= times.len();
            upto = upto.min(db.seq_at(from_ms)?);
            rate.count(times);
            rate.known_from(from_ms);
        }
        Ok(())
    }

    fn facts(&self, db: &Db, rows: Rows) -> Value {
        let Some(table) = &self.table else { return json!({ "name": self.name, "missing": true }) };
        let stats = db.stats(table.id);
        let mut facts = json!({
            "name": self.name,
            "key": key(&table.spec.key),
            "items": stats.items,
            "bytes": stats.bytes,
            "fingerprint": stats.fingerprint.to_string(),
        });
        // The page of the table shows them; on a dashboard they would only make frames.
        if let (Rows::Changes, Some(now)) = (rows, db.table_by_id(table.id)) {
            facts["indexes"] = index::rows(db, &now).into();
            facts["expiry"] = index::expiry(db, &now).into();
        }
        facts
    }
}

/// Whether the changed item is among those that are summed up: with keys up to the cut.
fn summed(cut: Option<&[u8]>, change: &Change, table: &Table) -> bool {
    let Some(cut) = cut else { return true };
    let mut key = Vec::new();
    change.key(&table.spec.key).encode(&mut key);
    key.as_slice() <= cut
}

fn read(table: &Table, from: Seq) -> StreamRead {
    StreamRead { table: table.id, shard: None, from, records_max: PAGE_CHANGES_MAX, bytes_max: PAGE_BYTES_MAX }
}

/// The last changes of a table up to `upto`, oldest first: `count` of them where the log still has as many.
///
/// Positions say nothing about how many of them are this table's, so it looks back from the last one, further each
/// time.
fn last_changes(db: &Db, table: &Table, upto: Seq, count: usize) -> Result<Vec<Change>, Error> {
    let newest = db.stats(table.id).changed.min(upto);
    let oldest = db.trimmed().max(table.created);
    let mut width = 256u64;
    loop {
        let from = Seq(newest.0.saturating_sub(width)).max(oldest);
        let found = last_changes_from(db, table, from, upto, count)?;
        if found.len() >= count || from <= oldest {
            return Ok(found);
        }
        width = width.saturating_mul(16);
    }
}

fn last_changes_from(db: &Db, table: &Table, from: Seq, upto: Seq, count: usize) -> Result<Vec<Change>, Error> {
    let mut found: Vec<Change> = Vec::new();
    let mut next = from;
    while next <= upto {
        let page = db.changes(&read(table, next))?;
        found.extend(page.changes.into_iter().filter(|change| change.seq <= upto));
        found.drain(..found.len().saturating_sub(count));
        if page.next <= next {
            break;
        }
        next = page.next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use db::{Env, Op, Options, TableSpec, Write};
    use item::{Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Origin};

    /// Puts an item with `amount`, or deletes it.
    fn put(db: &Db, table: &Table, id: u64, amount: Option<u64>) {
        let key = Key { partition: KeyValue::S(id.to_string()), sort: None };
        let op = amount.map_or(Op::Delete, |amount| {
            let amount = ("amount", item::Value::N(Number::from(amount)));
            let item = [("id", item::Value::S(id.to_string())), ("all", item::Value::Bool(true)), amount];
            Op::Put(item.into_iter().collect())
        });
        let write = Write { table: table.id, key, op, condition: None, origin: Origin::Client };
        drop(db.write(write, None).wait().expect("the write is taken"));
    }

    #[test]
    fn sums_over_the_first_items_of_a_large_table_stay_exact_as_it_changes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = Db::open(Options::new(dir.path()), Env::real()).expect("a new database opens");
        let key = KeySchema { partition: KeyAttribute { name: "id".into(), kind: KeyKind::S }, sort: None };
        let table = db.create_table(TableSpec::new("amounts", key)).wait().expect("the table is new");
        (0..40).for_each(|id| put(&db, &table, id, Some(id + 1)));

        let mut followed = Followed::unread("amounts");
        followed.table = Some(Arc::clone(&table));
        followed.sums = vec![(0, Sums::new("all", "amount"))];
        followed.next = followed.scan(&db, &table, 10).expect("the table is read").next();
        let cut = followed.cut.clone().expect("there are more than ten items");
        for step in 0..200 {
            put(&db, &table, step * 7 % 60, (step % 3 > 0).then_some(step));
        }
        assert!(!followed.catch_up(&db).expect("the log is read"), "nothing is left");

        let mut recount = Sums::new("all", "amount");
        let whole = Scan { segment: (0, 1), start: None, limit: None, filter: None };
        for item in db.scan(&table, &whole).expect("the table is read").items {
            let mut key = Vec::new();
            table.spec.key.key_of(&item).expect("items have keys").encode(&mut key);
            if key <= cut {
                recount.add(&item);
            }
        }
        assert_eq!(followed.sums[0].1.frame(), recount.frame());
    }
}

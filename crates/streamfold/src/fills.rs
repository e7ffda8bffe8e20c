//! How far new indexes are filled, said in the log: when a fill starts, every few seconds, and when it is done. Looks at
//! the tables as anyone does; nobody waits for it.

use db::{Backfill, Db, Table};
use item::TableId;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Between two looks. A fill that is over by then is too short to be worth a line.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two lines about one fill.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Follows the fills of all tables for as long as the server runs.
pub async fn watch(db: Db) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    let mut fills = Fills::default();
    loop {
        ticks.tick().await;
        for line in fills.look(&seen(&db), Instant::now()) {
            tracing::info!("{line}");
        }
    }
}

/// A fill as it is now.
#[derive(Clone, Debug)]
struct Seen {
    id: TableId,
    /// `index by-group of table messages`.
    what: String,
    done: u64,
    total: u64,
    filling: bool,
}

fn seen(db: &Db) -> Vec<Seen> {
    db.tables().iter().flat_map(|table| of_table(db, table)).collect()
}

fn of_table(db: &Db, table: &Arc<Table>) -> Vec<Seen> {
    let total = db.stats(table.id).items;
    let name = &table.spec.name;
    let one = |id: TableId, what: String, backfill: &Option<Backfill>| Seen {
        id,
        what,
        done: backfill.as_ref().map_or(total, |backfill| backfill.items),
        total,
        filling: backfill.is_some(),
    };
    let index =
        |index: &db::Index| one(index.id, format!("index {} of table {name}", index.spec.name), &index.backfill);
    let expiry = |expiry: &db::Expiry| {
        one(expiry.id, format!("expiry by {} of table {name}", expiry.attribute), &expiry.backfill)
    };
    table.indexes.iter().map(index).chain(table.expiry.iter().map(expiry)).collect()
}

/// The fills that have been seen and are not over.
#[derive(Default)]
struct Fills(BTreeMap<u32, Fill>);

struct Fill {
    began: Instant,
    said: Instant,
    /// Items at that time.
    done: u64,
}

impl Fills {
    /// What there is to say after one look.
    fn look(&mut self, seen: &[Seen], now: Instant) -> Vec<String> {
        // One that went with its table or its index is not worth a word: whoever removed it knows.
        self.0.retain(|id, _| seen.iter().any(|fill| fill.id.0 == *id));
        seen.iter().filter_map(|fill| self.line(fill, now)).collect()
    }

    fn line(&mut self, seen: &Seen, now: Instant) -> Option<String> {
        let Seen { id, what, done, total, filling } = seen;
        if !filling {
            let fill = self.0.remove(&id.0)?;
            return Some(format!("filled {what}: {total} items in {:.1} s", (now - fill.began).as_secs_f64()));
        }
        let percent = if *total == 0 { 100 } else { (done * 100 / total).min(100) };
        let Some(fill) = self.0.get_mut(&id.0) else {
            self.0.insert(id.0, Fill { began: now, said: now, done: *done });
            return Some(format!("filling {what}: {total} items, {percent} % done"));
        };
        // One that waits for another one to finish has nothing to say.
        if now - fill.said < SAY_EVERY || *done == fill.done {
            return None;
        }
        (fill.said, fill.done) = (now, *done);
        Some(format!("filling {what}: {done} of {total} items, {percent} %"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_fill_is_said_at_its_start_now_and_then_and_at_its_end() {
        let mut fills = Fills::default();
        let start = Instant::now();
        let mut said = Vec::new();
        let mut look = |ms: u64, done: u64, filling: bool| {
            let fill = Seen { id: TableId(7), what: "index i of table t".into(), done, total: 2000, filling };
            let complete =
                Seen { id: TableId(8), what: "index other of table t".into(), filling: false, ..fill.clone() };
            said.extend(fills.look(&[fill, complete], start + Duration::from_millis(ms)));
        };
        look(0, 0, true);
        look(500, 100, true);
        look(5_000, 500, true);
        look(5_500, 600, true);
        look(10_000, 500, true);
        look(10_500, 1_999, true);
        look(11_000, 2_000, false);
        look(11_500, 2_000, false);
        expect![[r"
            filling index i of table t: 2000 items, 0 % done
            filling index i of table t: 500 of 2000 items, 25 %
            filling index i of table t: 1999 of 2000 items, 99 %
            filled index i of table t: 2000 items in 11.0 s"]]
        .assert_eq(&said.join("\n"));
        assert_eq!(fills.look(&[], start), Vec::<String>::new());
    }
}

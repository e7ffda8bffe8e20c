//! What must hold of every image: it opens, nothing acknowledged is missing, nothing is half there, the stream adds up
//! to the table, fingerprints equal a recount, indexes equal the items, the view's rows are its query at the view's own
//! position; and all of that still holds after one more write and one more crash.

#[path = "derived.rs"]
mod derived;

use super::load::{Writer, possible};
use db::{Db, Env, FollowerId, Op, Options, Scan, StreamRead, Table, Write};
use item::{Item, Origin, Seq, Value};
use std::{collections::BTreeMap, path::Path};

type Votes = BTreeMap<String, Item>;

/// Nothing expires under the eyes of who compares.
const NEVER: u64 = u64::MAX;

/// The options of the recorded program, for opening its images here.
fn options(dir: &Path) -> Options {
    let options = Options::new(dir);
    Options { memory: super::MEMORY, segment_bytes: super::SEGMENT_BYTES, expiry_delay_ms: NEVER, ..options }
}

/// Checks the image in `dir`, made for a power loss at `position` (`None`: the newest writes may be missing, wherever it
/// was); an error says what does not hold.
pub fn check(dir: &Path, writers: &[Writer], position: Option<u64>) -> Result<(), String> {
    let db = Db::open(options(dir), Env::real()).map_err(|error| format!("it does not open: {error}"))?;
    if db.table("votes").is_none() {
        let lost = position
            .map(|position| possible(writers, position))
            .unwrap_or_default()
            .into_iter()
            .find(|(_, vote)| !vote.stamps.contains(&None));
        return lost.map_or(Ok(()), |(id, _)| Err(format!("the table is gone, and {id} with it")));
    }
    let votes = derived::filled(&db, "votes")?;
    consistent(&db, &votes, writers, position)?;
    let head = db.head();
    let extra = text_item(&[("id", "after the crash"), ("region", "SOUTH"), ("improvement", "LIGHT")]);
    write(&db, &votes, extra)?;
    // Dropped without being closed: a crash, this time with the page cache kept.
    drop(db);
    let db = Db::open(options(dir), Env::real()).map_err(|error| format!("it does not open again: {error}"))?;
    if db.head() <= head {
        return Err(format!("the head went from {head} to {} over a write and a restart", db.head()));
    }
    let items = all(&db, &votes)?;
    if !items.contains_key("after the crash") {
        return Err("a write after the crash is gone after a restart".to_owned());
    }
    acknowledged(&items, writers, position)
        .and_then(|()| fingerprints(&db))
        .and_then(|()| derived::derived(&db, &votes, &items))
        .map_err(|error| format!("after one more write and restart: {error}"))
}

fn consistent(db: &Db, votes: &Table, writers: &[Writer], position: Option<u64>) -> Result<(), String> {
    let items = all(db, votes)?;
    acknowledged(&items, writers, position)?;
    whole_batches(&items, writers)?;
    let (streamed, at_view) = fold(db, votes)?;
    if streamed != items {
        return Err(differ("the stream adds up to something else than the table", &streamed, &items));
    }
    fingerprints(db)?;
    derived::derived(db, votes, &items)?;
    view(db, &at_view)
}

fn fingerprints(db: &Db) -> Result<(), String> {
    for table in db.tables() {
        let (kept, counted) = (db.stats(table.id), db.recount(&table).map_err(|error| error.to_string())?);
        let same = (kept.items, kept.bytes, kept.fingerprint) == (counted.items, counted.bytes, counted.fingerprint);
        if !same {
            return Err(format!("table {} says {kept:?}, but a recount is {counted:?}", table.spec.name));
        }
    }
    Ok(())
}

/// Everything in a table, by its first key attribute and, where there is one, its second.
fn all(db: &Db, table: &Table) -> Result<Votes, String> {
    let mut items = Votes::new();
    let mut scan = Scan { segment: (0, 1), start: None, limit: None, filter: None };
    loop {
        let page = db.scan(table, &scan).map_err(|error| format!("{} cannot be scanned: {error}", table.spec.name))?;
        for item in page.items {
            let mut name = text(&item, &table.spec.key.partition.name);
            if let Some(sort) = &table.spec.key.sort {
                name = format!("{name} {}", text(&item, &sort.name));
            }
            items.insert(name, item);
        }
        match page.last {
            None => return Ok(items),
            last => scan.start = last,
        }
    }
}

fn acknowledged(items: &Votes, writers: &[Writer], position: Option<u64>) -> Result<(), String> {
    let Some(position) = position else { return Ok(()) };
    let mut possible = possible(writers, position);
    for (id, vote) in &possible {
        let found = items.get(*id).map(|item| text(item, "stamp"));
        if !vote.stamps.contains(&found) {
            return Err(format!("vote {id} is {found:?}, which should be one of {:?}", vote.stamps));
        }
    }
    possible.entry("after the crash").or_default();
    match items.keys().find(|id| !possible.contains_key(id.as_str())) {
        Some(id) => Err(format!("vote {id} is there before it was sent")),
        None => Ok(()),
    }
}

fn whole_batches(items: &Votes, writers: &[Writer]) -> Result<(), String> {
    for step in writers.iter().flat_map(|writer| &writer.steps).filter(|step| step.ids.len() > 1) {
        let there = step.ids.iter().filter(|id| items.contains_key(*id)).count();
        if there != 0 && there != step.ids.len() {
            return Err(format!("{there} of a batch of {}: {:?}", step.ids.len(), step.ids));
        }
    }
    Ok(())
}

/// Folds the stream from its start; answers the table as it should be, now and at the view's position.
fn fold(db: &Db, votes: &Table) -> Result<(Votes, Votes), String> {
    let view = db.table("total_votes").and_then(|view| db.follower_cursor(FollowerId(view.id.0)));
    let (mut now, mut at_view) = (Votes::new(), None);
    let mut from = votes.created;
    let head = db.head();
    while from <= head {
        let read = StreamRead { table: votes.id, shard: None, from, records_max: 10_000, bytes_max: 64 << 20 };
        let page = db.changes(&read).map_err(|error| format!("the stream cannot be read: {error}"))?;
        for change in page.changes {
            if at_view.is_none() && view.is_some_and(|cursor| change.seq > cursor) {
                at_view = Some(now.clone());
            }
            let id = text(change.new.as_ref().or(change.old.as_ref()).ok_or("a change without images")?, "id");
            if now.get(&id) != change.old.as_ref() {
                return Err(format!("the old image of {id} at {} is not what the stream said before", change.seq));
            }
            match change.new {
                Some(item) => now.insert(id, item),
                None => now.remove(&id),
            };
        }
        from = page.next;
    }
    // A view that has not begun has folded nothing.
    let at_view = at_view
        .unwrap_or_else(|| if view.is_some_and(|cursor| cursor > Seq::ZERO) { now.clone() } else { Votes::new() });
    Ok((now, at_view))
}

fn view(db: &Db, votes: &Votes) -> Result<(), String> {
    let Some(table) = db.table("total_votes") else { return Ok(()) };
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for vote in votes.values() {
        *counted.entry(format!("{} {}", text(vote, "region"), text(vote, "improvement"))).or_default() += 1;
    }
    let number = |item: &Item| match item.get("total_votes") {
        Some(Value::N(number)) => number.to_string().parse().unwrap_or(0),
        _ => 0,
    };
    let rows: BTreeMap<String, u64> =
        all(db, &table)?.iter().map(|(group, row)| (group.clone(), number(row))).collect();
    if rows == counted {
        return Ok(());
    }
    let own = match pipeline::verify(db, &table) {
        Ok(found) => format!("{found:?}"),
        Err(pipeline::VerifyError::Filling) => return Ok(()),
        Err(error) => error.to_string(),
    };
    let (cursor, head) = (db.follower_cursor(FollowerId(table.id.0)), db.head());
    let (sum, right) = (rows.values().sum::<u64>(), counted.values().sum::<u64>());
    let what = format!("total_votes sums to {sum}, but a recount at its position {cursor:?} (head {head}) to {right}");
    Err(format!("{what}: {rows:?}, {counted:?}; it says of itself: {own}"))
}

fn differ(what: &str, left: &Votes, right: &Votes) -> String {
    let ids: Vec<&String> =
        left.keys().chain(right.keys()).filter(|id| left.get(*id) != right.get(*id)).take(5).collect();
    format!("{what}: {} items against {}, for example {ids:?}", left.len(), right.len())
}

fn write(db: &Db, table: &Table, item: Item) -> Result<(), String> {
    let key = table.spec.key.key_of(&item).map_err(|error| error.to_string())?;
    let write = Write { table: table.id, key, op: Op::Put(item), condition: None, origin: Origin::Client };
    db.write(write, None).wait().map(|_| ()).map_err(|error| format!("it takes no writes: {error}"))
}

fn text_item(attributes: &[(&str, &str)]) -> Item {
    let mut item = Item::new();
    for (name, value) in attributes {
        item.insert(*name, Value::S((*value).to_owned()));
    }
    item
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(Value::S(text)) => text.clone(),
        _ => String::new(),
    }
}

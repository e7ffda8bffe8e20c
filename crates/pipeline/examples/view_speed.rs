//! How many changes a second go from the log into a view of 20 groups: `cargo run --release -p pipeline --example
//! view_speed [changes]`. Knows nothing but the public interface.

use db::{Db, Env, Op, Options, TableSpec, ViewSpec, Write};
use item::{Item, KeyAttribute, KeyKind, KeySchema, Origin, Value};
use pipeline::{Step, View};

fn schema(names: &[&str]) -> KeySchema {
    let attribute = |name: &&str| KeyAttribute { name: (*name).to_string(), kind: KeyKind::S };
    KeySchema { partition: attribute(&names[0]), sort: names.get(1).map(attribute) }
}

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(Options::new(dir.path()), Env::real()).expect("opens");
    let votes = db.create_table(TableSpec::new("votes", schema(&["id"]))).wait().expect("created");
    let sql = "SELECT region, improvement, COUNT(*) AS total_votes FROM votes GROUP BY region, improvement".to_string();
    let view = ViewSpec { sql, sources: Vec::new() };
    let spec = TableSpec { view: Some(view), ..TableSpec::new("total_votes", schema(&["region", "improvement"])) };
    let totals = db.create_table(spec).wait().expect("created");
    let mut view = View::open(db.clone(), totals.clone()).expect("a view");
    while view.step().expect("steps") == Step::Progress {}
    for chunk in 0..count / 1000 {
        let write = |at: usize| {
            let id = chunk * 1000 + at;
            let text = |text: String| Value::S(text);
            let item: Item = [
                ("id", text(format!("vote-{id:09}"))),
                ("improvement", text(format!("IMPROVEMENT_{}", id % 4))),
                ("region", text(format!("REGION_{}", id % 5))),
            ]
            .into_iter()
            .collect();
            let key = votes.spec.key.key_of(&item).expect("a key");
            Write { table: votes.id, key, op: Op::Put(item), condition: None, origin: Origin::Client }
        };
        db.write_batch((0..1000).map(write).collect(), None).wait().expect("written");
    }
    let start = db.now_ms();
    while view.step().expect("steps") == Step::Progress {}
    let took = (db.now_ms() - start).max(1);
    let status = view.status();
    println!(
        "{count} changes in {took} ms: {} changes/s, {} commits, {} rows, true: {}",
        count as u64 * 1000 / took,
        status.commits_total,
        status.groups,
        pipeline::verify(&db, &totals).expect("live").is_true()
    );
}

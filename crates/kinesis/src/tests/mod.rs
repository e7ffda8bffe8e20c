//! Streams on a simulated machine: what is put is read, in order, after crashes and within the retention.

mod definitions;
mod reading;
mod shards;

use crate::{Definition, Put, Stream, Streams};
use db::{Db, Durability, Options, SimStore, env::sim::World};
use item::{Origin, Seq};
use wire::Place;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A machine that crashes.
struct Machine {
    world: World,
    store: SimStore,
    durability: Durability,
    running: Option<(Db, Streams)>,
}

impl Machine {
    fn new(durability: Durability) -> Machine {
        let mut machine = Machine { world: World::new(7), store: SimStore::new(), durability, running: None };
        machine.start();
        machine
    }

    fn start(&mut self) {
        let options = Options { durability: self.durability, segment_bytes: 64 << 10, ..Options::new("/data") };
        let db = Db::open_stepped(options, self.world.env(), &self.store).expect("opens");
        let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
        self.running = Some((db.clone(), Streams::new(db, place)));
    }

    fn crash(&mut self) {
        self.running = None;
        self.world.lose_power();
        self.store = self.store.crash();
        self.start();
    }

    fn db(&self) -> &Db {
        &self.running.as_ref().expect("it runs").0
    }

    fn streams(&self) -> &Streams {
        &self.running.as_ref().expect("it runs").1
    }

    fn create(&self, name: &str, shards: u16) -> Stream {
        self.streams().create(&Definition { shards, ..Definition::new(name) }).expect("created")
    }

    fn put(&self, stream: &Stream, key: &str, data: &str) -> Seq {
        let put = self.streams().put(stream, vec![Put::new(key, data)], Origin::Client, None);
        put.expect("valid").wait().expect("put")[0].seq
    }

    /// The data of a shard from a position on, read in pages of so many records.
    fn data(&self, stream: &Stream, shard: u16, from: Seq, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut from = from;
        loop {
            let page = self.streams().read(stream, shard, from, limit, usize::MAX).expect("reads");
            if page.records.is_empty() {
                return found;
            }
            from = page.next;
            found.extend(page.records.into_iter().map(|record| String::from_utf8(record.data).expect("text")));
        }
    }
}

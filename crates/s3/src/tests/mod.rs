//! Buckets on a simulated machine: what crashes leave, step by step and at random. And on this one, with many at once.

mod alongside;
mod between;
mod simulation;
mod steps;
mod together;

use crate::{BlobId, Buckets, Error, Object, Put, blobs::Blobs};
use db::{Db, Durability, Options, SimStore, env::sim::World};
use std::{collections::BTreeSet, io::Read, path::Path};

/// A machine that crashes.
pub struct Machine {
    pub world: World,
    durability: Durability,
    retention_ms: u64,
    store: SimStore,
    running: Option<(Db, Buckets)>,
}

impl Machine {
    pub fn new(seed: u64, durability: Durability) -> Machine {
        let mut machine = Machine {
            world: World::new(seed),
            durability,
            retention_ms: u64::MAX,
            store: SimStore::new(),
            running: None,
        };
        machine.start();
        machine
    }

    fn start(&mut self) {
        let options = Options {
            durability: self.durability,
            retention_ms: self.retention_ms,
            segment_bytes: 64 << 10,
            ..Options::new("/data")
        };
        let db = Db::open_stepped(options, self.world.env(), &self.store).expect("opens");
        let buckets = Buckets::open(db.clone(), &self.world.env(), Path::new("/data"), "us-east-1").expect("opens");
        self.running = Some((db, buckets));
    }

    /// Starts anew, with the log kept for a day.
    pub fn keep_log_for_a_day(&mut self) {
        self.retention_ms = 24 * 60 * 60 * 1000;
        self.crash(false);
    }

    pub fn db(&self) -> &Db {
        &self.running.as_ref().expect("it runs").0
    }

    pub fn buckets(&self) -> &Buckets {
        &self.running.as_ref().expect("it runs").1
    }

    pub fn roll(&self, below: u64) -> u64 {
        self.world.roll() % below
    }

    /// The process dies, and the power may go with it. Whatever was on its way must have been forgotten by the caller.
    pub fn crash(&mut self, power: bool) {
        self.running = None;
        self.world.heal();
        if power {
            self.world.lose_power();
        } else {
            self.world.halt_in(u64::MAX);
        }
        self.store = self.store.crash();
        self.start();
    }

    /// Fails unless each object has its bytes, and each file its object or part, once the sweeper has come by.
    pub fn check(&self) {
        let inner = &self.buckets().0;
        self.buckets().sweep().expect("a healthy disk");
        assert_eq!(names(inner.blobs.all_incoming().expect("lists")), BTreeSet::new(), "nothing is on its way");
        let kept = inner.blobs.all_kept().flat_map(|ids| ids.expect("lists")).collect();
        let mut referred = Vec::new();
        for bucket in self.buckets().buckets() {
            for table in [&bucket.objects, &bucket.uploads] {
                let scan = db::Scan { segment: (0, 1), start: None, limit: None, filter: None };
                let items = self.db().scan(table, &scan).expect("reads").items;
                referred.extend(items.iter().filter_map(crate::object::blob));
                for object in items.iter().filter_map(Object::read) {
                    let (_, bytes) = self.read(&bucket.name, &object.key).expect("it is there");
                    assert_eq!(bytes.len() as u64, object.size, "{object:?}");
                }
            }
        }
        assert_eq!(names(kept), names(referred), "left: files; right: blobs that items refer to");
    }

    /// An object and its bytes.
    pub fn read(&self, bucket: &str, key: &str) -> Result<(Object, Vec<u8>), Error> {
        let (object, blob) = self.buckets().open_object(bucket, key)?;
        let mut bytes = Vec::new();
        if let Some(blob) = blob {
            blob.reader().read_to_end(&mut bytes).expect("reads");
        }
        Ok((object, bytes))
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<Object, Error> {
        self.buckets().put_from(bucket, Put::new(key), &mut &*bytes)
    }

    pub fn blobs(&self) -> &Blobs {
        &self.buckets().0.blobs
    }
}

fn names(ids: Vec<BlobId>) -> BTreeSet<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

//! Random requests on a machine that stops at any change of its disk: what was answered is there, what was not is there
//! whole or not at all, and no file is anybody's but an object's or a part's.

use super::Machine;
use crate::{Begin, Claims, Complete, CopyOf, Details, Error, Expectation, Named};
use db::Durability;
use item::Origin;
use std::collections::BTreeMap;

type Contents = BTreeMap<String, Vec<u8>>;
/// By their numbers: ETags and bytes.
type Parts = BTreeMap<u64, (String, Vec<u8>)>;

/// What an attempt came to.
enum Outcome {
    Done,
    /// It was refused, or the machine stopped before: nothing changed.
    Not,
    /// The machine stopped: it may have been carried out.
    Unknown,
}

struct Run {
    machine: Machine,
    /// The bucket as it must be, or may be: after an unknown outcome either.
    possible: Vec<Contents>,
    /// Uploads under way, with the parts that were acknowledged.
    uploads: Vec<(String, String, Parts)>,
}

fn outcome<T>(done: Result<T, Error>) -> (Outcome, Option<T>) {
    match done {
        Ok(done) => (Outcome::Done, Some(done)),
        Err(Error::Db(db::Error::Poisoned(_))) => (Outcome::Unknown, None),
        Err(_) => (Outcome::Not, None),
    }
}

impl Run {
    fn new(seed: u64) -> Run {
        let machine = Machine::new(seed, Durability::Durable);
        machine.buckets().create("cats", None).expect("created");
        Run { machine, possible: vec![Contents::new()], uploads: Vec::new() }
    }

    fn roll(&self, below: u64) -> u64 {
        self.machine.roll(below)
    }

    fn key(&self) -> String {
        format!("k{}", self.roll(6))
    }

    fn bytes(&self, length: u64) -> Vec<u8> {
        let byte = u8::try_from(self.roll(256)).expect("a byte");
        vec![byte; usize::try_from(length).expect("small")]
    }

    /// The bucket is this now, or may be.
    fn happened(&mut self, outcome: &Outcome, change: impl Fn(&mut Contents)) {
        let changed = |contents: &Contents| {
            let mut contents = contents.clone();
            change(&mut contents);
            contents
        };
        let after: Vec<Contents> = self.possible.iter().map(changed).collect();
        match outcome {
            Outcome::Done => self.possible = after,
            Outcome::Not => {}
            Outcome::Unknown => self.possible.extend(after),
        }
    }

    fn put(&mut self) {
        let (key, bytes) = (self.key(), self.bytes(self.roll(1500)));
        let (outcome, _) = outcome(self.machine.put("cats", &key, &bytes));
        self.happened(&outcome, |contents| drop(contents.insert(key.clone(), bytes.clone())));
    }

    fn delete(&mut self) {
        let key = self.key();
        let deleted = self.machine.buckets().delete("cats", &key, &Expectation::Anything, Origin::Client);
        self.happened(&outcome(deleted).0, |contents| drop(contents.remove(&key)));
    }

    fn copy(&mut self) {
        let (from, key) = (self.key(), self.key());
        let copy = CopyOf {
            bucket: "cats".to_owned(),
            key: key.clone(),
            details: None,
            tags: None,
            storage_class: None,
            algorithm: None,
            expected: Expectation::Anything,
            origin: Origin::Client,
        };
        let (outcome, _) = outcome(self.machine.buckets().copy(("cats", &from), copy, |_| Ok(())));
        self.happened(&outcome, |contents| {
            if let Some(bytes) = contents.get(&from).cloned() {
                contents.insert(key.clone(), bytes);
            }
        });
    }

    fn begin(&mut self) {
        let key = self.key();
        let begin = Begin { key: key.clone(), details: Details::default(), checksum: None };
        if let Ok(upload) = self.machine.buckets().begin_upload("cats", begin) {
            self.uploads.push((key, upload.id, BTreeMap::new()));
        }
    }

    fn part(&mut self) {
        if self.uploads.is_empty() {
            return self.begin();
        }
        let at = usize::try_from(self.roll(self.uploads.len() as u64)).expect("small");
        let number = 1 + self.roll(3);
        let bytes = self.bytes(1024 + self.roll(500));
        let (key, upload, _) = &self.uploads[at];
        let buckets = self.machine.buckets();
        let put = || {
            let mut staged = buckets.stage_part(("cats", key), (upload, number), (None, false))?;
            staged.write(&bytes)?;
            buckets.put_part(key, (upload, number), staged, &Claims::default())
        };
        match outcome(put()) {
            (Outcome::Done, Some(part)) => drop(self.uploads[at].2.insert(number, (part.etag, bytes))),
            // It may have replaced the one that was there.
            (Outcome::Unknown, _) => drop(self.uploads.remove(at)),
            _ => {}
        }
    }

    fn end(&mut self) {
        let Some((key, upload, parts)) = self.uploads.pop() else { return self.begin() };
        if self.roll(4) == 0 || parts.is_empty() {
            let _ = self.machine.buckets().abort_upload(("cats", &key), &upload);
            return;
        }
        let named =
            parts.iter().map(|(number, (etag, _))| Named { number: *number, etag: etag.clone(), checksum: None });
        let complete = Complete {
            parts: named.collect(),
            checksum: None,
            size: None,
            expected: Expectation::Anything,
            origin: Origin::Client,
        };
        let (outcome, _) = outcome(self.machine.buckets().complete_upload(("cats", &key), &upload, &complete));
        let bytes: Vec<u8> = parts.values().flat_map(|(_, bytes)| bytes.clone()).collect();
        self.happened(&outcome, |contents| drop(contents.insert(key.clone(), bytes.clone())));
    }

    fn act(&mut self) {
        match self.roll(12) {
            0..=3 => self.put(),
            4 => self.delete(),
            5 | 6 => self.copy(),
            7 | 8 => self.part(),
            9 => self.end(),
            10 => drop(self.machine.buckets().sweep()),
            _ => drop(self.machine.db().chores(self.roll(3) == 0)),
        }
    }

    fn crash(&mut self) {
        self.machine.crash(self.roll(2) == 0);
        self.machine.check();
        let keys: Vec<String> = (0..6).map(|key| format!("k{key}")).collect();
        let read = |key: &String| Some((key.clone(), self.machine.read("cats", key).ok()?.1));
        let found: Contents = keys.iter().filter_map(read).collect();
        assert!(self.possible.contains(&found), "{found:?} is none of {:?}", self.possible);
        self.possible = vec![found];
        // Each of them goes on, or was ended by what the crash interrupted.
        let buckets = self.machine.buckets();
        self.uploads.retain(|(key, upload, parts)| {
            let there = buckets.parts(("cats", key), upload, 0, 1000);
            let Ok((_, there, _)) = there else { return false };
            let etags: BTreeMap<u64, &str> = there.iter().map(|part| (part.number, &*part.etag)).collect();
            let lost = parts.iter().find(|(number, (etag, _))| etags.get(number) != Some(&&**etag));
            assert_eq!(lost, None, "a part that was acknowledged");
            true
        });
    }
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    for _ in 0..6 {
        match run.roll(4) {
            0 => {}
            // The disk fails, and the machine runs on.
            1 => run.machine.world.fail_sync_in(run.roll(60)),
            _ => run.machine.world.halt_in(run.roll(120)),
        }
        for _ in 0..run.roll(25) {
            run.act();
        }
        run.crash();
    }
}

#[test]
fn whatever_the_seed_a_crash_leaves_objects_with_their_bytes_and_nothing_else() {
    let seeds = match std::env::var("S3_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..150,
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "failed with S3_SEED={seed}");
    }
}

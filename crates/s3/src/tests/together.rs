//! Many at once on real files, the sweeper among them: whoever reads finds an object whole or not at all.

use crate::{Buckets, CopyOf, Error, Expectation, Put, sums::Sums};
use db::{Db, Durability, Env, Options};
use item::Origin;
use std::{
    io::Read,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

const KEYS: [&str; 3] = ["a", "b", "c"];

fn open(folder: &Path, durability: Durability) -> (Db, Buckets) {
    let options = Options { memory: 64 << 20, segment_bytes: 4 << 20, durability, ..Options::new(folder) };
    let db = Db::open(options, Env::real()).expect("opens");
    let buckets = Buckets::open(db.clone(), &Env::real(), folder, "us-east-1").expect("opens");
    (db, buckets)
}

/// Blobs in `incoming/` and in their places.
fn blobs(buckets: &Buckets) -> (usize, usize) {
    let blobs = &buckets.0.blobs;
    (blobs.all_incoming().expect("lists").len(), blobs.all_kept().map(|ids| ids.expect("lists").len()).sum())
}

fn act(buckets: &Buckets, turn: usize) {
    let (key, other) = (KEYS[turn % 3], KEYS[turn / 3 % 3]);
    let bytes = vec![u8::try_from(turn % 256).expect("a byte"); 1000 + turn];
    match turn % 5 {
        0 | 1 => drop(buckets.put_from("cats", Put::new(key), &mut &*bytes).expect("put")),
        2 => drop(buckets.delete("cats", key, &Expectation::Anything, Origin::Client).expect("deleted")),
        3 => {
            let copy = CopyOf {
                bucket: "cats".to_owned(),
                key: other.to_owned(),
                details: None,
                tags: None,
                storage_class: None,
                algorithm: None,
                expected: Expectation::Anything,
                origin: Origin::Client,
            };
            let copied = buckets.copy(("cats", key), copy, |_| Ok(()));
            assert!(matches!(copied, Ok(_) | Err(Error::NoSuchKey { .. })), "{copied:?}");
        }
        _ => read(buckets, key),
    }
}

fn read(buckets: &Buckets, key: &str) {
    let (object, blob) = match buckets.open_object("cats", key) {
        Err(Error::NoSuchKey { .. }) => return,
        opened => opened.expect("it is there, or it is not"),
    };
    let mut bytes = Vec::new();
    blob.expect("none is empty").reader().read_to_end(&mut bytes).expect("reads");
    let mut sums = Sums::new(None, false);
    sums.update(&bytes);
    assert_eq!((bytes.len() as u64, sums.finish().etag()), (object.size, object.etag));
}

#[test]
fn readers_writers_and_the_sweeper_do_not_get_in_each_others_way() {
    for durability in [Durability::Durable, Durability::Relaxed] {
        let folder = tempfile::tempdir().expect("a folder");
        let (db, buckets) = open(folder.path(), durability);
        buckets.create("cats", None).expect("created");
        let sweeping = buckets.start().expect("a thread");
        let writing = AtomicUsize::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (buckets, writing) = (&buckets, &writing);
                scope.spawn(move || {
                    (0..120).for_each(|turn| act(buckets, turn * 4 + thread));
                    writing.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while writing.load(Ordering::Relaxed) > 0 {
                KEYS.iter().for_each(|key| read(&buckets, key));
            }
        });
        drop(sweeping);
        assert_eq!(buckets.sweep_trouble(), None);
        buckets.0.sweep_to_head().expect("a healthy disk");
        KEYS.iter().for_each(|key| read(&buckets, key));
        let objects = KEYS.iter().filter(|key| buckets.get("cats", key).is_ok()).count();
        assert_eq!(blobs(&buckets), (0, objects), "{durability:?}");
        db.close().expect("closed");
    }
}

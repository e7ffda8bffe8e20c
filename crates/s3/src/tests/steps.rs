//! Crashes between two named steps.

use super::Machine;
use crate::{Begin, Complete, CopyOf, Details, Error, Event, Expectation, Named, Part, Put, sums::Sums};
use db::{Durability, StreamRead};
use item::{Origin, Seq};

fn machine() -> Machine {
    let machine = Machine::new(1, Durability::Durable);
    machine.buckets().create("cats", None).expect("created");
    machine
}

fn begin(machine: &Machine, key: &str) -> String {
    let begin = Begin { key: key.to_owned(), details: Details::default(), checksum: None };
    machine.buckets().begin_upload("cats", begin).expect("begun").id
}

fn part(machine: &Machine, (key, upload): (&str, &str), number: u64, bytes: &[u8]) -> Part {
    let buckets = machine.buckets();
    let mut staged = buckets.stage_part(("cats", key), (upload, number), (None, false)).expect("staged");
    staged.write(bytes).expect("written");
    buckets.put_part(key, (upload, number), staged, &crate::Claims::default()).expect("put")
}

fn complete(parts: &[Part]) -> Complete {
    let named = parts.iter().map(|part| Named { number: part.number, etag: part.etag.clone(), checksum: None });
    Complete {
        parts: named.collect(),
        checksum: None,
        size: None,
        expected: Expectation::Anything,
        origin: Origin::Client,
    }
}

#[test]
fn an_upload_that_a_crash_interrupts_leaves_nothing() {
    for power in [false, true] {
        let mut machine = machine();
        let mut staged = machine.buckets().stage("cats", None, false).expect("staged");
        staged.write(b"half").expect("written");
        assert_eq!(machine.blobs().all_incoming().expect("lists").len(), 1);
        std::mem::forget(staged);
        machine.crash(power);
        assert!(matches!(machine.buckets().get("cats", "k"), Err(Error::NoSuchKey { .. })));
        machine.check();
    }
}

#[test]
fn an_upload_that_is_dropped_leaves_nothing() {
    let machine = machine();
    let mut staged = machine.buckets().stage("cats", None, false).expect("staged");
    staged.write(b"half").expect("written");
    drop(staged);
    machine.check();
    let mut staged = machine.buckets().stage("cats", None, false).expect("staged");
    staged.write(b"whole").expect("written");
    let claims = crate::Claims { length: Some(6), ..crate::Claims::default() };
    let put = machine.buckets().put(staged, Put { claims, ..Put::new("k") });
    assert!(matches!(put, Err(Error::Invalid(crate::Refusal::IncompleteBody, _))), "{put:?}");
    machine.check();
}

/// The item is committed, the blob still lies in `incoming/`.
#[test]
fn a_crash_before_a_blob_moves_to_its_place_loses_nothing() {
    for power in [false, true] {
        let mut machine = machine();
        let inner = machine.buckets().0.clone();
        let bucket = inner.bucket("cats").expect("created");
        let mut staged = inner.stage(&bucket, Sums::new(None, false));
        staged.write(b"bytes").expect("written");
        let sealed = staged.seal(&crate::Claims::default()).expect("synced");
        let object = crate::Object {
            blob: sealed.incoming.as_ref().map(|incoming| incoming.id.clone()),
            ..machine.put("cats", "other", b"").expect("put")
        };
        let object = crate::Object { key: "k".to_owned(), size: 5, ..object };
        let write = crate::objects::put_of(&bucket, &object, &Expectation::Anything, Origin::Client);
        machine.db().write(write, None).wait().expect("committed");
        assert_eq!(machine.read("cats", "k").expect("it is there").1, b"bytes", "readers look in both places");
        std::mem::forget(sealed);
        drop(inner);
        machine.crash(power);
        assert_eq!(machine.read("cats", "k").expect("it is there").1, b"bytes");
        machine.check();
    }
}

/// The item is gone, its blob is still there.
#[test]
fn a_crash_before_a_blob_is_removed_is_made_good_by_the_sweeper() {
    for power in [false, true] {
        let mut machine = machine();
        machine.put("cats", "replaced", b"old").expect("put");
        machine.put("cats", "deleted", b"bytes").expect("put");
        machine.put("cats", "replaced", b"new").expect("put");
        machine.buckets().delete("cats", "deleted", &Expectation::Anything, Origin::Client).expect("deleted");
        let kept =
            |machine: &Machine| -> usize { machine.blobs().all_kept().map(|ids| ids.expect("lists").len()).sum() };
        assert_eq!(kept(&machine), 3);
        machine.crash(power);
        assert_eq!(kept(&machine), 3, "a start does not look at all of them");
        machine.check();
        assert_eq!(kept(&machine), 1);
        let cursor =
            |machine: &Machine| machine.db().follower_cursor(machine.buckets().bucket("cats").unwrap().resource.id);
        let swept = cursor(&machine);
        assert!(swept.is_some());
        machine.crash(power);
        machine.check();
        assert_eq!(cursor(&machine), swept, "there was nothing to do again");
        assert_eq!(machine.read("cats", "replaced").expect("it is there").1, b"new");
    }
}

#[test]
fn what_was_opened_or_linked_stays_when_the_object_goes() {
    let machine = machine();
    let object = machine.put("cats", "k", b"old").expect("put");
    let (_, blob) = machine.buckets().open_object("cats", "k").expect("it is there");
    let beside = std::path::Path::new("/data/exports/input");
    assert!(machine.buckets().link(&object, beside).expect("linked"));
    machine.put("cats", "k", b"newer").expect("put");
    machine.check();
    let mut bytes = [0; 9];
    assert_eq!(blob.expect("it has bytes").read_at(&mut bytes, 0).expect("reads"), 3);
    assert_eq!(&bytes[..3], b"old");
    let linked = machine.world.env().disk.open(beside).expect("it is there");
    assert_eq!(linked.size().expect("reads"), 3);
}

#[test]
fn parts_outlive_a_crash_and_become_an_object_or_nothing() {
    for power in [false, true] {
        let mut machine = machine();
        let (one, two) = (vec![1; 2000], vec![2; 300]);
        let upload = begin(&machine, "k");
        let replaced = part(&machine, ("k", &upload), 2, b"replaced");
        let given_up = begin(&machine, "k");
        part(&machine, ("k", &given_up), 1, b"given up");
        let parts = [part(&machine, ("k", &upload), 1, &one), part(&machine, ("k", &upload), 2, &two)];
        machine.crash(power);
        machine.check();
        let wrong = machine.buckets().complete_upload(("cats", "k"), &upload, &complete(&[parts[0].clone(), replaced]));
        assert!(matches!(wrong, Err(Error::Invalid(crate::Refusal::Part, _))), "{wrong:?}");
        let other_key = machine.buckets().complete_upload(("cats", "x"), &upload, &complete(&parts));
        assert!(matches!(other_key, Err(Error::NoSuchUpload(_))));
        let object = machine.buckets().complete_upload(("cats", "k"), &upload, &complete(&parts)).expect("completed");
        assert_eq!((&object.parts[..], &object.etag[32..]), (&[2000, 300][..], "-2"));
        machine.crash(power);
        let (read, bytes) = machine.read("cats", "k").expect("it is there");
        assert_eq!((read, bytes), (object.clone(), [one, two].concat()));
        let again = machine.buckets().complete_upload(("cats", "k"), &upload, &complete(&parts)).expect("told again");
        assert_eq!(again, object);
        machine.buckets().abort_upload(("cats", "k"), &given_up).expect("aborted");
        machine.check();
        assert!(matches!(machine.buckets().upload("cats", "k", &given_up), Err(Error::NoSuchUpload(_))));
    }
}

#[test]
fn a_part_of_an_upload_that_ended_meanwhile_is_nobodys() {
    let machine = machine();
    let upload = begin(&machine, "k");
    let mut late = machine.buckets().stage_part(("cats", "k"), (&upload, 2), (None, false)).expect("staged");
    late.write(b"late").expect("written");
    let parts = [part(&machine, ("k", &upload), 1, b"one")];
    machine.buckets().complete_upload(("cats", "k"), &upload, &complete(&parts)).expect("completed");
    let put = machine.buckets().put_part("k", (&upload, 2), late, &crate::Claims::default());
    assert!(matches!(put, Err(Error::NoSuchUpload(_))), "{put:?}");
    machine.check();
}

#[test]
fn an_upload_that_is_given_up_while_it_is_completed_makes_no_object() {
    let machine = machine();
    let inner = &machine.buckets().0;
    let id = begin(&machine, "k");
    let parts = [part(&machine, ("k", &id), 1, &[1; 2000]), part(&machine, ("k", &id), 2, b"two")];
    let (bucket, upload) = (inner.bucket("cats").unwrap(), machine.buckets().upload("cats", "k", &id).unwrap());
    let sealed = inner.assemble(&bucket, &upload, &parts).expect("assembled");
    machine.buckets().abort_upload(("cats", "k"), &id).expect("aborted");
    let committed = inner.commit_upload(&bucket, &upload, &parts, sealed, &complete(&parts));
    assert!(matches!(committed, Err(Error::NoSuchUpload(_))), "{committed:?}");
    machine.check();
}

/// Under relaxed durability, a power loss takes back what was replaced; its bytes must still be there.
#[test]
fn a_replaced_blob_stays_until_its_replacement_is_on_disk() {
    let mut machine = Machine::new(1, Durability::Relaxed);
    machine.buckets().create("cats", None).expect("created");
    machine.put("cats", "k", b"old").expect("put");
    machine.db().chores(true).expect("a healthy disk");
    assert_eq!(machine.db().synced(), machine.db().head(), "all of it is on disk");
    machine.put("cats", "k", b"new").expect("put");
    machine.put("cats", "other", b"new").expect("put");
    machine.buckets().sweep().expect("a healthy disk");
    machine.crash(true);
    for key in ["k", "other"] {
        match machine.read("cats", key) {
            Ok((object, bytes)) => assert_eq!(bytes.len() as u64, object.size),
            Err(error) => assert!(matches!(error, Error::NoSuchKey { .. }), "{error}"),
        }
    }
    assert!(machine.read("cats", "k").is_ok());
    machine.check();
}

#[test]
fn a_bucket_that_is_deleted_takes_uploads_along_and_takes_no_object_of_its_namesake() {
    let mut machine = machine();
    let buckets = machine.buckets().clone();
    machine.put("cats", "k", b"bytes").expect("put");
    assert!(matches!(buckets.delete_bucket("cats"), Err(Error::BucketNotEmpty(_))));
    let upload = begin(&machine, "k");
    part(&machine, ("k", &upload), 1, b"one");
    buckets.delete("cats", "k", &Expectation::Anything, Origin::Client).expect("deleted");
    let mut late = buckets.stage("cats", None, false).expect("staged");
    late.write(b"late").expect("written");
    buckets.delete_bucket("cats").expect("deleted");
    assert!(matches!(buckets.bucket("cats"), Err(Error::NoSuchBucket(_))));
    buckets.create("cats", None).expect("created again");
    assert!(matches!(buckets.create("cats", None), Err(Error::BucketExists(_))));
    let put = buckets.put(late, Put::new("k"));
    assert!(matches!(put, Err(Error::NoSuchBucket(_))), "{put:?}");
    drop(buckets);
    machine.check();
    machine.crash(true);
    machine.check();
    assert_eq!(machine.buckets().buckets().len(), 1);
}

#[test]
fn where_the_log_was_trimmed_every_blob_is_looked_at() {
    let mut machine = machine();
    machine.put("cats", "k", b"old").expect("put");
    machine.put("cats", "k", b"new").expect("put");
    let inner = machine.buckets().0.clone();
    let kept: Vec<_> = inner.blobs.all_kept().flat_map(|ids| ids.expect("lists")).collect();
    assert_eq!(kept.len(), 2);
    drop(inner);
    // Many small writes fill segments; a checkpoint lets those go that are older than a day.
    for at in 0..3000 {
        machine.put("cats", &format!("many/{at}"), b"").expect("put");
    }
    machine.world.advance_ms(2 * 24 * 60 * 60 * 1000);
    machine.keep_log_for_a_day();
    machine.db().chores(true).expect("a healthy disk");
    machine.put("cats", "last", b"").expect("put");
    machine.db().chores(true).expect("a healthy disk");
    assert!(machine.db().trimmed() > Seq(10), "{}", machine.db().trimmed());
    machine.check();
}

#[test]
fn the_changes_of_a_buckets_table_are_events() {
    let machine = machine();
    let buckets = machine.buckets();
    machine.put("cats", "k", b"bytes").expect("put");
    let tags = [("colour".to_owned(), "red".to_owned())].into();
    buckets.set_tags("cats", "k", tags, Origin::Client).expect("tagged");
    let copy = CopyOf {
        bucket: "cats".to_owned(),
        key: "copy".to_owned(),
        details: None,
        tags: None,
        storage_class: None,
        algorithm: None,
        expected: Expectation::Absent,
        origin: Origin::Function { depth: 1 },
    };
    let copied = buckets.copy(("cats", "k"), copy, |_| Ok(())).expect("copied");
    assert_eq!((copied.details.tags.len(), machine.read("cats", "copy").unwrap().1), (1, b"bytes".to_vec()));
    let upload = begin(&machine, "k");
    let parts = [part(&machine, ("k", &upload), 1, b"one")];
    buckets.complete_upload(("cats", "k"), &upload, &complete(&parts)).expect("completed");
    buckets.delete_all("cats", &["k", "none", "k"], Origin::Client).expect("deleted");
    let table = buckets.bucket("cats").expect("there").objects.id;
    let read = StreamRead { table, shard: None, from: Seq(1), records_max: 99, bytes_max: 1 << 20 };
    let changes = machine.db().changes(&read).expect("reads").changes;
    let events: Vec<&str> = changes.iter().map(|change| Event::of(change).expect("an object's").name()).collect();
    let expected = [
        "ObjectCreated:Put",
        "ObjectTagging:Put",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:Delete",
    ];
    assert_eq!(events, expected);
    assert_eq!(changes[2].origin, Origin::Function { depth: 1 });
    machine.check();
}

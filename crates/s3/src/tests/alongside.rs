//! Objects that another room commits: with its own rows or not at all.

use super::Machine;
use crate::{Error, Prepared, Put};
use db::{Durability, Expected, FollowerCommit, FollowerId, ResourcePut};
use item::{Item, Seq};

/// A machine with a bucket and somebody else's resource, under which that one's state lies.
fn machine() -> (Machine, FollowerId) {
    let machine = Machine::new(1, Durability::Durable);
    machine.buckets().create("cats", None).expect("created");
    let put = ResourcePut::new("trigger", "t", Item::new(), Expected::Absent);
    let follower = machine.db().put_resource(put).wait().expect("put").id;
    (machine, follower)
}

fn commit(follower: FollowerId, expected: Option<u64>) -> FollowerCommit {
    let state = vec![(b"done".to_vec(), Some(b"yes".to_vec()))];
    let (rows, records) = (Vec::new(), Vec::new());
    FollowerCommit { follower, expected: expected.map(Seq), upto: Seq(1), rows, records, state }
}

fn prepare(machine: &Machine, key: &str) -> Vec<Prepared> {
    vec![machine.buckets().prepare("cats", Put::new(key), b"letter").expect("prepared")]
}

#[test]
fn an_object_is_there_exactly_when_what_it_was_committed_with_is() {
    for power in [false, true] {
        let (mut machine, follower) = machine();
        let state = |machine: &Machine| machine.db().follower_state(follower, b"done").expect("reads");
        std::mem::forget(prepare(&machine, "early"));
        machine.crash(power);
        assert!(matches!(machine.read("cats", "early"), Err(Error::NoSuchKey { .. })));
        assert_eq!(state(&machine), None);

        let mut objects = prepare(&machine, "k");
        machine.buckets().commit_with(commit(follower, None), &mut objects).expect("committed");
        assert!(objects.is_empty());
        machine.crash(power);
        assert_eq!(machine.read("cats", "k").expect("there").1, b"letter");
        assert!(state(&machine).is_some());
        machine.check();
    }
}

#[test]
fn a_refused_commit_leaves_the_objects_to_the_caller_and_nothing_in_the_bucket() {
    let (machine, follower) = machine();
    let mut objects = prepare(&machine, "k");
    let refused = machine.buckets().commit_with(commit(follower, Some(7)), &mut objects);
    assert!(matches!(refused, Err(Error::Db(db::Error::CursorMoved { .. }))), "{refused:?}");
    assert!(matches!(machine.read("cats", "k"), Err(Error::NoSuchKey { .. })));
    machine.buckets().commit_with(commit(follower, None), &mut objects).expect("committed");
    assert_eq!(machine.read("cats", "k").expect("there").1, b"letter");

    let dropped = prepare(&machine, "dropped");
    drop(dropped);
    machine.check();
}

#[test]
fn nothing_is_committed_into_a_bucket_that_went_or_is_another_one_by_now() {
    let (machine, follower) = machine();
    let mut objects = prepare(&machine, "k");
    let refused = |objects: &mut Vec<Prepared>| {
        let refused = machine.buckets().commit_with(commit(follower, None), objects);
        assert!(matches!(refused, Err(Error::NoSuchBucket(_))), "{refused:?}");
        assert_eq!(machine.db().follower_cursor(follower), None);
    };
    machine.buckets().delete_bucket("cats").expect("deleted");
    refused(&mut objects);
    machine.buckets().create("cats", None).expect("created");
    refused(&mut objects);
    drop(objects);
    machine.check();
}

//! Who holds a lock, who holds it no more, and what becomes of what they do.

use super::{Machine, export, finish, key, rows};
use crate::{Status, work::Stop};
use std::sync::atomic::Ordering;

fn uploaded(seed: u64) -> Machine {
    let machine = Machine::new(seed);
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7")));
    machine.engine().register().expect("registered");
    machine
}

#[test]
fn a_late_holder_never_writes_wherever_he_hung() {
    // Before the delta, after it, between chunks of both kinds, before the end.
    for pieces in 0..8 {
        let machine = uploaded(pieces);
        let mut late = machine.begin().expect("its turn");
        for _ in 0..pieces {
            late.step().expect("goes on");
        }
        let done = machine.operations("t/x").len();
        machine.world.advance_ms(5_000);
        assert_eq!(machine.engine().schedule.replace_expired(machine.db().now_ms()), 0, "he may take his time");
        machine.world.advance_ms(6_000);
        assert_eq!(machine.engine().schedule.replace_expired(machine.db().now_ms()), 1);
        assert!(late.claim.busy.replaced.load(Ordering::Relaxed));
        let mut new = machine.begin().expect("taken over");
        // He comes back while the new one works, and does not look whether he was told to end.
        late.claim.busy.cancelled.store(false, Ordering::Relaxed);
        assert!(matches!(late.step(), Err(Stop::Fenced)), "after {pieces} pieces");
        assert_eq!(machine.operations("t/x").len(), done, "nothing of his was written");
        assert!(matches!(finish(&mut new), Stop::Ended));
        late.claim.busy.cancelled.store(false, Ordering::Relaxed);
        assert!(matches!(late.step(), Err(Stop::Fenced)));
        machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7"));
    }
}

#[test]
fn work_that_makes_progress_keeps_its_lock() {
    let machine = uploaded(20);
    let mut work = machine.begin().expect("its turn");
    loop {
        machine.world.advance_ms(9_000);
        assert_eq!(machine.engine().schedule.replace_expired(machine.db().now_ms()), 0);
        match work.step() {
            Ok(()) => {}
            Err(Stop::Ended) => break,
            Err(stop) => panic!("{stop:?}"),
        }
    }
    let busy = work.claim.busy.clone();
    machine.engine().schedule.done("t/x", &busy);
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7"));
    // A sign of life without a commit of its own.
    machine.upload(&key("t/x", "V2"), &export(&rows("a=1")));
    machine.engine().register().expect("registered");
    let work = machine.begin().expect("its turn");
    let claim = &work.claim;
    for _ in 0..3 {
        machine.world.advance_ms(9_000);
        machine.engine().beat(&claim.table, claim.token, "V2", &claim.busy);
        assert_eq!(machine.engine().schedule.replace_expired(machine.db().now_ms()), 0);
    }
    assert!(!claim.busy.is_cancelled());
}

/// Takes the lock away behind the back of whoever works, who is due to say that he lives.
fn steal(machine: &Machine, busy: &crate::schedule::Busy) {
    machine.world.advance_ms(5_000);
    assert!(busy.expires_ms.load(Ordering::Relaxed) > machine.db().now_ms(), "nobody thinks that he is dead");
    let table = machine.table("t/x");
    let stolen = table.change(machine.db(), |draft| {
        draft.head.token += 1;
        draft.head.lock = None;
        Ok(())
    });
    stolen.expect("committed");
}

#[test]
fn a_delta_says_that_it_lives_while_it_is_computed_and_while_its_operations_are_tried() {
    // While it is computed: whoever lost his lock learns it from his own sign of life, not from a commit at the end.
    let machine = uploaded(21);
    let mut work = machine.begin().expect("its turn");
    let busy = work.claim.busy.clone();
    let before = busy.expires_ms.load(Ordering::Relaxed);
    work.begin_attempt().expect("the lock is ours");
    steal(&machine, &busy);
    assert!(matches!(work.compute(None), Err(Stop::Fenced)));
    assert!(busy.is_cancelled());
    // While operations are tried, with the lock in place: it is extended.
    let machine = uploaded(22);
    let mut work = machine.begin().expect("its turn");
    work.begin_attempt().expect("the lock is ours");
    let operations = work.compute(None).map_err(|stop| format!("{stop:?}")).expect("a healthy disk");
    machine.world.advance_ms(5_000);
    let places = work.places().map_err(|stop| format!("{stop:?}")).expect("they are there");
    work.try_all(&operations, &places).map_err(|stop| format!("{stop:?}")).expect("they fit");
    let lock = machine.table("t/x").head(machine.db()).expect("reads").lock.expect("held");
    assert_eq!(lock.expires_ms, machine.db().now_ms() + machine.settings.lock_ms);
    assert!(lock.expires_ms > before);
}

#[test]
fn a_dead_holder_is_replaced_at_once_and_the_delta_is_not_computed_again() {
    let mut machine = uploaded(30);
    let mut work = machine.begin().expect("its turn");
    work.step().expect("the delta");
    work.step().expect("a chunk");
    drop(work);
    let operations = machine.files("t/x").into_iter().find(|path| path.ends_with("1.operations")).expect("computed");
    let before = std::fs::metadata(&operations).expect("there").modified().expect("known");
    machine.crash();
    let mut work = machine.begin().expect("no need to wait for the lock to expire");
    assert_eq!(work.execution().published, 3);
    work.step().expect("a chunk");
    assert_eq!(std::fs::metadata(&operations).expect("there").modified().expect("known"), before);
    work.run();
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7"));
}

#[test]
fn a_delta_that_was_computed_but_not_committed_is_not_computed_again() {
    let mut met = false;
    for changes in 0..20 {
        let mut machine = uploaded(changes);
        let mut work = machine.begin().expect("its turn");
        machine.world.halt_in(changes);
        let stopped = work.step().is_err();
        drop(work);
        machine.crash();
        let is_computed = machine.files("t/x").iter().any(|path| path.ends_with("1.operations"));
        let mut work = machine.begin().expect("its turn");
        work.step().expect("a healthy disk");
        if stopped && is_computed {
            met = true;
            assert_eq!(work.execution().attempt.as_deref(), Some("1"), "what the first try wrote is used");
        }
    }
    assert!(met, "the machine stopped between the delta and its commit");
}

#[test]
fn operations_that_are_lost_while_they_are_published_are_computed_again() {
    for damage in [false, true] {
        let mut machine = uploaded(40);
        let mut work = machine.begin().expect("its turn");
        work.step().expect("the delta");
        work.step().expect("a chunk");
        drop(work);
        let operations =
            machine.files("t/x").into_iter().find(|path| path.ends_with("1.operations")).expect("computed");
        match damage {
            false => std::fs::remove_file(operations).expect("removed"),
            true => {
                let mut bytes = std::fs::read(&operations).expect("reads");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x55;
                std::fs::write(operations, bytes).expect("written");
            }
        }
        machine.crash();
        while machine.carry_out_one() {
            machine.world.advance_ms(2_000);
        }
        assert_eq!(machine.status("V1"), Status::Succeeded);
        machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7"));
    }
}

#[test]
fn one_that_is_rejected_while_its_delta_is_computed_publishes_nothing() {
    let machine = uploaded(50);
    let mut work = machine.begin().expect("its turn");
    machine.engine().reject("t/x", "V1").expect("cancelled");
    work.claim.busy.cancelled.store(false, Ordering::Relaxed);
    assert!(matches!(work.step(), Err(Stop::Fenced)));
    assert_eq!((machine.stream().len(), machine.status("V1")), (0, Status::Rejected));
}

#[test]
fn tables_run_side_by_side() {
    let machine = uploaded(60);
    machine.upload(&key("t/y", "V1"), &export(&rows("h=1 i=2")));
    machine.engine().register().expect("registered");
    let mut one = machine.begin().expect("its turn");
    let mut two = machine.begin().expect("another table's turn");
    assert_ne!(one.claim.table.name, two.claim.table.name);
    one.step().expect("goes on");
    two.step().expect("goes on");
    one.run();
    two.run();
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=7"));
    machine.check("t/y", &rows("h=1 i=2"));
}

#[test]
fn a_table_with_many_versions_lets_others_have_their_turn() {
    let machine = uploaded(65);
    machine.upload(&key("t/x", "V2"), &export(&rows("a=1")));
    machine.upload(&key("t/y", "V1"), &export(&rows("h=1 i=2")));
    machine.engine().register().expect("registered");
    for turn in ["t/x", "t/y", "t/x"] {
        let mut work = machine.begin().expect("a turn");
        assert_eq!(work.claim.table.name, turn);
        finish(&mut work);
    }
}

#[test]
fn a_stream_that_is_lost_while_it_is_published_to_fails_and_later_versions_wait() {
    let machine = uploaded(70);
    let mut work = machine.begin().expect("its turn");
    work.step().expect("the delta");
    work.step().expect("a chunk");
    machine.engine().streams.delete("changes").expect("deleted");
    finish(&mut work);
    machine.upload(&key("t/x", "V2"), &export(&rows("a=1 b=2 c=3 d=4 e=5 f=6 g=8")));
    machine.settle();
    assert_eq!((machine.status("V1"), machine.status("V2")), (Status::Failed, Status::Queued));
    assert!(machine.engine().reject("t/x", "V1").is_err());
    machine.make_places();
    machine.engine().retry("t/x", "V1").expect("retried");
    machine.settle();
    // The new stream has all of it.
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5 f=6 g=8"));
    assert_eq!(machine.target(), rows("a=1 b=2 c=3 d=4 e=5 f=6 g=8"));
}

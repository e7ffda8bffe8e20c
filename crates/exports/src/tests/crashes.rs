//! The machine stops: between any two pieces of work, and at any change of the log's disk.

use super::{Machine, export, key, rows};
use crate::Status;

const FIRST: &str = "a=1 b=2 c=3 d=4";
const SECOND: &str = "a=1 b=5 d=4 e=6 f=7";

fn upload(machine: &Machine, version: &str, text: &str) -> bool {
    machine.try_upload(&key("t/x", version), &export(&rows(text))).is_ok()
}

#[test]
fn a_crash_between_any_two_pieces_repeats_nothing_and_leaves_nothing_half() {
    let mut pieces = 0;
    loop {
        let mut machine = Machine::new(pieces);
        upload(&machine, "V1", FIRST);
        machine.settle();
        upload(&machine, "V2", SECOND);
        machine.engine().register().expect("registered");
        let ended = {
            let mut work = machine.begin().expect("its turn");
            (0..pieces).any(|_| work.step().is_err())
        };
        machine.crash();
        machine.settle();
        assert_eq!(machine.status("V2"), Status::Succeeded);
        assert_eq!(machine.target(), rows(SECOND), "after {pieces} pieces");
        machine.check("t/x", &rows(SECOND));
        if ended {
            break;
        }
        pieces += 1;
    }
    assert!(pieces > 5, "{pieces} pieces: a delta, chunks, a release");
}

#[test]
fn a_machine_that_stops_at_any_change_of_its_disk_goes_on_where_it_was() {
    let mut halted = 0;
    for changes in (0..).step_by(3) {
        let mut machine = Machine::new(changes);
        machine.world.halt_in(changes);
        let mut sent = [false, false];
        let mut is_whole = true;
        // What a client and the program do, again after each stop.
        for round in 0.. {
            assert!(round < 3, "it stops once");
            for (at, (version, text)) in [("V1", FIRST), ("V2", SECOND)].into_iter().enumerate() {
                sent[at] = sent[at] || upload(&machine, version, text);
                if machine.engine().register().is_ok() {
                    while let Some((table, busy)) = machine.engine().schedule.take(machine.db().now_ms()) {
                        machine.engine().carry_out(&table, &busy);
                    }
                }
            }
            if machine.db().status().poisoned.is_none() {
                break;
            }
            is_whole = false;
            if changes % 2 == 0 {
                machine.lose_power();
            } else {
                machine.crash();
            }
        }
        assert_eq!(machine.status("V2"), Status::Succeeded, "after {changes} changes");
        assert_eq!(machine.target(), rows(SECOND), "after {changes} changes");
        machine.check("t/x", &rows(SECOND));
        if is_whole {
            break;
        }
        halted += 1;
    }
    assert!(halted > 10, "{halted} stops");
}

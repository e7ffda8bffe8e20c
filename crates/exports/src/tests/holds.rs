//! The brake, and what people decide.

use super::{Machine, binding, export, gzip, key, rows};
use crate::{Binding, Brake, Complete, Policy, Status};

fn upload(machine: &Machine, version: &str, text: &str) {
    machine.upload(&key("t/x", version), &export(&rows(text)));
    machine.settle();
}

/// A machine with an import of four rows, and an export that lost three of them.
fn held() -> Machine {
    let machine = Machine::new(1);
    let brake = Brake { rows_min: 4, ..Brake::default() };
    machine.engine().bind(&[Binding { brake, ..binding() }]).expect("bound");
    upload(&machine, "V1", "a=1 b=2 c=3 d=4");
    upload(&machine, "V2", "a=1");
    machine
}

#[test]
fn an_export_that_lost_its_rows_is_held_with_the_reason_and_some_of_them() {
    let machine = held();
    let execution = machine.show("t/x", "V2");
    assert_eq!(execution.status, Status::Held);
    let hold = execution.hold.expect("held");
    assert_eq!(hold.reasons, ["it deletes 3 of 4 rows (75.0 %), more than 30.0 %"]);
    assert_eq!(hold.sample.len(), 3);
    assert_eq!((&*hold.sample[0].operation, &hold.sample[0].key[0].1), ("DELETE", &"b".to_owned()));
    assert_eq!(machine.operations("t/x").len(), 4, "nothing of it left");
    assert!(machine.registry("t/x", "V2").expect("there").get("hold").is_some());
    // Later versions wait.
    upload(&machine, "V3", "a=1 b=2 c=3");
    assert_eq!(machine.status("V3"), Status::Queued);
}

#[test]
fn a_released_export_publishes_what_it_computed() {
    let machine = held();
    upload(&machine, "V3", "a=1 e=5");
    let operations = machine.files("t/x").into_iter().find(|path| path.ends_with("2.operations")).expect("kept");
    let before = std::fs::metadata(&operations).expect("there").modified().expect("known");
    assert!(machine.engine().release("t/x", "V3").is_err(), "it is not held");
    machine.engine().release("t/x", "V2").expect("released");
    assert_eq!(std::fs::metadata(&operations).expect("there").modified().expect("known"), before);
    machine.settle();
    assert!(machine.show("t/x", "V2").released);
    machine.check("t/x", &rows("a=1 e=5"));
    assert_eq!(machine.target(), rows("a=1 e=5"));
    assert!(machine.engine().release("t/x", "V2").is_err(), "once is enough");
}

#[test]
fn a_rejected_export_leaves_the_one_before_as_what_comes_next_starts_from() {
    let machine = held();
    machine.engine().reject("t/x", "V2").expect("rejected");
    upload(&machine, "V3", "a=1 b=2 c=3 e=5");
    assert_eq!(machine.show("t/x", "V3").previous.as_deref(), Some("V1"));
    machine.check("t/x", &rows("a=1 b=2 c=3 e=5"));
    let told = machine.engine().reject("t/x", "V3").expect_err("imported").to_string();
    assert_eq!(told, "t/x V3 is SUCCEEDED, not under way: there is nothing to reject");
}

#[test]
fn a_rejected_export_that_is_uploaded_again_is_another_try_and_the_event_of_before_is_none() {
    let mut machine = held();
    machine.engine().reject("t/x", "V2").expect("rejected");
    // What is listed or read again is the upload that was rejected.
    machine.engine().positions.lock().expect("nobody panicked").clear();
    machine.crash();
    machine.settle();
    assert_eq!((machine.status("V2"), machine.show("t/x", "V2").ignored), (Status::Rejected, 0));
    upload(&machine, "V2", "a=1");
    assert_eq!(machine.status("V2"), Status::Held, "the same bytes have the same faults");
    machine.engine().release("t/x", "V2").expect("released");
    machine.settle();
    machine.check("t/x", &rows("a=1"));
}

#[test]
fn another_try_of_a_rejected_export_needs_all_of_its_files() {
    let machine = Machine::new(5);
    machine.engine().bind(&[Binding { complete: Complete::Files(2), ..binding() }]).expect("bound");
    let put = |name: &str, text: &str| {
        machine.upload(&format!("t/x/V1/{name}.csv.gz"), &export(&rows(text)));
        machine.settle();
    };
    machine.upload("t/x/V1/1.csv.gz", &export(&rows("a=1")));
    machine.upload("t/x/V1/2.csv.gz", &export(&rows("b=1")));
    machine.engine().register().expect("registered");
    machine.engine().reject("t/x", "V1").expect("rejected");
    put("1", "a=1");
    assert_eq!(machine.status("V1"), Status::Waiting);
    put("2", "b=2");
    assert_eq!(machine.status("V1"), Status::Succeeded);
    machine.check("t/x", &rows("a=1 b=2"));
}

#[test]
fn a_held_export_begins_anew_when_it_is_uploaded_anew() {
    let machine = held();
    upload(&machine, "V2", "a=1 b=2 c=3 d=5");
    assert_eq!(machine.status("V2"), Status::Succeeded);
    machine.check("t/x", &rows("a=1 b=2 c=3 d=5"));
}

#[test]
fn columns_that_come_or_go_hold_or_not_as_the_binding_says() {
    for (policy, status) in [(Policy::Hold, Status::Held), (Policy::Accept, Status::Succeeded)] {
        let machine = Machine::new(2);
        let brake = Brake { added: policy, dropped: policy, ..Brake::default() };
        machine.engine().bind(&[Binding { brake, ..binding() }]).expect("bound");
        upload(&machine, "V1", "a=1");
        machine.upload(&key("t/x", "V2"), &gzip("PK,w,v\na,x,1\n"));
        machine.settle();
        assert_eq!(machine.status("V2"), status);
        let execution = machine.show("t/x", "V2");
        assert_eq!((execution.added, execution.dropped), (vec!["w".to_owned()], vec![]));
        if policy == Policy::Hold {
            assert_eq!(execution.hold.expect("held").reasons, ["columns were added since V1: w"]);
            machine.engine().release("t/x", "V2").expect("released");
            machine.settle();
        }
        assert_eq!(machine.status("V2"), Status::Succeeded);
        machine.upload(&key("t/x", "V3"), &gzip("v,PK\n1,a\n"));
        machine.settle();
        assert_eq!(machine.show("t/x", "V3").dropped, ["w"]);
    }
}

#[test]
fn a_lost_key_holds_and_cannot_be_released() {
    let machine = held();
    machine.engine().reject("t/x", "V2").expect("rejected");
    machine.upload(&key("t/x", "V3"), &gzip("ID,v\na,1\n"));
    machine.settle();
    let hold = machine.show("t/x", "V3").hold.expect("held");
    assert!(hold.reasons[0].starts_with("the key is lost: t/x/V3/export.csv.gz, header: key column PK is missing"));
    let told = machine.engine().release("t/x", "V3").expect_err("nothing to publish").to_string();
    assert_eq!(told, "t/x V3 has nothing to release: reject it, or upload another file in its place");
    machine.engine().reject("t/x", "V3").expect("rejected");
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4"));
}

#[test]
fn a_target_that_is_another_table_holds() {
    let machine = Machine::new(3);
    upload(&machine, "V1", "a=1 b=2");
    machine.db().delete_table("copy").wait().expect("deleted");
    machine.make_target();
    upload(&machine, "V2", "a=1 b=3");
    let hold = machine.show("t/x", "V2").hold.expect("held");
    let why = "target table copy is not the one that V1 was applied to: it lacks rows that did not change";
    assert_eq!(hold.reasons, [why]);
}

#[test]
fn queued_ones_can_be_cancelled_and_ones_that_publish_cannot() {
    let machine = Machine::new(4);
    machine.upload(&key("t/x", "V1"), &export(&rows("a=1 b=2 c=3 d=4")));
    machine.engine().register().expect("registered");
    machine.engine().reject("t/x", "V1").expect("cancelled");
    assert_eq!((machine.status("V1"), machine.files("t/x").len()), (Status::Rejected, 0));
    upload(&machine, "V2", "a=1");
    machine.upload(&key("t/x", "V3"), &export(&rows("a=1 b=2 c=3 d=4 e=5")));
    machine.engine().register().expect("registered");
    let mut work = machine.begin().expect("its turn");
    work.step().expect("the delta");
    work.step().expect("a chunk");
    let told = machine.engine().reject("t/x", "V3").expect_err("too late").to_string();
    assert_eq!(told, "t/x V3 has begun to publish: it must come to its end");
    work.run();
    machine.check("t/x", &rows("a=1 b=2 c=3 d=4 e=5"));
}

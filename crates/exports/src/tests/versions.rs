//! The rules about versions, each as somebody would meet it.

use super::{Machine, binding, export, finish, key, rows};
use crate::{
    Binding, Complete, Execution, ExportFile, FILES_MAX, Status,
    rules::{self, Arrival, Known, LIVE_MAX, Verdict},
    table::{HISTORY_MAX, Table},
};
use db::{Op, Write};
use item::{Item, Key, KeyValue, Origin, Value};

/// What a rule refused of a version.
fn refused(machine: &Machine, version: &str) -> Option<String> {
    let row = machine.registry("t/x", &format!("{version}#refused/export.csv.gz"))?;
    crate::fields::get_text(&row, "error")
}

fn upload(machine: &Machine, version: &str, text: &str) {
    machine.upload(&key("t/x", version), &export(&rows(text)));
}

/// Registers without carrying out.
fn register(machine: &Machine) {
    machine.engine().register().expect("registered");
}

#[test]
fn the_same_export_again_is_ignored_and_counted() {
    let machine = Machine::new(1);
    upload(&machine, "V1", "a=1");
    register(&machine);
    upload(&machine, "V1", "a=1");
    register(&machine);
    assert_eq!((machine.status("V1"), machine.show("t/x", "V1").ignored), (Status::Queued, 1));
    machine.settle();
    upload(&machine, "V1", "a=1");
    machine.settle();
    assert_eq!((machine.status("V1"), machine.show("t/x", "V1").ignored), (Status::Succeeded, 2));
    assert_eq!(machine.engine().counts().ignored, 2);
    machine.check("t/x", &rows("a=1"));
}

#[test]
fn what_arrives_is_counted_once_wherever_the_machine_stops_while_it_is_registered() {
    for changes in 0.. {
        let mut machine = Machine::new(changes);
        upload(&machine, "V1", "a=1");
        machine.settle();
        upload(&machine, "V1", "a=1");
        machine.upload("astray.gz", b"?");
        machine.world.halt_in(changes);
        let is_whole = machine.engine().register().is_ok();
        machine.crash();
        machine.settle();
        assert_eq!(machine.show("t/x", "V1").ignored, 1, "after {changes} changes");
        assert_eq!(machine.registered("misplaced"), ["imports/astray.gz MISPLACED"]);
        if is_whole {
            assert!(changes > 2, "a commit of the table, one of the position");
            break;
        }
    }
}

#[test]
fn no_more_versions_wait_and_no_more_files_are_kept_than_is_said() {
    let file = |name: String| ExportFile { key: name.clone(), etag: name.clone(), local: name.clone(), name, size: 1 };
    let lots = Binding { complete: Complete::Marker("done".to_owned()), ..binding() };
    let known = |live| Known { binding: &lots, imported: None, live, now_ms: 0 };
    let one = Arrival::File(file("one".to_owned()));
    assert!(matches!(rules::decide(&known(LIVE_MAX - 1), "V1", None, one.clone()), Verdict::Take(_)));
    let Verdict::Refuse(why) = rules::decide(&known(LIVE_MAX), "V1", None, one) else { panic!("one too many") };
    assert_eq!(why, "is one too many: 1000 versions of the table wait");
    let mut execution = None;
    for at in 0..=FILES_MAX {
        match rules::decide(&known(0), "V1", execution.take(), Arrival::File(file(at.to_string()))) {
            Verdict::Take(taken) => execution = Some(*taken),
            Verdict::Refuse(why) => {
                assert_eq!((at, &*why), (FILES_MAX, "has 1000 files already, as many as a version can have"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(execution.is_none());
}

#[test]
fn other_content_for_an_imported_version_is_refused_and_so_is_an_earlier_version() {
    let machine = Machine::new(2);
    upload(&machine, "V2", "a=1");
    machine.settle();
    upload(&machine, "V2", "a=2");
    upload(&machine, "V1", "a=3");
    machine.settle();
    let told = refused(&machine, "V2").expect("refused");
    assert_eq!(told, "V2 was imported already, with other content: it needs a version of its own");
    assert_eq!(refused(&machine, "V1").expect("refused"), "V1 is out of order: the later version V2 was imported");
    assert_eq!(machine.engine().counts().refused, 2);
    machine.check("t/x", &rows("a=1"));
}

#[test]
fn versions_that_arrive_together_run_in_their_order() {
    let machine = Machine::new(3);
    for (version, text) in [("V3", "a=3"), ("V1", "a=1"), ("V2", "a=2")] {
        upload(&machine, version, text);
    }
    machine.settle();
    assert_eq!(machine.operations("t/x"), ["V1 0 INSERT a 1", "V2 0 UPDATE a 2", "V3 0 UPDATE a 3"]);
    machine.check("t/x", &rows("a=3"));
}

#[test]
fn a_version_that_runs_is_not_changed_and_others_wait_for_it() {
    let machine = Machine::new(4);
    upload(&machine, "V2", "a=2");
    register(&machine);
    let mut work = machine.begin().expect("its turn");
    upload(&machine, "V2", "a=9");
    upload(&machine, "V1", "a=1");
    upload(&machine, "V3", "a=3");
    register(&machine);
    assert!(machine.begin().is_none(), "never two of one table");
    let told = refused(&machine, "V2").expect("refused");
    assert_eq!(told, "V2 is being imported: upload it again when that has come to its end");
    finish(&mut work);
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Refused);
    let why = machine.show("t/x", "V1").error.expect("refused");
    assert_eq!(why, "V1 is out of order: the later version V2 was imported");
    machine.check("t/x", &rows("a=3"));
}

#[test]
fn a_queued_version_is_replaced_by_what_is_uploaded_anew() {
    let machine = Machine::new(5);
    upload(&machine, "V1", "a=1");
    register(&machine);
    upload(&machine, "V1", "a=2");
    machine.upload("t/x/V1/other.csv.gz", &export(&rows("b=1")));
    register(&machine);
    let row = machine.registry("t/x", "V1#refused/other.csv.gz").expect("refused");
    assert_eq!(crate::fields::get_text(&row, "error").as_deref(), Some("V1 was complete without this file"));
    assert_eq!(machine.files("t/x").len(), 1, "the bytes of the first one are not kept");
    machine.settle();
    machine.check("t/x", &rows("a=2"));
}

#[test]
fn what_an_execution_reads_stays_whatever_becomes_of_the_object() {
    let machine = Machine::new(6);
    upload(&machine, "V1", "a=1");
    register(&machine);
    machine.delete(&key("t/x", "V1"));
    machine.engine().buckets.sweep().expect("swept");
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Succeeded);
    // Gone before anybody looked.
    upload(&machine, "V2", "a=2");
    machine.delete(&key("t/x", "V2"));
    machine.engine().buckets.sweep().expect("swept");
    machine.settle();
    assert_eq!(refused(&machine, "V2").expect("refused"), "V2 was replaced or deleted before it was registered");
    machine.check("t/x", &rows("a=1"));
}

#[test]
fn a_version_waits_for_all_of_its_files_or_for_its_marker() {
    let machine = Machine::new(7);
    machine.engine().bind(&[Binding { complete: Complete::Files(2), ..binding() }]).expect("bound");
    machine.upload("t/x/V1/1.csv.gz", &export(&rows("a=1")));
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Waiting);
    machine.upload("t/x/V1/1.csv.gz", &export(&rows("a=2")));
    machine.upload("t/x/V1/2.csv.gz", &export(&rows("b=1")));
    machine.settle();
    machine.check("t/x", &rows("a=2 b=1"));

    machine.engine().bind(&[Binding { complete: Complete::Marker("_SUCCESS".into()), ..binding() }]).expect("bound");
    machine.upload("t/x/V2/1.csv.gz", &export(&rows("a=2")));
    machine.upload("t/x/V2/2.csv.gz", &export(&rows("b=3")));
    machine.upload("t/x/V3/_SUCCESS", b"");
    machine.settle();
    assert_eq!((machine.status("V2"), machine.status("V3")), (Status::Waiting, Status::Waiting));
    machine.upload("t/x/V2/_SUCCESS", b"");
    machine.settle();
    assert_eq!(machine.status("V2"), Status::Succeeded);
    // A version that never becomes complete holds nobody up.
    machine.upload("t/x/V4/1.csv.gz", &export(&rows("a=4 b=3")));
    machine.upload("t/x/V4/_SUCCESS", b"");
    machine.settle();
    assert_eq!((machine.status("V3"), machine.status("V4")), (Status::Refused, Status::Succeeded));
    machine.check("t/x", &rows("a=4 b=3"));
}

#[test]
fn what_is_in_the_bucket_already_is_registered_when_it_is_bound_or_the_log_was_trimmed() {
    let mut machine = Machine::empty(8);
    machine.make_places();
    upload(&machine, "V1", "a=1");
    machine.engine().bind(&[binding()]).expect("bound");
    machine.settle();
    assert_eq!(machine.status("V1"), Status::Succeeded);
    machine.keep_log_for_a_day();
    upload(&machine, "V2", "a=2");
    machine.world.advance_ms(1000 * 60 * 60 * 1000);
    let table = machine.db().table("copy").expect("created").id;
    for at in 0..40 {
        let item = Item::from_iter([("PK", Value::S("pad".into())), ("v", Value::S(format!("{at:0>20000}")))]);
        let key = Key { partition: KeyValue::S("pad".into()), sort: None };
        let write = Write { table, key, op: Op::Put(item), condition: None, origin: Origin::Client };
        machine.db().write(write, None).wait().expect("written");
        machine.world.advance_ms(60 * 60 * 1000);
        machine.db().chores(true).expect("a healthy disk");
    }
    let cursor = machine.db().follower_cursor(machine.engine().bindings()[0].0).expect("followed");
    assert!(machine.db().trimmed() > cursor, "the log was trimmed before we came by");
    machine.settle();
    assert_eq!(machine.status("V2"), Status::Succeeded);
    assert_eq!(machine.show("t/x", "V1").ignored, 0, "what is listed again is no second upload");
    machine.settle();
    assert_eq!(machine.target()["a"], "2");
}

#[test]
fn objects_that_fit_no_layout_and_tables_of_another_binding_are_shown_as_misplaced() {
    let machine = Machine::new(9);
    machine.engine().buckets.ensure("others").expect("created");
    let other = Binding { bucket: "others".to_owned(), ..binding() };
    machine.engine().bind(&[binding(), other.clone()]).expect("bound");
    upload(&machine, "V1", "a=1");
    machine.settle();
    machine.upload("somewhere.csv", b"x");
    let put = s3::Put::new("t/x/V2/export.csv.gz");
    machine.engine().buckets.put_from("others", put, &mut &*export(&rows("a=2"))).expect("put");
    machine.settle();
    let why = |key: &str| crate::fields::get_text(&machine.registry("misplaced", key)?, "error");
    let told = "it has 1 parts after the prefix, not TENANT/TABLE/EXPORT_VERSION/FILE.gz";
    assert_eq!(why("imports/somewhere.csv").as_deref(), Some(told));
    assert_eq!(why("others/t/x/V2/export.csv.gz").as_deref(), Some("exports of t/x come by imports/"));
    assert_eq!(machine.engine().counts().misplaced, 2);
    // Once its binding is gone, the table comes by the other one.
    machine.engine().bind(&[other]).expect("bound");
    let put = s3::Put::new("t/x/V3/export.csv.gz");
    machine.engine().buckets.put_from("others", put, &mut &*export(&rows("a=3"))).expect("put");
    machine.settle();
    machine.check("t/x", &rows("a=3"));
}

#[test]
fn bindings_that_make_no_sense_are_refused_as_a_whole() {
    let machine = Machine::new(10);
    let prefixed = |prefix: &str| Binding { prefix: prefix.to_owned(), ..binding() };
    let told = |bindings: &[Binding]| machine.engine().bind(bindings).expect_err("refused").to_string();
    let told_of = |bindings: &[Binding]| told(bindings);
    assert_eq!(
        told_of(&[prefixed("in/"), prefixed("in/deep/")]),
        "exports of imports/in/deep/: its prefix overlaps with that of imports/in/"
    );
    assert_eq!(told_of(&[Binding { key: vec![], ..binding() }]), "exports of imports/: no key column is named");
    assert_eq!(
        told_of(&[Binding { registry: "copy".to_owned(), ..binding() }]),
        "exports of registry copy: a table of this name is there and is no registry: give the registry another name"
    );
    assert_eq!(machine.engine().bindings().len(), 1);
    let all = Binding {
        prefix: "in/".to_owned(),
        key: vec!["a".to_owned(), "b".to_owned()],
        numbers: vec!["n".to_owned()],
        empty: crate::Empty::Absent,
        brake: crate::Brake {
            delete_share_max: 0.123,
            rows_min: 7,
            added: crate::Policy::Accept,
            dropped: crate::Policy::Hold,
        },
        complete: Complete::Marker("done".to_owned()),
        registry: "other-registry".to_owned(),
        ..binding()
    };
    machine.engine().bind(std::slice::from_ref(&all)).expect("bound");
    assert_eq!(machine.engine().bindings()[0].1, all, "it reads back as it was written");
}

#[test]
fn a_sweep_leaves_the_files_of_whoever_is_at_work() {
    let machine = Machine::new(13);
    let versions: Vec<String> = (0..100).map(|at| format!("V{at:04}")).collect();
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| {
            for (at, version) in versions.iter().enumerate() {
                upload(&machine, version, &format!("a={at}"));
                machine.settle();
            }
        });
        while !importing.is_finished() {
            Table::all(machine.db()).iter().for_each(|table| machine.engine().sweep(table));
        }
    });
    for version in versions {
        let shown = machine.show("t/x", &version);
        assert_eq!(shown.status, Status::Succeeded, "{version}: {:?}", shown.error);
    }
}

#[test]
fn a_thousand_versions_that_came_to_their_end_are_known_and_the_registry_shows_all() {
    let machine = Machine::new(12);
    upload(&machine, "V0000", "a=1");
    machine.settle();
    let table = machine.table("t/x");
    for at in 1..=HISTORY_MAX {
        let settled = table.change(machine.db(), |draft| {
            let version = format!("V{at:04}");
            draft.put(Execution { status: Status::Rejected, ..Execution::new(&version, draft.now_ms) });
            Ok(())
        });
        settled.expect("committed");
    }
    let known = table.done(machine.db()).expect("reads");
    assert_eq!((known.len(), &*known[0].version), (HISTORY_MAX, "V0001"), "the oldest one went");
    assert!(machine.registered("t/x").iter().any(|line| line == "V0000 SUCCEEDED"), "the registry goes on showing it");
    // Several at once.
    let settled = table.change(machine.db(), |draft| {
        for version in ["V2001", "V2002", "V2003"] {
            draft.put(Execution { status: Status::Refused, ..Execution::new(version, draft.now_ms) });
        }
        Ok(())
    });
    settled.expect("committed");
    let known = table.done(machine.db()).expect("reads");
    assert_eq!((known.len(), &*known[0].version), (HISTORY_MAX, "V0004"));
    // One that is known already, once more: nobody has to go for it.
    upload(&machine, "V1000", "a=1");
    machine.settle();
    assert_eq!(machine.status("V1000"), Status::Succeeded);
    assert_eq!(table.done(machine.db()).expect("reads").len(), HISTORY_MAX);
}

#[test]
fn nobody_else_writes_to_the_registry_and_one_that_was_deleted_comes_again() {
    let machine = Machine::new(11);
    upload(&machine, "V1", "a=1");
    machine.settle();
    let table = machine.db().table("registry").expect("there").id;
    let key = Key { partition: KeyValue::S("t/x".into()), sort: Some(KeyValue::S("V1".into())) };
    let write = Write { table, key, op: Op::Delete, condition: None, origin: Origin::Client };
    let refused = machine.db().write(write, None).wait().expect_err("refused");
    assert_eq!(refused.to_string(), "table registry is kept by executions of exports and is read-only");
    machine.db().delete_table("registry").wait().expect("deleted");
    upload(&machine, "V2", "a=2");
    machine.settle();
    assert_eq!(machine.registered("t/x").len(), 7);
    machine.check("t/x", &rows("a=2"));
}

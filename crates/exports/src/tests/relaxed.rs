//! Relaxed durability: a loss of power may take the newest of what was acknowledged. Whatever it takes, it takes whole.

use super::{Machine, Rows, export, key, rows};
use crate::Status;
use db::Durability;

const FIRST: &str = "a=1 b=2 c=3 d=4";
const SECOND: &str = "a=1 b=5 d=4 e=6 f=7 g=8 h=9 i=10";

/// A machine that does not wait for its disk, with a first version whose import is on it.
fn relaxed(seed: u64) -> Machine {
    let mut machine = Machine::new(seed);
    machine.durability = Durability::Relaxed;
    machine.crash();
    upload(&machine, "V1", FIRST);
    machine.settle();
    sync(&machine);
    machine
}

fn upload(machine: &Machine, version: &str, text: &str) {
    machine.upload(&key("t/x", version), &export(&rows(text)));
}

fn sync(machine: &Machine) {
    machine.db().chores(true).expect("a healthy disk");
    machine.db().chores(true).expect("a healthy disk");
    assert_eq!(machine.db().synced(), machine.db().head(), "all of it is on disk");
}

/// What the stream and the target have of a version, against what its execution says that they have.
fn check_is_whole(machine: &Machine, version: &str, before: &Rows) {
    let of_version = |line: &String| line.starts_with(&format!("{version} "));
    let published: Vec<String> = machine.operations("t/x").into_iter().filter(of_version).collect();
    let table = machine.table("t/x");
    let Some(execution) = table.find_execution(machine.db(), version).expect("reads") else {
        assert_eq!((published.len(), &machine.target()), (0, before), "nobody knows of it, and nothing of it is there");
        return;
    };
    assert_eq!(published.len() as u64, execution.published);
    let mut expected = before.clone();
    for line in published.iter().take(execution.applied as usize) {
        let parts: Vec<&str> = line.split(' ').collect();
        match parts[2] {
            "DELETE" => drop(expected.remove(parts[3])),
            _ => drop(expected.insert(parts[3].to_owned(), parts[4].to_owned())),
        }
    }
    assert_eq!(machine.target(), expected, "as many operations as the execution says");
}

#[test]
fn a_loss_of_power_may_take_the_newest_steps_and_none_is_half_or_done_twice() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..60 {
        let mut machine = relaxed(seed);
        upload(&machine, "V2", SECOND);
        machine.engine().register().expect("registered");
        if let Some(mut work) = machine.begin() {
            for piece in 0..seed % 10 {
                if piece == seed % 7 {
                    sync(&machine);
                }
                if work.step().is_err() {
                    break;
                }
            }
        }
        let head = machine.db().head();
        machine.lose_power();
        match machine.db().head() < head {
            true => lost += 1,
            false => kept += 1,
        }
        check_is_whole(&machine, "V2", &rows(FIRST));
        // Whoever uploads looks whether it is there.
        upload(&machine, "V2", SECOND);
        machine.settle();
        assert_eq!(machine.status("V2"), Status::Succeeded, "seed {seed}");
        assert_eq!(machine.target(), rows(SECOND), "seed {seed}");
        // What was not on disk was not swept.
        sync(&machine);
        machine.engine().sweep(&machine.table("t/x"));
        machine.check("t/x", &rows(SECOND));
    }
    assert!(lost > 10 && kept > 0, "lost {lost}, kept {kept}");
}

#[test]
fn what_a_lost_import_replaced_is_still_there() {
    let mut met = false;
    for seed in 0..40 {
        let mut machine = relaxed(seed);
        upload(&machine, "V2", SECOND);
        machine.settle();
        // Swept, had the sweep not waited for the log: the state and the bytes of V1.
        assert!(machine.table("t/x").head(machine.db()).expect("reads").base.is_some_and(|base| base.version == "V2"));
        machine.lose_power();
        let base = machine.table("t/x").head(machine.db()).expect("reads").base.expect("imported");
        met |= base.version == "V1";
        let table = machine.table("t/x");
        let files = base.files.iter().map(|file| &file.local).chain([&base.state]);
        for name in files {
            assert!(machine.engine().files.path(&table, name).exists(), "seed {seed}: {} lacks {name}", base.version);
        }
    }
    assert!(met, "an import was lost");
}

#[test]
fn files_of_a_try_that_was_lost_are_removed_before_another_one_has_its_name() {
    let mut met = false;
    for seed in 0..40 {
        let mut machine = relaxed(seed);
        upload(&machine, "V2", SECOND);
        machine.engine().register().expect("registered");
        let token = {
            let mut work = machine.begin().expect("its turn");
            work.step().expect("the delta");
            work.claim.token
        };
        let has_files = |machine: &Machine| {
            let ours = |path: &std::path::PathBuf| path.ends_with(format!("{token}.state"));
            machine.files("t/x").iter().any(ours)
        };
        assert!(has_files(&machine));
        machine.lose_power();
        let head = machine.table("t/x").head(machine.db()).expect("reads");
        if head.token < token {
            met = true;
            assert!(
                !has_files(&machine),
                "seed {seed}: the next try has the same name, and would take them for its own"
            );
        }
    }
    assert!(met, "a lock was lost");
}

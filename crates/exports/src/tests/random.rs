//! Random exports of several tables, with crashes and people's decisions, against a model.

use super::{Machine, Rows, binding, export, key};
use crate::{Binding, Brake, Status};
use std::collections::BTreeMap;

const TABLES: [&str; 3] = ["t/x", "t/y", "u/z"];

struct Model {
    machine: Machine,
    /// What each table was at its last export, and how many versions it had.
    made: BTreeMap<&'static str, (Rows, u64)>,
    /// Contents of every version.
    versions: BTreeMap<(&'static str, String), Rows>,
}

impl Model {
    fn new(seed: u64) -> Model {
        let machine = Machine::new(seed);
        // Published only: one target would hold the rows of all tables.
        let brake = Brake { rows_min: 0, delete_share_max: 0.5, ..Brake::default() };
        let bound = Binding { target: None, brake, ..binding() };
        machine.engine().bind(&[bound]).expect("bound");
        let made = TABLES.iter().map(|table| (*table, (Rows::new(), 0))).collect();
        Model { machine, made, versions: BTreeMap::new() }
    }

    fn roll(&self, below: u64) -> u64 {
        self.machine.world.roll() % below
    }

    fn upload(&mut self) {
        let table = TABLES[self.roll(3) as usize];
        let (mut rows, count) = self.made[table].clone();
        for _ in 0..self.roll(12) {
            let row = format!("k{}", self.roll(15));
            match self.roll(3) {
                0 => drop(rows.remove(&row)),
                _ => drop(rows.insert(row, self.roll(4).to_string())),
            }
        }
        let version = format!("V{:04}", count + 1);
        self.machine.upload(&key(table, &version), &export(&rows));
        self.versions.insert((table, version), rows.clone());
        self.made.insert(table, (rows, count + 1));
    }

    fn work(&mut self) {
        self.machine.engine().register().expect("registered");
        let Some(mut work) = self.machine.begin() else { return };
        let (pieces, mut ended) = (self.roll(8), false);
        for _ in 0..pieces {
            ended = work.step().is_err();
            if ended {
                break;
            }
        }
        let (table, busy) = (work.claim.table.name.clone(), work.claim.busy.clone());
        drop(work);
        self.machine.engine().schedule.done(&table, &busy);
        self.machine.engine().schedule.look_at(&table);
        if !ended && self.roll(2) == 0 {
            self.machine.crash();
        }
    }

    fn decide(&mut self) {
        for table in TABLES {
            let Ok(found) = self.machine.engine().table(table) else { continue };
            for execution in found.live(self.machine.db()).expect("reads") {
                if execution.status == Status::Held {
                    let decided = match self.roll(2) {
                        0 => self.machine.engine().release(table, &execution.version),
                        _ => self.machine.engine().reject(table, &execution.version),
                    };
                    decided.expect("it is held");
                }
            }
        }
    }

    /// Lets everything come to its end, and compares.
    fn check(&mut self) {
        for _ in 0..200 {
            self.machine.settle();
            self.decide();
        }
        self.machine.settle();
        for table in TABLES {
            let Ok(found) = self.machine.engine().table(table) else { continue };
            let live = found.live(self.machine.db()).expect("reads");
            assert!(live.is_empty(), "{live:?}");
            let imported = found.head(self.machine.db()).expect("reads").base.map(|base| base.version);
            let last = imported.map(|version| self.versions[&(table, version)].clone()).unwrap_or_default();
            self.machine.check(table, &last);
        }
    }
}

#[test]
fn random_exports_with_crashes_come_out_as_if_nothing_had_happened() {
    for seed in 0..12 {
        let mut model = Model::new(seed);
        for _ in 0..40 {
            match model.roll(10) {
                0..=2 => model.upload(),
                3..=7 => model.work(),
                8 => model.decide(),
                _ => model.machine.crash(),
            }
        }
        model.check();
    }
}

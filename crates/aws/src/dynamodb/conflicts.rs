//! Conflicts between transactions, made up. One sequencer carries out everything here, so a transaction never meets
//! another; at AWS they do, and whoever writes retries wants to see them tried.

use crate::protocol::{Fault, Reason};
use db::Db;
use item::TableId;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// How often a conflict is made up, and where.
pub(crate) struct Conflicts {
    percent: u8,
    /// Tables that transactions wrote to or read since the start: only there can a single write meet one.
    tables: Mutex<HashSet<TableId>>,
}

impl Conflicts {
    pub fn new(percent: u8) -> Conflicts {
        Conflicts { percent, tables: Mutex::default() }
    }

    /// Cancels a transaction now and then: one of its actions, on these tables, met another transaction.
    pub fn strike_transaction(&self, db: &Db, tables: impl ExactSizeIterator<Item = TableId>) -> Result<(), Fault> {
        if self.percent == 0 {
            return Ok(());
        }
        let actions = tables.len();
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).extend(tables);
        if !self.strikes(db) {
            return Ok(());
        }
        let struck = roll(db) % actions;
        let reason = |action| if action == struck { Fault::conflict().into() } else { Reason::default() };
        Err(Fault::canceled((0..actions).map(reason).collect()))
    }

    /// Refuses a write of one item now and then, where transactions are about.
    pub fn strike_write(&self, db: &Db, table: TableId) -> Result<(), Fault> {
        let about = || self.tables.lock().unwrap_or_else(PoisonError::into_inner).contains(&table);
        if self.percent > 0 && about() && self.strikes(db) { Err(Fault::conflict()) } else { Ok(()) }
    }

    fn strikes(&self, db: &Db) -> bool {
        roll(db) % 100 < usize::from(self.percent)
    }
}

/// A number that nobody can foresee.
fn roll(db: &Db) -> usize {
    let mut bytes = [0; 4];
    db.roll(&mut bytes);
    u32::from_le_bytes(bytes) as usize
}

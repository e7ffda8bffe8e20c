//! A table of products and what happens to it between two exports. Knows nothing of files.

use fastrand::Rng;
use std::fmt;

/// Of a hundred rows, so many change, come and go from version to version; one of each at least.
const UPDATES: usize = 5;
const INSERTS: usize = 3;
const DELETES: usize = 2;

/// Names that CSV has to quote are among them.
const KINDS: [&str; 8] = ["Lamp", "Desk, oak", "Chair", "24\" screen", "Bücherregal", "椅子", "Rug", "Shelf"];
const NOTES: [&str; 6] = ["", "new", "2 left", "on sale, ends Friday", "fragile\nthis side up", "ask for \"Ana\""];

/// A product, in the order of [`COLUMNS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub name: String,
    pub price: String,
    pub stock: u32,
    pub note: String,
}

/// Names of the columns; the first is the key.
pub const COLUMNS: [&str; 5] = ["PK", "name", "price", "stock", "note"];

/// The products there are.
pub struct Table {
    pub rows: Vec<Row>,
    /// Keys are never given twice.
    next: u32,
}

/// What happened to a table.
pub struct Changes {
    inserts: usize,
    updates: usize,
    deletes: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} INSERT, {} UPDATE, {} DELETE", self.inserts, self.updates, self.deletes)
    }
}

impl Table {
    pub fn of(rows: u32, dice: &mut Rng) -> Table {
        let mut table = Table { rows: Vec::new(), next: 1 };
        (0..rows).for_each(|_| table.insert(dice));
        table
    }

    /// The rows in an order of its own, as a dump without ORDER BY has them.
    pub fn export(&self, dice: &mut Rng) -> Vec<Row> {
        let mut rows = self.rows.clone();
        dice.shuffle(&mut rows);
        rows
    }

    /// Some time passes. No row is changed twice.
    pub fn change(&mut self, dice: &mut Rng) -> Changes {
        let part = |percent: usize| (self.rows.len() * percent / 100).max(1);
        let changes = Changes { inserts: part(INSERTS), updates: part(UPDATES), deletes: part(DELETES) };
        dice.shuffle(&mut self.rows);
        self.rows.truncate(self.rows.len() - changes.deletes);
        self.rows.iter_mut().take(changes.updates).for_each(|row| row.sell(dice));
        (0..changes.inserts).for_each(|_| self.insert(dice));
        changes
    }

    fn insert(&mut self, dice: &mut Rng) {
        let kind = KINDS[dice.usize(..KINDS.len())];
        self.rows.push(Row {
            key: format!("P{:06}", self.next),
            name: format!("{kind} no. {}", self.next),
            price: format!("{}.{:02}", dice.u32(1..500), dice.u32(..100)),
            stock: dice.u32(..1000),
            note: NOTES[dice.usize(..NOTES.len())].to_owned(),
        });
        self.next += 1;
    }
}

impl Row {
    /// Another stock for certain, and perhaps another note.
    fn sell(&mut self, dice: &mut Rng) {
        self.stock = self.stock + 1 + dice.u32(..50);
        if dice.bool() {
            NOTES[dice.usize(..NOTES.len())].clone_into(&mut self.note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_version_differs_from_the_one_before_by_what_is_said() {
        let mut dice = Rng::with_seed(1);
        let mut table = Table::of(200, &mut dice);
        let by_key = |table: &Table| -> BTreeMap<String, Row> {
            table.rows.iter().map(|row| (row.key.clone(), row.clone())).collect()
        };
        let before = by_key(&table);
        let said = table.change(&mut dice);
        let after = by_key(&table);
        assert_eq!(after.keys().filter(|key| !before.contains_key(*key)).count(), said.inserts);
        assert_eq!(before.keys().filter(|key| !after.contains_key(*key)).count(), said.deletes);
        let updated = after.iter().filter(|(key, row)| before.get(*key).is_some_and(|old| old != *row));
        assert_eq!(updated.count(), said.updates);
        assert_eq!(said.to_string(), "6 INSERT, 10 UPDATE, 4 DELETE");
    }
}

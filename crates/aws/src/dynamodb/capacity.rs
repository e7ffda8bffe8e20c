//! Consumed capacity: the arithmetic and how it is shown; and the sizes of item collections.

use super::validate::Consumed;
use crate::json::Object;
use db::{Index, PageEnd, Table};
use item::{Item, KeyValue, Value, size};

const WRITE_UNIT_BYTES: usize = 1024;
const READ_UNIT_BYTES: usize = 4096;

/// Units by where they were consumed. An index that cost nothing is not there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Units<'t> {
    pub table: f64,
    local: Vec<(&'t str, f64)>,
    global: Vec<(&'t str, f64)>,
}

/// Units of one write of the table: by the larger image, one at least.
pub(super) fn of_write(old: Option<&Item>, new: Option<&Item>) -> f64 {
    of_entry(old.into_iter().chain(new).map(size::item).max().unwrap_or(0))
}

/// Units of writing so many bytes, one at least: an entry of an index, for one.
pub(super) fn of_entry(bytes: usize) -> f64 {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

/// Units of reading so many bytes at once, one read at least; eventually consistent ones cost half.
pub(super) fn of_read(bytes: usize, consistent: bool) -> f64 {
    read_units(bytes.div_ceil(READ_UNIT_BYTES).max(1), consistent)
}

fn read_units(blocks: usize, consistent: bool) -> f64 {
    if consistent { blocks as f64 } else { blocks as f64 / 2.0 }
}

impl<'t> Units<'t> {
    pub fn of_table(units: f64) -> Units<'t> {
        Units { table: units, ..Units::default() }
    }

    /// One write: of the item, and of the entries that it changes, each rounded up by itself.
    pub fn of_write(table: &'t Table, old: Option<&Item>, new: Option<&Item>) -> Units<'t> {
        let mut units = Units::of_table(of_write(old, new));
        for index in &table.indexes {
            let written = index.written(table, old, new).into_iter().map(of_entry).sum::<f64>();
            units.charge(index, written);
        }
        units
    }

    /// One page: of the index, where it is one's, and of the table's items that were fetched for its entries.
    pub fn of_page<L>(index: Option<&'t Index>, page: &PageEnd<L>, consistent: bool) -> Units<'t> {
        let read = of_read(page.bytes, consistent);
        let Some(index) = index else { return Units::of_table(read) };
        let mut units = Units::of_table(read_units(page.fetched_blocks, consistent));
        units.charge(index, read);
        units
    }

    fn charge(&mut self, index: &'t Index, units: f64) {
        if units == 0.0 {
            return;
        }
        let list = if index.spec.local { &mut self.local } else { &mut self.global };
        match list.iter_mut().find(|(name, _)| *name == index.spec.name) {
            Some((_, sum)) => *sum += units,
            None => list.push((&index.spec.name, units)),
        }
    }

    /// Adds another write of the same table.
    pub fn add(&mut self, other: Units<'t>) {
        self.table += other.table;
        for (list, more) in [(&mut self.local, other.local), (&mut self.global, other.global)] {
            for (name, units) in more {
                match list.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += units,
                    None => list.push((name, units)),
                }
            }
        }
    }

    fn total(&self) -> f64 {
        self.table + self.local.iter().chain(&self.global).map(|(_, units)| units).sum::<f64>()
    }

    /// Writes the fields of one `ConsumedCapacity`.
    pub fn write(&self, object: Object<'_>, consumed: Consumed, table: &str) {
        self.write_as(object, consumed, table, None);
    }

    /// As [`Units::write`]; a transaction's units are told a second time in a field that says what kind they are.
    fn write_as(&self, mut object: Object<'_>, consumed: Consumed, table: &str, kind: Option<&str>) {
        object.text("TableName", table);
        fields(&mut object, self.total(), kind);
        if consumed == Consumed::Indexes {
            one(object.object("Table"), self.table, kind);
            for (name, list) in [("LocalSecondaryIndexes", &self.local), ("GlobalSecondaryIndexes", &self.global)] {
                if !list.is_empty() {
                    let mut map = object.object(name);
                    list.iter().for_each(|(name, units)| one(map.object(name), *units, kind));
                    map.end();
                }
            }
        }
        object.end();
    }
}

fn fields(object: &mut Object<'_>, units: f64, kind: Option<&str>) {
    for field in std::iter::once("CapacityUnits").chain(kind) {
        object.bare(field, format_args!("{units:.1}"));
    }
}

fn one(mut object: Object<'_>, units: f64, kind: Option<&str>) {
    fields(&mut object, units, kind);
    object.end();
}

/// Units of several items, by table in the order of the request.
#[derive(Default)]
pub(super) struct Totals<'t>(Vec<(&'t Table, Units<'t>)>);

impl<'t> Totals<'t> {
    pub fn add(&mut self, table: &'t Table, units: Units<'t>) {
        match self.0.iter_mut().find(|(known, _)| known.id == table.id) {
            Some((_, total)) => total.add(units),
            None => self.0.push((table, units)),
        }
    }

    /// `kind`: the second field of a transaction's units.
    pub fn write(&self, response: &mut Object<'_>, consumed: Consumed, kind: Option<&str>) {
        let mut array = response.array("ConsumedCapacity");
        for (table, units) in &self.0 {
            units.write_as(array.object(), consumed, &table.spec.name, kind);
        }
        array.end();
    }
}

/// Writes the fields of one `ConsumedCapacity` of a table alone.
pub(super) fn write(object: Object<'_>, consumed: Consumed, table: &str, units: f64) {
    Units::of_table(units).write(object, consumed, table);
}

/// Adds `ConsumedCapacity` to a response, if it was asked for.
pub(super) fn add<'t>(response: &mut Object<'_>, consumed: Consumed, table: &str, units: impl FnOnce() -> Units<'t>) {
    if consumed != Consumed::None {
        units().write(response.object("ConsumedCapacity"), consumed, table);
    }
}

/// Adds `ItemCollectionMetrics` of several items to a response: each collection once, by table; only tables with local
/// indexes have any to tell of.
pub(super) fn add_collections<'t>(response: &mut Object<'_>, places: impl Iterator<Item = (&'t Table, &'t KeyValue)>) {
    let mut tables: Vec<(&Table, Vec<&KeyValue>)> = Vec::new();
    for (table, partition) in places.filter(|(table, _)| has_collections(table)) {
        match tables.iter_mut().find(|(known, _)| known.id == table.id) {
            Some((_, partitions)) => partitions.push(partition),
            None => tables.push((table, vec![partition])),
        }
    }
    if tables.is_empty() {
        return;
    }
    let mut metrics = response.object("ItemCollectionMetrics");
    for (table, mut partitions) in tables {
        partitions.sort_unstable();
        partitions.dedup();
        let mut array = metrics.array(&table.spec.name);
        for partition in partitions {
            write_collection(array.object(), &table.spec.key.partition.name, Value::from(partition.clone()));
        }
        array.end();
    }
    metrics.end();
}

/// Whether the table's item collections have sizes to tell: AWS limits them where there are local indexes.
pub(super) fn has_collections(table: &Table) -> bool {
    table.indexes.iter().any(|index| index.spec.local)
}

/// Writes one `ItemCollectionMetrics`. There is no limit here to come close to: the estimate is AWS's lowest.
pub(super) fn write_collection(mut object: Object<'_>, attribute: &str, partition: Value) {
    object.item("ItemCollectionKey", &Item::from_iter([(attribute, partition)]));
    let mut range = object.array("SizeEstimateRangeGB");
    for bound in ["0.0", "1.0"] {
        range.element().extend_from_slice(bound.as_bytes());
    }
    range.end();
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_round_up_and_eventual_reads_cost_half() {
        assert_eq!(
            [of_read(0, true), of_read(1, false), of_read(4096, true), of_read(4097, false)],
            [1.0, 0.5, 1.0, 1.0]
        );
        let of_size = |bytes: usize| Item::from_iter([("a", Value::S("x".repeat(bytes - 1)))]);
        assert_eq!(of_write(None, None), 1.0);
        assert_eq!(of_write(Some(&of_size(1024)), None), 1.0);
        assert_eq!(of_write(Some(&of_size(3000)), Some(&of_size(1025))), 3.0);
    }
}

//! Consumed capacity: the arithmetic and how it is shown.

use super::validate::Consumed;
use crate::json::Object;
use item::{Item, size};

const WRITE_UNIT_BYTES: usize = 1024;
const READ_UNIT_BYTES: usize = 4096;

/// Units of one write: by the larger image, one at least.
pub(super) fn of_write(old: Option<&Item>, new: Option<&Item>) -> f64 {
    of_entry(old.into_iter().chain(new).map(size::item).max().unwrap_or(0))
}

/// Units of writing so many bytes, one at least: an entry of an index, for one.
pub(super) fn of_entry(bytes: usize) -> f64 {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

/// Units of reading so many bytes at once, one read at least; eventually consistent ones cost half.
pub(super) fn of_read(bytes: usize, consistent: bool) -> f64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64;
    if consistent { units } else { units / 2.0 }
}

/// Writes the fields of one `ConsumedCapacity`.
pub(super) fn write(mut object: Object<'_>, consumed: Consumed, table: &str, units: f64) {
    object.text("TableName", table);
    object.bare("CapacityUnits", format_args!("{units:.1}"));
    if consumed == Consumed::Indexes {
        let mut of_table = object.object("Table");
        of_table.bare("CapacityUnits", format_args!("{units:.1}"));
        of_table.end();
    }
    object.end();
}

/// Adds `ConsumedCapacity` to a response, if it was asked for.
pub(super) fn add(response: &mut Object<'_>, consumed: Consumed, table: &str, units: impl FnOnce() -> f64) {
    if consumed != Consumed::None {
        write(response.object("ConsumedCapacity"), consumed, table, units());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use item::Value;

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

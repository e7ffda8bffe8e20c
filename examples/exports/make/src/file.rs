//! What an export looks like: the name of its version, CSV with a header, gzip.

use crate::table::{COLUMNS, Row};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// The day of the first version, in days since 1970: 2020-12-30.
const FIRST_DAY: u32 = 18_626;

/// `20201230_V0001`: one version a day, whose names sort by time.
pub fn version(number: u32) -> String {
    let (year, month, day) = date(FIRST_DAY + number - 1);
    format!("{year}{month:02}{day:02}_V{number:04}")
}

/// The date so many days after 1970-01-01.
fn date(days: u32) -> (u32, u32, u32) {
    let is_leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u32::from(is_leap(year)) {
        left -= 365 + u32::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u32::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// The rows as a gzip file.
pub fn compressed(rows: &[Row]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let written = gzip.write_all(csv(rows).as_bytes());
    written.and_then(|()| gzip.finish()).expect("writing to memory does not fail")
}

fn csv(rows: &[Row]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        let stock = row.stock.to_string();
        let fields = [&row.key, &row.name, &row.price, &stock, &row.note].map(|field| quoted(field));
        text += &(fields.join(",") + "\n");
    }
    text
}

/// In quotes where it must be.
fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_days_one_after_the_other() {
        let named: Vec<String> = [1, 2, 3, 60, 61, 1158].map(version).into();
        let wanted = [
            "20201230_V0001",
            "20201231_V0002",
            "20210101_V0003",
            "20210227_V0060",
            "20210228_V0061",
            "20240301_V1158",
        ];
        assert_eq!(named, wanted);
    }

    #[test]
    fn what_csv_must_quote_is_quoted() {
        let note = "a, \"b\"\nc".to_owned();
        let row = Row { key: "P1".into(), name: "Lamp".into(), price: "1.50".into(), stock: 3, note };
        assert_eq!(csv(&[row]), "PK,name,price,stock,note\nP1,Lamp,1.50,3,\"a, \"\"b\"\"\nc\"\n");
    }
}

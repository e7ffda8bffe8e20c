//! Exports made from a seed, for tests, benchmarks and examples: a table of customers that changes from version to version.
//! Each version comes in an order of its own, as a dump without ORDER BY does.

use flate2::{Compression, write::GzEncoder};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// Names of the columns; the first is the key.
pub const COLUMNS: [&str; 12] = [
    "PK",
    "name",
    "email",
    "city",
    "country",
    "street",
    "amount",
    "reference",
    "status",
    "created_at",
    "updated_at",
    "note",
];

const FIRST: [&str; 16] = [
    "Ana", "Björn", "Chloé", "Dmitri", "Elif", "Fatima", "Grace", "Hiroshi", "Inês", "Jamal", "Kofi", "Łucja", "María",
    "Nguyễn", "Olena", "Søren",
];
const LAST: [&str; 16] = [
    "Andersen",
    "Bauer",
    "Çelik",
    "Dubois",
    "Eriksson",
    "Fernández",
    "García",
    "Haddad",
    "Ivanova",
    "Jones",
    "Kowalski",
    "Lindqvist",
    "Müller",
    "Nakamura",
    "O'Brien",
    "Papadopoulos",
];
const CITIES: [&str; 12] = [
    "Aarhus",
    "Brno",
    "Cádiz",
    "Den Haag",
    "Évora",
    "Frankfurt am Main",
    "Göteborg",
    "Łódź",
    "Nice",
    "Porto",
    "São Paulo",
    "東京",
];
const STATUSES: [&str; 5] = ["active", "invited", "paused", "closed", "in review"];
const WORDS: [&str; 16] = [
    "asked", "for", "a", "call", "back", "after", "delivery", "was", "late", "please", "check", "the", "invoice",
    "again", "thank", "you",
];

/// Of ten thousand rows, how many change from one version to the next.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    pub updates: u64,
    pub inserts: u64,
    pub deletes: u64,
}

/// What a version is against the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub unchanged: u64,
}

/// A table and how it changes. Versions count from 1; all follows from these numbers.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub rows: u64,
    pub seed: u64,
    pub shares: Shares,
}

impl Sample {
    /// 1 % updates, 0.5 % inserts, 0.5 % deletes from version to version.
    pub fn new(rows: u64, seed: u64) -> Sample {
        Sample { rows, seed, shares: Shares { updates: 100, inserts: 50, deletes: 50 } }
    }

    /// Writes a version, header first, as CSV.
    pub fn write(&self, version: u32, out: &mut impl Write) -> io::Result<()> {
        self.write_part(version, 0, 1, out)
    }

    /// Writes one of `parts` files of a version, header first, as CSV.
    pub fn write_part(&self, version: u32, part: u64, parts: u64, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", COLUMNS.join(","))?;
        let ids = self.ids(version);
        let order = Order::new(ids, mix(self.seed ^ u64::from(version) << 40));
        let mut row = String::new();
        for place in ids * part / parts..ids * (part + 1) / parts {
            let id = order.at(place);
            if let Some(revision) = self.revision(id, version) {
                row.clear();
                self.row(id, revision, &mut row);
                out.write_all(row.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Writes a version as one gzip file.
    pub fn write_gz(&self, version: u32, out: impl Write) -> io::Result<()> {
        let mut gz = io::BufWriter::with_capacity(1 << 16, GzEncoder::new(out, Compression::default()));
        self.write(version, &mut gz)?;
        gz.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.flush()
    }

    /// How `version` differs from the one before it.
    pub fn changes(&self, version: u32) -> Changes {
        let mut changes = Changes::default();
        for id in 0..self.ids(version) {
            match (self.revision(id, version - 1), self.revision(id, version)) {
                (None, Some(_)) => changes.inserts += 1,
                (Some(_), None) => changes.deletes += 1,
                (Some(before), Some(after)) if before == after => changes.unchanged += 1,
                (Some(_), Some(_)) => changes.updates += 1,
                (None, None) => {}
            }
        }
        changes
    }

    /// Keys that were ever given out up to a version.
    fn ids(&self, version: u32) -> u64 {
        match version {
            0 => 0,
            _ => self.rows + u64::from(version - 1) * (self.rows * self.shares.inserts / 10_000),
        }
    }

    /// The version in which a row got the content that it has in `version`; `None` where there is no such row.
    fn revision(&self, id: u64, version: u32) -> Option<u32> {
        let mut revision = (1..=version).find(|version| id < self.ids(*version))?;
        for version in revision + 1..=version {
            let dice = mix(self.seed ^ mix(id) ^ u64::from(version)) % 10_000;
            if dice < self.shares.deletes {
                return None;
            }
            if dice < self.shares.deletes + self.shares.updates {
                revision = version;
            }
        }
        Some(revision)
    }

    fn row(&self, id: u64, revision: u32, out: &mut String) {
        let mut dice = Dice(mix(self.seed ^ mix(id)));
        let (first, last) = (dice.pick(&FIRST), dice.pick(&LAST));
        let (city, country, house) = (dice.pick(&CITIES), dice.below(26), dice.below(200));
        let reference = mix(dice.0.rotate_left(32));
        let (cents, joined, noted) = (dice.below(1_000_000), dice.below(86_400 * 900), dice.below(20));
        // What an update changes: amount, status, time; the rest stays.
        let mut fresh = Dice(mix(dice.0 ^ u64::from(revision)));
        let (more, status) = (fresh.below(5_000) * u64::from(revision > 1), fresh.pick(&STATUSES));
        let country = char::from(b'A' + u8::try_from(country).expect("below 26"));
        let (cents, updated) = (cents + more, joined + fresh.below(86_400));
        let put = |out: &mut String, text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a String takes all");
        put(out, format_args!("C{id:010},{first} {last},{first}{}@example.com,", id % 100_000));
        put(out, format_args!("{city},{country}{country},\"{house} {last} Street, {city}\","));
        put(
            out,
            format_args!("{}.{:02},{reference:016x}{:08x},{status},", cents / 100, cents % 100, mix(reference) >> 32),
        );
        push_time(joined, out);
        out.push(',');
        push_time(updated, out);
        out.push(',');
        push_note(noted, &mut dice, out);
        out.push('\n');
    }
}

/// Seconds since 2019 as a time of day and a date of 30-day months: always valid, never in need of a calendar.
fn push_time(seconds: u64, out: &mut String) {
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = (2019 + day / 336, day % 336 / 28 + 1, day % 28 + 1);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(out, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").expect("a String takes all");
}

/// A few words; one note in ten quotes somebody, one in twenty has two lines, one in twenty is empty.
fn push_note(kind: u64, dice: &mut Dice, out: &mut String) {
    let words = 1 + dice.below(5);
    match kind {
        0 => return,
        1 => out.push_str("\"first\n"),
        2 | 3 => out.push_str("\"said \"\"hello\"\", "),
        _ => {}
    }
    for word in 0..words {
        out.push_str(if word == 0 { "" } else { " " });
        out.push_str(dice.pick(&WORDS));
    }
    if (1..=3).contains(&kind) {
        out.push('"');
    }
}

/// A source of numbers that is the same everywhere and always.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0) % limit
    }

    fn pick(&mut self, among: &[&'static str]) -> &'static str {
        among[usize::try_from(self.below(among.len() as u64)).expect("an index of a short list")]
    }
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A permutation of `0..count` without a table of it: a Feistel network over the next power of four, walked until it lands
/// inside.
struct Order {
    count: u64,
    half: u32,
    seed: u64,
}

impl Order {
    fn new(count: u64, seed: u64) -> Order {
        let bits = u64::BITS - count.max(2).saturating_sub(1).leading_zeros();
        Order { count, half: bits.div_ceil(2), seed }
    }

    fn at(&self, place: u64) -> u64 {
        let mut at = self.step(place);
        while at >= self.count {
            at = self.step(at);
        }
        at
    }

    fn step(&self, at: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (at >> self.half, at & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ mix(right ^ self.seed ^ (round << 56)) & mask);
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation() {
        for count in [1, 2, 3, 17, 1000] {
            let order = Order::new(count, 7);
            let mut seen: Vec<u64> = (0..count).map(|place| order.at(place)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..count), "{count}");
        }
    }
}

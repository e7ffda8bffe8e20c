//! Columns by name: in which order rows are hashed, where a file has each of them, which ones came or went.

use crate::{
    Config, Empty, Error, Fault, Policy, csv,
    scan::{Row, Scanner},
};
use std::ops::ControlFlow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Most columns of an export.
pub(crate) const COLUMNS_MAX: usize = 1024;

/// Columns in the order in which rows are hashed: the previous export's, and behind them what was added since. So neither
/// reordering nor adding changes the hash of a row that says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub names: Vec<String>,
    /// Whether the newest export has the column.
    pub present: Vec<bool>,
}

/// What came and went between two exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub added: Vec<String>,
    pub dropped: Vec<String>,
}

impl Columns {
    pub fn new(names: &[String]) -> Columns {
        Columns { names: names.to_vec(), present: vec![true; names.len()] }
    }

    /// The columns after an export with these names.
    pub fn follow(&self, header: &[String]) -> (Columns, Change) {
        let mut next = self.clone();
        let mut change = Change::default();
        for (at, name) in self.names.iter().enumerate() {
            next.present[at] = header.contains(name);
            match (self.present[at], next.present[at]) {
                (false, true) => change.added.push(name.clone()),
                (true, false) => change.dropped.push(name.clone()),
                _ => {}
            }
        }
        for name in header.iter().filter(|name| !self.names.contains(name)) {
            change.added.push(name.clone());
            next.names.push(name.clone());
            next.present.push(true);
        }
        (next, change)
    }

    /// Names of the columns that the newest export has, as a set.
    fn fingerprint(&self) -> u64 {
        let present = self.names.iter().zip(&self.present).filter(|(_, present)| **present);
        let mut names: Vec<&str> = present.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        xxh3_64_with_seed(names.join("\0").as_bytes(), 0)
    }
}

impl Change {
    /// Fails where the policy is to hold.
    pub fn check(&self, config: &Config) -> Result<(), Error> {
        let held = |policy, names: &Vec<String>| policy == Policy::Hold && !names.is_empty();
        if held(config.added, &self.added) || held(config.dropped, &self.dropped) {
            return Err(Error::Columns { added: self.added.clone(), dropped: self.dropped.clone() });
        }
        Ok(())
    }
}

/// How rows of one side are hashed.
#[derive(Clone, Copy)]
pub(crate) struct Hashing {
    seed: u64,
    mask: u64,
    row_seed: u64,
    trim: bool,
}

impl Hashing {
    /// `columns` as the side has them. Where empty is a text, rows with other columns are other rows, so the columns are
    /// part of the seed.
    pub fn new(config: &Config, columns: &Columns) -> Hashing {
        let trim = config.empty == Empty::Absent;
        let set = if trim { 0 } else { columns.fingerprint() };
        Hashing { seed: config.seed, mask: config.hash_mask, row_seed: config.seed ^ set, trim }
    }

    #[inline(always)]
    pub fn key(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed) & self.mask
    }
}

/// Where a file has which column.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub width: usize,
    /// For each of [`Columns`], the field of this file.
    order: Vec<Option<usize>>,
    /// Whether that is 0, 1, 2 and so on.
    straight: bool,
    /// Fields that make the key.
    key: Vec<usize>,
}

impl Layout {
    /// `columns` must have all names of the header, and the header all key columns.
    pub fn new(header: &[String], columns: &Columns, key: &[String]) -> Layout {
        let place = |name: &String| header.iter().position(|other| other == name);
        let mut order: Vec<Option<usize>> = columns.names.iter().map(place).collect();
        // Columns that this file lacks at the end must not show as commas, which a straight row would not have.
        order.truncate(order.iter().rposition(Option::is_some).map_or(0, |at| at + 1));
        let straight = order.iter().enumerate().all(|(at, field)| *field == Some(at));
        let key = key.iter().map(|name| place(name).expect("checked with the header")).collect();
        Layout { width: header.len(), order, straight, key }
    }

    /// What a row has in a column, by its place in [`Columns`].
    pub fn field<'t>(&self, row: &Row<'t>, place: usize) -> Option<&'t [u8]> {
        self.order.get(place).copied().flatten().map(|field| row.field(field))
    }

    /// Appends the key of a row in normal form; fails with the place in the key of a column that is empty.
    #[inline(always)]
    pub fn push_key(&self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<(), usize> {
        if let Some(empty) = self.key.iter().position(|field| csv::is_empty(row.field(*field))) {
            return Err(empty);
        }
        match self.key[..] {
            [field] => csv::push_normal(row.field(field), out),
            _ => csv::push_fields(row, self.key.iter().map(|field| Some(*field)), out),
        }
        Ok(())
    }

    /// Hash of what the row says, whatever the order of its columns and however it is quoted.
    #[inline(always)]
    pub fn row_hash(&self, row: &Row<'_>, hashing: &Hashing, scratch: &mut Vec<u8>) -> u64 {
        let normal = if self.straight && row.plain {
            row.text
        } else {
            scratch.clear();
            csv::push_fields(row, self.order.iter().copied(), scratch);
            scratch
        };
        let normal = if hashing.trim { csv::without_empty_end(normal) } else { normal };
        xxh3_64_with_seed(normal, hashing.row_seed.wrapping_add(1))
    }
}

/// Reads a header row into names.
pub(crate) fn header(row: &Row<'_>) -> Result<Vec<String>, String> {
    if row.ends.len() > COLUMNS_MAX {
        return Err(format!("{} columns, at most {COLUMNS_MAX} are taken", row.ends.len()));
    }
    let mut names: Vec<String> = Vec::new();
    for field in 0..row.ends.len() {
        let name = csv::unquote(row.field(field)).into_owned();
        let name = String::from_utf8(name).map_err(|_| format!("the name of column {} is not UTF-8", field + 1))?;
        if name.is_empty() {
            return Err(format!("column {} has no name", field + 1));
        }
        if names.contains(&name) {
            return Err(format!("two columns are called {name}"));
        }
        names.push(name);
    }
    Ok(names)
}

/// Finds the header in the beginning of a text, behind a byte order mark. Answers its names and where the rows begin; `None`
/// when more text is needed.
pub(crate) fn find_header(text: &[u8], last: bool) -> Result<Option<(Vec<String>, usize)>, String> {
    if text.starts_with(&[0xFF, 0xFE]) || text.starts_with(&[0xFE, 0xFF]) {
        return Err("the text is UTF-16".to_owned());
    }
    let mark = if text.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
    let mut names = None;
    let taken = Scanner::new(0).scan(&text[mark..], last, |row| {
        names = Some(header(&row));
        ControlFlow::Break(())
    });
    let taken = taken.map_err(|_| "the header is not quoted as CSV is".to_owned())?;
    match names {
        Some(names) => Ok(Some((names?, mark + taken))),
        None if last => Err("there is no header".to_owned()),
        None => Ok(None),
    }
}

/// Fails if a header lacks a key column.
pub(crate) fn check_key(file: &str, header: &[String], key: &[String]) -> Result<(), Error> {
    let Some(missing) = key.iter().find(|name| !header.contains(name)) else { return Ok(()) };
    let problem = format!("key column {missing} is missing; the columns are {}", header.join(", "));
    let remedy = "export it, or configure the key".to_owned();
    Err(Fault { file: file.to_owned(), row: Some(0), byte: None, problem, remedy }.into())
}

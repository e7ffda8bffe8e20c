//! A binding says where exports arrive and what becomes of them. A resource of the database, as an item and back.

use crate::{Error, fields};
use item::{Item, Value};

/// Kind of a binding's resource.
pub const BINDING: &str = "export-binding";

/// Default of [`Binding::registry`].
pub const REGISTRY: &str = "registry";
/// Most files of a version.
pub const FILES_MAX: u32 = 1000;

/// Where exports arrive: `PREFIX TENANT/TABLE/EXPORT_VERSION/FILE.gz` in a bucket; and what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub bucket: String,
    /// Empty, or what keys begin with; mostly ends with `/`.
    pub prefix: String,
    /// Columns that identify a row, in order.
    pub key: Vec<String>,
    /// Stream that operations are published to.
    pub stream: Option<String>,
    /// Table that operations are applied to.
    pub target: Option<String>,
    /// Columns that are numbers in the target; all others are texts.
    pub numbers: Vec<String>,
    pub empty: Empty,
    pub brake: Brake,
    pub complete: Complete,
    /// Table of executions and their steps.
    pub registry: String,
}

/// What an empty field means. `""` and nothing between two commas are the same under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// An empty text. A column that is added or dropped changes every row. A number column that is empty is left out of
    /// the target's item.
    #[default]
    Text,
    /// The row has no such column. An added column changes the rows in which it is not empty.
    Absent,
}

/// When an execution holds before it publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Brake {
    /// Largest part of the previous export's rows that may go, from 0 to 1. An export that leaves nothing of a table holds
    /// whatever this says, unless it is 1.
    pub delete_share_max: f64,
    /// The share is not looked at where the previous export had fewer rows.
    pub rows_min: u64,
    /// Columns that come.
    pub added: Policy,
    /// Columns that go. A key column that goes always holds.
    pub dropped: Policy,
}

/// What to do about columns that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Hold,
    Accept,
}

/// When all files of a version are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complete {
    /// With so many files.
    Files(u32),
    /// With an object of this name beside the files; it is no export itself.
    Marker(String),
}

impl Default for Brake {
    /// 30 % of at least 100 rows; changed columns hold.
    fn default() -> Brake {
        Brake { delete_share_max: 0.3, rows_min: 100, added: Policy::Hold, dropped: Policy::Hold }
    }
}

impl Default for Complete {
    fn default() -> Complete {
        Complete::Files(1)
    }
}

impl Binding {
    /// Key `PK`, one file a version, the usual brake; nothing is published or applied.
    #[must_use]
    pub fn new(bucket: &str) -> Binding {
        Binding {
            bucket: bucket.to_owned(),
            prefix: String::new(),
            key: vec!["PK".to_owned()],
            stream: None,
            target: None,
            numbers: Vec::new(),
            empty: Empty::Text,
            brake: Brake::default(),
            complete: Complete::default(),
            registry: REGISTRY.to_owned(),
        }
    }

    /// Its name: the bucket and the prefix, no two of which overlap.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.bucket, self.prefix)
    }

    /// Whether an object could belong to both.
    pub(crate) fn overlaps(&self, other: &Binding) -> bool {
        let (one, two) = (&*self.prefix, &*other.prefix);
        self.bucket == other.bucket && (one.starts_with(two) || two.starts_with(one))
    }

    /// Refuses what makes no sense by itself.
    ///
    /// # Errors
    /// [`Error::Binding`] says what.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Binding { binding: self.name(), what });
        if let Some(what) = self.key_trouble() {
            return refuse(what);
        }
        if let Some(name) = self.numbers.iter().find(|name| name.is_empty()) {
            return refuse(format!("column {name:?} cannot be a number: it has no name"));
        }
        if !(0.0..=1.0).contains(&self.brake.delete_share_max) {
            return refuse(format!(
                "the largest share of deletes, {}, is not from 0 to 1",
                self.brake.delete_share_max
            ));
        }
        match &self.complete {
            Complete::Files(count) if !(1..=FILES_MAX).contains(count) => {
                refuse(format!("{count} files a version: it must be from 1 to {FILES_MAX}"))
            }
            Complete::Marker(name) if name.is_empty() || name.contains('/') => {
                refuse(format!("a marker object {name:?}: its name must not be empty nor contain `/`"))
            }
            _ => Ok(()),
        }
    }

    fn key_trouble(&self) -> Option<String> {
        let twice = |name: &String| self.key.iter().filter(|other| *other == name).count() > 1;
        if self.key.is_empty() {
            return Some("no key column is named".to_owned());
        }
        let wrong = self.key.iter().find(|name| name.is_empty() || twice(name))?;
        Some(format!("key column {wrong:?} is empty or named twice"))
    }

    pub(crate) fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("bucket", fields::text(&self.bucket)),
            ("prefix", fields::text(&self.prefix)),
            ("key", fields::texts(&self.key)),
            ("numbers", fields::texts(&self.numbers)),
            ("registry", fields::text(&self.registry)),
            ("empty_absent", Value::Bool(self.empty == Empty::Absent)),
            // A text, so that the same number is read again.
            ("delete_share_max", fields::text(self.brake.delete_share_max.to_string())),
            ("rows_min", fields::number(self.brake.rows_min)),
            ("added_accept", Value::Bool(self.brake.added == Policy::Accept)),
            ("dropped_accept", Value::Bool(self.brake.dropped == Policy::Accept)),
        ]);
        match &self.complete {
            Complete::Files(count) => item.insert("files", fields::number(u64::from(*count))),
            Complete::Marker(name) => item.insert("marker", fields::text(name)),
        };
        fields::put(&mut item, "stream", self.stream.as_ref().map(fields::text));
        fields::put(&mut item, "target", self.target.as_ref().map(fields::text));
        item
    }

    pub(crate) fn read(item: &Item) -> Option<Binding> {
        let usual = Brake::default();
        let policy = |name: &str| if fields::get_flag(item, name) { Policy::Accept } else { Policy::Hold };
        let brake = Brake {
            delete_share_max: fields::get_text(item, "delete_share_max")
                .and_then(|text| text.parse().ok())
                .unwrap_or(usual.delete_share_max),
            rows_min: fields::get_number(item, "rows_min").unwrap_or(usual.rows_min),
            added: policy("added_accept"),
            dropped: policy("dropped_accept"),
        };
        let complete = match fields::get_text(item, "marker") {
            Some(name) => Complete::Marker(name),
            None => Complete::Files(fields::get_number(item, "files").unwrap_or(1)),
        };
        Some(Binding {
            bucket: fields::get_text(item, "bucket")?,
            prefix: fields::get_text(item, "prefix").unwrap_or_default(),
            key: fields::get_texts(item, "key"),
            stream: fields::get_text(item, "stream"),
            target: fields::get_text(item, "target"),
            numbers: fields::get_texts(item, "numbers"),
            empty: if fields::get_flag(item, "empty_absent") { Empty::Absent } else { Empty::Text },
            brake,
            complete,
            registry: fields::get_text(item, "registry").unwrap_or_else(|| REGISTRY.to_owned()),
        })
    }
}

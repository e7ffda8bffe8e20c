//! Where letters are kept: in the bucket that their destination names, or in the table of dead letters.
//!
//! A letter is committed together with what says that it was written: an object's bytes are on disk before, and its item is
//! a row of the same entry of the log. So nothing is given up without a trace, and no trace is left twice.

use crate::{event::utc_seconds, fields, limits::LETTER_TEXT_BYTES};
use db::{Db, Error, FollowerCommit, Row, Table, TableSpec};
use item::{Item, KeyAttribute, KeyKind, KeySchema, Origin};
use s3::{Buckets, Prepared, Put};
use std::sync::Arc;

/// The built-in table.
pub const TABLE: &str = "dead_letters";
/// How often a commit is made anew because a bucket went meanwhile.
const ANEW_MAX: usize = 3;

/// A letter, ready to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// As what the function that it tells of would have written: a letter may call it again.
    pub origin: Origin,
    pub contents: Contents,
}

/// What there is to be kept, and in which form.
#[derive(Clone, Debug, PartialEq)]
pub enum Contents {
    /// Items of the table.
    Items(Vec<Item>),
    /// An object of a bucket.
    Object {
        bucket: String,
        key: String,
        /// JSON.
        document: String,
        /// What the table has beside the document where the letter must be kept there: destination and id among it.
        head: Item,
    },
}

impl Parcel {
    /// What it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match &self.contents {
            Contents::Items(items) => items.iter().map(item::size::item).sum(),
            Contents::Object { document, .. } => document.len(),
        }
    }
}

/// An item of the table, and what it comes from.
type Sent = (Item, Origin);

/// The bucket that a destination names.
#[must_use]
pub fn bucket_of(destination: &str) -> Option<&str> {
    let mut parts = destination.splitn(6, ':');
    let heads = [parts.next()?, parts.next()?, parts.next()?];
    (heads[0] == "arn" && heads[2] == "s3").then(|| parts.nth(2))?
}

/// Why what comes with letters is not committed.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error(transparent)]
    Db(#[from] Error),
    /// The table of dead letters is another one, or objects are not taken.
    #[error("{0}")]
    Refused(String),
}

/// Keeps letters. Clones share it.
#[derive(Clone)]
pub struct Post {
    db: Db,
    buckets: Buckets,
}

impl Post {
    #[must_use]
    pub fn new(db: Db, buckets: Buckets) -> Post {
        Post { db, buckets }
    }

    /// Whether a destination is there, as far as that is known here: a bucket must be.
    ///
    /// # Errors
    /// Why not, in a sentence.
    pub fn check(&self, destination: &str) -> Result<(), String> {
        let Some(bucket) = bucket_of(destination) else { return Ok(()) };
        let found = self.buckets.bucket(bucket);
        found.map(drop).map_err(|_| format!("the on-failure destination is the bucket {bucket}, which does not exist"))
    }

    /// Commits what a follower has come to, and letters with it: all or nothing.
    ///
    /// # Errors
    /// What the database says of the commit, or that there is no table for letters.
    pub async fn commit(&self, commit: FollowerCommit, parcels: Vec<Arc<Parcel>>) -> Result<(), PostError> {
        if parcels.is_empty() {
            return Ok(self.db.follower_commit(commit).await.map(drop)?);
        }
        let post = self.clone();
        let kept = tokio::task::spawn_blocking(move || post.keep(&commit, &parcels)).await;
        // Everything is being stopped.
        kept.unwrap_or(Err(PostError::Db(Error::Closed)))
    }

    /// Blocks.
    fn keep(&self, commit: &FollowerCommit, parcels: &[Arc<Parcel>]) -> Result<(), PostError> {
        for _ in 0..ANEW_MAX {
            let (mut objects, items) = self.prepare(parcels);
            let mut commit = commit.clone();
            commit.rows.extend(self.rows(items)?);
            match self.buckets.commit_with(commit, &mut objects) {
                Ok(_) => return Ok(()),
                // One went meanwhile: its letter goes elsewhere.
                Err(s3::Error::NoSuchBucket(_)) => {}
                Err(s3::Error::Db(error)) => return Err(PostError::Db(error)),
                Err(other) => return Err(PostError::Refused(other.to_string())),
            }
        }
        Err(PostError::Db(Error::Busy))
    }

    /// Puts the bytes of objects on disk; answers these, and the items of letters that belong into the table or can be
    /// nowhere else.
    fn prepare(&self, parcels: &[Arc<Parcel>]) -> (Vec<Prepared>, Vec<Sent>) {
        let (mut objects, mut items) = (Vec::new(), Vec::new());
        for parcel in parcels {
            let origin = parcel.origin;
            let (bucket, key, document, head) = match &parcel.contents {
                Contents::Items(own) => {
                    items.extend(own.iter().map(|item| (item.clone(), origin)));
                    continue;
                }
                Contents::Object { bucket, key, document, head } => (bucket, key, document, head),
            };
            match self.prepare_object(bucket, key, document, origin) {
                Ok(prepared) => objects.push(prepared),
                Err(error) => {
                    tracing::error!("the letter {bucket}/{key} is kept in the table {TABLE}, for {error}");
                    let why = format!("the letter is kept here, for {error}");
                    let head = with(with(head.clone(), "object", key), "note", &why);
                    items.extend(in_parts(head, "message", document).into_iter().map(|item| (item, origin)));
                }
            }
        }
        (objects, items)
    }

    fn prepare_object(&self, bucket: &str, key: &str, document: &str, origin: Origin) -> Result<Prepared, s3::Error> {
        let mut put = Put { origin, ..Put::new(key) };
        put.details.headers.insert("content-type".to_owned(), "application/json".to_owned());
        self.buckets.prepare(bucket, put, document.as_bytes())
    }

    fn rows(&self, items: Vec<Sent>) -> Result<Vec<Row>, PostError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let table = self.table()?;
        let key = key();
        let row = |(item, origin): Sent| {
            let key = key.key_of(&item).expect("a letter has a destination and an id");
            Row { table: table.id, key, new: Some(item), origin }
        };
        Ok(items.into_iter().map(row).collect())
    }

    /// The table, created when it is not there.
    fn table(&self) -> Result<Arc<Table>, PostError> {
        let found = match self.db.table(TABLE) {
            Some(table) => table,
            None => match self.db.create_table(TableSpec::new(TABLE, key())).wait() {
                Ok(table) => table,
                // Somebody was faster.
                Err(Error::TableExists(_)) => self.db.table(TABLE).ok_or(Error::TableNotFound(TABLE.to_owned()))?,
                Err(error) => return Err(PostError::Db(error)),
            },
        };
        if found.spec.key != key() {
            return Err(PostError::Refused(format!(
                "letters need a table {TABLE} whose partition key is destination (S) and whose sort key is id (S)"
            )));
        }
        Ok(found)
    }
}

/// The table's key: what is to be known at a destination, in order of time.
pub(crate) fn key() -> KeySchema {
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
    KeySchema { partition: attribute("destination"), sort: Some(attribute("id")) }
}

fn with(mut item: Item, name: &str, text: &str) -> Item {
    item.insert(name, fields::text(text));
    item
}

/// An item with a text, and more items with the rest of it where it does not fit into one.
#[must_use]
pub fn in_parts(item: Item, name: &str, text: &str) -> Vec<Item> {
    let parts = split(text);
    if parts.len() == 1 {
        return vec![with(item, name, text)];
    }
    let id = fields::get_text(&item, "id").unwrap_or_default();
    let destination = item.get("destination").cloned();
    let mut items = vec![with(item, name, parts[0])];
    items[0].insert("parts", fields::number(parts.len() as u64));
    for (at, part) in parts.iter().enumerate().skip(1) {
        let rest = Item::from_iter(destination.clone().map(|destination| ("destination", destination)));
        items.push(with(with(rest, "id", &format!("{id}#part{:03}", at + 1)), name, part));
    }
    items
}

/// Cuts a text into pieces that fit into an item.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > LETTER_TEXT_BYTES {
        let (part, after) = rest.split_at(rest.floor_char_boundary(LETTER_TEXT_BYTES));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// The end of an object's key as AWS makes it: `YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID`.
#[must_use]
pub fn dated(now_ms: u64, uuid: &str) -> String {
    let time = utc_seconds(now_ms).trim_end_matches('Z').replace(':', ".");
    format!("{}/{time}-{uuid}", time[..10].replace('-', "/"))
}

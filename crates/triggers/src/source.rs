//! Where a trigger's records come from: a table's stream, or a stream that is no table's.

use crate::{Error, StartingPosition, fields};
use db::Db;
use item::{Item, Seq, TableId};
use kinesis::Streams;
use std::sync::Arc;
use wire::{Place, names};

/// What a trigger reads, as its definition keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table's stream: the table's name, and the stream's label in milliseconds, as both stand in its ARN.
    Table { name: String, created_ms: u64 },
    /// A Kinesis stream: its name, and its resource's number, for one that is created again is another one.
    Kinesis { name: String, number: u32 },
}

/// A source that can be read.
#[derive(Clone)]
pub enum Stream {
    Table(Arc<db::Stream>),
    Kinesis(Arc<kinesis::Stream>),
}

impl Source {
    /// The stream of an ARN, if it can still be read.
    #[must_use]
    pub fn of_arn(db: &Db, place: &Place, arn: &str) -> Option<Source> {
        if kinesis::stream_name(arn).is_some() {
            return streams(db, place).by_arn(arn).map(|stream| Source::of_kinesis(&stream));
        }
        place.stream(db, arn).map(|stream| Source::of(&stream))
    }

    /// A table's stream.
    #[must_use]
    pub fn of(stream: &db::Stream) -> Source {
        Source::Table { name: stream.table_name.clone(), created_ms: stream.created_ms }
    }

    #[must_use]
    pub fn of_kinesis(stream: &kinesis::Stream) -> Source {
        Source::Kinesis { name: stream.name().to_owned(), number: stream.resource.id.0 }
    }

    #[must_use]
    pub fn arn(&self, place: &Place) -> String {
        match self {
            Source::Table { name, created_ms } => {
                format!("{}/stream/{}", place.table_arn(name), wire::time::label(*created_ms))
            }
            Source::Kinesis { name, .. } => place.arn("kinesis", &format!("stream/{name}")),
        }
    }

    /// The name of the table or of the stream.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Source::Table { name, .. } | Source::Kinesis { name, .. }) = self;
        name
    }

    /// The stream, while anything of it can be read.
    pub(crate) fn stream(&self, db: &Db, place: &Place) -> Option<Stream> {
        match self {
            Source::Table { name, created_ms } => {
                let is_it = |stream: &Arc<db::Stream>| stream.table_name == *name && stream.created_ms == *created_ms;
                db.streams().into_iter().find(is_it).map(Stream::Table)
            }
            Source::Kinesis { name, number } => {
                let found = streams(db, place).find(name).filter(|stream| stream.resource.id.0 == *number);
                found.map(Arc::new).map(Stream::Kinesis)
            }
        }
    }

    pub(crate) fn to_item(&self) -> Item {
        match self {
            Source::Table { name, created_ms } => {
                Item::from_iter([("table", fields::text(name)), ("created_ms", fields::number(*created_ms))])
            }
            Source::Kinesis { name, number } => {
                Item::from_iter([("stream", fields::text(name)), ("number", fields::number(*number))])
            }
        }
    }

    pub(crate) fn from_item(item: &Item) -> Option<Source> {
        if let Some(name) = fields::get_text(item, "stream") {
            return Some(Source::Kinesis { name, number: fields::get_number(item, "number")? });
        }
        let created_ms = fields::get_number(item, "created_ms")?;
        Some(Source::Table { name: fields::get_text(item, "table")?, created_ms })
    }
}

fn streams(db: &Db, place: &Place) -> Streams {
    Streams::new(db.clone(), place.clone())
}

impl Stream {
    /// The number under which its records are read.
    pub fn records(&self) -> TableId {
        match self {
            Stream::Table(stream) => stream.table,
            Stream::Kinesis(stream) => stream.resource.records(),
        }
    }

    pub fn shards(&self) -> u16 {
        match self {
            Stream::Table(stream) => stream.shards,
            Stream::Kinesis(stream) => stream.shards(),
        }
    }

    pub fn shard_id(&self, shard: u16) -> String {
        match self {
            Stream::Table(stream) => names::shard_id(stream, shard),
            Stream::Kinesis(_) => kinesis::shard_id(shard),
        }
    }

    /// Its records come before this position, if it has an end.
    pub fn closed(&self) -> Option<Seq> {
        match self {
            Stream::Table(stream) => stream.closed,
            Stream::Kinesis(_) => None,
        }
    }

    /// How long it keeps its records, where that is less than what the log keeps.
    pub fn keep_ms(&self) -> Option<u64> {
        match self {
            Stream::Table(_) => None,
            Stream::Kinesis(stream) => Some(stream.resource.keep_ms),
        }
    }

    /// The position that a start means now.
    pub fn position(&self, db: &Db, place: &Place, starting: StartingPosition) -> Result<Seq, Error> {
        let from = match starting {
            StartingPosition::TrimHorizon => Seq::ZERO,
            StartingPosition::Latest => db.head().next(),
            StartingPosition::AtTimestamp(ms) => db.seq_at(ms)?,
        };
        let oldest = match self {
            Stream::Table(stream) => stream.opened.next().max(db.trimmed()),
            Stream::Kinesis(stream) => streams(db, place).horizon(stream).map_err(of_kinesis)?,
        };
        Ok(from.max(oldest))
    }
}

fn of_kinesis(error: kinesis::Error) -> Error {
    match error {
        kinesis::Error::Db(error) => Error::Db(error),
        other => Error::Invalid(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_back_from_their_items_and_have_aws_arns() {
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let table = Source::Table { name: "votes".to_owned(), created_ms: 1_686_425_176_525 };
        let stream = Source::Kinesis { name: "deltas".to_owned(), number: 7 };
        for source in [&table, &stream] {
            assert_eq!(Source::from_item(&source.to_item()).as_ref(), Some(source));
        }
        let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2023-06-10T19:26:16.525";
        assert_eq!(table.arn(&place), arn);
        assert_eq!(stream.arn(&place), "arn:aws:kinesis:us-east-1:000000000000:stream/deltas");
    }
}

//! All streams of a database: how they come, change and go, and how records get into them.

use crate::{
    Error,
    horizon::Horizons,
    record::{Put, Putting},
    stream::{Definition, KIND, Stream, stream_name},
};
use db::{Db, Expected, RetryToken};
use item::{Origin, Seq};
use std::sync::Arc;
use wire::{Place, names};

/// Most shards of all streams together; AWS has this limit in most regions, unless asked for more.
pub const SHARDS_MAX: u16 = 1000;

/// All streams of a database. Clones share them. Blocking, but for [`Streams::put`].
#[derive(Clone)]
pub struct Streams(Arc<Inner>);

struct Inner {
    db: Db,
    place: Place,
    horizons: Horizons,
}

impl Streams {
    #[must_use]
    pub fn new(db: Db, place: Place) -> Streams {
        Streams(Arc::new(Inner { db, place, horizons: Horizons::default() }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn horizons(&self) -> &Horizons {
        &self.0.horizons
    }

    /// Creates a stream.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Invalid`], [`Error::Limit`] and others.
    pub fn create(&self, definition: &Definition) -> Result<Stream, Error> {
        definition.check()?;
        let shards: usize = self.list().iter().map(|stream| usize::from(stream.shards())).sum();
        if shards + usize::from(definition.shards) > usize::from(SHARDS_MAX) {
            return Err(Error::Limit(format!(
                "the stream {} would bring the shards of all streams to {}, more than {SHARDS_MAX}",
                definition.name,
                shards + usize::from(definition.shards)
            )));
        }
        self.put_definition(definition, self.db().head(), Expected::Absent)
    }

    /// Makes a stream be as it is defined: creates it, or changes what can be changed.
    ///
    /// # Errors
    /// [`Error::ShardCount`] when it has another number of shards, and those of [`Streams::create`].
    pub fn ensure(&self, definition: &Definition) -> Result<Stream, Error> {
        loop {
            let Some(stream) = self.find(&definition.name) else {
                match self.create(definition) {
                    Err(Error::Exists(_)) => continue,
                    created => return created,
                }
            };
            definition.check()?;
            if stream.shards() != definition.shards {
                let (name, is, wanted) = (definition.name.clone(), stream.shards(), definition.shards);
                return Err(Error::ShardCount { name, is, wanted });
            }
            if let Some(changed) = self.replace(&stream, definition)? {
                return Ok(changed);
            }
        }
    }

    /// Changes a stream's definition; its name and its shards stay.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], whatever `change` refuses, and others.
    pub fn update<E: From<Error>>(
        &self,
        name: &str,
        change: impl Fn(&mut Definition) -> Result<(), E>,
    ) -> Result<Stream, E> {
        loop {
            let stream = self.get(name)?;
            let mut definition = stream.definition.clone();
            change(&mut definition)?;
            definition.check()?;
            if let Some(changed) = self.replace(&stream, &definition)? {
                return Ok(changed);
            }
        }
    }

    /// `None`: somebody else changed it meanwhile.
    fn replace(&self, stream: &Stream, definition: &Definition) -> Result<Option<Stream>, Error> {
        let definition = Definition { name: stream.name().to_owned(), shards: stream.shards(), ..definition.clone() };
        match self.put_definition(&definition, stream.opened, Expected::Revision(stream.resource.revision)) {
            Err(Error::Db(db::Error::ResourceChanged { .. })) => Ok(None),
            changed => changed.map(Some),
        }
    }

    fn put_definition(&self, definition: &Definition, opened: Seq, expected: Expected) -> Result<Stream, Error> {
        let put = definition.put(opened, expected);
        let resource = self.db().put_resource(put).wait().map_err(|error| match error {
            db::Error::ResourceExists { name, .. } => Error::Exists(name),
            db::Error::ResourceLimit(message) => Error::Limit(message),
            error => Error::Db(error),
        })?;
        Ok(Stream::of(&resource, &self.0.place).expect("it was written as one"))
    }

    /// Deletes a stream and forgets its records; answers it as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`] and others.
    pub fn delete(&self, name: &str) -> Result<Stream, Error> {
        let resource = self.db().delete_resource(KIND, name).wait().map_err(|error| match error {
            db::Error::ResourceNotFound { name, .. } => Error::NotFound(name),
            error => Error::Db(error),
        })?;
        Stream::of(&resource, &self.0.place).ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// All streams, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<Stream> {
        let resources = self.db().resources(KIND);
        resources.iter().filter_map(|resource| Stream::of(resource, &self.0.place)).collect()
    }

    /// The stream of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Stream> {
        self.db().resource(KIND, name).and_then(|resource| Stream::of(&resource, &self.0.place))
    }

    /// The stream of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, name: &str) -> Result<Stream, Error> {
        self.find(name).ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// The stream of this ARN, if there is one.
    #[must_use]
    pub fn by_arn(&self, arn: &str) -> Option<Stream> {
        self.find(stream_name(arn)?).filter(|stream| stream.arn == arn)
    }

    /// Puts records, all or none, in this order. A call that is repeated with its token gets the first one's answer.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a record is too large for the stream, or its partition key is too long.
    pub fn put(
        &self,
        stream: &Stream,
        puts: Vec<Put>,
        origin: Origin,
        retry: Option<RetryToken>,
    ) -> Result<Putting, Error> {
        let records = puts.into_iter().map(|put| stream.record(put, origin)).collect::<Result<Vec<_>, _>>()?;
        let shards = records.iter().map(|record| record.shard).collect();
        Ok(Putting { ticket: self.db().put_records(records, retry), shards })
    }

    /// A position as clients see it: 24 digits, which sort as text as they do as numbers.
    #[must_use]
    pub fn sequence_number(&self, seq: Seq) -> String {
        names::sequence_number(self.db().timeline(), seq)
    }

    /// The position of a sequence number; `None` when this database cannot have given it out.
    #[must_use]
    pub fn parse_sequence_number(&self, text: &str) -> Option<Seq> {
        let (timeline, seq) = names::parse_sequence_number(text)?;
        // Positions go on counting over a restore; those of an earlier timeline are at or before it.
        (timeline <= self.db().timeline()).then_some(seq)
    }
}

//! Objects: put, get, copy, tag, delete. A blob is on disk before its item is committed, and an item is committed before
//! anybody is told.

use crate::{
    blobs::{Blob, BlobId, Blobs, Incoming},
    buckets::{Bucket, Buckets, Inner},
    error::{Error, Refusal, io},
    object::{self, Details, Event, Object, check_key, check_tags},
    sums::{Algorithm, Checksum, ChecksumKind, Claims, Summed, Sums},
};
use db::{Op, Write};
use item::{
    Item, Origin, Value,
    expression::{Comparator, Condition, Operand, Path},
};
use std::{collections::BTreeMap, io::Read, path, sync::Arc};

/// Largest content of one request, and of a copy: 5 GB.
pub const CONTENT_BYTES_MAX: u64 = 5 << 30;
/// Bytes that are read at once where contents are copied or summed.
const PIECE_BYTES: usize = 256 << 10;
/// How often an object is looked up again whose blob went between the look-up and the opening.
const LOOKS_MAX: usize = 10;

/// What must be true of the object that a write replaces or deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expectation {
    #[default]
    Anything,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match: *`.
    Present,
    /// `If-Match`: the ETag, without quotation marks.
    Matches(String),
}

/// An object to put, beside its bytes.
#[derive(Clone, Debug)]
pub struct Put {
    pub key: String,
    pub details: Details,
    pub claims: Claims,
    pub expected: Expectation,
    pub origin: Origin,
}

impl Put {
    /// An object without anything beside its bytes.
    #[must_use]
    pub fn new(key: &str) -> Put {
        Put {
            key: key.to_owned(),
            details: Details::default(),
            claims: Claims::default(),
            expected: Expectation::Anything,
            origin: Origin::Client,
        }
    }
}

/// How a copy differs from its source.
#[derive(Clone, Debug)]
pub struct CopyOf {
    pub bucket: String,
    pub key: String,
    /// In place of the source's headers and metadata.
    pub details: Option<Details>,
    /// In place of the source's tags.
    pub tags: Option<BTreeMap<String, String>>,
    pub storage_class: Option<String>,
    pub algorithm: Option<Algorithm>,
    pub expected: Expectation,
    pub origin: Origin,
}

/// Bytes on their way into a bucket. Dropped, they leave nothing.
pub struct Staged {
    blobs: Arc<Blobs>,
    bucket: String,
    number: u32,
    incoming: Option<Incoming>,
    sums: Sums,
    length: u64,
}

/// Bytes that are on disk, and their sums.
pub(crate) struct Sealed {
    pub number: u32,
    pub bucket: String,
    pub incoming: Option<Incoming>,
    pub size: u64,
    pub etag: String,
    pub checksum: Option<Checksum>,
}

impl Staged {
    /// # Errors
    /// When they are more than one request may send, or the disk fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.length + bytes.len() as u64 > CONTENT_BYTES_MAX {
            let message = format!("Your proposed upload exceeds the maximum allowed size: {CONTENT_BYTES_MAX} bytes");
            return Err(Error::invalid(Refusal::TooLarge, message));
        }
        self.sums.update(bytes);
        self.append(bytes)
    }

    /// Writes bytes of a part, whose MD5 is known.
    pub(crate) fn assemble(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sums.update_checksum(bytes);
        self.append(bytes)
    }

    /// Sums bytes that are in the blob already, or will be by [`Staged::hold`].
    pub(crate) fn sum(&mut self, bytes: &[u8]) {
        self.sums.update(bytes);
    }

    /// Takes a blob in place of bytes that are written one after the other.
    pub(crate) fn hold(&mut self, incoming: Incoming) {
        self.length = incoming.length();
        self.incoming = Some(incoming);
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let root = self.blobs.root();
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            // An empty object has no blob.
            none => none.insert(self.blobs.create(self.number).map_err(io("creating a blob in", root))?),
        };
        incoming.write(bytes).map_err(io("writing a blob in", root))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Checks the bytes against what was claimed, and makes them durable.
    pub(crate) fn seal(self, claims: &Claims) -> Result<Sealed, Error> {
        let Staged { blobs, bucket, number, incoming, sums, length } = self;
        let summed = sums.finish();
        summed.check(length, claims)?;
        sync(&blobs, incoming.as_ref())?;
        let (etag, checksum) = (summed.etag(), summed.checksum);
        Ok(Sealed { number, bucket, incoming, size: length, etag, checksum })
    }

    /// The checksum of what was assembled.
    pub(crate) fn checksum(&mut self) -> Option<Checksum> {
        self.sums.take_checksum()
    }

    /// Makes the bytes durable, whose sums are known.
    pub(crate) fn seal_as(self, etag: String, checksum: Option<Checksum>) -> Result<Sealed, Error> {
        let Staged { blobs, bucket, number, incoming, length, .. } = self;
        sync(&blobs, incoming.as_ref())?;
        Ok(Sealed { number, bucket, incoming, size: length, etag, checksum })
    }
}

fn sync(blobs: &Blobs, incoming: Option<&Incoming>) -> Result<(), Error> {
    incoming.map_or(Ok(()), Incoming::sync).map_err(io("syncing a blob in", blobs.root()))
}

impl Buckets {
    /// Begins to take bytes into a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn stage(&self, bucket: &str, algorithm: Option<Algorithm>, payload: bool) -> Result<Staged, Error> {
        let found = self.bucket(bucket)?;
        Ok(self.0.stage(&found, Sums::new(algorithm, payload)))
    }

    /// Puts an object of these bytes.
    ///
    /// # Errors
    /// When the bytes are not what was claimed, the expectation is not met, or something fails: then nothing changed.
    pub fn put(&self, staged: Staged, put: Put) -> Result<Object, Error> {
        check_key(&put.key)?;
        put.details.check()?;
        let sealed = staged.seal(&put.claims)?;
        let object = self.0.put_object(put.key, put.details, &sealed);
        self.0.commit(sealed, object, &put.expected, put.origin)
    }

    /// Puts an object of what a reader gives, for other rooms.
    ///
    /// # Errors
    /// As [`Buckets::put`], and when the reader fails.
    pub fn put_from(&self, bucket: &str, put: Put, from: &mut dyn Read) -> Result<Object, Error> {
        let mut staged = self.stage(bucket, None, false)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return self.put(staged, put),
                Ok(count) => staged.write(&piece[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io("reading what is put as", &put.key)(error)),
            }
        }
    }

    /// The object of this key.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchBucket`].
    pub fn get(&self, bucket: &str, key: &str) -> Result<Object, Error> {
        self.0.find(&self.0.bucket(bucket)?, key)?.ok_or_else(|| Error::no_key(bucket, key))
    }

    /// The object and its bytes, which stay the same whatever becomes of the object. `None`: it is empty.
    ///
    /// # Errors
    /// As [`Buckets::get`].
    pub fn open_object(&self, bucket: &str, key: &str) -> Result<(Object, Option<Blob>), Error> {
        for _ in 0..LOOKS_MAX {
            let object = self.get(bucket, key)?;
            let Some(id) = &object.blob else { return Ok((object, None)) };
            if let Some(blob) = self.0.blob(id)? {
                return Ok((object, Some(blob)));
            }
            // It was replaced or deleted meanwhile.
        }
        Err(self.0.lost(bucket, key))
    }

    /// Gives an object's bytes a name of the caller's own on the same file system, which stays when the object is replaced
    /// or deleted, across restarts, until the caller removes it. Nothing is copied. `false`: the bytes are gone, or there
    /// are none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn link(&self, object: &Object, to: &path::Path) -> Result<bool, Error> {
        let Some(id) = &object.blob else { return Ok(false) };
        self.0.blobs.link_to(id, to).map_err(io("linking a blob to", to))
    }

    /// Deletes an object; answers whether there was one.
    ///
    /// # Errors
    /// [`Error::Precondition`] and others.
    pub fn delete(&self, bucket: &str, key: &str, expected: &Expectation, origin: Origin) -> Result<bool, Error> {
        let found = self.0.bucket(bucket)?;
        let condition = condition(expected);
        let write = Write { table: found.objects.id, key: object::table_key(key), op: Op::Delete, condition, origin };
        let written = self.0.db.write(write, None).wait().map_err(|error| refused(error, expected, bucket, key))?;
        if let (Some(_), Some(seq)) = (&written.old, written.seq) {
            self.0.chores.release(seq);
        }
        Ok(written.old.is_some())
    }

    /// Deletes several objects with one commit, whether they are there or not.
    ///
    /// # Errors
    /// When the database fails; then all of them are as they were.
    pub fn delete_all(&self, bucket: &str, keys: &[&str], origin: Origin) -> Result<(), Error> {
        let found = self.0.bucket(bucket)?;
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let delete = |key: &&str| Write {
            table: found.objects.id,
            key: object::table_key(key),
            op: Op::Delete,
            condition: None,
            origin,
        };
        let written = self.0.db.write_batch(keys.iter().map(delete).collect(), None).wait()?;
        if let Some(seq) = written.iter().filter_map(|written| written.seq).max() {
            self.0.chores.release(seq);
        }
        Ok(())
    }

    /// Copies an object, without copying its bytes. `check` may refuse the source.
    ///
    /// # Errors
    /// As [`Buckets::get`] and [`Buckets::put`].
    pub fn copy(
        &self,
        (bucket, key): (&str, &str),
        copy: CopyOf,
        check: impl Fn(&Object) -> Result<(), Error>,
    ) -> Result<Object, Error> {
        check_key(&copy.key)?;
        let target = self.0.bucket(&copy.bucket)?;
        let (source, incoming) = self.0.duplicate((bucket, key), &target, check)?;
        let (etag, checksum) = self.0.sums_of_copy(&source, incoming.as_ref(), copy.algorithm)?;
        let mut details = copy.details.unwrap_or_else(|| source.details.clone());
        details.tags = copy.tags.unwrap_or(source.details.tags);
        details.storage_class = copy.storage_class;
        details.check()?;
        sync(&self.0.blobs, incoming.as_ref())?;
        let object = Object {
            key: copy.key,
            size: source.size,
            etag: etag.clone(),
            modified_ms: self.0.db.now_ms(),
            event: Event::Copy,
            details,
            checksum: checksum.clone(),
            parts: Vec::new(),
            blob: None,
            upload: None,
        };
        let number = target.number();
        let sealed = Sealed { number, bucket: copy.bucket, incoming, size: source.size, etag, checksum };
        self.0.commit(sealed, object, &copy.expected, copy.origin)
    }

    /// Replaces an object's tags.
    ///
    /// # Errors
    /// As [`Buckets::get`].
    pub fn set_tags(
        &self,
        bucket: &str,
        key: &str,
        tags: BTreeMap<String, String>,
        origin: Origin,
    ) -> Result<(), Error> {
        check_tags(&tags)?;
        let found = self.0.bucket(bucket)?;
        for _ in 0..LOOKS_MAX {
            let mut object = self.get(bucket, key)?;
            let same = [("etag", Value::S(object.etag.clone())), ("modified", object::count(object.modified_ms))];
            let same = same.map(|(name, value)| equals(name, value)).to_vec();
            let same = same.into_iter().chain(object.blob.as_ref().map(|blob| equals("blob", blob_value(blob))));
            let condition = Some(Condition::And(same.collect()));
            object.event = if tags.is_empty() { Event::TaggingDelete } else { Event::TaggingPut };
            object.details.tags.clone_from(&tags);
            let op = Op::Put(object.to_item());
            let write = Write { table: found.objects.id, key: object::table_key(key), op, condition, origin };
            match self.0.db.write(write, None).wait() {
                // The object was replaced meanwhile.
                Err(db::Error::ConditionFailed { .. }) => {}
                written => return written.map(|_| ()).map_err(|error| gone(error, bucket)),
            }
        }
        Err(Error::Db(db::Error::Busy))
    }
}

impl Inner {
    pub fn stage(&self, bucket: &Bucket, sums: Sums) -> Staged {
        Staged {
            blobs: self.blobs.clone(),
            bucket: bucket.name.clone(),
            number: bucket.number(),
            incoming: None,
            sums,
            length: 0,
        }
    }

    pub fn find(&self, bucket: &Bucket, key: &str) -> Result<Option<Object>, Error> {
        let found = self.db.get(&bucket.objects, &object::table_key(key))?;
        found.map(|item| read(&item)).transpose()
    }

    /// An object that is put whole.
    pub fn put_object(&self, key: String, details: Details, sealed: &Sealed) -> Object {
        Object {
            key,
            size: sealed.size,
            etag: sealed.etag.clone(),
            modified_ms: self.db.now_ms(),
            event: Event::Put,
            details,
            checksum: sealed.checksum.clone(),
            parts: Vec::new(),
            blob: sealed.incoming.as_ref().map(|incoming| incoming.id.clone()),
            upload: None,
        }
    }

    pub fn blob(&self, id: &BlobId) -> Result<Option<Blob>, Error> {
        self.blobs.blob(id).map_err(io("opening a blob in", self.blobs.root()))
    }

    /// An object without its bytes: somebody removed files.
    pub fn lost(&self, bucket: &str, key: &str) -> Error {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        io("finding the bytes of an object in", self.blobs.root().join(bucket).join(key))(source)
    }

    /// Commits an object whose bytes are on disk. The bucket is looked up again: it may have gone meanwhile.
    fn commit(
        &self,
        sealed: Sealed,
        mut object: Object,
        expected: &Expectation,
        origin: Origin,
    ) -> Result<Object, Error> {
        let Sealed { number, bucket: name, incoming, .. } = sealed;
        object.blob = incoming.as_ref().map(|incoming| incoming.id.clone());
        let gate = self.pass_gate(&name);
        let bucket = self.bucket(&name)?;
        if bucket.number() != number {
            return Err(Error::NoSuchBucket(name));
        }
        let write = put_of(&bucket, &object, expected, origin);
        let written = self.db.write(write, None).wait();
        drop(gate);
        self.settle(incoming, written.as_ref().map(|written| written.seq));
        let written = written.map_err(|error| refused(error, expected, &name, &object.key))?;
        if let (Some(_), Some(seq)) = (&written.old, written.seq) {
            self.chores.release(seq);
        }
        Ok(object)
    }

    /// A source of a copy, and a second blob of its bytes.
    pub fn duplicate(
        &self,
        (bucket, key): (&str, &str),
        target: &Bucket,
        check: impl Fn(&Object) -> Result<(), Error>,
    ) -> Result<(Object, Option<Incoming>), Error> {
        let from = self.bucket(bucket)?;
        for _ in 0..LOOKS_MAX {
            let source = self.find(&from, key)?.ok_or_else(|| Error::no_key(bucket, key))?;
            check(&source)?;
            if source.size > CONTENT_BYTES_MAX {
                let message = format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: \
                     {CONTENT_BYTES_MAX}"
                );
                return Err(Error::invalid(Refusal::TooLarge, message));
            }
            let Some(id) = &source.blob else { return Ok((source, None)) };
            let doubled = self.blobs.duplicate(id, target.number());
            if let Some(incoming) = doubled.map_err(io("linking a blob in", self.blobs.root()))? {
                return Ok((source, Some(incoming)));
            }
        }
        Err(self.lost(bucket, key))
    }

    /// A copy is one piece, whatever its source was made of; its sums are those of its bytes.
    fn sums_of_copy(
        &self,
        source: &Object,
        bytes: Option<&Incoming>,
        algorithm: Option<Algorithm>,
    ) -> Result<(String, Option<Checksum>), Error> {
        let wanted = algorithm.or(source.checksum.as_ref().map(|checksum| checksum.algorithm));
        let is_there =
            |checksum: &Checksum| Some(checksum.algorithm) == wanted && checksum.kind == ChecksumKind::FullObject;
        let has_it = wanted.is_none() || source.checksum.as_ref().is_some_and(is_there);
        if source.parts.is_empty() && has_it {
            return Ok((source.etag.clone(), source.checksum.clone()));
        }
        let summed = self.sum(bytes.map(|bytes| &bytes.id), wanted)?;
        Ok((summed.etag(), summed.checksum))
    }

    fn sum(&self, id: Option<&BlobId>, algorithm: Option<Algorithm>) -> Result<Summed, Error> {
        let mut sums = Sums::new(algorithm, false);
        let root = self.blobs.root();
        let Some(id) = id else { return Ok(sums.finish()) };
        let blob = self.blob(id)?.ok_or_else(|| io("reading a blob in", root)(std::io::ErrorKind::NotFound.into()))?;
        pieces(&blob, 0..blob.size(), |piece| {
            sums.update(piece);
            Ok(())
        })?;
        Ok(sums.finish())
    }
}

/// A range of a blob, piece by piece.
pub(crate) fn pieces(
    blob: &Blob,
    range: std::ops::Range<u64>,
    mut take: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let count = blob.read_at(&mut piece[..wanted], at).map_err(io("reading", "a blob"))?;
        if count == 0 {
            return Err(io("reading", "a blob")(std::io::ErrorKind::UnexpectedEof.into()));
        }
        take(&piece[..count])?;
        at += count as u64;
    }
    Ok(())
}

/// The write that puts an object.
pub(crate) fn put_of(bucket: &Bucket, object: &Object, expected: &Expectation, origin: Origin) -> Write {
    let (table, key) = (bucket.objects.id, object::table_key(&object.key));
    Write { table, key, op: Op::Put(object.to_item()), condition: condition(expected), origin }
}

/// Where the database says that a write's table is gone, its bucket is.
pub(crate) fn gone(error: db::Error, bucket: &str) -> Error {
    match error {
        db::Error::TableNotFound(_) => Error::NoSuchBucket(bucket.to_owned()),
        error => Error::Db(error),
    }
}

/// Why a write of an object was refused.
pub(crate) fn refused(error: db::Error, expected: &Expectation, bucket: &str, key: &str) -> Error {
    match (error, expected) {
        (db::Error::ConditionFailed { .. }, Expectation::Absent) => Error::Precondition("If-None-Match"),
        (db::Error::ConditionFailed { item: None }, _) => Error::no_key(bucket, key),
        (db::Error::ConditionFailed { .. }, _) => Error::Precondition("If-Match"),
        (error, _) => gone(error, bucket),
    }
}

fn condition(expected: &Expectation) -> Option<Condition> {
    match expected {
        Expectation::Anything => None,
        Expectation::Absent => Some(Condition::NotExists(Path::from("key"))),
        Expectation::Present => Some(Condition::Exists(Path::from("key"))),
        Expectation::Matches(etag) => Some(equals("etag", Value::S(etag.clone()))),
    }
}

fn equals(name: &str, value: Value) -> Condition {
    Condition::Compare(Operand::Path(Path::from(name)), Comparator::Equal, Operand::Value(value))
}

fn blob_value(id: &BlobId) -> Value {
    Value::S(id.as_str().to_owned())
}

pub(crate) fn read(item: &Item) -> Result<Object, Error> {
    Object::read(item).ok_or_else(|| Error::Db(db::Error::Read("a stored object is malformed".to_owned())))
}

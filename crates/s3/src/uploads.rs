//! Uploads in parts: each part a blob and an item, the whole a blob made of them when the upload completes. What is under
//! way outlives restarts.

use crate::{
    buckets::{Bucket, Buckets, Inner, UPLOADS_INDEX, plain},
    error::{
        Error,
        Refusal::{self, Argument},
        io,
    },
    list::{From, Keyed, Listed, Listing},
    object::{self, Details, Event, Object, check_key, count, number, text},
    objects::{Expectation, Sealed, Staged, gone, pieces, put_of, refused},
    sums::{Algorithm, Checksum, ChecksumKind, Claims, Sums, composite, etag_of_parts},
};
use db::{IndexQuery, Op, Query, Write};
use item::{
    IndexRange, Item, Key, KeyValue, Number, Origin, SortRange, Value,
    expression::{Comparator, Condition, Operand, Path},
};
use std::ops::Range;

/// Highest number of a part.
pub const PARTS_MAX: u64 = 10_000;
/// Every part but the last has at least this many bytes: 5 MB.
#[cfg(not(test))]
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Simulated disks are small.
#[cfg(test)]
pub const PART_BYTES_MIN: u64 = 1 << 10;
/// Largest object: 5 TB.
const OBJECT_BYTES_MAX: u64 = 5 << 40;
/// Partition of the index of uploads under way.
const UNDER_WAY: &str = "u";

/// An upload to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    pub key: String,
    pub details: Details,
    pub checksum: Option<(Algorithm, ChecksumKind)>,
}

/// An upload under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    pub key: String,
    pub id: String,
    /// Milliseconds since the epoch.
    pub begun_ms: u64,
    pub details: Details,
    pub checksum: Option<(Algorithm, ChecksumKind)>,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub number: u64,
    pub size: u64,
    pub etag: String,
    pub modified_ms: u64,
    pub checksum: Option<Checksum>,
    blob: Option<crate::BlobId>,
}

/// A part as the client that completes an upload names it.
#[derive(Clone, Debug)]
pub struct Named {
    pub number: u64,
    pub etag: String,
    /// Base64.
    pub checksum: Option<(Algorithm, String)>,
}

/// What completes an upload.
#[derive(Clone, Debug)]
pub struct Complete {
    pub parts: Vec<Named>,
    pub checksum: Option<(Algorithm, String)>,
    pub size: Option<u64>,
    pub expected: Expectation,
    pub origin: Origin,
}

impl Keyed for Upload {
    fn key(&self) -> &str {
        &self.key
    }

    fn behind(&self) -> From {
        From::Within(self.key.clone(), self.id.clone())
    }
}

impl Upload {
    fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("upload", Value::S(self.id.clone())),
            ("part", count(0)),
            ("b", Value::S(UNDER_WAY.to_owned())),
            ("key", Value::S(self.key.clone())),
            ("initiated", count(self.begun_ms)),
        ]);
        self.details.write(&mut item);
        if let Some((algorithm, kind)) = self.checksum {
            item.insert("algorithm", Value::S(algorithm.name().to_owned()));
            item.insert("kind", Value::S(kind.name().to_owned()));
        }
        item
    }

    fn read(item: &Item) -> Option<Upload> {
        let algorithm = text(item, "algorithm").and_then(Algorithm::of_name);
        let kind = text(item, "kind").and_then(ChecksumKind::of_name);
        Some(Upload {
            key: text(item, "key")?.to_owned(),
            id: text(item, "upload")?.to_owned(),
            begun_ms: number(item, "initiated")?,
            details: Details::read(item),
            checksum: algorithm.zip(kind),
        })
    }
}

impl Part {
    fn to_item(&self, upload: &str) -> Item {
        let mut item = Item::from_iter([
            ("upload", Value::S(upload.to_owned())),
            ("part", count(self.number)),
            ("size", count(self.size)),
            ("etag", Value::S(self.etag.clone())),
            ("modified", count(self.modified_ms)),
        ]);
        if let Some(blob) = &self.blob {
            item.insert("blob", Value::S(blob.as_str().to_owned()));
        }
        if let Some(checksum) = &self.checksum {
            checksum.write(&mut item);
        }
        item
    }

    fn read(item: &Item) -> Option<Part> {
        Some(Part {
            number: number(item, "part")?,
            size: number(item, "size")?,
            etag: text(item, "etag")?.to_owned(),
            modified_ms: number(item, "modified")?,
            checksum: Checksum::read(item),
            blob: object::blob(item),
        })
    }
}

impl Buckets {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], and when what is asked for cannot be.
    pub fn begin_upload(&self, bucket: &str, begin: Begin) -> Result<Upload, Error> {
        check_key(&begin.key)?;
        begin.details.check()?;
        if let Some((algorithm, kind)) = begin.checksum.filter(|(algorithm, kind)| !algorithm.allows(*kind)) {
            let (algorithm, kind) = (algorithm.name(), kind.name());
            let message = format!("The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.");
            return Err(Error::invalid(Argument, message));
        }
        let _gate = self.0.pass_gate(bucket);
        let found = self.bucket(bucket)?;
        let begun_ms = self.0.db.now_ms();
        let mut random = [0; 16];
        self.0.blobs.dice().fill(&mut random);
        // In the order of their beginning where they have the same key.
        let id = format!("{begun_ms:012x}{}", crate::blobs::hex(&random));
        let Begin { key, details, checksum } = begin;
        let upload = Upload { key, id, begun_ms, details, checksum };
        let write = plain(found.uploads.id, place(&upload.id, 0), Op::Put(upload.to_item()));
        self.0.db.write(write, None).wait().map_err(|error| gone(error, bucket))?;
        Ok(upload)
    }

    /// The upload of this id and key.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Upload, Error> {
        self.0.upload(&self.bucket(bucket)?, key, id)
    }

    /// Begins to take a part's bytes.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], and when the number is none.
    pub fn stage_part(
        &self,
        (bucket, key): (&str, &str),
        (upload, number): (&str, u64),
        (algorithm, payload): (Option<Algorithm>, bool),
    ) -> Result<Staged, Error> {
        check_number(number)?;
        let upload = self.upload(bucket, key, upload)?;
        if let (Some(given), Some((expected, _))) = (algorithm, upload.checksum)
            && given != expected
        {
            let (given, expected) = (given.name(), expected.name());
            let message = format!(
                "Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {given}"
            );
            return Err(Error::invalid(Refusal::Request, message));
        }
        // So that the object will have the checksum that was asked for when the upload began.
        let algorithm = algorithm.or(upload.checksum.map(|(algorithm, _)| algorithm));
        self.stage(bucket, algorithm, payload)
    }

    /// Puts a part; one of the same number is replaced.
    ///
    /// # Errors
    /// As [`Buckets::put`], and [`Error::NoSuchUpload`].
    pub fn put_part(
        &self,
        key: &str,
        (upload, number): (&str, u64),
        staged: Staged,
        claims: &Claims,
    ) -> Result<Part, Error> {
        let sealed = staged.seal(claims)?;
        self.0.commit_part(key, (upload, number), sealed)
    }

    /// Puts a part of what another object holds; a range of it, or all.
    ///
    /// # Errors
    /// As [`Buckets::put_part`], and when there is no such object or range.
    pub fn copy_part(
        &self,
        (bucket, key): (&str, &str),
        (upload, number): (&str, u64),
        source: (&str, &str),
        range: Option<Range<u64>>,
        check: impl Fn(&Object) -> Result<(), Error>,
    ) -> Result<Part, Error> {
        check_number(number)?;
        let algorithm = self.upload(bucket, key, upload)?.checksum.map(|(algorithm, _)| algorithm);
        let target = self.bucket(bucket)?;
        let (object, incoming) = self.0.duplicate(source, &target, check)?;
        let whole = 0..object.size;
        let range = range.unwrap_or(whole.clone());
        if range.end > object.size {
            let (last, size) = (range.end - 1, object.size);
            let message = format!("Range specified is not valid for source object of size: {size}, byte {last}");
            return Err(Error::invalid(Argument, message));
        }
        let mut staged = self.0.stage(&target, Sums::new(algorithm, false));
        if range == whole
            && let Some(incoming) = incoming
        {
            let blob = self.0.blob(&incoming.id)?.ok_or_else(|| self.0.lost(source.0, source.1))?;
            pieces(&blob, whole, |piece| {
                staged.sum(piece);
                Ok(())
            })?;
            staged.hold(incoming);
        } else if let Some(incoming) = &incoming {
            let blob = self.0.blob(&incoming.id)?.ok_or_else(|| self.0.lost(source.0, source.1))?;
            pieces(&blob, range, |piece| staged.write(piece))?;
        }
        self.put_part(key, (upload, number), staged, &Claims::default())
    }

    /// The parts that have arrived, in order, behind a number; at most so many, and whether there are more.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub fn parts(
        &self,
        (bucket, key): (&str, &str),
        upload: &str,
        behind: u64,
        max: usize,
    ) -> Result<(Upload, Vec<Part>, bool), Error> {
        let found = self.bucket(bucket)?;
        let upload = self.0.upload(&found, key, upload)?;
        let mut parts = self.0.parts(&found, &upload.id, behind, max + 1)?;
        let more = parts.len() > max;
        parts.truncate(max);
        Ok((upload, parts, more))
    }

    /// Makes an object of parts. Of an upload that was completed before, the object that it made, as long as it is there.
    ///
    /// # Errors
    /// When the parts are not what was named, the expectation is not met, or something fails: the upload goes on then.
    pub fn complete_upload(
        &self,
        (bucket, key): (&str, &str),
        upload: &str,
        complete: &Complete,
    ) -> Result<Object, Error> {
        let inner = &self.0;
        let found = self.bucket(bucket)?;
        let completed = inner.upload(&found, key, upload).and_then(|upload| {
            let parts = choose(inner.all_parts(&found, &upload.id)?, &complete.parts)?;
            let sealed = inner.assemble(&found, &upload, &parts)?;
            check_whole(&sealed, complete)?;
            inner.commit_upload(&found, &upload, &parts, sealed, complete)
        });
        match completed {
            Err(Error::NoSuchUpload(id)) => {
                let made = inner.find(&found, key)?.filter(|object| object.upload.as_deref() == Some(&id));
                made.ok_or(Error::NoSuchUpload(id))
            }
            completed => completed,
        }
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub fn abort_upload(&self, (bucket, key): (&str, &str), upload: &str) -> Result<(), Error> {
        let inner = &self.0;
        let _gate = inner.close_gate(bucket);
        let found = self.bucket(bucket)?;
        let upload = inner.upload(&found, key, upload)?;
        let deletes = inner.deletes(&found, &upload.id)?;
        let transacted = inner.db.transact(deletes, None).wait().map_err(|error| gone(error, bucket))?;
        inner.release(&transacted);
        Ok(())
    }

    /// A page of the uploads under way.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn uploads(&self, bucket: &str, listed: &Listed) -> Result<Listing<Upload>, Error> {
        let found = self.bucket(bucket)?;
        listed.page(|from, count| self.0.uploads_behind(&found, listed, from, count))
    }
}

impl Inner {
    fn upload(&self, bucket: &Bucket, key: &str, id: &str) -> Result<Upload, Error> {
        let none = || Error::NoSuchUpload(id.to_owned());
        // A text that cannot be a key is no upload's id.
        if id.is_empty() || id.len() > object::KEY_BYTES_MAX {
            return Err(none());
        }
        let found = self.db.get(&bucket.uploads, &place(id, 0))?;
        found.as_ref().and_then(Upload::read).filter(|upload| upload.key == key).ok_or_else(none)
    }

    fn all_parts(&self, bucket: &Bucket, upload: &str) -> Result<Vec<Part>, Error> {
        self.parts(bucket, upload, 0, usize::MAX)
    }

    /// Parts behind a number, at most so many.
    fn parts(&self, bucket: &Bucket, upload: &str, behind: u64, max: usize) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let mut start = Some(place(upload, behind));
        while start.is_some() && parts.len() < max {
            let query = Query {
                partition: KeyValue::S(upload.to_owned()),
                sort: SortRange::All,
                reverse: false,
                start,
                limit: Some(max - parts.len()),
                filter: None,
            };
            let page = self.db.query(&bucket.uploads, &query)?;
            parts.extend(page.items.iter().filter_map(Part::read));
            start = page.last;
        }
        Ok(parts)
    }

    /// What deletes an upload and all of its parts.
    fn deletes(&self, bucket: &Bucket, upload: &str) -> Result<Vec<Write>, Error> {
        let parts = self.all_parts(bucket, upload)?;
        let numbers = std::iter::once(0).chain(parts.iter().map(|part| part.number));
        Ok(numbers.map(|number| plain(bucket.uploads.id, place(upload, number), Op::Delete)).collect())
    }

    fn commit_part(&self, key: &str, (upload, number): (&str, u64), sealed: Sealed) -> Result<Part, Error> {
        let Sealed { number: bucket_number, bucket: name, incoming, size, etag, checksum } = sealed;
        let blob = incoming.as_ref().map(|incoming| incoming.id.clone());
        let part = Part { number, size, etag, modified_ms: self.db.now_ms(), checksum, blob };
        let gate = self.pass_gate(&name);
        let bucket = self.bucket(&name)?;
        if bucket.number() != bucket_number {
            return Err(Error::NoSuchBucket(name));
        }
        let operand = Operand::Value(Value::S(key.to_owned()));
        let of_key = Condition::Compare(Operand::Path(Path::from("key")), Comparator::Equal, operand);
        let writes = vec![
            Write { condition: Some(of_key), ..plain(bucket.uploads.id, place(upload, 0), Op::Check) },
            plain(bucket.uploads.id, place(upload, number), Op::Put(part.to_item(upload))),
        ];
        let transacted = self.db.transact(writes, None).wait();
        drop(gate);
        let seq = transacted.as_ref().map(|transacted| transacted.written[1].seq);
        self.settle(incoming, seq);
        match transacted {
            Ok(transacted) => {
                self.release(&transacted);
                Ok(part)
            }
            Err(db::Error::Canceled(_)) => Err(Error::NoSuchUpload(upload.to_owned())),
            Err(error) => Err(gone(error, &name)),
        }
    }

    /// The bytes of the parts, one behind the other.
    pub(crate) fn assemble(&self, bucket: &Bucket, upload: &Upload, parts: &[Part]) -> Result<Sealed, Error> {
        let whole =
            upload.checksum.filter(|(_, kind)| *kind == ChecksumKind::FullObject).map(|(algorithm, _)| algorithm);
        let mut staged = self.stage(bucket, Sums::new(whole, false));
        if let [part] = parts {
            // The same bytes, and the same checksum.
            if let Some(blob) = &part.blob {
                let doubled = self.blobs.duplicate(blob, bucket.number()).map_err(io("linking", self.blobs.root()))?;
                staged.hold(doubled.ok_or_else(|| self.lost(&bucket.name, &upload.key))?);
            }
        } else {
            for blob in parts.iter().filter_map(|part| part.blob.as_ref()) {
                let blob = self.blob(blob)?.ok_or_else(|| self.lost(&bucket.name, &upload.key))?;
                pieces(&blob, 0..blob.size(), |piece| staged.assemble(piece))?;
            }
        }
        let checksum = match (upload.checksum, parts) {
            (None, _) => None,
            (Some((algorithm, ChecksumKind::Composite)), _) => Some(composite(algorithm, checksums(parts))),
            (Some(_), [part]) => part.checksum.clone(),
            (Some(_), _) => staged.checksum(),
        };
        staged.seal_as(etag_of_parts(parts.iter().map(|part| &*part.etag)), checksum)
    }

    /// Commits an object made of parts and ends the upload, if it was not ended meanwhile.
    pub(crate) fn commit_upload(
        &self,
        bucket: &Bucket,
        upload: &Upload,
        parts: &[Part],
        sealed: Sealed,
        complete: &Complete,
    ) -> Result<Object, Error> {
        let Sealed { incoming, size, etag, checksum, .. } = sealed;
        let object = Object {
            key: upload.key.clone(),
            size,
            etag,
            modified_ms: self.db.now_ms(),
            event: Event::CompleteMultipartUpload,
            details: upload.details.clone(),
            checksum,
            parts: parts.iter().map(|part| part.size).collect(),
            blob: incoming.as_ref().map(|incoming| incoming.id.clone()),
            upload: Some(upload.id.clone()),
        };
        let gate = self.close_gate(&bucket.name);
        let still = self.bucket(&bucket.name)?;
        self.upload(&still, &upload.key, &upload.id)?;
        let mut writes = vec![put_of(&still, &object, &complete.expected, complete.origin)];
        writes.extend(self.deletes(&still, &upload.id)?);
        let transacted = self.db.transact(writes, None).wait();
        drop(gate);
        self.settle(incoming, transacted.as_ref().map(|transacted| transacted.written[0].seq));
        let failed = |error: db::Error| match error {
            db::Error::Canceled(mut reasons) => {
                let reason = reasons.first_mut().and_then(Option::take).unwrap_or(db::Error::Busy);
                refused(reason, &complete.expected, &bucket.name, &upload.key)
            }
            error => gone(error, &bucket.name),
        };
        self.release(&transacted.map_err(failed)?);
        Ok(object)
    }

    /// Blobs lost their items with a transaction, where it replaced or deleted any.
    fn release(&self, transacted: &db::Transacted) {
        let written = transacted.written.iter().filter(|written| written.old.is_some());
        if let Some(seq) = written.filter_map(|written| written.seq).max() {
            self.chores.release(seq);
        }
    }

    fn uploads_behind(
        &self,
        bucket: &Bucket,
        listed: &Listed,
        from: &From,
        count: usize,
    ) -> Result<(Vec<Upload>, bool), Error> {
        let table = &bucket.uploads;
        let index = table.index(UPLOADS_INDEX).expect("created with the table");
        let (sort, start) = match from {
            From::Within(key, id) => match index.position(table, &entry(key, id)) {
                Ok(start) => (listed.range(), Some(start)),
                Err(_) => (SortRange::Greater(KeyValue::S(key.clone())), None),
            },
            from => match from.bound().filter(|bound| *bound >= listed.prefix) {
                Some(bound) => (SortRange::Greater(KeyValue::S(bound)), None),
                None => (listed.range(), None),
            },
        };
        let range = IndexRange { partition: vec![KeyValue::S(UNDER_WAY.to_owned())], equal: Vec::new(), sort };
        let query = IndexQuery { range, reverse: false, start, limit: Some(count), filter: None, whole: false };
        let page = self.db.query_index(table, index, &query)?;
        let uploads = page.items.iter().filter_map(Upload::read);
        // What no longer has the prefix is behind all that has it.
        let uploads: Vec<Upload> = uploads.take_while(|upload| upload.key.starts_with(&listed.prefix)).collect();
        let more = page.last.is_some() && uploads.len() == page.items.len();
        Ok((uploads, more))
    }
}

/// The attributes that tell where an upload stands in the index.
fn entry(key: &str, id: &str) -> Item {
    let text = |text: &str| Value::S(text.to_owned());
    Item::from_iter([("b", text(UNDER_WAY)), ("key", text(key)), ("upload", text(id)), ("part", count(0))])
}

/// The place of an upload's item (0) or of a part of it.
fn place(upload: &str, part: u64) -> Key {
    Key { partition: KeyValue::S(upload.to_owned()), sort: Some(KeyValue::N(Number::from(part))) }
}

fn check_number(number: u64) -> Result<(), Error> {
    if (1..=PARTS_MAX).contains(&number) {
        return Ok(());
    }
    let message = format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive");
    Err(Error::invalid(Argument, message))
}

fn bad_part(number: u64) -> Error {
    let message = format!(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified \
         entity tag may not match the part's entity tag: part {number}"
    );
    Error::invalid(Refusal::Part, message)
}

/// Those of the parts that were named.
fn choose(parts: Vec<Part>, named: &[Named]) -> Result<Vec<Part>, Error> {
    if named.is_empty() {
        return Err(Error::invalid(Argument, "You must specify at least one part"));
    }
    if !named.is_sorted_by(|left, right| left.number < right.number) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(Error::invalid(Refusal::PartOrder, message));
    }
    let mut parts = parts.into_iter();
    let chosen = named.iter().map(|named| {
        let part = parts.find(|part| part.number >= named.number).filter(|part| part.number == named.number);
        part.filter(|part| part.is(named)).ok_or_else(|| bad_part(named.number))
    });
    let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
    let (_, before) = chosen.split_last().expect("there is at least one");
    if let Some(part) = before.iter().find(|part| part.size < PART_BYTES_MIN) {
        let message = format!(
            "Your proposed upload is smaller than the minimum allowed size: part {} has {} bytes, fewer than \
             {PART_BYTES_MIN}",
            part.number, part.size
        );
        return Err(Error::invalid(Refusal::TooSmall, message));
    }
    if chosen.iter().map(|part| part.size).sum::<u64>() > OBJECT_BYTES_MAX {
        return Err(Error::invalid(Refusal::TooLarge, format!("an object has at most {OBJECT_BYTES_MAX} bytes")));
    }
    Ok(chosen)
}

impl Part {
    fn is(&self, named: &Named) -> bool {
        let same = |(algorithm, value): &(Algorithm, String)| {
            self.checksum.as_ref().is_some_and(|own| own.algorithm == *algorithm && own.value == *value)
        };
        self.etag == named.etag && named.checksum.as_ref().is_none_or(same)
    }
}

fn checksums(parts: &[Part]) -> impl ExactSizeIterator<Item = &str> {
    parts.iter().map(|part| part.checksum.as_ref().map_or("", |checksum| &*checksum.value))
}

/// Whether the whole is what the client says.
fn check_whole(sealed: &Sealed, complete: &Complete) -> Result<(), Error> {
    if let Some(size) = complete.size.filter(|size| *size != sealed.size) {
        let message = format!(
            "The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {}",
            sealed.size
        );
        return Err(Error::invalid(Argument, message));
    }
    let differs = |(algorithm, value): &(Algorithm, String)| {
        sealed.checksum.as_ref().is_none_or(|own| own.algorithm != *algorithm || own.value != *value)
    };
    if let Some((algorithm, _)) = complete.checksum.as_ref().filter(|checksum| differs(checksum)) {
        let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
        return Err(Error::invalid(Refusal::BadDigest, message));
    }
    Ok(())
}

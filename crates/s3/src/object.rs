//! An object as an item: its attributes there and back. Knows nothing of files and requests.

use crate::{
    blobs::BlobId,
    error::{Error, Refusal},
    sums::{Algorithm, Checksum, ChecksumKind},
};
use item::{Change, Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Value};
use std::collections::BTreeMap;

/// The partition that all objects of a bucket lie in, so that they are one range in the order of their keys.
const PARTITION: &str = "o";
/// Longest key, bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest metadata, names and values together, bytes.
const METADATA_BYTES_MAX: usize = 2048;
/// Longest system headers that are kept, together, bytes.
const HEADER_BYTES_MAX: usize = 8 << 10;
const TAGS_MAX: usize = 10;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;
const STORAGE_CLASSES: [&str; 9] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

/// What made an object what it is, or took it away: S3's event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Put,
    Copy,
    CompleteMultipartUpload,
    TaggingPut,
    TaggingDelete,
    Removed,
}

impl Event {
    const ALL: [Event; 6] = [
        Event::Put,
        Event::Copy,
        Event::CompleteMultipartUpload,
        Event::TaggingPut,
        Event::TaggingDelete,
        Event::Removed,
    ];

    /// As in a notification's `eventName`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Event::Put => "ObjectCreated:Put",
            Event::Copy => "ObjectCreated:Copy",
            Event::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Event::TaggingPut => "ObjectTagging:Put",
            Event::TaggingDelete => "ObjectTagging:Delete",
            Event::Removed => "ObjectRemoved:Delete",
        }
    }

    fn of_name(name: &str) -> Option<Event> {
        Event::ALL.into_iter().find(|event| event.name() == name)
    }

    /// What a change of a bucket's table says. `None` for an image that is no object's.
    #[must_use]
    pub fn of(change: &Change) -> Option<Event> {
        let Some(new) = &change.new else { return Some(Event::Removed) };
        Event::of_name(text(new, "event")?)
    }
}

/// What a client says about an object beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `content-type`, `cache-control` and other headers that S3 keeps, by name in lower case.
    pub headers: BTreeMap<String, String>,
    /// Without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// `None`: `STANDARD`.
    pub storage_class: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// An object as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub key: String,
    pub size: u64,
    /// Without quotation marks.
    pub etag: String,
    /// Milliseconds since the epoch.
    pub modified_ms: u64,
    pub event: Event,
    pub details: Details,
    pub checksum: Option<Checksum>,
    /// Sizes of the parts that it was made of; empty: it was not.
    pub parts: Vec<u64>,
    /// `None`: it is empty.
    pub blob: Option<BlobId>,
    /// The upload that made it.
    pub upload: Option<String>,
}

/// The key of a bucket's table.
pub(crate) fn schema() -> KeySchema {
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
    KeySchema { partition: attribute("b"), sort: Some(attribute("key")) }
}

/// The partition that holds the objects.
pub(crate) fn partition() -> KeyValue {
    KeyValue::S(PARTITION.to_owned())
}

/// An object's key in its bucket's table.
pub(crate) fn table_key(key: &str) -> Key {
    Key { partition: partition(), sort: Some(KeyValue::S(key.to_owned())) }
}

pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::invalid(Refusal::Argument, "an object's key must not be empty")),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => {
            let message = format!("Your key is too long: {bytes} bytes, more than {KEY_BYTES_MAX}");
            Err(Error::invalid(Refusal::KeyTooLong, message))
        }
    }
}

impl Details {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bytes = |map: &BTreeMap<String, String>| map.iter().map(|(name, value)| name.len() + value.len()).sum();
        let (metadata, headers): (usize, usize) = (bytes(&self.metadata), bytes(&self.headers));
        if metadata > METADATA_BYTES_MAX {
            let message = format!(
                "Your metadata headers exceed the maximum allowed metadata size: {metadata} bytes, more than \
                 {METADATA_BYTES_MAX}"
            );
            return Err(Error::invalid(Refusal::MetadataTooLarge, message));
        }
        if headers > HEADER_BYTES_MAX {
            let message = format!("headers of {headers} bytes, more than {HEADER_BYTES_MAX}, are not kept");
            return Err(Error::invalid(Refusal::MetadataTooLarge, message));
        }
        if let Some(class) = self.storage_class.as_deref().filter(|class| !STORAGE_CLASSES.contains(class)) {
            let message = format!("The storage class you specified is not valid: {class}");
            return Err(Error::invalid(Refusal::StorageClass, message));
        }
        check_tags(&self.tags)
    }

    pub(crate) fn write(&self, item: &mut Item) {
        let maps = [("headers", &self.headers), ("meta", &self.metadata), ("tags", &self.tags)];
        for (name, map) in maps.into_iter().filter(|(_, map)| !map.is_empty()) {
            let map = map.iter().map(|(name, value)| (name.clone(), Value::S(value.clone())));
            item.insert(name, Value::M(map.collect()));
        }
        if let Some(class) = &self.storage_class {
            item.insert("class", Value::S(class.clone()));
        }
    }

    pub(crate) fn read(item: &Item) -> Details {
        Details {
            headers: texts(item, "headers"),
            metadata: texts(item, "meta"),
            storage_class: text(item, "class").map(str::to_owned),
            tags: texts(item, "tags"),
        }
    }
}

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::invalid(Refusal::Tag, message));
    if tags.len() > TAGS_MAX {
        return refuse(format!("Object tags cannot be greater than {TAGS_MAX}"));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > TAG_KEY_MAX {
            return refuse(format!("The TagKey you have provided is invalid: {key}"));
        }
        if value.chars().count() > TAG_VALUE_MAX {
            return refuse(format!("The TagValue you have provided is invalid: {value}"));
        }
    }
    Ok(())
}

impl Checksum {
    pub(crate) fn write(&self, item: &mut Item) {
        let map = [("algorithm", self.algorithm.name()), ("value", &self.value), ("kind", self.kind.name())];
        let map = map.into_iter().map(|(name, value)| (name, Value::S(value.to_owned())));
        item.insert("checksum", Value::M(map.collect()));
    }

    pub(crate) fn read(item: &Item) -> Option<Checksum> {
        let Some(Value::M(map)) = item.get("checksum") else { return None };
        Some(Checksum {
            algorithm: Algorithm::of_name(text(map, "algorithm")?)?,
            value: text(map, "value")?.to_owned(),
            kind: ChecksumKind::of_name(text(map, "kind")?)?,
        })
    }
}

impl Object {
    pub(crate) fn to_item(&self) -> Item {
        let mut item: Item = [
            ("b", Value::S(PARTITION.to_owned())),
            ("key", Value::S(self.key.clone())),
            ("size", count(self.size)),
            ("etag", Value::S(self.etag.clone())),
            ("modified", count(self.modified_ms)),
            ("event", Value::S(self.event.name().to_owned())),
        ]
        .into_iter()
        .collect();
        self.details.write(&mut item);
        if let Some(checksum) = &self.checksum {
            checksum.write(&mut item);
        }
        if !self.parts.is_empty() {
            let sizes = self.parts.iter().flat_map(|size| size.to_be_bytes());
            item.insert("parts", Value::B(sizes.collect()));
        }
        if let Some(blob) = &self.blob {
            item.insert("blob", Value::S(blob.as_str().to_owned()));
        }
        if let Some(upload) = &self.upload {
            item.insert("upload", Value::S(upload.clone()));
        }
        item
    }

    /// Reads an item of a bucket's table; `None` for what is no object.
    #[must_use]
    pub fn read(item: &Item) -> Option<Object> {
        let parts = match item.get("parts") {
            Some(Value::B(sizes)) => {
                let sizes = sizes.chunks_exact(8).map(|size| u64::from_be_bytes(size.try_into().expect("eight bytes")));
                sizes.collect()
            }
            _ => Vec::new(),
        };
        Some(Object {
            key: text(item, "key")?.to_owned(),
            size: number(item, "size")?,
            etag: text(item, "etag")?.to_owned(),
            modified_ms: number(item, "modified")?,
            event: Event::of_name(text(item, "event")?)?,
            details: Details::read(item),
            checksum: Checksum::read(item),
            parts,
            blob: blob(item),
            upload: text(item, "upload").map(str::to_owned),
        })
    }
}

pub(crate) fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    match item.get(name) {
        Some(Value::S(text)) => Some(text),
        _ => None,
    }
}

pub(crate) fn number(item: &Item, name: &str) -> Option<u64> {
    match item.get(name) {
        Some(Value::N(number)) => number.to_i64().and_then(|number| u64::try_from(number).ok()),
        _ => None,
    }
}

/// A size or a time as a value.
pub(crate) fn count(value: u64) -> Value {
    Value::N(Number::from(value))
}

/// The blob that an item of an object or of a part refers to.
pub(crate) fn blob(item: &Item) -> Option<BlobId> {
    text(item, "blob").and_then(BlobId::parse)
}

fn texts(item: &Item, name: &str) -> BTreeMap<String, String> {
    let Some(Value::M(map)) = item.get(name) else { return BTreeMap::new() };
    let text = |(name, value): (&str, &Value)| match value {
        Value::S(text) => Some((name.to_owned(), text.clone())),
        _ => None,
    };
    map.iter().filter_map(text).collect()
}

//! What a stream is: its definition, and how it lies in a resource.

use crate::{
    Error, HashRange,
    record::{Put, record_of},
};
use db::{Expected, Resource, ResourcePut};
use item::{Item, Number, Origin, Seq, Value};
use std::{collections::BTreeMap, sync::Arc};
use wire::Place;

/// Kind of a stream's resource.
pub const KIND: &str = "stream";
/// Shards of a stream on demand, as on AWS.
pub const ON_DEMAND_SHARDS: u16 = 4;
/// How long records are kept unless asked otherwise, hours; and the longest, a year.
pub const RETENTION_HOURS: u32 = 24;
pub const RETENTION_HOURS_MAX: u32 = 8760;
/// Largest record unless asked otherwise, partition key and data together; and the largest that can be asked for.
pub const RECORD_KIB: u32 = 1024;
pub const RECORD_KIB_MAX: u32 = 10 * 1024;
/// Longest partition key, characters.
pub const PARTITION_KEY_MAX: usize = 256;
/// Most tags of a stream.
pub const TAGS_MAX: usize = 50;
const NAME_MAX: usize = 128;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// How AWS would charge for a stream. Here it decides the number of shards when none is given, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    OnDemand,
    Provisioned,
}

impl Mode {
    /// AWS's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::OnDemand => "ON_DEMAND",
            Mode::Provisioned => "PROVISIONED",
        }
    }

    #[must_use]
    pub fn of_name(name: &str) -> Option<Mode> {
        [Mode::OnDemand, Mode::Provisioned].into_iter().find(|mode| mode.name() == name)
    }
}

/// What a stream is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: String,
    pub mode: Mode,
    /// Stays as it is for as long as the stream lives.
    pub shards: u16,
    pub retention_hours: u32,
    /// Largest record, KiB.
    pub record_kib: u32,
    pub tags: BTreeMap<String, String>,
}

impl Definition {
    /// A stream on demand with everything as AWS has it unless asked otherwise.
    #[must_use]
    pub fn new(name: &str) -> Definition {
        Definition {
            name: name.to_owned(),
            mode: Mode::OnDemand,
            shards: ON_DEMAND_SHARDS,
            retention_hours: RETENTION_HOURS,
            record_kib: RECORD_KIB,
            tags: BTreeMap::new(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |message: String| Err(Error::Invalid(message));
        let Definition { name, shards, retention_hours: hours, record_kib: kib, tags, .. } = self;
        if !is_stream_name(name) {
            return refuse(format!(
                "{name:?} is no name of a stream: 1 to {NAME_MAX} letters, digits, dots, hyphens and underscores are"
            ));
        }
        if *shards == 0 {
            return refuse(format!("the stream {name} needs at least one shard"));
        }
        if !(RETENTION_HOURS..=RETENTION_HOURS_MAX).contains(hours) {
            return refuse(format!(
                "the stream {name} cannot keep records for {hours} hours: {RETENTION_HOURS} to {RETENTION_HOURS_MAX} can \
                 be asked for"
            ));
        }
        if !(RECORD_KIB..=RECORD_KIB_MAX).contains(kib) {
            return refuse(format!(
                "the stream {name} cannot take records of {kib} KiB: {RECORD_KIB} to {RECORD_KIB_MAX} can be asked for"
            ));
        }
        if tags.len() > TAGS_MAX {
            return refuse(format!("the stream {name} has {} tags, more than {TAGS_MAX}", tags.len()));
        }
        Ok(())
    }

    /// As a resource; `opened` is the position that its records come after.
    pub(crate) fn put(&self, opened: Seq, expected: Expected) -> ResourcePut {
        let number = |value: u64| Value::N(Number::from(value));
        let tags = self.tags.iter().map(|(key, value)| (key.clone(), Value::S(value.clone())));
        let body = Item::from_iter([
            ("mode", Value::S(self.mode.name().to_owned())),
            ("shards", number(self.shards.into())),
            ("record_kib", number(self.record_kib.into())),
            ("tags", Value::M(tags.collect())),
            ("opened", number(opened.0)),
        ]);
        let keep_ms = u64::from(self.retention_hours) * HOUR_MS;
        ResourcePut { keep_ms, ..ResourcePut::new(KIND, &self.name, body, expected) }
    }
}

/// A stream as it is now.
#[derive(Clone, Debug)]
pub struct Stream {
    pub definition: Definition,
    pub arn: String,
    pub created_ms: u64,
    /// Its records have `seq > opened`.
    pub opened: Seq,
    /// Its records are read as changes of `resource.records()`.
    pub resource: Arc<Resource>,
}

impl Stream {
    /// `None` for a resource that is no stream.
    pub(crate) fn of(resource: &Arc<Resource>, place: &Place) -> Option<Stream> {
        let body = &resource.body;
        let number = |name: &str| match body.get(name) {
            Some(Value::N(number)) => number.to_i64().and_then(|number| u64::try_from(number).ok()),
            _ => None,
        };
        let Some(Value::S(mode)) = body.get("mode") else { return None };
        let definition = Definition {
            name: resource.name.clone(),
            mode: Mode::of_name(mode)?,
            shards: u16::try_from(number("shards")?).ok()?,
            retention_hours: u32::try_from(resource.keep_ms / HOUR_MS).ok()?,
            record_kib: u32::try_from(number("record_kib")?).ok()?,
            tags: tags(body),
        };
        Some(Stream {
            arn: place.arn("kinesis", &format!("stream/{}", resource.name)),
            definition,
            created_ms: resource.created_ms,
            opened: Seq(number("opened")?),
            resource: resource.clone(),
        })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The number of its shards: they are called 0 and so on.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.definition.shards
    }

    /// The hash keys of one of its shards.
    #[must_use]
    pub fn range(&self, shard: u16) -> HashRange {
        HashRange::of(shard, self.shards())
    }

    /// A record for a commit: in the shard that its hash key belongs to.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the record is too large for the stream, or its partition key is too long.
    pub fn record(&self, put: Put, origin: Origin) -> Result<db::Record, Error> {
        record_of(self, put, origin)
    }
}

fn tags(body: &Item) -> BTreeMap<String, String> {
    let Some(Value::M(tags)) = body.get("tags") else { return BTreeMap::new() };
    let text = |(key, value): (&str, &Value)| match value {
        Value::S(text) => Some((key.to_owned(), text.clone())),
        _ => None,
    };
    tags.iter().filter_map(text).collect()
}

/// Whether a stream can have this name.
#[must_use]
pub fn is_stream_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_fit)
}

/// The name in a stream's ARN.
#[must_use]
pub fn stream_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let heads = [parts.next()?, parts.next()?, parts.next()?];
    (heads[0] == "arn" && heads[2] == "kinesis").then(|| parts.nth(2)?.strip_prefix("stream/"))?
}

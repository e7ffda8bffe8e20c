//! Who is told of a bucket's events: the definition and the item it is stored as. What a target is, and what S3 takes for
//! one, is the affair of `s3`.

use crate::{
    Error,
    fields::{Body, Fields, Malformed},
    function::{ORIGINS, Origin},
};
use item::{Item, Seq, TableId, Value};
use s3::Target;

/// The kind of its resource, which has the bucket's name.
pub const NOTIFICATION: &str = "notification";

/// All targets of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationDefinition {
    pub bucket: String,
    pub targets: Vec<Target>,
    pub origin: Origin,
}

/// A bucket's targets as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    pub definition: NotificationDefinition,
    /// The bucket's objects: a bucket that is created again is another one, and nobody is told of its events.
    pub table: TableId,
    /// Nobody is told of what happened before.
    pub from: Seq,
}

impl NotificationDefinition {
    /// Refuses what S3 refuses.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        s3::check_targets(&self.targets).map_err(|error| Error::invalid("NotificationConfiguration", error.to_string()))
    }

    fn to_body(&self) -> Body {
        let targets = self.targets.iter().map(|target| Value::M(target_item(target))).collect();
        Body::default().list("targets", targets).word("origin", &ORIGINS, &self.origin)
    }

    /// What a template says.
    pub(crate) fn to_item(&self) -> Item {
        self.to_body().item()
    }
}

impl Notification {
    /// The body of its resource.
    pub fn to_item(&self) -> Item {
        self.definition.to_body().number("table", u64::from(self.table.0)).number("from", self.from.0).item()
    }

    /// Reads the body of a resource.
    pub fn from_item(bucket: &str, item: &Item) -> Result<Notification, Malformed> {
        let fields = Fields(item);
        let targets = fields.maps("targets")?.into_iter().map(read_target).collect::<Result<_, _>>()?;
        let origin = fields.word("origin", &ORIGINS)?;
        Ok(Notification {
            definition: NotificationDefinition { bucket: bucket.to_owned(), targets, origin },
            table: TableId(fields.number("table")?),
            from: Seq(fields.number("from")?),
        })
    }
}

fn target_item(target: &Target) -> Item {
    let kinds = target.kinds.iter().map(|kind| Value::S(kind.clone())).collect();
    Body::default()
        .text("id", &target.id)
        .text("function", &target.function)
        .list("kinds", kinds)
        .text("prefix", &target.prefix)
        .text("suffix", &target.suffix)
        .item()
}

fn read_target(item: &Item) -> Result<Target, Malformed> {
    let fields = Fields(item);
    Ok(Target {
        id: fields.text("id")?,
        function: fields.text("function")?,
        kinds: fields.list("kinds")?,
        prefix: fields.text_or_empty("prefix")?,
        suffix: fields.text_or_empty("suffix")?,
    })
}

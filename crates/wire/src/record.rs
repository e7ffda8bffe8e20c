//! A change as a stream record: as GetRecords shows it, and as a handler gets it in its event. The two differ in spelling.

use crate::{Object, Place, names};
use db::{Stream, StreamViewType};
use item::{Change, Item, Origin, size};

/// What all records of one stream share.
pub struct Shown<'a> {
    pub stream: &'a Stream,
    pub timeline: u16,
    pub place: &'a Place,
}

impl Shown<'_> {
    /// Writes the record as GetRecords shows it.
    pub fn record(&self, mut record: Object<'_>, change: &Change) {
        self.head(&mut record, change);
        self.body(&mut record, change, change.time_ms / 1000);
        if change.origin == Origin::Ttl {
            identity(&mut record, ["PrincipalId", "Type"]);
        }
        record.end();
    }

    /// Writes the record as it stands in an event's `Records`. `arn` is the stream's.
    pub fn event(&self, mut record: Object<'_>, change: &Change, arn: &str) {
        self.head(&mut record, change);
        // A number of seconds with a fraction of nothing: handlers in typed languages read a float.
        self.body(&mut record, change, format_args!("{}.0", change.time_ms / 1000));
        if change.origin == Origin::Ttl {
            identity(&mut record, ["principalId", "type"]);
        }
        record.text("eventSourceARN", arn);
        record.end();
    }

    fn head(&self, record: &mut Object<'_>, change: &Change) {
        record.text("eventID", &names::event_id(self.timeline, self.stream, change));
        record.text("eventName", event_name(change));
        record.text("eventVersion", "1.1");
        record.text("eventSource", "aws:dynamodb");
        record.text("awsRegion", &self.place.region);
    }

    fn body(&self, record: &mut Object<'_>, change: &Change, created: impl std::fmt::Display) {
        let stream = self.stream;
        let key = stream.key.attributes(&change.key(&stream.key));
        let (old, new) = images(stream.view_type, change);
        let mut body = record.object("dynamodb");
        body.bare("ApproximateCreationDateTime", created);
        body.item("Keys", &key);
        if let Some(image) = new {
            body.item("NewImage", image);
        }
        if let Some(image) = old {
            body.item("OldImage", image);
        }
        body.text("SequenceNumber", &names::sequence_number(self.timeline, change.seq));
        let bytes = size::item(&key) + old.into_iter().chain(new).map(size::item).sum::<usize>();
        body.bare("SizeBytes", bytes);
        body.text("StreamViewType", names::view_type(stream.view_type));
        body.end();
    }
}

/// INSERT, MODIFY or REMOVE.
#[must_use]
pub fn event_name(change: &Change) -> &'static str {
    match (&change.old, &change.new) {
        (None, _) => "INSERT",
        (Some(_), Some(_)) => "MODIFY",
        (Some(_), None) => "REMOVE",
    }
}

fn identity(record: &mut Object<'_>, [principal, kind]: [&str; 2]) {
    let mut identity = record.object("userIdentity");
    identity.text(principal, "dynamodb.amazonaws.com");
    identity.text(kind, "Service");
    identity.end();
}

/// The images that a view type shows: old and new.
fn images(view_type: StreamViewType, change: &Change) -> (Option<&Item>, Option<&Item>) {
    let (old, new) = (change.old.as_ref(), change.new.as_ref());
    match view_type {
        StreamViewType::KeysOnly => (None, None),
        StreamViewType::NewImage => (None, new),
        StreamViewType::OldImage => (old, None),
        StreamViewType::NewAndOldImages => (old, new),
    }
}

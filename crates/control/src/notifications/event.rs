//! What S3 sends to a function: the document about one change of one object.

use bytes::Bytes;
use item::Change;
use s3::{Event, Object};
use serde_json::json;
use wire::Place;

/// A change of a bucket's objects, seen as an event.
pub(super) struct Happened<'c> {
    pub event: Event,
    /// As it is now, or was when it was removed.
    pub object: Object,
    change: &'c Change,
}

impl<'c> Happened<'c> {
    /// `None` for a change of something else than an object.
    pub fn of(change: &'c Change) -> Option<Happened<'c>> {
        let object = Object::read(change.new.as_ref().or(change.old.as_ref())?)?;
        Some(Happened { event: Event::of(change)?, object, change })
    }

    /// The document, for the target of this id.
    pub fn document(&self, (bucket, region): (&str, &str), place: &Place, target_id: &str) -> Bytes {
        let sequence = self.change.seq.0;
        let owner = json!({ "principalId": place.account });
        let mut object = json!({ "key": encoded(&self.object.key), "sequencer": format!("00{sequence:016X}") });
        if self.event != Event::Removed {
            object["size"] = self.object.size.into();
            object["eTag"] = self.object.etag.as_str().into();
        }
        let record = json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": region,
            "eventTime": format!("{}Z", wire::time::label(self.change.time_ms)),
            "eventName": self.event.name(),
            "userIdentity": owner,
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {
                "x-amz-request-id": format!("{sequence:016X}"),
                "x-amz-id-2": format!("{sequence:032X}"),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": target_id,
                "bucket": { "name": bucket, "ownerIdentity": owner, "arn": format!("arn:aws:s3:::{bucket}") },
                "object": object,
            },
        });
        Bytes::from(json!({ "Records": [record] }).to_string())
    }
}

/// A key as S3 writes it in events: as a form would, but with its slashes.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => text.push(char::from(byte)),
            b' ' => text.push('+'),
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_in_a_form_but_for_their_slashes() {
        assert_eq!(encoded("in/red flower+1=2.jpg"), "in/red+flower%2B1%3D2.jpg");
        assert_eq!(encoded("ä/~(*)"), "%C3%A4/%7E%28*%29");
    }
}

//! The event that a function is called with.

use crate::lane::Window;
use bytes::Bytes;
use wire::{Object, Place, names, time};

/// What stands around the records where there is no window: `{"Records":[` and `]}`.
pub const ENVELOPE_BYTES: usize = 14;

/// What an event says of the tumbling window that it belongs to.
#[derive(Clone, Copy)]
pub struct InWindow<'a> {
    pub window: &'a Window,
    pub shard_id: &'a str,
    /// The stream's.
    pub source_arn: &'a str,
    pub is_final: bool,
    pub is_early: bool,
}

/// An event with these records, each as JSON.
pub fn payload<'r>(records: impl Iterator<Item = &'r [u8]> + Clone, window: Option<InWindow<'_>>) -> Bytes {
    let room: usize = records.clone().map(|record| record.len() + 1).sum();
    let mut out = Vec::with_capacity(room + 512 + window.map_or(0, |window| window.window.state.len()));
    let mut event = Object::new(&mut out);
    let mut array = event.array("Records");
    for record in records {
        array.element().extend_from_slice(record);
    }
    array.end();
    if let Some(window) = window {
        window.write(&mut event);
    }
    event.end();
    Bytes::from(out)
}

impl InWindow<'_> {
    fn write(&self, event: &mut Object<'_>) {
        let mut bounds = event.object("window");
        bounds.text("start", &utc_seconds(self.window.start_ms));
        bounds.text("end", &utc_seconds(self.window.end_ms));
        bounds.end();
        event.bare("state", &self.window.state);
        event.text("shardId", self.shard_id);
        event.text("eventSourceARN", self.source_arn);
        event.bare("isFinalInvokeForWindow", self.is_final);
        event.bare("isWindowTerminatedEarly", self.is_early);
    }
}

/// What all records of one Kinesis stream share.
#[derive(Clone, Copy)]
pub struct OfKinesis<'a> {
    pub place: &'a Place,
    pub timeline: u16,
    pub stream: &'a kinesis::Stream,
}

impl OfKinesis<'_> {
    /// A record as it stands in an event's `Records`.
    pub fn event(&self, record: &kinesis::Record) -> Vec<u8> {
        let sequence_number = names::sequence_number(self.timeline, record.seq);
        let mut out = Vec::with_capacity(640 + record.data.len() / 3 * 4);
        let mut event = Object::new(&mut out);
        let mut body = event.object("kinesis");
        body.text("kinesisSchemaVersion", "1.0");
        body.text("partitionKey", &record.partition_key);
        body.text("sequenceNumber", &sequence_number);
        wire::binary(body.field("data"), &record.data);
        body.bare("approximateArrivalTimestamp", time::seconds(record.arrival_ms));
        body.end();
        event.text("eventSource", "aws:kinesis");
        event.text("eventVersion", "1.0");
        event.text("eventID", &format!("{}:{sequence_number}", kinesis::shard_id(record.shard)));
        event.text("eventName", "aws:kinesis:record");
        // Nobody assumes roles here.
        event.text("invokeIdentityArn", &format!("arn:aws:iam::{}:role/lambda", self.place.account));
        event.text("awsRegion", &self.place.region);
        event.text("eventSourceARN", &self.stream.arn);
        event.end();
        out
    }
}

/// `2023-06-10T19:26:16Z`.
pub fn utc_seconds(ms: u64) -> String {
    let mut text = time::label(ms);
    text.truncate("2023-06-10T19:26:16".len());
    text + "Z"
}

/// `2023-06-10T19:26:16.525Z`.
pub fn utc_millis(ms: u64) -> String {
    time::label(ms) + "Z"
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn an_event_is_its_records_and_what_the_window_says() {
        let records = [br#"{"a":1}"#.as_slice(), br#"{"b":2}"#];
        let text = |window| String::from_utf8(payload(records.into_iter(), window).to_vec()).expect("text");
        assert_eq!(text(None), r#"{"Records":[{"a":1},{"b":2}]}"#);
        assert_eq!(text(None).len() - ENVELOPE_BYTES, records.concat().len() + 1, "records and a comma");
        let window = Window { state: r#"{"n":3}"#.to_owned(), ..Window::of(1_686_425_176_525, 60_000) };
        let in_window =
            InWindow { window: &window, shard_id: "shardId-1", source_arn: "arn:s", is_final: false, is_early: false };
        expect![[r#"{"Records":[{"a":1},{"b":2}],"window":{"start":"2023-06-10T19:26:00Z","end":"2023-06-10T19:27:00Z"},"state":{"n":3},"shardId":"shardId-1","eventSourceARN":"arn:s","isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false}"#]]
        .assert_eq(&text(Some(in_window)));
        let last = payload([].into_iter(), Some(InWindow { is_final: true, is_early: true, ..in_window }));
        assert!(last.starts_with(br#"{"Records":[],"#));
        assert!(last.ends_with(br#""isFinalInvokeForWindow":true,"isWindowTerminatedEarly":true}"#));
    }
}

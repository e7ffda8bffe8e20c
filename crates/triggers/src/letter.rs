//! Dead letters: what a destination gets to know of records that were given up.
//!
//! There are no queues here: what is for them lies in a table, with the full records, which on AWS are gone after a day.
//! Where letters are kept is [`post`]'s affair.

use crate::{
    Mapping,
    event::{utc_millis, utc_seconds},
    fields,
    lane::{Condition, Failure},
    post::{self, Contents, Parcel},
    record::{self, Record},
    source::Stream,
};
use item::Item;
use wire::{Object, Place, names};

/// What all letters of one trigger share.
pub struct Sender<'a> {
    pub place: &'a Place,
    pub mapping: &'a Mapping,
    pub stream: &'a Stream,
    pub timeline: u16,
}

/// Records that are given up.
pub struct Letter<'a> {
    pub shard: u16,
    pub condition: Condition,
    pub records: &'a [&'a Record],
    /// Calls that failed.
    pub attempts: u32,
    pub failure: Option<&'a Failure>,
    pub now_ms: u64,
    /// A random uuid: the letter's name.
    pub uuid: &'a str,
}

/// A letter as it will be kept. A bucket gets one object, whose document holds the records; the table gets an item with
/// the document of queues and topics, and one for each record.
pub fn parcel(sender: &Sender<'_>, letter: &Letter<'_>) -> Parcel {
    let own = sender.mapping.arn(sender.place);
    // Records that a function feeds to itself are kept even where nobody wants to know.
    let destination = sender.mapping.settings.on_failure.as_deref().unwrap_or(&own);
    let head = Item::from_iter([
        ("destination", fields::text(destination)),
        ("id", fields::text(id(letter))),
        ("trigger", fields::text(&sender.mapping.uuid)),
        ("function", fields::text(&sender.mapping.function)),
        ("condition", fields::text(letter.condition.name())),
        ("records", fields::number(letter.records.len() as u64)),
        ("created", fields::text(utc_millis(letter.now_ms))),
    ]);
    let contents = match post::bucket_of(destination) {
        Some(bucket) => Contents::Object {
            bucket: bucket.to_owned(),
            key: object_key(sender, letter),
            document: document(sender, letter, true),
            head,
        },
        None => Contents::Items(items(sender, letter, destination, head)),
    };
    // Records of one batch came through as many functions.
    let depth = letter.records.first().map_or(0, |record| record.depth);
    Parcel { origin: record::told(depth), contents }
}

fn id(letter: &Letter<'_>) -> String {
    format!("{}-{}", utc_millis(letter.now_ms), letter.uuid)
}

fn items(sender: &Sender<'_>, letter: &Letter<'_>, destination: &str, head: Item) -> Vec<Item> {
    let mut items = post::in_parts(head, "message", &document(sender, letter, false));
    let id = id(letter);
    for (at, record) in (1..).zip(letter.records) {
        let mut item = Item::from_iter([
            ("destination", fields::text(destination)),
            ("id", fields::text(format!("{id}#{at:06}"))),
        ]);
        if record.depth > 0 {
            item.insert("depth", fields::number(record.depth));
        }
        items.extend(post::in_parts(item, "record", &String::from_utf8_lossy(&record.event)));
    }
    items
}

/// The document that AWS sends; buckets get the records with it.
fn document(sender: &Sender<'_>, letter: &Letter<'_>, with_records: bool) -> String {
    let mut out = Vec::new();
    let mut document = Object::new(&mut out);
    let mut request = document.object("requestContext");
    request.text("requestId", letter.failure.map_or(letter.uuid, |failure| &failure.request_id));
    request.text("functionArn", &sender.mapping.function_arn(sender.place));
    request.text("condition", letter.condition.name());
    request.bare("approximateInvokeCount", letter.attempts);
    request.end();
    if letter.condition == Condition::RetryAttemptsExhausted {
        response(&mut document, letter.failure);
    }
    document.text("version", "1.0");
    document.text("timestamp", &utc_millis(letter.now_ms));
    batch_info(&mut document, sender, letter);
    if with_records {
        let mut payload = document.object("payload");
        let mut records = payload.array("Records");
        letter.records.iter().for_each(|record| records.element().extend_from_slice(&record.event));
        records.end();
        payload.end();
    }
    document.end();
    String::from_utf8(out).expect("what is written is text")
}

fn response(document: &mut Object<'_>, failure: Option<&Failure>) {
    let mut response = document.object("responseContext");
    response.bare("statusCode", 200);
    response.text("executedVersion", "$LATEST");
    match failure.and_then(|failure| failure.function_error.as_deref()) {
        Some(word) => response.text("functionError", word),
        None => response.bare("functionError", "null"),
    }
    response.end();
}

fn batch_info(document: &mut Object<'_>, sender: &Sender<'_>, letter: &Letter<'_>) {
    let (Some(first), Some(last)) = (letter.records.first(), letter.records.last()) else { return };
    // Tables' streams know times by the second.
    let (name, time): (_, fn(u64) -> String) = match sender.stream {
        Stream::Table(_) => ("DDBStreamBatchInfo", utc_seconds),
        Stream::Kinesis(_) => ("KinesisBatchInfo", utc_millis),
    };
    let mut info = document.object(name);
    info.text("shardId", &sender.stream.shard_id(letter.shard));
    info.text("startSequenceNumber", &names::sequence_number(sender.timeline, first.seq));
    info.text("endSequenceNumber", &names::sequence_number(sender.timeline, last.seq));
    info.text("approximateArrivalOfFirstRecord", &time(first.time_ms));
    info.text("approximateArrivalOfLastRecord", &time(last.time_ms));
    info.bare("batchSize", letter.records.len());
    info.text("streamArn", &sender.mapping.source.arn(sender.place));
    info.end();
}

/// Where AWS puts it: `aws/lambda/UUID/SHARD/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID`.
fn object_key(sender: &Sender<'_>, letter: &Letter<'_>) -> String {
    let shard = sender.stream.shard_id(letter.shard);
    format!("aws/lambda/{}/{shard}/{}", sender.mapping.uuid, post::dated(letter.now_ms, letter.uuid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, Source, StartingPosition, record::KeyId};
    use db::StreamViewType;
    use expect_test::{Expect, expect};
    use item::{Seq, TableId, Value};
    use std::sync::Arc;

    fn record(seq: u64, event: &str) -> Record {
        let time_ms = 1_657_720_081_900 + seq;
        Record { seq: Seq(seq), time_ms, depth: 0, key: KeyId(1), arrived_ms: 0, event: event.into() }
    }

    fn letter_parcel(on_failure: Option<&str>, letter: &Letter<'_>) -> Parcel {
        let stream = db::Stream {
            table: TableId(7),
            table_name: "votes".to_owned(),
            key: post::key(),
            view_type: StreamViewType::NewImage,
            shards: 1,
            created_ms: 1_657_720_000_000,
            opened: Seq(1),
            closed: None,
        };
        let settings = Settings { on_failure: on_failure.map(str::to_owned), ..Settings::default() };
        let mapping = Mapping {
            uuid: "u-u-i-d".to_owned(),
            function: "count".to_owned(),
            source: Source::of(&stream),
            starting: StartingPosition::Latest,
            from: Seq(1),
            settings,
            enabled: true,
        };
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        parcel(
            &Sender { place: &place, mapping: &mapping, stream: &Stream::Table(Arc::new(stream)), timeline: 1000 },
            letter,
        )
    }

    fn failure(word: Option<&str>) -> Failure {
        let function_error = word.map(str::to_owned);
        Failure { error: "ValueError: no".to_owned(), request_id: "r-e-q".to_owned(), function_error }
    }

    fn check(letter: &Letter<'_>, on_failure: Option<&str>, expected: Expect) {
        let show = |item: &Item| {
            let mut out = Vec::new();
            wire::item(&mut out, item);
            String::from_utf8(out).expect("text").replace(r#"\""#, "'")
        };
        let text = match letter_parcel(on_failure, letter).contents {
            Contents::Items(items) => items.iter().map(|item| show(item) + "\n").collect(),
            Contents::Object { bucket, key, document, head } => {
                format!("{bucket} {key}\n{document}\n{}\n", show(&head))
            }
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn documents_are_those_of_aws() {
        let records = [record(5, r#"{"r":5}"#), record(9, r#"{"r":9}"#)];
        let records: Vec<&Record> = records.iter().collect();
        let failed = failure(Some("Unhandled"));
        let letter = Letter {
            shard: 0,
            condition: Condition::RetryAttemptsExhausted,
            records: &records,
            attempts: 2,
            failure: Some(&failed),
            now_ms: 1_657_720_090_001,
            uuid: "l-e-t",
        };
        let queue = Some("arn:aws:sqs:us-east-1:000000000000:letters");
        check(
            &letter,
            queue,
            expect![[r#"
            {"condition":{"S":"RetryAttemptsExhausted"},"created":{"S":"2022-07-13T13:48:10.001Z"},"destination":{"S":"arn:aws:sqs:us-east-1:000000000000:letters"},"function":{"S":"count"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t"},"message":{"S":"{'requestContext':{'requestId':'r-e-q','functionArn':'arn:aws:lambda:us-east-1:000000000000:function:count','condition':'RetryAttemptsExhausted','approximateInvokeCount':2},'responseContext':{'statusCode':200,'executedVersion':'$LATEST','functionError':'Unhandled'},'version':'1.0','timestamp':'2022-07-13T13:48:10.001Z','DDBStreamBatchInfo':{'shardId':'shardId-00000001657720000000-25da9608','startSequenceNumber':'100000000000000000000005','endSequenceNumber':'100000000000000000000009','approximateArrivalOfFirstRecord':'2022-07-13T13:48:01Z','approximateArrivalOfLastRecord':'2022-07-13T13:48:01Z','batchSize':2,'streamArn':'arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2022-07-13T13:46:40.000'}}"},"records":{"N":"2"},"trigger":{"S":"u-u-i-d"}}
            {"destination":{"S":"arn:aws:sqs:us-east-1:000000000000:letters"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t#000001"},"record":{"S":"{'r':5}"}}
            {"destination":{"S":"arn:aws:sqs:us-east-1:000000000000:letters"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t#000002"},"record":{"S":"{'r':9}"}}
        "#]],
        );
        let named = failure(None);
        check(
            &Letter { failure: Some(&named), records: &records[..1], ..letter },
            queue,
            expect![[r#"
            {"condition":{"S":"RetryAttemptsExhausted"},"created":{"S":"2022-07-13T13:48:10.001Z"},"destination":{"S":"arn:aws:sqs:us-east-1:000000000000:letters"},"function":{"S":"count"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t"},"message":{"S":"{'requestContext':{'requestId':'r-e-q','functionArn':'arn:aws:lambda:us-east-1:000000000000:function:count','condition':'RetryAttemptsExhausted','approximateInvokeCount':2},'responseContext':{'statusCode':200,'executedVersion':'$LATEST','functionError':null},'version':'1.0','timestamp':'2022-07-13T13:48:10.001Z','DDBStreamBatchInfo':{'shardId':'shardId-00000001657720000000-25da9608','startSequenceNumber':'100000000000000000000005','endSequenceNumber':'100000000000000000000005','approximateArrivalOfFirstRecord':'2022-07-13T13:48:01Z','approximateArrivalOfLastRecord':'2022-07-13T13:48:01Z','batchSize':1,'streamArn':'arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2022-07-13T13:46:40.000'}}"},"records":{"N":"1"},"trigger":{"S":"u-u-i-d"}}
            {"destination":{"S":"arn:aws:sqs:us-east-1:000000000000:letters"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t#000001"},"record":{"S":"{'r':5}"}}
        "#]],
        );
        let old = Letter { condition: Condition::RecordAgeExceeded, failure: None, attempts: 0, ..letter };
        check(
            &Letter { records: &records[1..], ..old },
            Some("arn:aws:s3:::letters"),
            expect![[r#"
                letters aws/lambda/u-u-i-d/shardId-00000001657720000000-25da9608/2022/07/13/2022-07-13T13.48.10-l-e-t
                {"requestContext":{"requestId":"l-e-t","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","condition":"RecordAgeExceeded","approximateInvokeCount":0},"version":"1.0","timestamp":"2022-07-13T13:48:10.001Z","DDBStreamBatchInfo":{"shardId":"shardId-00000001657720000000-25da9608","startSequenceNumber":"100000000000000000000009","endSequenceNumber":"100000000000000000000009","approximateArrivalOfFirstRecord":"2022-07-13T13:48:01Z","approximateArrivalOfLastRecord":"2022-07-13T13:48:01Z","batchSize":1,"streamArn":"arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2022-07-13T13:46:40.000"},"payload":{"Records":[{"r":9}]}}
                {"condition":{"S":"RecordAgeExceeded"},"created":{"S":"2022-07-13T13:48:10.001Z"},"destination":{"S":"arn:aws:s3:::letters"},"function":{"S":"count"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t"},"records":{"N":"1"},"trigger":{"S":"u-u-i-d"}}
            "#]],
        );
        let deep = Letter { condition: Condition::RecursionDetected, ..old };
        check(
            &Letter { records: &records[1..], ..deep },
            None,
            expect![[r#"
            {"condition":{"S":"RecursionDetected"},"created":{"S":"2022-07-13T13:48:10.001Z"},"destination":{"S":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:u-u-i-d"},"function":{"S":"count"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t"},"message":{"S":"{'requestContext':{'requestId':'l-e-t','functionArn':'arn:aws:lambda:us-east-1:000000000000:function:count','condition':'RecursionDetected','approximateInvokeCount':0},'version':'1.0','timestamp':'2022-07-13T13:48:10.001Z','DDBStreamBatchInfo':{'shardId':'shardId-00000001657720000000-25da9608','startSequenceNumber':'100000000000000000000009','endSequenceNumber':'100000000000000000000009','approximateArrivalOfFirstRecord':'2022-07-13T13:48:01Z','approximateArrivalOfLastRecord':'2022-07-13T13:48:01Z','batchSize':1,'streamArn':'arn:aws:dynamodb:us-east-1:000000000000:table/votes/stream/2022-07-13T13:46:40.000'}}"},"records":{"N":"1"},"trigger":{"S":"u-u-i-d"}}
            {"destination":{"S":"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:u-u-i-d"},"id":{"S":"2022-07-13T13:48:10.001Z-l-e-t#000001"},"record":{"S":"{'r':9}"}}
        "#]],
        );
    }

    #[test]
    fn long_records_are_kept_in_parts_that_fit() {
        let long = format!(r#"{{"r":"{}"}}"#, "é".repeat(500_000));
        let record = record(1, &long);
        let letter = Letter {
            shard: 0,
            condition: Condition::RecordAgeExceeded,
            records: &[&record],
            attempts: 0,
            failure: None,
            now_ms: 0,
            uuid: "l",
        };
        let Contents::Items(items) = letter_parcel(None, &letter).contents else { panic!("no bucket was named") };
        let ids: Vec<String> = items.iter().map(|item| fields::get_text(item, "id").expect("an id")).collect();
        let id = "1970-01-01T00:00:00.000Z-l";
        let expected =
            [id.to_owned(), format!("{id}#000001"), format!("{id}#000001#part002"), format!("{id}#000001#part003")];
        assert_eq!(ids, expected);
        assert!(items.iter().all(|item| item::size::item(item) < item::size::ITEM_BYTES_MAX));
        let whole: String = items[1..].iter().map(|item| fields::get_text(item, "record").expect("a part")).collect();
        assert_eq!(whole, long);
        assert_eq!(items[1].get("parts"), Some(&Value::N(3u64.into())));
        assert!(items.iter().all(|item| post::key().key_of(item).is_ok()));
    }
}

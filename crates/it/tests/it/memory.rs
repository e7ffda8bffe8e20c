//! Memory stays within its bound whatever is written, however much of it, and whoever stopped reading.

use it::{
    client::Client,
    program::{Program, Run},
    tools,
};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

const TABLES: u64 = 100;
const WRITERS: u64 = 8;
const BATCH: u64 = 25;
/// One item in so many is nearly as large as an item may be.
const LARGE_EVERY: u64 = 20_000;

/// How much is written under which setting, and the most that may be resident.
struct Form {
    items: u64,
    memory: &'static str,
    resident_mib_max: u64,
}

#[test]
fn memory_stays_bounded_with_many_tables_large_items_and_a_reader_that_stopped() {
    let form = if it::long() {
        Form { items: 10_000_000, memory: "256M", resident_mib_max: 320 }
    } else {
        Form { items: 300_000, memory: "64M", resident_mib_max: 96 }
    };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    let program = Run::up(folder.path()).args(&["--memory", form.memory]).start();
    let mut client = Client::new(program.port);
    create_tables(&mut client);
    let (_stuck, next) = stop_reading(&program, &mut client);
    let written = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let (idle, most) = thread::scope(|scope| {
        let pid = program.pid();
        let (written, done) = (&written, &done);
        let sampler = scope.spawn(move || sample(pid, written, done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (items, port) = (form.items, program.port);
                scope.spawn(move || write(Client::new(port), writer, items, written))
            })
            .collect();
        for writer in writers {
            writer.join().expect("no writer panics");
        }
        done.store(true, SeqCst);
        sampler.join().expect("sampling does not panic")
    });
    eprintln!("{} items: {idle} MiB before, at most {most} MiB of {}", form.items, form.resident_mib_max);
    assert!(most < form.resident_mib_max, "{most} MiB were resident with --memory {}", form.memory);
    // A connection that was idle this long may have been closed.
    read_on(&mut Client::new(program.port), &next);
}

fn create_tables(client: &mut Client) {
    for table in 0..TABLES {
        let key = json!([{ "AttributeName": "id", "KeyType": "HASH" }]);
        let request = json!({
            "TableName": name(table),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": key,
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        client.call("CreateTable", &request).expect("a table can be created");
    }
}

fn name(table: u64) -> String {
    format!("table-{table:03}")
}

/// Two readers of the first table that stop: one keeps an iterator at the start of the stream, another asked for
/// records and does not take the answer from its socket.
fn stop_reading(program: &Program, client: &mut Client) -> (Vec<TcpStream>, Value) {
    let text = "x".repeat(300_000);
    for id in ["first", "second", "third"] {
        let item = json!({ "id": { "S": id }, "text": { "S": text } });
        client.call("PutItem", &json!({ "TableName": name(0), "Item": item })).expect("a large item can be put");
    }
    let arn = client.call("DescribeTable", &json!({ "TableName": name(0) })).expect("a table can be described");
    let arn = &arn["Table"]["LatestStreamArn"];
    let stream = client.stream_call("DescribeStream", &json!({ "StreamArn": arn })).expect("so can its stream");
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let wanted = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator =
        client.stream_call("GetShardIterator", &wanted).expect("an iterator can be had")["ShardIterator"].take();
    let body = json!({ "ShardIterator": iterator }).to_string();
    let stuck = (0..4).map(|_| {
        let mut socket = TcpStream::connect(("127.0.0.1", program.port)).expect("the program listens");
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: DynamoDBStreams_20120810.GetRecords\r\n\
                    content-type: application/x-amz-json-1.0\r\nauthorization: AWS4-HMAC-SHA256 \
                    Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        socket.write_all(request.as_bytes()).expect("a request can be sent");
        socket
    });
    let stuck = stuck.collect();
    let page = json!({ "ShardIterator": iterator, "Limit": 1 });
    let next = client.stream_call("GetRecords", &page).expect("records can be read")["NextShardIterator"].take();
    (stuck, next)
}

/// The reader that stopped goes on where it was.
fn read_on(client: &mut Client, next: &Value) {
    let page = client.stream_call("GetRecords", &json!({ "ShardIterator": next, "Limit": 1 }));
    let page = page.expect("a reader that stopped can go on");
    assert_eq!(page["Records"][0]["dynamodb"]["Keys"]["id"]["S"], "second", "the reader goes on with the next record");
}

/// One writer's share: batches to one table after the other, votes among them, and now and then a large item.
fn write(mut client: Client, writer: u64, items: u64, written: &AtomicU64) {
    let large = "y".repeat(390_000);
    let (first, last) = (items * writer / WRITERS, items * (writer + 1) / WRITERS);
    let mut at = first;
    while at < last {
        let count = BATCH.min(last - at);
        let batch = at / BATCH;
        // Each eighth batch is votes, so that the view has work.
        let table = if batch.is_multiple_of(8) { "votes".to_owned() } else { name(batch % TABLES) };
        let mut body = format!(r#"{{"RequestItems":{{"{table}":["#);
        for item in at..at + count {
            let text = if item % LARGE_EVERY == 7 { large.as_str() } else { FILLING };
            let comma = if item > at { "," } else { "" };
            write!(
                body,
                r#"{comma}{{"PutRequest":{{"Item":{{"id":{{"S":"item-{:016x}"}},"region":{{"S":"R{}"}},"improvement":{{"S":"I{}"}},"text":{{"S":"{text}"}}}}}}}}"#,
                item.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                item % 5,
                item % 7,
            )
            .expect("writing to a string does not fail");
        }
        body += "]}}";
        let head = [
            ("x-amz-target", "DynamoDB_20120810.BatchWriteItem"),
            ("content-type", "application/x-amz-json-1.0"),
            ("authorization", SIGNED),
        ];
        let (status, answer) = client.request("POST", "/", &head, body.as_bytes()).expect("the program answers");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        at += count;
        written.fetch_add(count, SeqCst);
    }
}

/// A signature that is taken as given.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
const FILLING: &str = "the quick brown fox jumps over the lazy dog, and then it does so again and again";

/// Resident MiB before the load and at most, looked at several times a second until `done`.
fn sample(pid: u32, written: &AtomicU64, done: &AtomicBool) -> (u64, u64) {
    let idle = resident_mib(pid);
    let (mut most, mut said) = (idle, 0);
    while !done.load(SeqCst) {
        thread::park_timeout(Duration::from_millis(100));
        let now = resident_mib(pid);
        most = most.max(now);
        let million = written.load(SeqCst) / 1_000_000;
        if million > said {
            said = million;
            eprintln!("{million} million items: {now} MiB, at most {most}");
        }
    }
    (idle, most)
}

fn resident_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the program runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has resident memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB") / 1024
}

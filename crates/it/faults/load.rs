//! The load under which the power goes: writers that put, change, delete, batch and transact votes of their own over
//! HTTP and remember, for each request, where the recording stood before it was sent and after it was answered.

use crate::faults::recorder::position;
use it::{
    client::{Client, Failed},
    program::Program,
    votes,
    wait::until,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    ops::Range,
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, SystemTime},
};

const REGIONS: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];
const IMPROVEMENTS: [&str; 3] = ["MORE_TREES", "BIKE_LANES", "QUIET_STREETS"];
/// Votes of one writer that are changed again and again.
const VOTES: usize = 40;
/// Some votes have a colour, by which a sparse index has them.
const COLOURS: [&str; 2] = ["RED", "BLUE"];
/// Epoch seconds that no test lives to see.
const FAR: u64 = 4_000_000_000;
const SIGKILL: i32 = 9;

/// A request: the votes it writes and what they are afterwards (by their stamp, new with every write). Or what was
/// read of them after a crash.
#[derive(Debug)]
pub struct Step {
    pub ids: Vec<String>,
    pub stamp: Option<String>,
    /// The recording's size before the request was sent.
    pub sent: u64,
    /// Its size after the answer; `None` when none came.
    pub acknowledged: Option<u64>,
    /// The votes have expired already: the program deletes them, sooner or later.
    pub brief: bool,
}

/// What a writer asks for next.
struct Request {
    operation: &'static str,
    body: Value,
    ids: Vec<String>,
    stamp: Option<String>,
    brief: bool,
}

/// One client with votes of its own, one request at a time.
pub struct Writer {
    name: String,
    dice: fastrand::Rng,
    pub steps: Vec<Step>,
}

impl Writer {
    pub fn new(number: usize, dice: fastrand::Rng) -> Writer {
        Writer { name: format!("w{number}"), dice, steps: Vec::new() }
    }

    fn step(&mut self, client: &mut Client, recording: &Path) -> Result<(), Failed> {
        let number = self.steps.len();
        let Request { operation, body, ids, stamp, brief } = self.request(number);
        self.steps.push(Step { ids, stamp, sent: position(recording), acknowledged: None, brief });
        client.call(operation, &body)?;
        self.steps[number].acknowledged = Some(position(recording));
        Ok(())
    }

    fn request(&mut self, number: usize) -> Request {
        let stamp = format!("{}#{number}", self.name);
        let id = format!("{}-{}", self.name, self.dice.usize(0..VOTES));
        let kind = self.dice.u32(0..24);
        let (operation, body, ids) = match kind {
            0..10 => ("PutItem", self.put(&id, &stamp), vec![id]),
            10..15 => ("UpdateItem", self.update(&id, &stamp), vec![id]),
            15..17 => ("DeleteItem", json!({ "TableName": "votes", "Key": { "id": { "S": id } } }), vec![id]),
            17..20 => {
                let ids = self.several("batch", number);
                let put = |id: &String| json!({ "PutRequest": { "Item": self.item(id, &stamp) } });
                let puts: Vec<Value> = ids.iter().map(put).collect();
                ("BatchWriteItem", json!({ "RequestItems": { "votes": puts } }), ids)
            }
            20..23 => {
                let ids = self.several("transaction", number);
                let puts: Vec<Value> = ids.iter().map(|id| json!({ "Put": self.put(id, &stamp) })).collect();
                ("TransactWriteItems", json!({ "ClientRequestToken": stamp, "TransactItems": puts }), ids)
            }
            _ => {
                let id = format!("{}-brief-{number}", self.name);
                let mut put = self.put(&id, &stamp);
                put["Item"]["until"] = json!({ "N": (now() - 1).to_string() });
                ("PutItem", put, vec![id])
            }
        };
        let stamp = (operation != "DeleteItem").then_some(stamp);
        Request { operation, body, ids, stamp, brief: kind == 23 }
    }

    /// Votes that are written once and together: all of them are there, or none is.
    fn several(&self, what: &str, number: usize) -> Vec<String> {
        (0..5).map(|part| format!("{}-{what}-{number}-{part}", self.name)).collect()
    }

    fn put(&mut self, id: &str, stamp: &str) -> Value {
        json!({ "TableName": "votes", "Item": self.item(id, stamp) })
    }

    fn item(&mut self, id: &str, stamp: &str) -> Value {
        // Mostly small; now and then as large as several groups together, or so large that it is kept apart.
        let filling = match self.dice.u32(0..60) {
            0 => self.dice.usize(60_000..120_000),
            1..4 => self.dice.usize(4_000..20_000),
            _ => self.dice.usize(0..1_500),
        };
        let text: String = (0..filling).map(|_| self.dice.alphanumeric()).collect();
        let mut item = json!({
            "id": { "S": id },
            "region": { "S": self.choice(&REGIONS) },
            "improvement": { "S": self.choice(&IMPROVEMENTS) },
            "stamp": { "S": stamp },
            "text": { "S": text },
        });
        if self.dice.bool() {
            item["colour"] = json!({ "S": self.choice(&COLOURS) });
        }
        if self.dice.bool() {
            item["until"] = json!({ "N": (FAR + self.dice.u64(0..100)).to_string() });
        }
        item
    }

    fn update(&mut self, id: &str, stamp: &str) -> Value {
        json!({
            "TableName": "votes",
            "Key": { "id": { "S": id } },
            "UpdateExpression": "SET #r = :r, improvement = :i, stamp = :s ADD changes :one",
            "ExpressionAttributeNames": { "#r": "region" },
            "ExpressionAttributeValues": {
                ":r": { "S": self.choice(&REGIONS) },
                ":i": { "S": self.choice(&IMPROVEMENTS) },
                ":s": { "S": stamp },
                ":one": { "N": "1" },
            },
        })
    }

    fn choice(&mut self, from: &[&'static str]) -> &'static str {
        from[self.dice.usize(0..from.len())]
    }
}

/// Epoch seconds.
#[allow(clippy::disallowed_methods, reason = "the real program expires by the real clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is past 1970").as_secs()
}

/// How the program ends.
#[derive(Clone, Debug)]
pub enum End {
    /// The recorder kills it, in the midst of requests, at the moment that this names (`FAULTS_KILL`).
    Killed(String),
    /// Asked to stop, once so many requests were answered.
    Stopped(usize),
    /// The same, and in the midst of requests the table gets one more index.
    Indexed(usize),
}

/// Writes from all sides until the program ends. Answers where the recording stood while an index was filled.
pub fn run(program: Program, writers: &mut [Writer], recording: &Path, end: &End) -> Range<u64> {
    let mut filled = 0..0;
    match end {
        End::Killed(moment) => {
            // Until the last of them has lost its connection: a program that is dropped is killed, at no good moment.
            write_from_all_sides(program.port, writers, recording, None);
            let ended = program.gone();
            assert_eq!(ended.status.signal(), Some(SIGKILL), "it is to be killed at {moment}: {ended:?}");
        }
        End::Stopped(enough) | End::Indexed(enough) => {
            thread::scope(|scope| {
                let port = program.port;
                let index = matches!(end, End::Indexed(_)).then(|| scope.spawn(move || add_index(port, recording)));
                write_from_all_sides(port, writers, recording, Some(*enough));
                filled = index.map_or(0..0, |index| index.join().expect("an index can be made"));
            });
            // Before anything was lost the view is true: what an image shows otherwise, the power loss has done.
            view_catches_up(program.port);
            assert!(program.stop().status.success(), "a server that is asked to stop ends well");
        }
    }
    filled
}

/// Adds an index to the table and waits until it is filled.
fn add_index(port: u16, recording: &Path) -> Range<u64> {
    let before = position(recording);
    let mut client = Client::new(port);
    let create = json!({
        "IndexName": "by_improvement",
        "KeySchema": [{ "AttributeName": "improvement", "KeyType": "HASH" }],
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    });
    let request = json!({
        "TableName": "votes",
        "AttributeDefinitions": [{ "AttributeName": "improvement", "AttributeType": "S" }],
        "GlobalSecondaryIndexUpdates": [{ "Create": create }],
    });
    client.call("UpdateTable", &request).expect("an index can be added");
    until("the new index to be filled", Duration::from_secs(20), || {
        let table = client.call("DescribeTable", &json!({ "TableName": "votes" })).expect("the table is there");
        let indexes = table["Table"]["GlobalSecondaryIndexes"].as_array()?.clone();
        let index = indexes.iter().find(|index| index["IndexName"] == "by_improvement")?;
        (index["IndexStatus"] == "ACTIVE").then_some(())
    });
    before..position(recording)
}

/// Until so many requests were answered; `None`: until the program is gone.
fn write_from_all_sides(port: u16, writers: &mut [Writer], recording: &Path, enough: Option<usize>) {
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in writers {
            let answered = &answered;
            scope.spawn(move || {
                let mut client = Client::new(port);
                while enough.is_none_or(|enough| answered.load(SeqCst) < enough) {
                    match writer.step(&mut client, recording) {
                        Ok(()) => drop(answered.fetch_add(1, SeqCst)),
                        Err(Failed::Broken(_)) if enough.is_none() => return,
                        Err(error) => panic!("a write failed though nothing was killed: {error}"),
                    }
                }
            });
        }
    });
}

/// Waits until the view has caught up with the table, from which nothing but what expires goes meanwhile.
pub fn view_catches_up(port: u16) {
    let mut client = Client::new(port);
    until("total_votes to equal a recount", Duration::from_secs(20), || {
        let totals = votes::totals(&mut client);
        (totals == votes::recount(&votes::standing(&mut client))).then_some(())
    });
}

/// Waits until everything that is due has been deleted.
pub fn what_is_due_expires(port: u16) {
    let mut client = Client::new(port);
    until("what is due to expire", Duration::from_secs(20), || {
        let votes = client.scan("votes").expect("votes can be scanned");
        let until = |vote: &Value| vote["until"]["N"].as_str().and_then(|until| until.parse::<u64>().ok());
        votes.iter().filter_map(until).all(|until| until >= FAR).then_some(())
    });
}

/// After a crash: what became of a request that was never answered is what can be read now, and counts as acknowledged
/// from here on. What somebody has seen must not change by itself.
pub fn settle(program: &Program, writers: &mut [Writer], recording: &Path) {
    let votes = Client::new(program.port).scan("votes").expect("votes can be scanned");
    let text = |vote: &Value, name: &str| vote[name]["S"].as_str().map(str::to_owned);
    let stamps: BTreeMap<String, Option<String>> =
        votes.iter().filter_map(|vote| Some((text(vote, "id")?, text(vote, "stamp")))).collect();
    let position = position(recording);
    for (id, vote) in possible(writers, u64::MAX) {
        let seen = stamps.get(id).cloned().flatten();
        let one_of = &vote.stamps;
        assert!(one_of.contains(&seen), "after a kill vote {id} is {seen:?}, which should be one of {one_of:?}");
    }
    for writer in writers {
        let Some(last) = writer.steps.last().filter(|step| step.acknowledged.is_none()) else { continue };
        let seen: Vec<Step> = last
            .ids
            .iter()
            .map(|id| {
                let stamp = stamps.get(id).cloned().flatten();
                let (ids, brief) = (vec![id.clone()], last.brief);
                Step { ids, stamp, sent: position, acknowledged: Some(position), brief }
            })
            .collect();
        writer.steps.extend(seen);
    }
}

/// What a vote may be at a position of the recording.
#[derive(Debug, Default)]
pub struct Possible {
    /// Stamps it may carry; `None`: it may be absent.
    pub stamps: Vec<Option<String>>,
}

/// What every vote may be when the power went at `position`: what was acknowledged last, or what a request that was
/// under way would make of it.
pub fn possible(writers: &[Writer], position: u64) -> BTreeMap<&str, Possible> {
    let mut votes: BTreeMap<&str, Possible> = BTreeMap::new();
    for step in writers.iter().flat_map(|writer| &writer.steps).filter(|step| step.sent <= position) {
        let certain = step.acknowledged.is_some_and(|acknowledged| acknowledged <= position);
        for id in &step.ids {
            let vote = votes.entry(id).or_insert_with(|| Possible { stamps: vec![None] });
            if certain {
                vote.stamps.clear();
            }
            vote.stamps.push(step.stamp.clone());
            if step.brief {
                vote.stamps.push(None);
            }
        }
    }
    votes
}

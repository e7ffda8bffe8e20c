//! The load under which the power goes: writers that put, change, delete and batch votes of their own over HTTP and
//! remember, for each request, where the recording stood before it was sent and after it was answered.

use it::{
    client::{Client, Failed},
    program::Program,
    votes,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

const REGIONS: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];
const IMPROVEMENTS: [&str; 3] = ["MORE_TREES", "BIKE_LANES", "QUIET_STREETS"];
/// Votes of one writer that are changed again and again.
const VOTES: usize = 40;
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
        let stamp = format!("{}#{number}", self.name);
        let id = format!("{}-{}", self.name, self.dice.usize(0..VOTES));
        let (operation, request, ids, stamp) = match self.dice.u32(0..20) {
            0..10 => {
                ("PutItem", json!({ "TableName": "votes", "Item": self.item(&id, &stamp) }), vec![id], Some(stamp))
            }
            10..15 => ("UpdateItem", self.update(&id, &stamp), vec![id], Some(stamp)),
            15..17 => ("DeleteItem", json!({ "TableName": "votes", "Key": { "id": { "S": id } } }), vec![id], None),
            _ => {
                // Votes of a batch are written once: all of them are there, or none is.
                let ids: Vec<String> = (0..5).map(|part| format!("{}-batch-{number}-{part}", self.name)).collect();
                let puts: Vec<Value> =
                    ids.iter().map(|id| json!({ "PutRequest": { "Item": self.item(id, &stamp) } })).collect();
                ("BatchWriteItem", json!({ "RequestItems": { "votes": puts } }), ids, Some(stamp))
            }
        };
        self.steps.push(Step { ids, stamp, sent: size(recording), acknowledged: None });
        client.call(operation, &request)?;
        self.steps[number].acknowledged = Some(size(recording));
        Ok(())
    }

    fn item(&mut self, id: &str, stamp: &str) -> Value {
        // Mostly small; now and then as large as several groups together, or so large that it is kept apart.
        let filling = match self.dice.u32(0..60) {
            0 => self.dice.usize(60_000..120_000),
            1..4 => self.dice.usize(4_000..20_000),
            _ => self.dice.usize(0..1_500),
        };
        let text: String = (0..filling).map(|_| self.dice.alphanumeric()).collect();
        json!({
            "id": { "S": id },
            "region": { "S": self.choice(&REGIONS) },
            "improvement": { "S": self.choice(&IMPROVEMENTS) },
            "stamp": { "S": stamp },
            "text": { "S": text },
        })
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

fn size(recording: &Path) -> u64 {
    std::fs::metadata(recording).expect("the recorder keeps its log").len()
}

/// How the program ends.
#[derive(Clone, Debug)]
pub enum End {
    /// The recorder kills it, in the midst of requests, at the moment that this names (`FAULTS_KILL`).
    Killed(String),
    /// Asked to stop, once so many requests were answered.
    Stopped(usize),
}

/// Writes from all sides until the program ends.
pub fn run(program: Program, writers: &mut [Writer], recording: &Path, end: &End) {
    match end {
        End::Killed(moment) => {
            // Until the last of them has lost its connection: a program that is dropped is killed, at no good moment.
            write_from_all_sides(program.port, writers, recording, None);
            let ended = program.gone();
            assert_eq!(ended.status.signal(), Some(SIGKILL), "it is to be killed at {moment}: {ended:?}");
        }
        End::Stopped(enough) => {
            write_from_all_sides(program.port, writers, recording, Some(*enough));
            // Before anything was lost the view is true: what an image shows otherwise, the power loss has done.
            let mut client = Client::new(program.port);
            let table = votes::standing(&mut client);
            votes::check_totals(&mut client, &table);
            assert!(program.stop().status.success(), "a server that is asked to stop ends well");
        }
    }
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

/// After a crash: what became of a request that was never answered is what can be read now, and counts as acknowledged
/// from here on. What somebody has seen must not change by itself.
pub fn settle(program: &Program, writers: &mut [Writer], recording: &Path) {
    let votes = Client::new(program.port).scan("votes").expect("votes can be scanned");
    let text = |vote: &Value, name: &str| vote[name]["S"].as_str().map(str::to_owned);
    let stamps: BTreeMap<String, Option<String>> =
        votes.iter().filter_map(|vote| Some((text(vote, "id")?, text(vote, "stamp")))).collect();
    let position = size(recording);
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
                Step { ids: vec![id.clone()], stamp, sent: position, acknowledged: Some(position) }
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
        }
    }
    votes
}

//! The load under which the power goes: writers that put, change, delete and batch votes of their own over HTTP and
//! remember, for each request, where the recording stood before it was sent and after it was answered.

use it::{
    client::{Client, Failed},
    program::Program,
    votes,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

const REGIONS: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];
const IMPROVEMENTS: [&str; 3] = ["MORE_TREES", "BIKE_LANES", "QUIET_STREETS"];
/// Votes of one writer that are changed again and again.
const VOTES: usize = 40;

/// A request: the votes it writes and what they are afterwards (by their stamp, new with every write).
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

/// Writes from all sides until `enough` requests were answered, then ends the program: killed in the midst of the
/// others, or asked to stop once they are done.
pub fn run(program: Program, writers: &mut [Writer], recording: &Path, enough: usize, kill: bool) {
    let port = program.port;
    let answered = AtomicUsize::new(0);
    let stopping = AtomicBool::new(false);
    let (sender, reached) = mpsc::channel();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for writer in writers {
            let (answered, stopping, sender) = (&answered, &stopping, sender.clone());
            threads.push(scope.spawn(move || {
                let mut client = Client::new(port);
                while kill || !stopping.load(SeqCst) {
                    match writer.step(&mut client, recording) {
                        Ok(()) if answered.fetch_add(1, SeqCst) + 1 == enough => {
                            sender.send(()).expect("the load waits for this");
                        }
                        Ok(()) => {}
                        Err(Failed::Broken(_)) if stopping.load(SeqCst) => return,
                        Err(error) => panic!("a write failed though nothing was killed: {error}"),
                    }
                }
            }));
        }
        drop(sender);
        reached.recv().expect("the writers get there");
        stopping.store(true, SeqCst);
        if kill {
            program.kill();
            return;
        }
        for thread in threads {
            thread.join().expect("no writer panics");
        }
        // Before anything was lost the view is true: what an image shows otherwise, the power loss has done.
        let mut client = Client::new(port);
        let table = votes::standing(&mut client);
        votes::check_totals(&mut client, &table);
        assert!(program.stop().status.success(), "a server that is asked to stop ends well");
    });
}

/// After a crash: a request that was never answered and whose vote can be read now counts as acknowledged from here on.
/// What somebody has seen must not vanish.
pub fn settle(program: &Program, writers: &mut [Writer], recording: &Path) {
    let votes = Client::new(program.port).scan("votes").expect("votes can be scanned");
    let stamps: HashSet<&str> = votes.iter().filter_map(|vote| vote["stamp"]["S"].as_str()).collect();
    let position = size(recording);
    for step in writers.iter_mut().flat_map(|writer| &mut writer.steps).filter(|step| step.acknowledged.is_none()) {
        if step.stamp.as_deref().is_some_and(|stamp| stamps.contains(stamp)) {
            step.acknowledged = Some(position);
        }
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

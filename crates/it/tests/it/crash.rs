//! Kill -9 under load, again and again in one data directory: nothing that was acknowledged may be missing, the
//! stream must add up to the table, and the totals to a recount.

use it::{
    client::Client,
    killed,
    program::Run,
    tools,
    votes::{self, Fold, Writer},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

const WRITERS: usize = 6;
/// Rounds between two readings of the stream from its start.
const WHOLE_STREAM_EVERY: usize = 10;

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let mut dice = it::dice();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(format!("w{number}"), dice.fork())).collect();
    let mut fold = Fold::default();
    let rounds = if it::long() { 200 } else { 10 };
    for round in 0..rounds {
        let seen = round_until_killed(folder.path(), &mut writers, &fold, dice.u64(1..1_500));
        // After the crash: the same program, and nobody writes.
        let program = Run::up(folder.path()).start();
        let mut client = Client::new(program.port);
        let table = votes::standing(&mut client);
        writers.iter_mut().for_each(|writer| writer.settle(&table));
        let records = fold.read(&mut client).expect("the stream can be read after the crash");
        check_seen(&seen, &records);
        assert_eq!(fold.votes, table, "the stream adds up to something else than the table");
        if round % WHOLE_STREAM_EVERY == 0 {
            let mut whole = Fold::default();
            whole.read(&mut client).expect("the stream can be read from its start");
            assert_eq!((whole.records, &whole.votes), (fold.records, &fold.votes), "the stream changed in retrospect");
        }
        votes::check_totals(&mut client, &table);
        if dice.bool() {
            program.kill();
        } else {
            assert!(program.stop().status.success(), "a server that is asked to stop ends well");
        }
    }
    eprintln!("{rounds} rounds, {} records", fold.records);
    assert!(fold.records > rounds as u64 * 20, "the rounds were too short to mean anything: {}", fold.records);
}

/// Writes from all sides until `enough` writes were acknowledged, then kills the program in the midst of the others.
/// Answers what a reader of the stream saw meanwhile.
fn round_until_killed(folder: &Path, writers: &mut [Writer], fold: &Fold, enough: u64) -> Vec<Value> {
    let program = Run::up(folder).start();
    let (port, killed) = (program.port, AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_along(port, fold.after.clone(), &killed));
        killed::in_the_midst(program, &killed, writers, enough, Writer::step, || ());
        reader.join().expect("the reader does not panic")
    })
}

/// Reads what this round adds to the stream until the program is gone. A reader must never be ahead of the disk.
fn read_along(port: u16, mut after: Vec<(String, String)>, killed: &AtomicBool) -> Vec<Value> {
    let mut client = Client::new(port);
    let mut seen = Vec::new();
    while !killed.load(SeqCst) {
        match client.stream_records("votes", &mut after) {
            Ok(records) => seen.extend(records),
            Err(_) if killed.load(SeqCst) => break,
            Err(error) => panic!("the stream cannot be read: {error}"),
        }
    }
    seen
}

/// What a reader saw before the crash must be there after it, word for word.
fn check_seen(seen: &[Value], records: &[Value]) {
    let number = |record: &Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
    let there: BTreeMap<String, &Value> = records.iter().map(|record| (number(record), record)).collect();
    for record in seen {
        assert_eq!(there.get(&number(record)), Some(&record), "a record that was read before the crash is gone");
    }
}

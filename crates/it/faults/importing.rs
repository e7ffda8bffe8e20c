//! The load of exports under which the power goes: a client for each table of a source system that puts one version of it
//! after the other into a bucket, deletes it there once it is registered, waits for its import, and remembers where the
//! recording stood meanwhile; and what must hold of executions, stream and target afterwards.

use super::objects::{self, Listed, Step};
use crate::faults::recorder::position;
use fastrand::Rng;
use it::{
    client::{Client, Failed},
    exports::{Fold, Rows, Source},
    wait::until,
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, time::Duration};

const ROWS: u32 = 60;
/// How long an import may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// Rows that come after a crash have numbers from here on.
const LATER: u32 = 500_000;

/// Where exports of a table go.
#[derive(Clone, Copy)]
pub struct Place {
    pub bucket: &'static str,
    pub stream: &'static str,
    /// Tenant, and what keys begin with.
    pub tenant: &'static str,
    pub target: Option<&'static str>,
}

/// One export.
pub struct Version {
    pub execution: String,
    /// The object's path.
    path: String,
    /// The whole table.
    rows: Rows,
    sent: u64,
    acknowledged: Option<u64>,
    /// Where the recording stood when the import was seen to have succeeded.
    finished: Option<u64>,
}

/// A table of a source system, and its client.
pub struct Importer {
    place: Place,
    /// `TENANT/TABLE`
    table: String,
    source: Source,
    dice: Rng,
    versions: Vec<Version>,
    pub steps: Vec<Step>,
}

impl Importer {
    pub fn new(place: Place, table: &str, mut dice: Rng) -> Importer {
        let (table, source) = (format!("{}/{table}", place.tenant), Source::new(ROWS, dice.fork()));
        Importer { place, table, source, dice, versions: Vec::new(), steps: Vec::new() }
    }

    /// The next version, or the rest of what there is to do about the last one.
    pub fn step(&mut self, client: &mut Client, recording: &Path) -> Result<(), Failed> {
        match self.versions.last().filter(|version| version.acknowledged.is_some() && version.finished.is_none()) {
            Some(_) => self.see_to_its_end(client, recording),
            None => self.upload(client, recording),
        }
    }

    fn upload(&mut self, client: &mut Client, recording: &Path) -> Result<(), Failed> {
        if !self.versions.is_empty() {
            self.source.change(20, 10, 5);
        }
        let execution = format!("{}/V{:04}", self.table, self.versions.len());
        let path = path(self.place, &execution);
        let export = self.source.export().into();
        let (rows, sent) = (self.source.rows.clone(), position(recording));
        let (acknowledged, finished) = (None, None);
        self.versions.push(Version { execution, path: path.clone(), rows, sent, acknowledged, finished });
        objects::put(client, &mut self.steps, recording, (&path, export))?;
        self.versions.last_mut().expect("it was pushed").acknowledged = Some(position(recording));
        Ok(())
    }

    fn see_to_its_end(&mut self, client: &mut Client, recording: &Path) -> Result<(), Failed> {
        let version = self.versions.last_mut().expect("there is one");
        watch(client, &version.execution, |_| true)?;
        // The execution has the bytes by a name of its own.
        if self.dice.bool() {
            objects::delete(client, &mut self.steps, recording, &version.path)?;
        }
        succeeds(client, &version.execution)?.expect("nothing is amiss with it");
        version.finished = Some(position(recording));
        Ok(())
    }

    /// After a crash: a version is there, or never was.
    pub fn settle(&mut self, client: &mut Client, recording: &Path) {
        objects::settle(client, &mut self.steps, recording);
        let Some(version) = self.versions.last_mut().filter(|version| version.acknowledged.is_none()) else { return };
        let last = self.steps.iter().rev().find(|step| step.path == version.path);
        if last.is_some_and(|step| step.content.is_some()) {
            version.acknowledged = Some(position(recording));
        }
    }

    /// Where the recording stood when something was answered.
    pub fn answers(&self) -> impl Iterator<Item = u64> {
        self.versions.iter().filter_map(|version| version.finished)
    }

    /// Versions that are imported, sooner or later, on the image of a power loss.
    fn arrived(&self, listed: &BTreeMap<String, Listed>, position: u64) -> Vec<&Version> {
        let by_then = |at: &Option<u64>| at.is_some_and(|at| at <= position);
        let sent = self.versions.iter().filter(|version| version.sent <= position);
        sent.filter(|version| by_then(&version.acknowledged) || listed.contains_key(&version.path)).collect()
    }

    /// One more version after a crash: what it starts from must be there.
    fn later(&self, client: &mut Client, rows: &Rows) -> (String, Rows) {
        let mut source = Source::of(rows.clone(), LATER, Rng::with_seed(self.versions.len() as u64));
        source.change(20, 10, 5);
        let execution = format!("{}/W", self.table);
        client.put_object(self.place.bucket, &key(self.place, &execution), &source.export());
        (execution, source.rows)
    }
}

/// `/BUCKET/PREFIX/TENANT/TABLE/VERSION/FILE`
fn path(place: Place, execution: &str) -> String {
    format!("/{}/{}", place.bucket, key(place, execution))
}

fn key(place: Place, execution: &str) -> String {
    format!("{}/{execution}/export.csv.gz", place.tenant)
}

/// Looks at an execution until it is as wanted.
fn watch(client: &mut Client, execution: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, Failed> {
    until(&format!("{execution} to be registered or to end"), PATIENCE, || match look(client, execution) {
        Ok(row) => row.filter(&wanted).map(Ok),
        Err(error) => Some(Err(error)),
    })
}

/// An execution, if it is known.
fn look(client: &mut Client, execution: &str) -> Result<Option<Value>, Failed> {
    let (status, body) = client.get(&format!("/api/exports/{execution}")).map_err(Failed::Broken)?;
    if status != 200 {
        return Ok(None);
    }
    let mut shown: Value = serde_json::from_slice(&body).expect("the console speaks JSON");
    Ok(Some(shown["execution"].take()))
}

/// Waits for an execution's end: how many operations it has, or what it came to instead.
fn succeeds(client: &mut Client, execution: &str) -> Result<Result<u64, String>, Failed> {
    let is_under_way = |row: &Value| ["WAITING", "QUEUED", "RUNNING"].iter().any(|status| row["status"] == *status);
    let row = watch(client, execution, |row| !is_under_way(row))?;
    if row["status"] != "SUCCEEDED" {
        return Ok(Err(format!("{execution} came to another end: {row}")));
    }
    let count = |name: &str| row["statistics"][name].as_u64().expect("a count");
    Ok(Ok(count("inserts") + count("updates") + count("deletes")))
}

/// Whether everything that arrived comes to its end, and one more version of each table after it; then the targets are the
/// exports that were imported last, and the stream has each operation once.
pub fn check(
    client: &mut Client,
    importers: &[Importer],
    listed: &BTreeMap<String, Listed>,
    position: u64,
) -> Result<(), String> {
    let text = |error: Failed| error.to_string();
    let mut operations: BTreeMap<String, u64> = BTreeMap::new();
    let mut later = Vec::new();
    for importer in importers {
        let arrived = importer.arrived(listed, position);
        for version in &arrived {
            stays_finished(client, version, position)?;
            operations.insert(version.execution.clone(), succeeds(client, &version.execution).map_err(text)??);
        }
        if let Some(last) = arrived.last() {
            later.push((importer, importer.later(client, &last.rows)));
        }
    }
    for (_, (execution, _)) in &later {
        operations.insert(execution.clone(), succeeds(client, execution).map_err(text)??);
    }
    let mut fold = Fold::default();
    let place = importers.first().map(|importer| importer.place).expect("there are importers");
    fold.read(client, place.stream).map_err(text)?;
    each_once(&fold, &operations)?;
    later.iter().try_for_each(|(importer, (_, rows))| equals(client, importer, &fold, rows))
}

/// What was seen to have succeeded has not come undone.
fn stays_finished(client: &mut Client, version: &Version, position: u64) -> Result<(), String> {
    if version.finished.is_none_or(|finished| finished > position) {
        return Ok(());
    }
    match look(client, &version.execution).map_err(|error| error.to_string())? {
        Some(row) if row["status"] == "SUCCEEDED" => Ok(()),
        row => Err(format!("{} was seen to have succeeded, and now is {row:?}", version.execution)),
    }
}

/// The stream has exactly these operations; that none is there twice or out of place was seen when they were folded.
fn each_once(fold: &Fold, operations: &BTreeMap<String, u64>) -> Result<(), String> {
    for (execution, count) in operations {
        let seen = fold.seen.get(execution);
        let whole = seen.map_or(*count == 0, |seen| seen.iter().copied().eq(0..*count));
        if !whole {
            return Err(format!("{execution} has {count} operations, and in the stream are {seen:?}"));
        }
    }
    match fold.seen.keys().find(|execution| !operations.contains_key(*execution)) {
        Some(execution) => Err(format!("{execution} is in the stream, though its export never came")),
        None => Ok(()),
    }
}

fn equals(client: &mut Client, importer: &Importer, fold: &Fold, rows: &Rows) -> Result<(), String> {
    let table = &importer.table;
    if fold.tables.get(table) != Some(rows) {
        return Err(format!("the stream of {table} does not add up to its last export"));
    }
    let Some(target) = importer.place.target else { return Ok(()) };
    let found = client.target(target).map_err(|error| error.to_string())?;
    if found == *rows {
        return Ok(());
    }
    Err(format!("target {target} has {} rows, which are not the {} of the last export", found.len(), rows.len()))
}

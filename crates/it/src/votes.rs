//! Votes under test: writers that remember what was acknowledged, and the questions that must have one answer after
//! any crash: is everything acknowledged there, does the stream add up to the table, do the totals equal a recount.

use crate::{
    client::{Client, Failed},
    wait::until,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Region and improvement of a vote that stands.
pub type Vote = (String, String);

/// What a writer knows of one of its votes.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// As last acknowledged; `None`: no such vote.
    pub acknowledged: Option<Vote>,
    /// As an unanswered request would leave it.
    pub pending: Option<Option<Vote>>,
}

/// One client that writes to votes of its own, one request at a time.
pub struct Writer {
    name: String,
    dice: fastrand::Rng,
    pub votes: BTreeMap<String, Known>,
}

const REGIONS: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];
const IMPROVEMENTS: [&str; 3] = ["MORE_TREES", "BIKE_LANES", "QUIET_STREETS"];
/// Votes of one writer: few, so that each is changed and deleted often.
const VOTES: usize = 60;

impl Writer {
    #[must_use]
    pub fn new(name: impl Into<String>, dice: fastrand::Rng) -> Writer {
        Writer { name: name.into(), dice, votes: BTreeMap::new() }
    }

    /// Puts, changes or deletes one vote; an error leaves the outcome pending.
    pub fn step(&mut self, client: &mut Client) -> Result<(), Failed> {
        let id = format!("{}-{}", self.name, self.dice.usize(0..VOTES));
        let vote = (self.choice(&REGIONS), self.choice(&IMPROVEMENTS));
        let (operation, request, after) = match self.dice.u32(0..10) {
            0..5 => ("PutItem", json!({ "TableName": "votes", "Item": item(&id, &vote) }), Some(vote)),
            5..8 => ("UpdateItem", update(&id, &vote), Some(vote)),
            _ => ("DeleteItem", json!({ "TableName": "votes", "Key": { "id": { "S": id } } }), None),
        };
        let known = self.votes.entry(id).or_default();
        known.pending = Some(after.clone());
        client.call(operation, &request)?;
        *known = Known { acknowledged: after, pending: None };
        Ok(())
    }

    fn choice(&mut self, from: &[&str]) -> String {
        from[self.dice.usize(0..from.len())].to_owned()
    }

    /// Compares what it knows with the table, and takes the table's word where both outcomes are possible.
    ///
    /// # Panics
    /// When an acknowledged write is missing, or something stands there that nobody wrote.
    pub fn settle(&mut self, table: &BTreeMap<String, Vote>) {
        for (id, known) in &mut self.votes {
            let found = table.get(id).cloned();
            let possible = found == known.acknowledged || known.pending.as_ref() == Some(&found);
            assert!(possible, "vote {id} is {found:?}, but the client knows {known:?}");
            *known = Known { acknowledged: found, pending: None };
        }
    }
}

fn item(id: &str, (region, improvement): &Vote) -> Value {
    json!({ "id": { "S": id }, "region": { "S": region }, "improvement": { "S": improvement } })
}

fn update(id: &str, (region, improvement): &Vote) -> Value {
    json!({
        "TableName": "votes",
        "Key": { "id": { "S": id } },
        "UpdateExpression": "SET #r = :r, improvement = :i",
        "ExpressionAttributeNames": { "#r": "region" },
        "ExpressionAttributeValues": { ":r": { "S": region }, ":i": { "S": improvement } },
    })
}

/// An item as id and vote.
fn vote_of(item: &Value) -> (String, Vote) {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (text("id"), (text("region"), text("improvement")))
}

/// All votes that stand.
///
/// # Panics
/// When the table cannot be read.
pub fn standing(client: &mut Client) -> BTreeMap<String, Vote> {
    client.scan("votes").expect("votes can be scanned").iter().map(vote_of).collect()
}

/// A reader of the stream of `votes`, which folds its records into what the table should be.
#[derive(Default)]
pub struct Fold {
    pub votes: BTreeMap<String, Vote>,
    pub records: u64,
    /// The last sequence number read of each shard.
    pub after: Vec<(String, String)>,
}

impl Fold {
    /// Reads on. Each record's old image must be what the records before it left, so that none is missing, double or
    /// out of order.
    ///
    /// # Panics
    /// When one is.
    pub fn read(&mut self, client: &mut Client) -> Result<Vec<Value>, Failed> {
        let records = client.stream_records("votes", &mut self.after)?;
        for record in &records {
            let change = &record["dynamodb"];
            let id = change["Keys"]["id"]["S"].as_str().unwrap_or_default();
            let image = |name: &str| change.get(name).map(|image| vote_of(image).1);
            let (before, old) = (self.votes.get(id).cloned(), image("OldImage"));
            assert_eq!(before, old, "the old image of {record} is not what the stream said before");
            match image("NewImage") {
                Some(vote) => self.votes.insert(id.to_owned(), vote),
                None => self.votes.remove(id),
            };
            self.records += 1;
        }
        Ok(records)
    }
}

/// Totals as they should be.
#[must_use]
pub fn recount(votes: &BTreeMap<String, Vote>) -> BTreeMap<Vote, u64> {
    let mut totals = BTreeMap::new();
    for vote in votes.values() {
        *totals.entry(vote.clone()).or_default() += 1;
    }
    totals
}

/// Totals as the view has them.
///
/// # Panics
/// When the view cannot be read or a row has no number.
pub fn totals(client: &mut Client) -> BTreeMap<Vote, u64> {
    let rows = client.scan("total_votes").expect("the view can be scanned");
    let total = |row: &Value| {
        let number = row["total_votes"]["N"].as_str().and_then(|number| number.parse().ok());
        (vote_of(row).1, number.unwrap_or_else(|| panic!("a row without a total: {row}")))
    };
    rows.iter().map(total).collect()
}

/// Waits until the view has caught up with the table, which nobody writes to meanwhile.
///
/// # Panics
/// When it does not within ten seconds, with both sides.
pub fn check_totals(client: &mut Client, votes: &BTreeMap<String, Vote>) {
    let expected = recount(votes);
    let mut last = BTreeMap::new();
    let mut looks = 0_u32;
    let what = format!("total_votes to equal a recount: {expected:?}");
    until(&what, Duration::from_secs(20), || {
        last = totals(client);
        looks += 1;
        if looks.is_multiple_of(500) {
            eprintln!("total_votes is still {last:?}");
        }
        (last == expected).then_some(())
    });
}

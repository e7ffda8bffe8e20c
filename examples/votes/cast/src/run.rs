//! Paces the votes, hands them to the connections and gathers what came of them.

use crate::{
    client::{CallError, Client},
    options::Options,
    report::{Outcome, Progress},
    sign::Signer,
    voters::{Act, Voters},
};
use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::json;
use std::{
    cell::RefCell,
    hash::{BuildHasher, RandomState},
    rc::Rc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::LocalSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// Finest pace; above this many a second, several votes fall due at once.
const TICK: Duration = Duration::from_millis(2);
/// Acts that may wait for one connection.
const WAITING: usize = 16;
/// A pace that was missed by more than this is not made up for.
const DEBT_MAX: Duration = Duration::from_millis(500);

/// Casts votes as `options` say; answers what came of it, already reported.
pub async fn run(options: Options) -> anyhow::Result<Outcome> {
    let random = RandomState::new().hash_one("run");
    let mut dice = options.seed.map_or_else(|| fastrand::Rng::with_seed(random), fastrand::Rng::with_seed);
    let mut probe = client(&options, random);
    greet(&mut probe, &options).await?;
    let voters = Voters::new(dice.fork(), (random >> 32) as u32, options.changes, options.deletes);
    let outcome = Rc::new(RefCell::new(Outcome::default()));
    let start = Instant::now();
    let local = LocalSet::new();
    local.run_until(cast_all(&options, voters, random, Rc::clone(&outcome), start)).await;
    drop(local);
    let outcome = outcome.take();
    println!("{}", outcome.figures(start.elapsed()));
    if let Some(error) = &outcome.first_error {
        eprintln!("first error: {error}");
    }
    Ok(outcome)
}

/// Makes sure that there is a server with the table, so that a mistake is told once and clearly.
async fn greet(client: &mut Client, options: &Options) -> anyhow::Result<()> {
    let body = Bytes::from(json!({ "TableName": options.table }).to_string());
    match client.call_once("DescribeTable", body).await {
        Ok(_) => Ok(()),
        Err(CallError::Connection(why)) => bail!(
            "no server at {}: {why}\nhelp: start one with `cargo run --release -- up examples/votes`, or say \
             where it is with --endpoint",
            options.endpoint
        ),
        Err(CallError::Refused { code, .. }) if code == "ResourceNotFoundException" => bail!(
            "{} has no table `{}`\nhelp: create it with `cargo run --release -- up examples/votes`, or name \
             another one with --table",
            options.endpoint,
            options.table
        ),
        Err(error) => Err(anyhow::Error::msg(error.to_string()))
            .with_context(|| format!("{} does not take requests", options.endpoint)),
    }
}

fn client(options: &Options, seed: u64) -> Client {
    let signer = Signer {
        access_key: options.access_key.clone(),
        secret_key: options.secret_key.clone(),
        region: options.region.clone(),
        host: options.endpoint.authority(),
    };
    Client::new(options.endpoint.clone(), signer, fastrand::Rng::with_seed(seed))
}

async fn cast_all(options: &Options, voters: Voters, random: u64, outcome: Rc<RefCell<Outcome>>, start: Instant) {
    let mut due = Vec::new();
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let client = client(options, random ^ (u64::from(number) + 1));
        let (sender, inbox) = mpsc::channel(WAITING);
        due.push(sender);
        workers.spawn_local(work(client, options.table.clone(), inbox, Rc::clone(&outcome)));
    }
    let total = options.count.or_else(|| options.duration.map(|length| (length.as_secs_f64() * options.rate) as u64));
    let progress = Progress::new(total.filter(|total| *total > 0));
    tokio::select! {
        () = pace(options, voters, due, start) => {}
        () = watch(&progress, &outcome, start) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // The pacer's ends of the channels are gone: workers finish what they hold, and a second Ctrl-C leaves at once.
    tokio::select! {
        () = async { while workers.join_next().await.is_some() {} } => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    progress.finish();
}

/// Hands out votes as they fall due until the run is over. With a slow server a channel is full and the pace drops.
async fn pace(options: &Options, mut voters: Voters, due: Vec<mpsc::Sender<Act>>, start: Instant) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let most = options.count.unwrap_or(u64::MAX);
    let (mut sent, mut base, mut base_sent) = (0_u64, start, 0_u64);
    while sent < most && options.duration.is_none_or(|length| start.elapsed() < length) {
        if options.rate > 0.0 {
            ticks.tick().await;
            let wanted = base_sent + (base.elapsed().as_secs_f64() * options.rate) as u64;
            if (wanted.saturating_sub(sent)) as f64 > DEBT_MAX.as_secs_f64() * options.rate + 1.0 {
                (base, base_sent) = (Instant::now(), sent);
                continue;
            }
            let now = start.elapsed().as_secs_f64();
            while sent < wanted.min(most) {
                hand_out(&due, voters.next(now)).await;
                sent += 1;
            }
        } else {
            hand_out(&due, voters.next(start.elapsed().as_secs_f64())).await;
            sent += 1;
        }
    }
}

/// Acts on one vote take the same connection, so that none overtakes another.
async fn hand_out(due: &[mpsc::Sender<Act>], act: Act) {
    let id = match &act {
        Act::Cast(vote) | Act::Change(vote) => &vote.id,
        Act::Delete(id) => id,
    };
    let hash = id.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
    due[hash % due.len()].send(act).await.expect("a worker lives as long as its channel");
}

/// Shows the figures ten times a second; never ends by itself.
async fn watch(progress: &Progress, outcome: &RefCell<Outcome>, start: Instant) {
    let mut ticks = interval(Duration::from_millis(100));
    for tick in 0.. {
        ticks.tick().await;
        progress.show(&outcome.borrow(), start.elapsed(), tick);
    }
}

/// One connection: takes acts until there are no more.
async fn work(mut client: Client, table: String, mut inbox: mpsc::Receiver<Act>, outcome: Rc<RefCell<Outcome>>) {
    while let Some(act) = inbox.recv().await {
        let (operation, body) = request(&table, &act);
        let start = Instant::now();
        let answer = client.call(operation, body).await;
        let mut outcome = outcome.borrow_mut();
        outcome.latency.record(start.elapsed());
        match (answer, act) {
            (Ok(_), Act::Cast(_)) => outcome.cast += 1,
            (Ok(_), Act::Change(_)) => outcome.changed += 1,
            (Ok(_), Act::Delete(_)) => outcome.deleted += 1,
            (Err(error), _) => {
                outcome.errors += 1;
                outcome.first_error.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// The operation and its body.
fn request(table: &str, act: &Act) -> (&'static str, Bytes) {
    let (operation, body) = match act {
        Act::Cast(vote) => {
            let item = json!({
                "id": { "S": vote.id }, "improvement": { "S": vote.improvement }, "region": { "S": vote.region },
            });
            ("PutItem", json!({ "TableName": table, "Item": item }))
        }
        Act::Change(vote) => (
            "UpdateItem",
            json!({
                "TableName": table,
                "Key": { "id": { "S": vote.id } },
                "UpdateExpression": "SET improvement = :i, #r = :r",
                "ExpressionAttributeNames": { "#r": "region" },
                "ExpressionAttributeValues": { ":i": { "S": vote.improvement }, ":r": { "S": vote.region } },
            }),
        ),
        Act::Delete(id) => ("DeleteItem", json!({ "TableName": table, "Key": { "id": { "S": id } } })),
    };
    (operation, Bytes::from(body.to_string()))
}

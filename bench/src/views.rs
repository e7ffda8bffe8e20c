//! Changes on their way into a view: how many a second, and how long one takes to the view's row and to a dashboard.

use crate::{
    config::Config,
    load::{self, Client, Fresh},
    report::{Bar, Report, median},
    request, setup,
};
use db::{Db, Durability, Env, Op, Options, StreamViewType, TableSpec, ViewSpec, Write};
use hdrhistogram::Histogram;
use item::{Item, KeyAttribute, KeyKind, KeySchema, Origin, Value};
use pipeline::{Step, View};
use std::{
    io::{BufRead, BufReader, Error, Result, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

const PROBES_IDLE: u64 = 2_000;
const PROBES_LOADED: u64 = 500;

pub fn run(config: &Config) -> Result<()> {
    Report::figures("Views: 20 groups");
    let rates: Vec<f64> = (0..config.rounds).map(|round| fold(config, round)).collect::<Result<_>>()?;
    let bar = Bar::at_least(500_000.0, 1_000_000.0);
    Report::figure("changes from the log into the view", median(&rates), "changes/s", Some(bar));
    live(config)?;
    let server = config.bench.streamfold("views", &[])?;
    let mut client = server.client()?;
    let idle = probe(&mut client, "IDLE", PROBES_IDLE)?;
    let at = |latency: &Histogram<u64>, quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    Report::figure("put answered to view row readable, idle, p50", at(&idle, 0.5), "ms", None);
    Report::figure("the same, p99", at(&idle, 0.99), "ms", Some(Bar::at_most(1.0, 0.5)));
    let boards = dashboard(server.addr, &mut client)?;
    Report::figure("put answered to number on the dashboard, p50", at(&boards, 0.5), "ms", None);
    Report::figure("the same, p99", at(&boards, 0.99), "ms", Some(Bar::at_most(100.0, 50.0)));
    let addr = server.addr;
    let loader = std::thread::spawn(move || {
        let mut source = Fresh::new(request::PUT, 0..u64::MAX, |n| request::put("votes", n));
        load::run(addr, 64, Duration::from_secs(10), &mut source)
    });
    std::thread::park_timeout(Duration::from_millis(500));
    let loaded = probe(&mut client, "LOADED", PROBES_LOADED)?;
    let outcome = loader.join().map_err(|_| Error::other("the load panicked"))??;
    setup::clean("streamfold", &outcome)?;
    Report::figure("puts a second beside the probe", outcome.rate(), "puts/s", None);
    Report::figure("put answered to view row readable, full load, p50", at(&loaded, 0.5), "ms", None);
    Report::figure("the same, p99", at(&loaded, 0.99), "ms", Some(Bar::at_most(20.0, 5.0)));
    Ok(())
}

fn key(partition: &str, sort: Option<&str>) -> KeySchema {
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
    KeySchema { partition: attribute(partition), sort: sort.map(attribute) }
}

/// Lets a backlog of changes come into being before a view that is live and stopped; answers changes a second.
fn fold(config: &Config, round: usize) -> Result<f64> {
    let fail = |error: db::Error| Error::other(error.to_string());
    let options =
        Options { durability: Durability::Relaxed, ..Options::new(config.bench.dir.join(format!("fold-{round}"))) };
    let db = Db::open(options, Env::real()).map_err(|error| Error::other(error.to_string()))?;
    let mut votes = TableSpec::new("votes", key("id", None));
    votes.stream = Some(StreamViewType::NewAndOldImages);
    let votes = db.create_table(votes).wait().map_err(fail)?;
    let mut totals = TableSpec::new("total_votes", key("region", Some("improvement")));
    let sql = include_str!("../views/total_votes.sql").to_owned();
    totals.view = Some(ViewSpec { sql, sources: vec![("votes".to_owned(), "votes".to_owned())] });
    let totals = db.create_table(totals).wait().map_err(fail)?;
    let mut view = View::open(db.clone(), totals).map_err(|error| Error::other(error.to_string()))?;
    let mut settle = || -> Result<()> {
        while let Step::Progress = view.step().map_err(|error| Error::other(error.to_string()))? {}
        Ok(())
    };
    settle()?;
    let backlog = config.records.min(500_000);
    let mut tickets = std::collections::VecDeque::new();
    for start in (0..backlog).step_by(100) {
        let writes = (start..backlog.min(start + 100)).map(|n| vote(&votes, n)).collect();
        tickets.push_back(db.write_batch(writes, None));
        if tickets.len() > 64 {
            tickets.pop_front().expect("there are many").wait().map_err(fail)?;
        }
    }
    for ticket in tickets {
        ticket.wait().map_err(fail)?;
    }
    let begin = Instant::now();
    settle()?;
    let rate = backlog as f64 / begin.elapsed().as_secs_f64();
    let status = view.status();
    if status.groups != 20 || status.folded_total < backlog {
        return Err(Error::other(format!("the view did not fold everything: {status:?}")));
    }
    Ok(rate)
}

fn vote(table: &db::Table, n: u64) -> Write {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut item = Item::new();
    item.insert("id", Value::S(format!("{n:012}")));
    item.insert("region", Value::S(request::REGIONS[(mixed % 4) as usize].to_owned()));
    item.insert("improvement", Value::S(request::IMPROVEMENTS[(mixed / 4 % 5) as usize].to_owned()));
    let key = table.spec.key.key_of(&item).expect("a vote has an id");
    Write { table: table.id, key, op: Op::Put(item), condition: None, origin: Origin::Client }
}

/// Batches at full speed with the view running: what it keeps up with.
fn live(config: &Config) -> Result<()> {
    let server = config.bench.streamfold("views-live", &[])?;
    let count = config.records.min(500_000);
    let begin = Instant::now();
    let rate = setup::fill(&server, "votes", 0..count)?;
    let written = begin.elapsed();
    let mut client = server.client()?;
    while total(&mut client)? < count {
        if begin.elapsed() > written * 20 + Duration::from_secs(10) {
            return Err(Error::other("the view does not catch up"));
        }
    }
    Report::figure("batches of 25 with the view at work", rate, "votes/s", None);
    let behind = begin.elapsed().saturating_sub(written);
    Report::figure("the view is complete this long after the last answer", behind.as_secs_f64() * 1000.0, "ms", None);
    Ok(())
}

/// Sum of the view's rows.
fn total(client: &mut Client) -> Result<u64> {
    let page = client.json("DynamoDB_20120810.Scan", r#"{"TableName":"total_votes"}"#)?;
    let rows = page["Items"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(rows.iter().filter_map(|row| row["total_votes"]["N"].as_str()?.parse::<u64>().ok()).sum())
}

fn probe_vote(region: &str, n: u64) -> String {
    format!(
        r#"{{"TableName":"votes","Item":{{"id":{{"S":"{region}-{n}"}},"region":{{"S":"{region}"}},"improvement":{{"S":"PROBE"}}}}}}"#
    )
}

/// Puts one vote after the other and reads the view's row until it shows each; microseconds from answer to answer.
fn probe(client: &mut Client, region: &str, count: u64) -> Result<Histogram<u64>> {
    let mut latency = histogram();
    let row =
        format!(r#"{{"TableName":"total_votes","Key":{{"region":{{"S":"{region}"}},"improvement":{{"S":"PROBE"}}}}}}"#);
    for n in 1..=count {
        client.call(request::PUT, &probe_vote(region, n))?;
        let answered = Instant::now();
        let wanted = format!(r#""total_votes":{{"N":"{n}"}}"#);
        while memchr::memmem::find(client.call(request::GET, &row)?, wanted.as_bytes()).is_none() {
            if answered.elapsed() > Duration::from_secs(20) {
                return Err(Error::other(format!("the view never showed {wanted}")));
            }
        }
        latency.saturating_record(u64::try_from(answered.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
    }
    Ok(latency)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order")
}

/// Watches the dashboard's feed and puts a vote now and then; microseconds from the answer to the frame with the number.
fn dashboard(addr: SocketAddr, client: &mut Client) -> Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "GET /dashboards/votes/feed HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", addr.port())?;
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut latency = histogram();
    for n in 1..=200 {
        // People's votes do not come in step with the feed.
        std::thread::park_timeout(Duration::from_millis(37 + n * 13 % 211));
        client.call(request::PUT, &probe_vote("WATCHED", n))?;
        let answered = Instant::now();
        let wanted = r#""label":"WATCHED","part":"#;
        let value = format!(r#""value":"{n}""#);
        loop {
            let line = lines.next().ok_or_else(|| Error::other("the feed ended"))??;
            let shown = memchr::memmem::find(&line, wanted.as_bytes()).is_some_and(|at| {
                let end = memchr::memchr(b'}', &line[at..]).map_or(line.len(), |end| at + end);
                memchr::memmem::find(&line[at..end], value.as_bytes()).is_some()
            });
            if shown {
                break;
            }
        }
        latency.saturating_record(u64::try_from(answered.elapsed().as_micros()).unwrap_or(u64::MAX).max(1));
    }
    Ok(latency)
}

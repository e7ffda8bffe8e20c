//! Requests a second, interleaved: in every round each case runs on "hello", then on Streamfold, then on the peers, so
//! that what the machine does meanwhile hits all of them. Ratios are taken within a round; their median counts.

use crate::{
    config::Config,
    load::{self, Pool},
    report::{Bar, Report, median, number},
    request,
    server::Server,
    setup,
};
use std::{io::Result, time::Duration};

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Put,
    Get,
    Add,
    Query,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    operation: Operation,
    relaxed: bool,
    connections: usize,
    bar: Option<Bar>,
}

const fn case(name: &'static str, operation: Operation, relaxed: bool, connections: usize, bar: Option<Bar>) -> Case {
    Case { name, operation, relaxed, connections, bar }
}

const CASES: &[Case] = &[
    case("PutItem durable", Operation::Put, false, 1, Some(Bar::at_least(0.12, 0.20))),
    case("PutItem durable", Operation::Put, false, 16, Some(Bar::at_least(0.28, 0.40))),
    case("PutItem durable", Operation::Put, false, 64, Some(Bar::at_least(0.38, 0.52))),
    case("PutItem durable", Operation::Put, false, 256, Some(Bar::at_least(0.42, 0.58))),
    case("PutItem relaxed", Operation::Put, true, 1, None),
    case("PutItem relaxed", Operation::Put, true, 16, Some(Bar::at_least(0.45, 0.65))),
    case("PutItem relaxed", Operation::Put, true, 256, Some(Bar::at_least(0.40, 0.55))),
    case("GetItem", Operation::Get, false, 1, Some(Bar::at_least(0.45, 0.90))),
    case("GetItem", Operation::Get, false, 16, Some(Bar::at_least(0.60, 0.90))),
    case("GetItem", Operation::Get, false, 256, Some(Bar::at_least(0.55, 0.85))),
    case("UpdateItem ADD, 20 hot keys", Operation::Add, false, 16, Some(Bar::at_least(0.25, 0.38))),
    case("Query 20 items", Operation::Query, false, 16, Some(Bar::at_least(0.25, 0.40))),
];

/// Items that gets read and partitions that queries read.
const ITEMS: u64 = 100_000;
const PARTITIONS: u64 = 1_000;

/// The peers get by with a tenth, which favours them: filling the slowest would take minutes.
fn scale(ours: bool) -> u64 {
    if ours { 1 } else { 10 }
}

#[derive(Default)]
struct Found {
    rates: Vec<f64>,
    ratios: Vec<f64>,
    p99_ms: Vec<f64>,
    cpu_us: Vec<f64>,
}

/// Servers in the order in which they run; the first is "hello".
struct Field {
    servers: Vec<Server>,
    relaxed: Server,
    /// Next unused vote id: a put that changes nothing would be cheaper than one that does.
    next_id: u64,
}

pub fn run(config: &Config) -> Result<()> {
    let bench = &config.bench;
    let mut servers = vec![bench.hello()?, bench.streamfold("throughput", &[])?];
    if config.peers {
        servers.extend(bench.peers());
    }
    let relaxed = bench.streamfold("throughput-relaxed", &["--durability", "relaxed"])?;
    let mut field = Field { servers, relaxed, next_id: 1_000_000 };
    for (i, server) in field.servers.iter().chain([&field.relaxed]).enumerate().skip(1) {
        let mut client = server.client()?;
        setup::create_votes(&mut client, "bench")?;
        // Read from, not written to while measured: their streams would only cost the peers their time.
        setup::create(&mut client, "reads", &request::create_table("reads", "id", None, false))?;
        setup::create(&mut client, "partitions", &request::create_table("partitions", "pk", Some("sk"), false))?;
        let scale = scale(i < 2 || i == field.servers.len());
        setup::fill(server, "reads", 0..ITEMS / scale)?;
        setup::fill_partitions(server, "partitions", PARTITIONS / scale)?;
    }
    let mut found: Vec<Vec<Found>> =
        asked(config).map(|_| field.servers.iter().map(|_| Found::default()).collect()).collect();
    for round in 0..config.rounds {
        eprintln!("throughput: round {} of {}", round + 1, config.rounds);
        for (case, found) in asked(config).zip(&mut found) {
            measure(config, &mut field, case, found)?;
        }
    }
    print(config, &field, &found);
    Ok(())
}

/// The cases that are wanted.
fn asked(config: &Config) -> impl Iterator<Item = &'static Case> + use<'_> {
    CASES.iter().filter(|case| case.name.contains(&config.only))
}

fn measure(config: &Config, field: &mut Field, case: &Case, found: &mut [Found]) -> Result<()> {
    let time = Duration::from_secs_f64(config.seconds);
    let capacity = (config.seconds * 120_000.0) as u64;
    let mut hello = 0.0;
    for (i, found) in found.iter_mut().enumerate() {
        let peer = i >= 2;
        // The peers' figures are quoted at 16 connections.
        if peer && (case.connections != 16 || case.relaxed) {
            continue;
        }
        let server = if i == 1 && case.relaxed { &field.relaxed } else { &field.servers[i] };
        let (items, partitions) = (ITEMS / scale(!peer), PARTITIONS / scale(!peer));
        let mut pool = match case.operation {
            Operation::Put => {
                let first = field.next_id;
                let count = if peer { capacity / 4 } else { capacity };
                field.next_id += count;
                Pool::build(request::PUT, count, i == 0, |n| request::put("bench", first + n))
            }
            Operation::Get => Pool::build(request::GET, 20_000, true, |n| request::get("reads", n * 7919 % items)),
            Operation::Add => Pool::build(request::UPDATE, 1_000, true, |n| request::add("bench", n)),
            Operation::Query => {
                Pool::build(request::QUERY, 5_000, true, |n| request::query("partitions", n * 7919 % partitions))
            }
        };
        let before = server.cpu();
        let outcome = load::run(server.addr, case.connections, time, &mut pool)?;
        setup::clean(server.name, &outcome)?;
        eprintln!("{} x{} {}: {:.0}/s", case.name, case.connections, server.name, outcome.rate());
        if i == 0 {
            hello = outcome.rate();
        }
        found.rates.push(outcome.rate());
        found.ratios.push(outcome.rate() / hello);
        found.p99_ms.push(outcome.percentile_ms(99.0));
        found.cpu_us.push((server.cpu() - before).as_secs_f64() * 1e6 / outcome.requests as f64);
    }
    Ok(())
}

fn print(config: &Config, field: &Field, found: &[Vec<Found>]) {
    Report::title("Requests a second, one client thread on the same cores, stream on, signature checked");
    let mut head = vec![
        "operation",
        "connections",
        "hello",
        "streamfold",
        "p99 ms",
        "CPU us (hello)",
        "ratio to hello",
        "bar / reach",
        "",
    ];
    head.extend(field.servers.iter().skip(2).map(|peer| peer.name));
    Report::head(&head);
    for (case, found) in asked(config).zip(found) {
        let ratio = median(&found[1].ratios);
        let mut cells = vec![
            case.name.to_owned(),
            case.connections.to_string(),
            number(median(&found[0].rates)),
            number(median(&found[1].rates)),
            format!("{:.2}", median(&found[1].p99_ms)),
            format!("{:.1} ({:.1})", median(&found[1].cpu_us), median(&found[0].cpu_us)),
            format!("{ratio:.2}"),
        ];
        cells.extend(Report::verdict(ratio, case.bar));
        for peer in &found[2..] {
            let rate = median(&peer.rates);
            let times = median(&found[1].rates) / rate;
            cells.push(if rate > 0.0 { format!("{} ({times:.1}x)", number(rate)) } else { String::new() });
        }
        Report::row(&cells);
    }
}

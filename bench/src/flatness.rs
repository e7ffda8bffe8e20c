//! Whether a long run stays as fast as it began: puts of new keys at full speed, the rate in windows, each window beside
//! a short run of "hello" so that a machine that slows down is not taken for a database that does. The database stands still
//! meanwhile: its merges would slow "hello" down, too.

use crate::{
    config::Config,
    load::{self, Fresh, Pool},
    report::{Bar, Report, median},
    request,
    setup::{self, UNTIL_DONE},
};
use std::{io::Result, time::Duration};

const CONNECTIONS: usize = 64;

pub fn run(config: &Config) -> Result<()> {
    let server = config.bench.streamfold("flatness", &[])?;
    let hello = config.bench.hello()?;
    setup::create_votes(&mut server.client()?, "bench")?;
    let mut pool = Pool::build(request::PUT, 20_000, true, |n| request::put("bench", n));
    let window = (config.puts / 80).clamp(20_000, 250_000);
    let (mut rates, mut ceilings, mut normal) = (Vec::new(), Vec::new(), Vec::new());
    let (mut worst_ms, mut stall, mut latency) = (Vec::new(), Duration::ZERO, None);
    let mut at = 0;
    // Warm: the bar speaks of the 100-thousandth put.
    let warm = 100_000.min(config.puts / 10);
    setup::clean("streamfold", &load::run(server.addr, CONNECTIONS, UNTIL_DONE, &mut puts(at..warm))?)?;
    at += warm;
    while at < config.puts {
        let end = (at + window).min(config.puts);
        let outcome = load::run(server.addr, CONNECTIONS, UNTIL_DONE, &mut puts(at..end))?;
        setup::clean("streamfold", &outcome)?;
        let moment = Duration::from_millis(300);
        let ceiling = server.while_paused(|| load::run(hello.addr, CONNECTIONS, moment, &mut pool))?;
        rates.push(outcome.rate());
        ceilings.push(ceiling.rate());
        normal.push(outcome.rate() / ceiling.rate());
        worst_ms.push(outcome.latency.max() as f64 / 1000.0);
        stall = stall.max(outcome.stall);
        match &mut latency {
            None => latency = Some(outcome.latency),
            Some(all) => all.add(outcome.latency).expect("the same bounds"),
        }
        at = end;
        if rates.len().is_multiple_of(10) {
            eprintln!("flatness: {at} puts, {:.0}/s, {:.0} MiB", outcome_rate(&rates), server.resident_mib());
        }
    }
    let latency = latency.expect("there was at least one window");
    let edge = (rates.len() / 20).clamp(1, 10);
    let ratio = |values: &[f64]| median(&values[values.len() - edge..]) / median(&values[..edge]);
    Report::figures(&format!("Flatness over {} puts of new keys, {CONNECTIONS} connections, stream on", config.puts));
    Report::figure("rate at the beginning", median(&rates[..edge]), "puts/s", None);
    Report::figure("rate at the end", median(&rates[rates.len() - edge..]), "puts/s", None);
    Report::figure("end against beginning", ratio(&rates), "", None);
    Report::figure("the same, each beside hello", ratio(&normal), "", Some(Bar::at_least(0.9, 0.97)));
    Report::figure("\"hello\" at the end against the beginning", ratio(&ceilings), "", None);
    Report::figure("p50", latency.value_at_quantile(0.5) as f64 / 1000.0, "ms", None);
    Report::figure("p99", latency.value_at_quantile(0.99) as f64 / 1000.0, "ms", None);
    Report::figure("p99.9", latency.value_at_quantile(0.999) as f64 / 1000.0, "ms", None);
    Report::figure("slowest put", worst_ms.iter().copied().fold(0.0, f64::max), "ms", None);
    let stall_ms = stall.as_secs_f64() * 1000.0;
    Report::figure("longest time without an answer", stall_ms, "ms", Some(Bar::at_most(100.0, 30.0)));
    Report::figure("resident memory", server.resident_mib(), "MiB", None);
    Ok(())
}

fn outcome_rate(rates: &[f64]) -> f64 {
    median(&rates[rates.len() - 10..])
}

fn puts(range: std::ops::Range<u64>) -> Fresh<impl FnMut(u64) -> String> {
    Fresh::new(request::PUT, range, |n| request::put("bench", n))
}

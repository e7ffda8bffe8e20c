//! Cold start and idle memory: from the start of the process to its first answer, and what it holds then.

use crate::{
    config::Config,
    report::{Bar, Report, median},
    server::Server,
    setup,
};
use std::{io::Result, time::Duration};

pub fn run(config: &Config) -> Result<()> {
    let bench = &config.bench;
    Report::figures("Cold start and idle memory");
    let (mut empty, mut memory) = (Vec::new(), Vec::new());
    for round in 0..config.rounds.max(3) {
        let server = bench.streamfold(&format!("start-empty-{round}"), &[])?;
        empty.push(server.started.as_secs_f64() * 1000.0);
        // What start-up leaves behind settles at once or not at all.
        std::thread::park_timeout(Duration::from_millis(300));
        memory.push(server.resident_mib());
    }
    Report::figure("new folder: start to first answer", median(&empty), "ms", Some(Bar::at_most(30.0, 10.0)));
    Report::figure("resident, idle", median(&memory), "MiB", Some(Bar::at_most(20.0, 12.0)));

    let server = bench.streamfold("start-full", &[])?;
    setup::create_votes(&mut server.client()?, "bench")?;
    setup::fill(&server, "bench", 0..config.records)?;
    let full_mib = server.resident_mib();
    server.stop()?;
    let title = |how: &str| format!("{} items, {how}: start to first answer", config.records);
    let again = median_start(config, |server| server.stop())?;
    Report::figure(&title("stopped in order"), again, "s", Some(Bar::at_most(1.0, 0.3)));
    let killed = median_start(config, |server| {
        drop(server);
        Ok(())
    })?;
    Report::figure(&title("killed"), killed, "s", Some(Bar::at_most(1.0, 0.3)));
    Report::figure("resident after filling", full_mib, "MiB", None);
    for peer in if config.peers { bench.peers() } else { Vec::new() } {
        Report::figure(
            &format!("{}: start to first answer", peer.name),
            peer.started.as_secs_f64() * 1000.0,
            "ms",
            None,
        );
        Report::figure(&format!("{}: resident, idle", peer.name), peer.resident_mib(), "MiB", None);
    }
    Ok(())
}

fn median_start(config: &Config, end: impl Fn(Server) -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..config.rounds.max(3) {
        let server = config.bench.streamfold("start-full", &[])?;
        times.push(server.started.as_secs_f64());
        end(server)?;
    }
    Ok(median(&times))
}

//! Comparative benchmarks. One run, one machine, everything interleaved; only ratios within a run count.

// A benchmark is about the wall clock, and its threads wait for other processes.
#![allow(clippy::disallowed_methods)]

mod config;
mod delta;
mod flatness;
mod functions;
mod hello;
mod load;
mod report;
mod request;
mod server;
mod setup;
mod start;
mod streams;
mod throughput;
mod views;

use config::{Config, USAGE};
use std::process::ExitCode;

type Measure = fn(&Config) -> std::io::Result<()>;

const ALL: [(&str, Measure); 7] = [
    ("throughput", throughput::run),
    ("views", views::run),
    ("streams", streams::run),
    ("functions", functions::run),
    ("start", start::run),
    ("delta", delta::run),
    ("flatness", flatness::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("serve-hello") => {
            let port = arguments.get(1).and_then(|port| port.parse().ok()).unwrap_or(8001);
            hello::serve(port).map_err(|error| error.to_string())
        }
        Some("run-delta") => delta::process(&arguments[1..]).map(|line| println!("{line}")),
        Some("-h" | "--help") => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Config::parse(arguments.into_iter()).and_then(|config| measure(&config)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(config: &Config) -> Result<(), String> {
    if let Some(unknown) = config.what.iter().find(|what| ALL.iter().all(|(name, _)| name != what)) {
        return Err(format!("nothing is called {unknown}\n\n{USAGE}"));
    }
    let dir = &config.bench.dir;
    let fail = |error: std::io::Error| error.to_string();
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(fail)?;
    }
    std::fs::create_dir_all(dir).map_err(fail)?;
    println!("# Benchmarks");
    for (name, run) in ALL {
        if config.what.is_empty() || config.what.iter().any(|what| what == name) {
            run(config).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

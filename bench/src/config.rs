//! The command line: what to measure, how long, against whom.

use crate::server::Bench;
use std::path::PathBuf;

pub const USAGE: &str = "\
Measures Streamfold beside a minimal HTTP server and, if asked, beside its peers, all in one run.

  cargo build --release && cargo run --release -p bench -- [WHAT...] [OPTIONS]

WHAT (default: all)
  throughput   PutItem durable and relaxed, GetItem, UpdateItem ADD, Query; ratios to \"hello\"
  flatness     a long run of puts: rate at the end against the beginning, p99.9, the longest stall
  views        changes a second into a view of 20 groups; a put's way to the view's row and to the dashboard
  streams      GetRecords; a quiet table among a loud one's records
  functions    records a second through a Python handler that does nothing, and its way from a write; calls
  start        cold start, idle memory
  delta        what changed between two exports, beside DuckDB and polars if bench/peers.sh installed them

OPTIONS
  --rounds N       rounds of which the median counts (5)
  --seconds S      seconds of each measurement (2)
  --only TEXT      cases of throughput whose name holds the text
  --puts N         puts of the flatness run (2000000; 20000000 is the full form)
  --others N       records of the loud table (2000000; 10000000 is the full form)
  --records N      items of the cold start (1000000; 5000000 is the full form)
  --rows N         rows of each export (1000000; 10000000 is the full form, and takes 5 GB of disk)
  --full           the full forms of the four above
  --peers          also dynoxide and DynamoDB Local, installed by bench/peers.sh
  --peers-dir DIR  where they are ($STREAMFOLD_PEERS or /opt/peers)
  --server FILE    the streamfold binary (beside this one)
  --dir DIR        where data goes; must be on a real disk (target/bench); emptied first";

/// What the command line says.
pub struct Config {
    pub what: Vec<String>,
    pub rounds: usize,
    pub seconds: f64,
    pub only: String,
    pub puts: u64,
    pub others: u64,
    pub records: u64,
    pub rows: u64,
    pub peers: bool,
    pub bench: Bench,
}

impl Config {
    /// Reads the arguments; an error is a line for the user.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Config, String> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let here = std::env::current_exe().map_err(|error| error.to_string())?;
        let peers = std::env::var_os("STREAMFOLD_PEERS").map_or_else(|| PathBuf::from("/opt/peers"), PathBuf::from);
        let bench = Bench {
            dir: root.join("../target/bench"),
            streamfold: here.with_file_name("streamfold"),
            peers,
            template: root.join("template.yaml"),
        };
        let what = Vec::new();
        let (puts, others, records, rows) = (2_000_000, 2_000_000, 1_000_000, 1_000_000);
        let only = String::new();
        let mut config =
            Config { what, rounds: 5, seconds: 2.0, only, puts, others, records, rows, peers: false, bench };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => config.rounds = parse(&argument, &value()?)?,
                "--seconds" => config.seconds = parse(&argument, &value()?)?,
                "--only" => config.only = value()?,
                "--puts" => config.puts = parse(&argument, &value()?)?,
                "--others" => config.others = parse(&argument, &value()?)?,
                "--records" => config.records = parse(&argument, &value()?)?,
                "--rows" => config.rows = parse(&argument, &value()?)?,
                "--full" => config.full(),
                "--peers" => config.peers = true,
                "--peers-dir" => config.bench.peers = PathBuf::from(value()?),
                "--server" => config.bench.streamfold = PathBuf::from(value()?),
                "--dir" => config.bench.dir = PathBuf::from(value()?),
                name if !name.starts_with('-') => config.what.push(name.to_owned()),
                _ => return Err(format!("unknown option {argument}\n\n{USAGE}")),
            }
        }
        if config.rounds == 0 || config.seconds <= 0.0 {
            return Err("--rounds and --seconds must be above zero".to_owned());
        }
        Ok(config)
    }

    fn full(&mut self) {
        (self.puts, self.others, self.records, self.rows) = (20_000_000, 10_000_000, 5_000_000, 10_000_000);
    }
}

fn parse<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{option}: {value} is not a number"))
}

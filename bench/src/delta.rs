//! What changed between two exports: ours, in full and against a saved state, beside DuckDB and polars. Each runs as a
//! process of its own, which tells what it took, so that memory and processor time are its own.

use crate::{
    config::Config,
    report::{Bar, Report, median, number},
};
use delta::{Input, Output, Watch, sample::Sample};
use std::{
    fs::File,
    io::{BufWriter, Error, Result},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Who does the same work, by the names that their processes are started with.
const OURS: [(&str, &str, Option<Bar>); 2] = [
    ("full", "ours, full", Some(Bar::at_most(0.42, 0.30))),
    ("incremental", "ours, against a saved state", Some(Bar::at_most(0.29, 0.20))),
];
const PEERS: [(&str, &str); 2] = [("duckdb", "DuckDB"), ("polars", "polars")];

pub fn run(config: &Config) -> Result<()> {
    let work = Work::new(config)?;
    Report::title(&format!("Delta of two exports of {} rows", number(config.rows as f64)));
    println!("{}\n", work.sizes()?);
    let first = work.ours("first")?;
    let python = config.bench.peers.join("python/bin/python");
    let peers = if python.is_file() { &PEERS[..] } else { &[] };
    if peers.is_empty() {
        println!("DuckDB and polars are not in {}: bench/peers.sh installs them.\n", python.display());
    }
    let (mut ours, mut theirs) = (vec![Vec::new(); OURS.len()], vec![Vec::new(); peers.len()]);
    for _ in 0..config.rounds {
        for (runs, (name, ..)) in ours.iter_mut().zip(OURS) {
            runs.push(work.ours(name)?);
        }
        for (runs, (name, _)) in theirs.iter_mut().zip(peers) {
            runs.push(work.peer(&python, name)?);
        }
    }
    Report::head(&["what", "wall s", "CPU s", "peak MB", "wall to DuckDB", "bar / reach for", "", "wall to polars"]);
    row("ours, no export before", &Took::median(&[first]), [None, None], None);
    let middle: Vec<Took> = theirs.iter().map(|runs| Took::median(runs)).collect();
    let to = |took: &Took| [0, 1].map(|peer| middle.get(peer).map(|peer: &Took| took.wall / peer.wall));
    for (runs, (_, title, bar)) in ours.iter().zip(OURS) {
        let took = Took::median(runs);
        row(title, &took, to(&took), bar);
    }
    for (took, (_, title)) in middle.iter().zip(peers) {
        row(title, took, to(took), None);
    }
    std::fs::remove_dir_all(&work.folder)
}

fn row(title: &str, took: &Took, [duckdb, polars]: [Option<f64>; 2], bar: Option<Bar>) {
    let ratio = |ratio: Option<f64>| ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    let [bar, verdict] = duckdb.map_or_else(Default::default, |value| Report::verdict(value, bar));
    let [wall, cpu] = [took.wall, took.cpu].map(|seconds| format!("{seconds:.2}"));
    Report::row(&[title.to_owned(), wall, cpu, number(took.peak), ratio(duckdb), bar, verdict, ratio(polars)]);
}

/// What one run took, and what it found.
#[derive(Clone, Copy)]
struct Took {
    inserts: u64,
    updates: u64,
    deletes: u64,
    /// Seconds.
    wall: f64,
    cpu: f64,
    /// Most memory, MB.
    peak: f64,
}

impl Took {
    /// Reads what a process wrote as its last line.
    fn parse(line: &str) -> Option<Took> {
        let mut words = line.split_whitespace();
        let mut number = || words.next()?.parse::<u64>().ok();
        let (inserts, updates, deletes) = (number()?, number()?, number()?);
        let (wall_ms, cpu_ms, peak_kb) = (number()? as f64, number()? as f64, number()? as f64);
        Some(Took { inserts, updates, deletes, wall: wall_ms / 1e3, cpu: cpu_ms / 1e3, peak: peak_kb * 1.024e-3 })
    }

    fn median(runs: &[Took]) -> Took {
        let of = |value: fn(&Took) -> f64| median(&runs.iter().map(value).collect::<Vec<_>>());
        Took { wall: of(|run| run.wall), cpu: of(|run| run.cpu), peak: of(|run| run.peak), ..runs[0] }
    }
}

/// Two exports in a folder.
struct Work {
    folder: PathBuf,
    sample: Sample,
}

impl Work {
    fn new(config: &Config) -> Result<Work> {
        let work = Work { folder: config.bench.dir.join("delta"), sample: Sample::new(config.rows, 1) };
        std::fs::create_dir_all(&work.folder)?;
        std::thread::scope(|scope| {
            let write = |version| work.sample.write_gz(version, BufWriter::new(File::create(work.export(version))?));
            let first = scope.spawn(move || write(1));
            write(2)?;
            first.join().map_err(|_| Error::other("writing an export panicked"))?
        })?;
        Ok(work)
    }

    fn export(&self, version: u32) -> PathBuf {
        self.folder.join(format!("v{version}.csv.gz"))
    }

    fn sizes(&self) -> Result<String> {
        let size = |version| std::fs::metadata(self.export(version)).map(|file| number(file.len() as f64 / 1e6));
        Ok(format!("{} MB and {} MB of gzip", size(1)?, size(2)?))
    }

    fn ours(&self, name: &str) -> Result<Took> {
        let mut command = Command::new(std::env::current_exe()?);
        let took = run_process(name, command.arg("run-delta").arg(name).arg(&self.folder))?;
        let changes = self.sample.changes(2);
        let expected = match name {
            "first" => (self.sample.rows, 0, 0),
            _ => (changes.inserts, changes.updates, changes.deletes),
        };
        same(name, &took, expected)
    }

    fn peer(&self, python: &Path, name: &str) -> Result<Took> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("delta.py");
        let took = run_process(name, Command::new(python).arg(script).arg(name).arg(&self.folder))?;
        let changes = self.sample.changes(2);
        same(name, &took, (changes.inserts, changes.updates, changes.deletes))
    }
}

fn same(name: &str, took: &Took, expected: (u64, u64, u64)) -> Result<Took> {
    let found = (took.inserts, took.updates, took.deletes);
    if found == expected { Ok(*took) } else { Err(Error::other(format!("{name} found {found:?}, not {expected:?}"))) }
}

fn run_process(name: &str, command: &mut Command) -> Result<Took> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let took = said.lines().last().and_then(Took::parse).filter(|_| output.status.success());
    took.ok_or_else(|| Error::other(format!("{name}: {said}{}", String::from_utf8_lossy(&output.stderr))))
}

/// The work of one process of ours: `first`, `full` or `incremental` in a folder. Answers the line for [`Took::parse`].
pub fn process(arguments: &[String]) -> std::result::Result<String, String> {
    let [name, folder] = arguments else { return Err("run-delta NAME FOLDER".to_owned()) };
    let folder = Path::new(folder);
    let config = delta::Config::new(folder);
    let input = |version: u32| Input::new([folder.join(format!("v{version}.csv.gz"))]);
    let file = |ending: &str| folder.join(format!("{name}.{ending}"));
    let output = Output { operations: file("operations"), state: file("state") };
    let begin = Instant::now();
    let delta = match name.as_str() {
        "first" => delta::full(&config, None, &input(1), &output, Watch::none()),
        "full" => delta::full(&config, Some(&input(1)), &input(2), &output, Watch::none()),
        "incremental" => delta::incremental(&config, &folder.join("first.state"), &input(2), &output, Watch::none()),
        other => return Err(format!("run-delta: nothing is called {other}")),
    };
    let found = delta.map_err(|error| error.to_string())?.statistics;
    let wall = begin.elapsed().as_millis();
    let (cpu, peak) = usage().ok_or("/proc does not tell what this process took")?;
    Ok(format!("{} {} {} {wall} {cpu} {peak}", found.inserts, found.updates, found.deletes))
}

/// Milliseconds of processor time and the most memory, in KiB, of this process.
fn usage() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: user and system time are words 12 and 13, in hundredths of a second.
    let words: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some((ticks * 10, peak.trim().trim_end_matches(" kB").parse().ok()?))
}

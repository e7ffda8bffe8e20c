//! Deltas of real files: cases that must be right, random tables against a model, files that are damaged.

mod cases;
mod damage;
mod faults;
mod random;
mod resume;
mod sizes;
mod states;

use crate::{Config, Delta, Error, Input, InputFile, Kind, Operations, Output, Watch, full, incremental};
use flate2::{Compression, write::GzEncoder};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
};

/// A folder with exports, spools and results.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        for name in ["spool", "results"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Place { folder }
    }

    fn config(&self) -> Config {
        Config::new(self.folder.path().join("spool"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as it is.
    fn raw(&self, name: &str, bytes: &[u8]) -> InputFile {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        InputFile { path, name: name.to_owned() }
    }

    /// An export of texts, each compressed as a file.
    fn export(&self, name: &str, texts: &[impl AsRef<[u8]>]) -> Input {
        let file = |(at, text): (usize, &_)| self.raw(&format!("{name}{at}.gz"), &gzip(AsRef::<[u8]>::as_ref(text)));
        Input { files: texts.iter().enumerate().map(file).collect() }
    }

    fn output(&self, name: &str) -> Output {
        let path = |ending: &str| self.path("results").join(format!("{name}.{ending}"));
        Output { operations: path("operations"), state: path("state") }
    }

    fn full(&self, config: &Config, previous: Option<&Input>, next: &Input, name: &str) -> Result<Delta, Error> {
        full(config, previous, next, &self.output(name), Watch::none())
    }

    fn incremental(&self, config: &Config, state: &Path, next: &Input, name: &str) -> Result<Delta, Error> {
        incremental(config, state, next, &self.output(name), Watch::none())
    }

    /// Names of what lies in the folders of spools and results.
    fn left_behind(&self) -> Vec<String> {
        let names = |folder: &str| std::fs::read_dir(self.path(folder)).unwrap().flatten();
        let mut names: Vec<String> = ["spool", "results"]
            .into_iter()
            .flat_map(names)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(text).unwrap();
    gz.finish().unwrap()
}

/// Configurations that must not make a difference: no memory at all, entries worked on few at a time, keys that collide.
fn variations(config: &Config) -> Vec<Config> {
    let change = |(memory, grain, hash_mask)| Config { memory, grain, hash_mask, ..config.clone() };
    let (memory, grain) = (config.memory, config.grain);
    let all = [
        (0, 4, u64::MAX),
        (6000, 16, u64::MAX),
        (memory, grain, 0),
        (memory, grain, 0x8000_0001),
        (0, 4, 0),
        (6000, 4, 0xC000_0000_0000_0003),
    ];
    all.map(change).to_vec()
}

/// Operations as lines: `+ 0 PK=1 | PK=1 name=Ana`, `~` for an update, `-` for a deletion.
fn lines(operations: &Operations) -> String {
    let mut lines = String::new();
    let mut reader = operations.read_from(0).unwrap();
    while let Some(operation) = reader.next().unwrap() {
        let sign = match operation.kind {
            Kind::Insert => '+',
            Kind::Update => '~',
            Kind::Delete => '-',
        };
        let show = |pairs: Vec<(&str, &str)>| {
            let pairs = pairs.into_iter().map(|(name, text)| format!("{name}={text:?}").replace('"', "'"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let (key, row) = (show(operation.key().collect()), show(operation.row().collect()));
        let row = if row.is_empty() { row } else { format!(" | {row}") };
        writeln!(lines, "{sign} {} {key}{row}", operation.ordinal).unwrap();
    }
    lines
}

/// The operations between two exports: in full and against a saved state, with every variation, always the same.
fn delta(config: &Config, place: &Place, previous: &Input, next: &Input) -> Result<Delta, Error> {
    let result = place.full(config, Some(previous), next, "full");
    for variation in variations(config) {
        check_variation(&variation, place, previous, next, &show(&result));
    }
    result
}

fn show(result: &Result<Delta, Error>) -> String {
    match result {
        Ok(delta) => format!("{}{:?}", lines(&delta.operations), delta.statistics),
        Err(error) => error.to_string(),
    }
}

fn check_variation(config: &Config, place: &Place, previous: &Input, next: &Input, expected: &str) {
    let full = place.full(config, Some(previous), next, "variation");
    assert_eq!(show(&full), expected, "{config:?}");
    if place.full(config, None, previous, "first").is_ok() {
        let incremental = place.incremental(config, &place.output("first").state, next, "incremental");
        assert_eq!(show(&incremental), expected, "{config:?}");
    }
}

type Row = BTreeMap<String, String>;

/// Applies operations to rows by key, as somebody downstream would: whatever does not fit panics.
fn apply(table: &mut BTreeMap<Vec<String>, Row>, operations: &Operations) {
    let mut reader = operations.read_from(0).unwrap();
    while let Some(operation) = reader.next().unwrap() {
        let key: Vec<String> = operation.key().map(|(_, text)| text.to_owned()).collect();
        let row = operation.row().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let old = match operation.kind {
            Kind::Delete => table.remove(&key),
            _ => table.insert(key, row),
        };
        assert_eq!(old.is_some(), operation.kind != Kind::Insert, "{operation:?}");
    }
}

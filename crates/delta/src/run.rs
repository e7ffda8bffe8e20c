//! A delta from beginning to end: read both sides, settle what is left over, write the operations, and only then let the
//! results be seen.

use crate::{
    Config, Error, Input, Operations, Output, Watch,
    codec::Bytes,
    columns::{Change, Columns},
    duplicates,
    emit::{self, Counts},
    export::{self, Files},
    join::{Join, Scratch, Side},
    operations::OperationsWriter,
    rows::{RowReader, RowWriter},
    settle::{self, Leftovers, Rows},
    spool,
    state::{KeyReader, State, StateWriter},
    watch::{Meter, Phase},
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    thread,
};

/// What a delta found, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub previous_rows: u64,
    pub next_rows: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub unchanged: u64,
    /// Bytes of the next export's files, and of the text in them.
    pub next_bytes: u64,
    pub next_text_bytes: u64,
}

impl Statistics {
    pub fn operations(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Which part of the previous rows is gone, from 0 to 1: what a brake looks at.
    pub fn deleted_share(&self) -> f64 {
        if self.previous_rows == 0 { 0.0 } else { self.deletes as f64 / self.previous_rows as f64 }
    }

    pub(crate) fn numbers(&self) -> [u64; 8] {
        let Statistics { previous_rows, next_rows, inserts, updates, deletes, unchanged, next_bytes, next_text_bytes } =
            *self;
        [previous_rows, next_rows, inserts, updates, deletes, unchanged, next_bytes, next_text_bytes]
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Statistics> {
        let mut bytes = Bytes(bytes);
        let mut number = || bytes.u64();
        Some(Statistics {
            previous_rows: number()?,
            next_rows: number()?,
            inserts: number()?,
            updates: number()?,
            deletes: number()?,
            unchanged: number()?,
            next_bytes: number()?,
            next_text_bytes: number()?,
        })
    }
}

/// A delta that is there to be read.
#[derive(Clone, Debug)]
pub struct Delta {
    pub statistics: Statistics,
    /// Columns that the next export has and the previous one had not, and the other way round; accepted by the policy.
    pub added: Vec<String>,
    pub dropped: Vec<String>,
    pub operations: Operations,
}

/// Compares two exports; without a previous one, every row is an INSERT.
pub fn full(
    config: &Config,
    previous: Option<&Input>,
    next: &Input,
    output: &Output,
    watch: Watch<'_>,
) -> Result<Delta, Error> {
    config.check()?;
    next.check()?;
    let header = export::peek(next, config)?;
    let Some(input) = previous else {
        let columns = Columns::new(&header);
        return Run { config, next, header, columns, change: Change::default(), watch }.run(Previous::None, output);
    };
    input.check()?;
    let before = Columns::new(&export::peek(input, config)?);
    let (columns, change) = before.follow(&header);
    change.check(config)?;
    Run { config, next, header, columns, change, watch }.run(Previous::Export(input, before), output)
}

/// Compares an export with the state that the delta of the one before left.
pub fn incremental(
    config: &Config,
    state: &Path,
    next: &Input,
    output: &Output,
    watch: Watch<'_>,
) -> Result<Delta, Error> {
    config.check()?;
    next.check()?;
    if output.state == state {
        // Written over before the operations are there, it would hide what a second try has to find.
        return Err(Error::Config(format!("the new state cannot take the place of {}", state.display())));
    }
    let state = State::open(state, config)?;
    let header = export::peek(next, config)?;
    let (columns, change) = state.columns.follow(&header);
    change.check(config)?;
    Run { config, next, header, columns, change, watch }.run(Previous::State(state), output)
}

enum Previous<'a> {
    None,
    Export(&'a Input, Columns),
    State(State),
}

impl Previous<'_> {
    /// Bytes that are read of it.
    fn bytes(&self) -> Result<u64, Error> {
        match self {
            Previous::None => Ok(0),
            Previous::Export(input, _) => file_bytes(input),
            Previous::State(state) => Ok(state.bytes),
        }
    }

    /// How many rows it has; 0 if that is not known before it is read.
    fn rows(&self) -> u64 {
        if let Previous::State(state) = self { state.rows } else { 0 }
    }
}

fn file_bytes(input: &Input) -> Result<u64, Error> {
    let length = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.len());
    let lengths =
        input.files.iter().map(|file| length(&file.path).map_err(Error::io(format_args!("opening {}", file.name))));
    lengths.sum()
}

/// What is known of the previous export after it was read.
struct Old {
    keys: Option<KeyReader>,
    rows: u64,
}

/// What is known of the next export after it was read.
struct New {
    files: Files,
    rows: RowReader,
    state: File,
}

struct Run<'a> {
    config: &'a Config,
    next: &'a Input,
    /// Columns of the next export's first file.
    header: Vec<String>,
    columns: Columns,
    change: Change,
    watch: Watch<'a>,
}

impl Run<'_> {
    fn run(self, previous: Previous<'_>, output: &Output) -> Result<Delta, Error> {
        let (state_file, state) = Partial::create(&output.state)?;
        let (operations_file, operations) = Partial::create(&output.operations)?;
        let export = match &previous {
            Previous::Export(input, columns) => Some((*input, columns.clone())),
            _ => None,
        };
        let suspect = |suspects: &[u64]| self.check_duplicates(export.as_ref(), suspects);
        let join = Join::new(self.config, previous.rows())?;
        let (old, new) = match (self.read(previous, &join, state_file), join.pile()) {
            (Err(_), Some(key)) => return Err(suspect(&[key]).err().unwrap_or(Error::Collisions)),
            (read, _) => read?,
        };
        let New { files, rows, state: state_file } = new;
        let (operations_file, statistics) = thread::scope(|scope| {
            // The disk is busy with the state while we are with the rest.
            let synced = scope.spawn(|| state_file.sync_all());
            let leftovers = self.settle(&old, &files, join, suspect);
            let written = leftovers.and_then(|left| self.write(old, (&files, rows), &left, operations_file));
            let synced = synced.join().expect("syncing does not panic");
            synced.map_err(Error::io(format_args!("syncing {}", output.state.display())))?;
            written
        })?;
        operations_file.sync_all().map_err(Error::io(format_args!("syncing {}", output.operations.display())))?;
        // In this order: where the operations are, all is there.
        state.publish()?;
        operations.publish()?;
        let operations = Operations::open(&output.operations)?;
        Ok(Delta { statistics, added: self.change.added, dropped: self.change.dropped, operations })
    }

    /// Reads both sides at the same time.
    fn read(&self, previous: Previous<'_>, join: &Join, state: File) -> Result<(Old, New), Error> {
        let alone = matches!(previous, Previous::None);
        let meter = Meter::new(self.watch, Phase::Reading, previous.bytes()? + file_bytes(self.next)?);
        thread::scope(|scope| {
            let old = scope.spawn(|| meter.stop_on_error(self.read_previous(previous, join, &meter)));
            let new = meter.stop_on_error(self.read_next(alone, join, state, &meter));
            let old = old.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // One side is cancelled when the other one fails: tell what failed.
            match (old, new) {
                (Ok(old), Ok(new)) => Ok((old, new)),
                (Err(error), Err(Error::Cancelled)) | (_, Err(error)) | (Err(error), _) => Err(error),
            }
        })
    }

    fn read_previous(&self, previous: Previous<'_>, join: &Join, meter: &Meter<'_>) -> Result<Old, Error> {
        let mut scratch = Scratch::default();
        match previous {
            Previous::None => Ok(Old { keys: None, rows: 0 }),
            Previous::Export(input, columns) => {
                let file = spool::file(&self.config.spool).map_err(Error::io("creating a temporary file"))?;
                let failed = || Error::io("writing a temporary file");
                let mut keys = StateWriter::keys(file).map_err(failed())?;
                let files = export::read(input, self.config, &columns, meter, |batch| {
                    join.batch(Side::Previous, batch.hashes(), batch.first, &mut scratch)?;
                    keys.keys_only(batch.keys()).map_err(failed())
                })?;
                let keys = keys.finish().and_then(KeyReader::spool).map_err(failed())?;
                Ok(Old { keys: Some(keys), rows: files.rows })
            }
            Previous::State(mut state) => {
                state.read(|hashes, first, bytes| {
                    join.batch(Side::Previous, hashes, first, &mut scratch)?;
                    meter.advance(bytes)
                })?;
                Ok(Old { rows: state.rows, keys: Some(state.into_keys()?) })
            }
        }
    }

    fn read_next(&self, alone: bool, join: &Join, state: File, meter: &Meter<'_>) -> Result<New, Error> {
        let mut scratch = Scratch::default();
        let failed = || Error::io("writing a temporary file");
        let state_failed = || Error::io("writing the state");
        let mut state = StateWriter::state(state, self.config, &self.columns).map_err(state_failed())?;
        let spool = spool::file(&self.config.spool).map_err(Error::io("creating a temporary file"))?;
        let mut rows = RowWriter::new(spool).map_err(failed())?;
        let files = export::read(self.next, self.config, &self.columns, meter, |batch| {
            if alone {
                join.alone(batch.hashes(), &mut scratch)?;
            } else {
                join.batch(Side::Next, batch.hashes(), batch.first, &mut scratch)?;
            }
            rows.batch(batch, &scratch.unmatched).map_err(failed())?;
            state.batch(batch.hashes(), batch.keys()).map_err(state_failed())
        })?;
        let state = state.finish().map_err(state_failed())?;
        Ok(New { files, rows: rows.finish().map_err(failed())?, state })
    }

    /// Finds out what is left over.
    fn settle(
        &self,
        old: &Old,
        files: &Files,
        join: Join,
        suspect: impl Fn(&[u64]) -> Result<(), Error> + Sync,
    ) -> Result<Leftovers, Error> {
        let meter = Meter::new(self.watch, Phase::Comparing, join.shards() as u64);
        let key_bytes = old.keys.as_ref().map_or(0, |keys| keys.bytes() / old.rows.max(1));
        let rows = Rows { previous: old.rows, next: files.rows, key_bytes };
        settle::settle(join, self.config, rows, &meter, suspect)
    }

    /// Writes the operations and what they amount to.
    fn write(
        &self,
        old: Old,
        (files, rows): (&Files, RowReader),
        leftovers: &Leftovers,
        file: File,
    ) -> Result<(File, Statistics), Error> {
        let failed = || Error::io("writing operations");
        let place = |names: &[String], name: &String| {
            names.iter().position(|other| other == name).expect("columns and key were checked with the header")
        };
        let columns: Vec<usize> = self.header.iter().map(|name| place(&self.columns.names, name)).collect();
        let key: Vec<usize> = self.config.key.iter().map(|name| place(&self.header, name)).collect();
        let mut out = OperationsWriter::new(file, &self.header, &key).map_err(failed())?;
        let all_new = old.keys.is_none();
        let total = if all_new { files.rows } else { leftovers.next_count + leftovers.previous_count };
        let meter = Meter::new(self.watch, Phase::Writing, total);
        let source =
            emit::Source { config: self.config, leftovers, all_new, next: files, columns: &columns, meter: &meter };
        let Counts { inserts, updates, deletes } = emit::emit(&source, old.keys, rows, &mut out)?;
        let statistics = Statistics {
            previous_rows: old.rows,
            next_rows: files.rows,
            inserts,
            updates,
            deletes,
            unchanged: files.rows - inserts - updates,
            next_bytes: file_bytes(self.next)?,
            next_text_bytes: files.text_bytes,
        };
        Ok((out.finish(&statistics).map_err(failed())?, statistics))
    }

    /// Fails if a key with one of these hashes is in an export twice.
    fn check_duplicates(&self, previous: Option<&(&Input, Columns)>, suspects: &[u64]) -> Result<(), Error> {
        let meter = Meter::new(self.watch, Phase::Comparing, 0);
        duplicates::check(self.next, self.config, &self.columns, suspects, &meter)?;
        if let Some((input, columns)) = previous {
            duplicates::check(input, self.config, columns, suspects, &meter)?;
        }
        Ok(())
    }
}

/// A result under a temporary name, gone with this value unless it is published.
struct Partial {
    path: PathBuf,
    temporary: PathBuf,
    published: bool,
}

impl Partial {
    fn create(path: &Path) -> Result<(File, Partial), Error> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".partial");
        let partial = Partial { path: path.to_owned(), temporary: temporary.into(), published: false };
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(&partial.temporary);
        let file = file.map_err(Error::io(format_args!("creating {}", partial.temporary.display())))?;
        Ok((file, partial))
    }

    /// Gives a file that is synced its name.
    fn publish(mut self) -> Result<(), Error> {
        let sync_folder = || -> io::Result<()> {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        let renamed = std::fs::rename(&self.temporary, &self.path);
        renamed.and_then(|()| sync_folder()).map_err(Error::io(format_args!("naming {}", self.path.display())))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            // What is left behind is overwritten by the next try.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

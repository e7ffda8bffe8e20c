//! An export in short: for each row, in order, the hash of its key, the hash of what it says, and the key itself. A delta
//! against it reads only the new export. Without the hashes, the same file is the spool of an export's keys.

use crate::{
    Config, Empty, Error,
    blocks::{self, Block},
    codec::{Bytes, Texts, push_bytes, push_number},
    columns::Columns,
    export::Hashes,
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::Xxh3;

/// Kind and version of the file.
const MARK: [u8; 8] = *b"SFstat01";

/// Writes one.
pub(crate) struct StateWriter {
    blocks: blocks::Writer,
    rows: u64,
}

impl StateWriter {
    pub fn state(file: File, config: &Config, columns: &Columns) -> io::Result<StateWriter> {
        let mut head = fingerprint(config).to_le_bytes().to_vec();
        push_number(columns.names.len() as u64, &mut head);
        for (name, present) in columns.names.iter().zip(&columns.present) {
            push_bytes(name.as_bytes(), &mut head);
            head.push(u8::from(*present));
        }
        Ok(StateWriter { blocks: blocks::Writer::new(file, MARK, &head)?, rows: 0 })
    }

    /// Writes keys only, for [`KeyReader`].
    pub fn keys(file: File) -> io::Result<StateWriter> {
        Ok(StateWriter { blocks: blocks::Writer::new(file, MARK, &[])?, rows: 0 })
    }

    /// Appends rows.
    pub fn batch(&mut self, hashes: &[Hashes], keys: &Texts) -> io::Result<()> {
        let out = self.blocks.payload();
        out.extend(hashes.iter().flat_map(|hashes| hashes.key.to_le_bytes()));
        out.extend(hashes.iter().flat_map(|hashes| hashes.row.to_le_bytes()));
        self.keys_only(keys)
    }

    /// Appends rows without their hashes.
    pub fn keys_only(&mut self, keys: &Texts) -> io::Result<()> {
        if keys.len() == 0 {
            return Ok(());
        }
        let out = self.blocks.payload();
        for at in 0..keys.len() {
            push_number(keys.get(at).len() as u64, out);
        }
        out.extend_from_slice(&keys.bytes);
        self.blocks.end_block(self.rows, keys.len() as u32)?;
        self.rows += keys.len() as u64;
        Ok(())
    }

    /// The complete file, not yet synced.
    pub fn finish(self) -> io::Result<File> {
        self.blocks.finish(&self.rows.to_le_bytes())
    }
}

/// What makes states comparable, apart from the columns.
fn fingerprint(config: &Config) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&config.seed.to_le_bytes());
    hash.update(&config.hash_mask.to_le_bytes());
    hash.update(&[u8::from(config.empty == Empty::Absent)]);
    for name in &config.key {
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
    }
    hash.digest()
}

/// Reads a state, first its hashes and then its keys.
pub(crate) struct State {
    path: PathBuf,
    pub columns: Columns,
    pub rows: u64,
    pub bytes: u64,
    blocks: blocks::Reader,
}

impl State {
    pub fn open(path: &Path, config: &Config) -> Result<State, Error> {
        let fail = |error: io::Error| explain(path, error);
        let file = File::open(path).map_err(fail)?;
        let bytes = file.metadata().map_err(fail)?.len();
        let (blocks, head, tail) = blocks::Reader::open(file, MARK).map_err(fail)?;
        let damaged = || Error::State { path: path.to_owned(), reason: "its head is damaged".to_owned() };
        let mut head = Bytes(&head);
        if head.u64().ok_or_else(damaged)? != fingerprint(config) {
            let reason = "it was written with another key, seed or rule for empty fields".to_owned();
            return Err(Error::State { path: path.to_owned(), reason });
        }
        let columns = read_columns(&mut head).ok_or_else(damaged)?;
        let rows = Bytes(&tail).u64().ok_or_else(damaged)?;
        Ok(State { path: path.to_owned(), columns, rows, bytes, blocks })
    }

    /// Hands on the hashes of all rows, batch by batch, with the number of the first and the bytes that were read.
    pub fn read(&mut self, mut each: impl FnMut(&[Hashes], u64, u64) -> Result<(), Error>) -> Result<(), Error> {
        let mut hashes = Vec::new();
        let mut rows = 0;
        while let Some(block) = self.blocks.next().map_err(|error| explain(&self.path, error))? {
            hashes.clear();
            if block.first != rows || read_hashes(&block, &mut hashes).is_none() {
                let reason = format!("the block of row {rows} is not what a state holds");
                return Err(Error::State { path: self.path.clone(), reason });
            }
            rows += hashes.len() as u64;
            each(&hashes, block.first, block.payload.len() as u64)?;
        }
        if rows != self.rows {
            let reason = format!("it holds {rows} rows and claims {}", self.rows);
            return Err(Error::State { path: self.path.clone(), reason });
        }
        Ok(())
    }

    /// Goes on to the keys.
    pub fn into_keys(mut self) -> Result<KeyReader, Error> {
        self.blocks.rewind().map_err(|error| explain(&self.path, error))?;
        Ok(KeyReader { path: Some(self.path), blocks: self.blocks, with_hashes: true, keys: Texts::default() })
    }
}

fn explain(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    match error.kind() {
        NotFound => Error::State { path: path.to_owned(), reason: "it is not there".to_owned() },
        InvalidData | UnexpectedEof => Error::State { path: path.to_owned(), reason: error.to_string() },
        _ => Error::io(format_args!("reading state {}", path.display()))(error),
    }
}

fn read_columns(head: &mut Bytes<'_>) -> Option<Columns> {
    let mut columns = Columns { names: Vec::new(), present: Vec::new() };
    for _ in 0..head.number()? {
        columns.names.push(head.text()?);
        columns.present.push(head.byte()? == 1);
    }
    Some(columns)
}

fn read_hashes(block: &Block<'_>, out: &mut Vec<Hashes>) -> Option<()> {
    let mut bytes = Bytes(block.payload);
    let count = block.records as usize;
    let (keys, rows) = (bytes.take(count * 8)?.as_chunks::<8>().0, bytes.take(count * 8)?.as_chunks::<8>().0);
    let hashes = keys.iter().zip(rows);
    out.extend(hashes.map(|(key, row)| Hashes { key: u64::from_le_bytes(*key), row: u64::from_le_bytes(*row) }));
    Some(())
}

/// Reads keys in the order of their rows.
pub(crate) struct KeyReader {
    /// `None` for a spool, which nobody but us can damage.
    path: Option<PathBuf>,
    blocks: blocks::Reader,
    with_hashes: bool,
    keys: Texts,
}

impl KeyReader {
    /// Reads what [`StateWriter::keys`] wrote.
    pub fn spool(file: File) -> io::Result<KeyReader> {
        let (blocks, _, _) = blocks::Reader::open(file, MARK)?;
        Ok(KeyReader { path: None, blocks, with_hashes: false, keys: Texts::default() })
    }

    /// The next keys and the number of the first one's row; `None` after the last.
    pub fn next(&mut self) -> Result<Option<(u64, &Texts)>, Error> {
        let explain = |error| match &self.path {
            Some(path) => explain(path, error),
            None => Error::io("reading a temporary file")(error),
        };
        let Some(block) = self.blocks.next().map_err(explain)? else { return Ok(None) };
        self.keys.clear();
        let mut bytes = Bytes(block.payload);
        let count = block.records as usize;
        let hashes = if self.with_hashes { bytes.take(count * 16).map(|_| ()) } else { Some(()) };
        let first = block.first;
        match hashes.and_then(|()| self.keys.read(&mut bytes, count)) {
            Some(()) => Ok(Some((first, &self.keys))),
            None => {
                Err(explain(io::Error::new(io::ErrorKind::InvalidData, format!("keys of row {first} are damaged"))))
            }
        }
    }
}

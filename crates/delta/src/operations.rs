//! The operations file: what to do to the previous export's rows to have the next one's, in an order that is always the same.
//! First what came or changed, in the order of the next export; then what went, in the order of the previous one. Each
//! operation has an ordinal, from 0, from which the file can be read on.

use crate::{
    Error, Statistics, blocks,
    codec::{Bytes, push_bytes, push_number},
    csv,
};
use std::{
    borrow::Cow,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Kind and version of the file.
const MARK: [u8; 8] = *b"SFoper01";

/// A block is written when it has so many bytes.
const BLOCK_BYTES: usize = 1 << 16;

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Insert,
    Update,
    Delete,
}

const KINDS: [Kind; 3] = [Kind::Insert, Kind::Update, Kind::Delete];

/// Writes the file.
pub(crate) struct OperationsWriter {
    blocks: blocks::Writer,
    first: u64,
    records: u32,
}

impl OperationsWriter {
    /// `key` holds places in `columns`.
    pub fn new(file: File, columns: &[String], key: &[usize]) -> io::Result<OperationsWriter> {
        let mut head = Vec::new();
        push_number(columns.len() as u64, &mut head);
        columns.iter().for_each(|name| push_bytes(name.as_bytes(), &mut head));
        push_number(key.len() as u64, &mut head);
        key.iter().for_each(|place| push_number(*place as u64, &mut head));
        Ok(OperationsWriter { blocks: blocks::Writer::new(file, MARK, &head)?, first: 0, records: 0 })
    }

    /// Appends a row that came or changed: a field for each column, `None` where the row has none.
    pub fn row<'f>(&mut self, kind: Kind, fields: impl Iterator<Item = Option<&'f [u8]>>) -> io::Result<()> {
        let out = self.blocks.payload();
        out.push(kind as u8);
        for field in fields {
            push_text(field.map(csv::unquote), out);
        }
        self.end_record()
    }

    /// Appends a row that went, by its key in normal form.
    pub fn delete(&mut self, key: &[u8]) -> io::Result<()> {
        let out = self.blocks.payload();
        out.push(Kind::Delete as u8);
        for text in csv::split_normal(key) {
            push_text(Some(text), out);
        }
        self.end_record()
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.first + u64::from(self.records)
    }

    fn end_record(&mut self) -> io::Result<()> {
        self.records += 1;
        if self.blocks.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.blocks.end_block(self.first, self.records)?;
        self.first += u64::from(self.records);
        self.records = 0;
        Ok(())
    }

    /// The complete file, not yet synced.
    pub fn finish(mut self, statistics: &Statistics) -> io::Result<File> {
        if self.records > 0 {
            self.end_block()?;
        }
        assert_eq!(self.first, statistics.operations(), "every operation is counted once");
        let tail: Vec<u8> = statistics.numbers().iter().flat_map(|number| number.to_le_bytes()).collect();
        self.blocks.finish(&tail)
    }
}

/// Appends a text, or that there is none.
fn push_text(text: Option<Cow<'_, [u8]>>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.push(0) };
    push_number(text.len() as u64 + 1, out);
    out.extend_from_slice(&text);
}

/// A complete operations file.
#[derive(Clone, Debug)]
pub struct Operations {
    path: PathBuf,
    columns: Vec<String>,
    key: Vec<usize>,
    statistics: Statistics,
}

impl Operations {
    pub fn open(path: impl Into<PathBuf>) -> Result<Operations, Error> {
        let path = path.into();
        let (_, head, tail) = open(&path)?;
        let damaged = || Error::Operations { path: path.clone(), reason: "its head is damaged".to_owned() };
        let (columns, key) = read_head(&head).ok_or_else(damaged)?;
        let statistics = Statistics::from_bytes(&tail).ok_or_else(damaged)?;
        Ok(Operations { path, columns, key, statistics })
    }

    /// Columns of the next export, as its first file orders them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Reads on from an operation; at the number of operations, there is nothing to read.
    pub fn read_from(&self, ordinal: u64) -> Result<Reader, Error> {
        let (mut blocks, _, _) = open(&self.path)?;
        blocks.seek(ordinal).map_err(|error| explain(&self.path, error))?;
        let mut reader = Reader {
            operations: self.clone(),
            blocks,
            payload: Vec::new(),
            at: 0,
            left: 0,
            ordinal: ordinal.min(self.statistics.operations()),
        };
        if reader.ordinal < self.statistics.operations() {
            reader.skip_to(ordinal)?;
        }
        Ok(reader)
    }
}

fn open(path: &Path) -> Result<(blocks::Reader, Vec<u8>, Vec<u8>), Error> {
    let file = File::open(path).map_err(|error| explain(path, error))?;
    blocks::Reader::open(file, MARK).map_err(|error| explain(path, error))
}

fn explain(path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    match error.kind() {
        NotFound => Error::Operations { path: path.to_owned(), reason: "it is not there".to_owned() },
        InvalidData | UnexpectedEof => Error::Operations { path: path.to_owned(), reason: error.to_string() },
        _ => Error::io(format_args!("reading operations {}", path.display()))(error),
    }
}

fn read_head(head: &[u8]) -> Option<(Vec<String>, Vec<usize>)> {
    let mut head = Bytes(head);
    let columns: Vec<String> = (0..head.number()?).map(|_| head.text()).collect::<Option<_>>()?;
    let key: Vec<usize> = (0..head.number()?).map(|_| Some(head.number()? as usize)).collect::<Option<_>>()?;
    key.iter().all(|place| *place < columns.len()).then_some((columns, key))
}

/// Reads operations in order.
pub struct Reader {
    operations: Operations,
    blocks: blocks::Reader,
    payload: Vec<u8>,
    at: usize,
    left: u32,
    ordinal: u64,
}

impl Reader {
    /// The next operation; `None` after the last.
    #[expect(clippy::should_implement_trait, reason = "an operation borrows from its reader")]
    pub fn next(&mut self) -> Result<Option<Operation<'_>>, Error> {
        if self.ordinal == self.operations.statistics.operations() {
            return Ok(None);
        }
        if self.left == 0 {
            self.block(self.ordinal)?;
        }
        let mut bytes = Bytes(&self.payload[self.at..]);
        let ordinal = self.ordinal;
        let Some((kind, texts)) = read_operation(&mut bytes, &self.operations) else {
            return Err(self.damaged(ordinal));
        };
        self.at = self.payload.len() - bytes.0.len();
        self.left -= 1;
        self.ordinal += 1;
        Ok(Some(Operation { ordinal, kind, columns: &self.operations.columns, key: &self.operations.key, texts }))
    }

    /// Passes over operations of a block up to one.
    fn skip_to(&mut self, ordinal: u64) -> Result<(), Error> {
        let block = self.blocks.next().map_err(|error| explain(&self.operations.path, error))?;
        let Some(block) = block.filter(|block| block.first <= ordinal) else { return Err(self.damaged(ordinal)) };
        self.ordinal = block.first;
        self.left = block.records;
        self.payload.clear();
        self.payload.extend_from_slice(block.payload);
        self.at = 0;
        while self.ordinal < ordinal {
            self.next()?;
        }
        Ok(())
    }

    fn block(&mut self, first: u64) -> Result<(), Error> {
        let block = self.blocks.next().map_err(|error| explain(&self.operations.path, error))?;
        let Some(block) = block.filter(|block| block.first == first) else { return Err(self.damaged(first)) };
        self.left = block.records;
        self.payload.clear();
        self.payload.extend_from_slice(block.payload);
        self.at = 0;
        Ok(())
    }

    fn damaged(&self, ordinal: u64) -> Error {
        let reason = format!("operation {ordinal} is damaged or missing");
        Error::Operations { path: self.operations.path.clone(), reason }
    }
}

fn read_operation<'b>(bytes: &mut Bytes<'b>, operations: &Operations) -> Option<(Kind, Vec<Option<&'b str>>)> {
    let kind = *KINDS.get(bytes.byte()? as usize)?;
    let count = if kind == Kind::Delete { operations.key.len() } else { operations.columns.len() };
    let mut text = || {
        let length = bytes.number()? as usize;
        let text = bytes.take(length.saturating_sub(1))?;
        Some(if length == 0 { None } else { Some(std::str::from_utf8(text).ok()?) })
    };
    let texts: Vec<_> = (0..count).map(|_| text()).collect::<Option<_>>()?;
    let keyed = match kind {
        Kind::Delete => texts.iter().all(Option::is_some),
        _ => operations.key.iter().all(|place| texts[*place].is_some()),
    };
    keyed.then_some((kind, texts))
}

/// One change, borrowed from its reader.
#[derive(Debug)]
pub struct Operation<'r> {
    pub ordinal: u64,
    pub kind: Kind,
    columns: &'r [String],
    key: &'r [usize],
    /// Of all columns, or of the key where the row went.
    texts: Vec<Option<&'r str>>,
}

impl<'r> Operation<'r> {
    /// Key columns and what they say, in the order of the configuration.
    pub fn key(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        self.key.iter().enumerate().map(|(number, place)| {
            let at = if self.kind == Kind::Delete { number } else { *place };
            (self.columns[*place].as_str(), self.texts[at].expect("checked when it was read"))
        })
    }

    /// The row as it is now, without columns that it has not; nothing where it went.
    pub fn row(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let texts = if self.kind == Kind::Delete { &[][..] } else { &self.texts };
        self.columns.iter().zip(texts).filter_map(|(name, text)| Some((name.as_str(), (*text)?)))
    }
}

//! Reads an export: all its files, every row as hashes of its key and of what it says, or the first fault that it has.

use crate::{
    Config, Error, Fault, Input, InputFile,
    codec::Texts,
    columns::{self, Columns, Hashing, Layout},
    csv::{KEY_BYTES_MAX, ROW_BYTES_MAX},
    decode::{Piece, Pieces},
    error::Byte,
    gzip::Gunzip,
    scan::{Broken, Row, Scanner, What},
    watch::{Meter, Phase, Watch},
};
use std::{ops::ControlFlow, sync::Arc, thread};

/// A row in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub key: u64,
    pub row: u64,
}

/// Rows that were read together.
pub(crate) struct Batch<'t> {
    pub file: usize,
    /// Number of the first row in the export, from 0.
    pub first: u64,
    /// Number of the first row in the file, from 1.
    pub row_in_file: u64,
    text: &'t [u8],
    found: &'t Found,
}

/// What was found in a piece of text.
#[derive(Default)]
struct Found {
    /// Start and length of each row in the text.
    rows: Vec<(u32, u32)>,
    hashes: Vec<Hashes>,
    keys: Texts,
}

impl Batch<'_> {
    pub fn hashes(&self) -> &[Hashes] {
        &self.found.hashes
    }

    /// Keys in normal form.
    pub fn keys(&self) -> &Texts {
        &self.found.keys
    }

    /// A row as it stands in the file.
    pub fn row(&self, at: usize) -> &[u8] {
        let (start, length) = self.found.rows[at];
        &self.text[start as usize..][..length as usize]
    }
}

/// What is known of an export after it was read.
pub(crate) struct Files {
    input: Input,
    /// For each file, how many rows came before it.
    before: Vec<u64>,
    layouts: Vec<Arc<Layout>>,
    pub rows: u64,
    /// Bytes of decompressed text.
    pub text_bytes: u64,
}

impl Files {
    pub fn layout(&self, file: usize) -> &Layout {
        &self.layouts[file]
    }
}

/// The header of an export's first file.
pub(crate) fn peek(input: &Input, config: &Config) -> Result<Vec<String>, Error> {
    let file = &input.files[0];
    let meter = Meter::new(Watch::none(), Phase::Reading, 0);
    let mut gunzip = Gunzip::open(file)?;
    let mut text = vec![0; 1 << 16];
    let mut filled = 0;
    loop {
        filled += gunzip.fill(&mut text[filled..], &meter)?;
        let last = filled < text.len();
        if let Some((header, _)) = header(file, &text[..filled], last, config)? {
            return Ok(header);
        }
        text.resize(text.len() * 2, 0);
    }
}

fn header(file: &InputFile, text: &[u8], last: bool, config: &Config) -> Result<Option<(Vec<String>, usize)>, Error> {
    let found = match columns::find_header(text, last) {
        Ok(None) if text.len() > ROW_BYTES_MAX => Err(format!("the header is longer than {ROW_BYTES_MAX} bytes")),
        found => found,
    };
    let found = found.map_err(|problem| {
        let remedy = "export as CSV in UTF-8 with a header".to_owned();
        Fault { file: file.name.clone(), row: Some(0), byte: None, problem, remedy }
    })?;
    if let Some((header, _)) = &found {
        columns::check_key(&file.name, header, &config.key)?;
    }
    Ok(found)
}

/// Reads all files and hands their rows on, batch by batch.
pub(crate) fn read(
    input: &Input,
    config: &Config,
    columns: &Columns,
    meter: &Meter<'_>,
    mut each: impl FnMut(&Batch<'_>) -> Result<(), Error>,
) -> Result<Files, Error> {
    thread::scope(|scope| {
        let mut pieces = Pieces::start(scope, input, meter);
        let mut reading = Reading::new(input, config, columns);
        while let Some(piece) = pieces.next() {
            let piece = piece?;
            meter.check()?;
            let piece = reading.piece(piece, &mut each)?;
            pieces.recycle(piece);
        }
        Ok(reading.files)
    })
}

/// Between two pieces.
struct Reading<'a> {
    config: &'a Config,
    columns: &'a Columns,
    hashing: Hashing,
    /// The header of the file before, which has the columns of the first.
    header: Vec<String>,
    files: Files,
    scanner: Scanner,
    found: Found,
    scratch: Vec<u8>,
    /// The beginning of a row that the piece before ended with, and where in the file's text it stands.
    rest: Vec<u8>,
    offset: u64,
    in_header: bool,
}

impl<'a> Reading<'a> {
    fn new(input: &Input, config: &'a Config, columns: &'a Columns) -> Reading<'a> {
        let files = Files { input: input.clone(), before: Vec::new(), layouts: Vec::new(), rows: 0, text_bytes: 0 };
        Reading {
            config,
            columns,
            hashing: Hashing::new(config, columns),
            header: Vec::new(),
            files,
            scanner: Scanner::new(0),
            found: Found::default(),
            scratch: Vec::new(),
            rest: Vec::new(),
            offset: 0,
            in_header: true,
        }
    }

    /// Takes a piece; gives it back for its memory.
    fn piece(
        &mut self,
        mut piece: Piece,
        each: &mut impl FnMut(&Batch<'_>) -> Result<(), Error>,
    ) -> Result<Piece, Error> {
        if self.files.before.len() == piece.file {
            self.begin_file();
        }
        piece.prepend(&self.rest);
        let text = piece.text();
        let mut taken = 0;
        if self.in_header {
            taken = self.header(piece.file, text, piece.last)?;
        }
        if !self.in_header {
            taken += self.rows(piece.file, &text[taken..], piece.last, taken, each)?;
        }
        self.rest.clear();
        self.rest.extend_from_slice(&text[taken..]);
        self.offset += taken as u64;
        self.files.text_bytes += taken as u64;
        if self.rest.len() > ROW_BYTES_MAX {
            return Err(self.too_long(piece.file, self.offset));
        }
        Ok(piece)
    }

    fn begin_file(&mut self) {
        self.files.before.push(self.files.rows);
        self.rest.clear();
        self.offset = 0;
        self.in_header = true;
    }

    /// Takes the header once it is there.
    fn header(&mut self, number: usize, text: &[u8], last: bool) -> Result<usize, Error> {
        let file = &self.files.input.files[number];
        let Some((header, taken)) = header(file, text, last, self.config)? else { return Ok(0) };
        let layout = match self.files.layouts.last() {
            Some(layout) if header == self.header => Arc::clone(layout),
            _ => Arc::new(Layout::new(&header, self.columns, &self.config.key)),
        };
        if number > 0 {
            same_columns(&file.name, &self.header, &header)?;
        }
        self.scanner = Scanner::new(layout.width);
        self.files.layouts.push(layout);
        self.header = header;
        self.in_header = false;
        Ok(taken)
    }

    /// Takes the complete rows of a text which begins `skipped` bytes behind the offset.
    fn rows(
        &mut self,
        file: usize,
        text: &[u8],
        last: bool,
        skipped: usize,
        each: &mut impl FnMut(&Batch<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let Reading { scanner, found, scratch, hashing, .. } = self;
        let layout = &*self.files.layouts[file];
        found.clear();
        let mut bad = None;
        let taken = scanner.scan(text, last, |row| match found.push(&row, layout, hashing, scratch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(why) => {
                bad = Some((row.at, why));
                ControlFlow::Break(())
            }
        });
        let offset = self.offset + skipped as u64;
        if let Some((at, why)) = bad {
            return Err(self.bad_row(file, offset + at as u64, &why));
        }
        let taken = taken.map_err(|broken| self.broken(file, offset, broken))?;
        if let Err(error) = simdutf8::compat::from_utf8(&text[..taken]) {
            return Err(self.not_utf8(file, offset, error.valid_up_to()));
        }
        let first = self.files.rows;
        let row_in_file = first - self.files.before[file] + 1;
        let batch = Batch { file, first, row_in_file, text, found: &self.found };
        each(&batch)?;
        self.files.rows += self.found.hashes.len() as u64;
        Ok(taken)
    }

    /// A fault in the row behind the last one that was found.
    fn fault(&self, file: usize, at: u64, problem: String, remedy: &str) -> Error {
        self.fault_in(self.found.hashes.len(), file, at, problem, remedy)
    }

    /// A fault in a row, by its place among those that are read together.
    fn fault_in(&self, row: usize, file: usize, at: u64, problem: String, remedy: &str) -> Error {
        let row = self.files.rows - self.files.before[file] + row as u64 + 1;
        let name = self.files.input.files[file].name.clone();
        Fault { file: name, row: Some(row), byte: Some(Byte::Text(at)), problem, remedy: remedy.to_owned() }.into()
    }

    fn not_utf8(&self, file: usize, offset: u64, at: usize) -> Error {
        let row = self.found.rows.partition_point(|(start, _)| *start as usize <= at) - 1;
        self.fault_in(row, file, offset + at as u64, "the text is not UTF-8".to_owned(), "export in UTF-8")
    }

    fn bad_row(&self, file: usize, at: u64, why: &BadRow) -> Error {
        match why {
            BadRow::EmptyKey(place) => {
                let column = &self.config.key[*place];
                self.fault(file, at, format!("key column {column} is empty"), "give every row its key")
            }
            BadRow::LongKey => {
                let problem = format!("the key is longer than {KEY_BYTES_MAX} bytes");
                self.fault(file, at, problem, "configure a shorter key")
            }
            BadRow::TooLong => self.too_long(file, at),
        }
    }

    fn too_long(&self, file: usize, at: u64) -> Error {
        let problem = format!("the row is longer than {ROW_BYTES_MAX} bytes");
        self.fault(file, at, problem, "most likely a quote is not closed, there or before")
    }

    fn broken(&self, file: usize, offset: u64, broken: Broken) -> Error {
        let (problem, remedy) = match broken.what {
            What::StrayQuote => {
                ("a quote inside a field without quotes".to_owned(), "quote the field and double the quote")
            }
            What::TextAfterQuote => ("text behind a closing quote".to_owned(), "double quotes inside quoted fields"),
            What::Unterminated => ("a quote is not closed before the file ends".to_owned(), "upload the file again"),
            What::Fields(count) => {
                let width = self.files.layouts[file].width;
                (format!("{count} fields, the header has {width}"), "quote fields that hold commas or line ends")
            }
        };
        self.fault(file, offset + broken.at as u64, problem, remedy)
    }
}

/// Why a row that is well formed is not taken.
enum BadRow {
    /// The place in the key.
    EmptyKey(usize),
    LongKey,
    TooLong,
}

impl Found {
    fn clear(&mut self) {
        self.rows.clear();
        self.hashes.clear();
        self.keys.clear();
    }

    #[inline(always)]
    fn push(&mut self, row: &Row<'_>, layout: &Layout, hashing: &Hashing, scratch: &mut Vec<u8>) -> Result<(), BadRow> {
        if row.text.len() > ROW_BYTES_MAX {
            return Err(BadRow::TooLong);
        }
        layout.push_key(row, &mut self.keys.bytes).map_err(BadRow::EmptyKey)?;
        let key = self.keys.end();
        if key.len() > KEY_BYTES_MAX {
            return Err(BadRow::LongKey);
        }
        let key = hashing.key(key);
        self.hashes.push(Hashes { key, row: layout.row_hash(row, hashing, scratch) });
        self.rows.push((row.at as u32, row.text.len() as u32));
        Ok(())
    }
}

/// Files of one export have the same columns, in whatever order.
fn same_columns(file: &str, first: &[String], header: &[String]) -> Result<(), Error> {
    let missing = |names: &[String], others: &[String]| names.iter().find(|name| !others.contains(name)).cloned();
    let problem = match (missing(header, first), missing(first, header)) {
        (Some(name), _) => format!("column {name} is not in the first file of the export"),
        (None, Some(name)) => format!("column {name} of the first file of the export is missing"),
        (None, None) => return Ok(()),
    };
    let remedy = "export all files of a version with the same columns".to_owned();
    Err(Fault { file: file.to_owned(), row: Some(0), byte: None, problem, remedy }.into())
}

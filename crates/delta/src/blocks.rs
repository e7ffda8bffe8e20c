//! A file of blocks, each with its number of records, the number of its first record, and a checksum that also knows where
//! it stands. The state and operations files are such files, and so are the spools of rows and keys.
//!
//! Layout: an eight-byte mark; a head block; blocks of records; a tail block; where the tail is, and the mark again. All
//! numbers are little-endian.

use std::{fs::File, io, os::unix::fs::FileExt};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes in front of a block: its length, its records, the number of the first, the checksum.
const HEADER: usize = 4 + 4 + 8 + 8;
const MARK: usize = 8;
const FOOTER: usize = 8 + MARK;

/// Nothing that we write comes near it; what claims to is damaged.
const BLOCK_BYTES_MAX: usize = 64 << 20;

/// Appends blocks to a file.
pub(crate) struct Writer {
    file: File,
    mark: [u8; MARK],
    at: u64,
    /// A header, and the block under construction behind it.
    bytes: Vec<u8>,
}

impl Writer {
    /// `mark` tells kinds and versions of files apart.
    pub fn new(file: File, mark: [u8; MARK], head: &[u8]) -> io::Result<Writer> {
        file.write_all_at(&mark, 0)?;
        let mut writer = Writer { file, mark, at: MARK as u64, bytes: vec![0; HEADER] };
        writer.payload().extend_from_slice(head);
        writer.end_block(0, 0)?;
        Ok(writer)
    }

    /// What is appended to it goes into the next block.
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes of the block under construction.
    pub fn len(&self) -> usize {
        self.bytes.len() - HEADER
    }

    /// Writes the block.
    pub fn end_block(&mut self, first: u64, records: u32) -> io::Result<()> {
        let length = u32::try_from(self.len()).ok().filter(|length| *length as usize <= BLOCK_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a block is too long"))?;
        self.bytes[0..4].copy_from_slice(&length.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&records.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&first.to_le_bytes());
        let checksum = checksum(&self.bytes[..16], &self.bytes[HEADER..], self.at);
        self.bytes[16..HEADER].copy_from_slice(&checksum.to_le_bytes());
        self.file.write_all_at(&self.bytes, self.at)?;
        self.at += self.bytes.len() as u64;
        self.bytes.truncate(HEADER);
        Ok(())
    }

    /// Writes the tail; the file is complete, though not yet synced.
    pub fn finish(mut self, tail: &[u8]) -> io::Result<File> {
        let at = self.at;
        self.payload().extend_from_slice(tail);
        self.end_block(0, 0)?;
        let footer = [at.to_le_bytes(), self.mark].concat();
        self.file.write_all_at(&footer, self.at)?;
        Ok(self.file)
    }
}

fn checksum(header: &[u8], payload: &[u8], at: u64) -> u64 {
    xxh3_64_with_seed(header, xxh3_64_with_seed(payload, at))
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// What stands in front of a block.
#[derive(Clone, Copy)]
struct Header {
    length: usize,
    records: u32,
    first: u64,
    checksum: u64,
}

/// Reads a complete file.
pub(crate) struct Reader {
    file: File,
    at: u64,
    tail: u64,
    payload: Vec<u8>,
}

/// A block, verified.
pub(crate) struct Block<'r> {
    pub first: u64,
    pub records: u32,
    pub payload: &'r [u8],
}

impl Reader {
    /// Answers the reader at the first block of records, the head and the tail.
    pub fn open(file: File, mark: [u8; MARK]) -> io::Result<(Reader, Vec<u8>, Vec<u8>)> {
        let length = file.metadata()?.len();
        let mut start = [0; MARK];
        let mut footer = [0; FOOTER];
        if length < (MARK + FOOTER) as u64 {
            return Err(damaged(format!("{length} bytes are too few")));
        }
        file.read_exact_at(&mut start, 0)?;
        if start != mark {
            return Err(damaged("it is another kind of file, or of another version"));
        }
        let end = length - FOOTER as u64;
        file.read_exact_at(&mut footer, end)?;
        let (tail, mark_again) = footer.split_at(8);
        if mark_again != mark {
            return Err(damaged("its end is missing"));
        }
        let tail = u64::from_le_bytes(tail.try_into().expect("eight bytes"));
        if tail >= end {
            return Err(damaged("its tail lies outside"));
        }
        let mut reader = Reader { file, at: tail, tail: end, payload: Vec::new() };
        let tail_payload = reader.next()?.map(|block| block.payload.to_vec());
        (reader.at, reader.tail) = (MARK as u64, tail);
        let head = reader.next()?.map(|block| block.payload.to_vec());
        match (head, tail_payload) {
            (Some(head), Some(tail)) => Ok((reader, head, tail)),
            _ => Err(damaged("it has no head or tail")),
        }
    }

    /// The next block; `None` after the last.
    pub fn next(&mut self) -> io::Result<Option<Block<'_>>> {
        let Some((header, bytes)) = self.header()? else { return Ok(None) };
        self.payload.resize(header.length, 0);
        self.file.read_exact_at(&mut self.payload, self.at + HEADER as u64)?;
        if checksum(&bytes[..16], &self.payload, self.at) != header.checksum {
            return Err(damaged(format!("the block at byte {} does not match its checksum", self.at)));
        }
        self.at += (HEADER + header.length) as u64;
        Ok(Some(Block { first: header.first, records: header.records, payload: &self.payload }))
    }

    /// Moves back to the first block of records.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.at = MARK as u64;
        self.next().map(|_| ())
    }

    /// Moves to the block that holds a record, by the headers alone. Whether they are right shows when it is read.
    pub fn seek(&mut self, record: u64) -> io::Result<()> {
        while let Some((header, _)) = self.header()?
            && header.first + u64::from(header.records) <= record
        {
            self.at += (HEADER + header.length) as u64;
        }
        Ok(())
    }

    fn header(&self) -> io::Result<Option<(Header, [u8; HEADER])>> {
        if self.at == self.tail {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, self.at)?;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let header = Header { length: word(0) as usize, records: word(4), first: long(8), checksum: long(16) };
        let end = self.at + (HEADER + header.length) as u64;
        if header.length > BLOCK_BYTES_MAX || end > self.tail {
            return Err(damaged(format!("the block at byte {} claims to be {} bytes long", self.at, header.length)));
        }
        Ok(Some((header, bytes)))
    }
}

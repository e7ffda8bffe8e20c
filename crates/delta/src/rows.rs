//! The spool of rows: what of the next export found no equal when it was read, as it stood in its file.

use crate::{
    blocks,
    codec::{Bytes, push_bytes, push_number},
    export::Batch,
};
use std::{fs::File, io};

const MARK: [u8; 8] = *b"SFrows01";

pub(crate) struct RowWriter {
    blocks: blocks::Writer,
}

impl RowWriter {
    pub fn new(file: File) -> io::Result<RowWriter> {
        Ok(RowWriter { blocks: blocks::Writer::new(file, MARK, &[])? })
    }

    /// Appends those rows of a batch that `unmatched` names.
    pub fn batch(&mut self, batch: &Batch<'_>, unmatched: &[bool]) -> io::Result<()> {
        let mut rows = 0;
        let out = self.blocks.payload();
        push_number(batch.file as u64, out);
        let mut before = 0;
        for at in (0..unmatched.len()).filter(|at| unmatched[*at]) {
            push_number((at - before) as u64, out);
            push_bytes(batch.row(at), out);
            before = at;
            rows += 1;
        }
        self.blocks.end_block(batch.first, rows)
    }

    pub fn finish(self) -> io::Result<RowReader> {
        let (blocks, _, _) = blocks::Reader::open(self.blocks.finish(&[])?, MARK)?;
        Ok(RowReader { blocks })
    }
}

pub(crate) struct RowReader {
    blocks: blocks::Reader,
}

/// Rows of one batch, in order.
pub(crate) struct Rows<'r> {
    pub file: usize,
    row: u64,
    left: u32,
    bytes: Bytes<'r>,
}

impl RowReader {
    pub fn next(&mut self) -> io::Result<Option<Rows<'_>>> {
        let Some(block) = self.blocks.next()? else { return Ok(None) };
        let mut bytes = Bytes(block.payload);
        let file = bytes.number().ok_or_else(damaged)? as usize;
        Ok(Some(Rows { file, row: block.first, left: block.records, bytes }))
    }
}

impl<'r> Rows<'r> {
    /// The next row and its number.
    pub fn next(&mut self) -> io::Result<Option<(u64, &'r [u8])>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.row += self.bytes.number().ok_or_else(damaged)?;
        let text = self.bytes.bytes().ok_or_else(damaged)?;
        Ok(Some((self.row, text)))
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file is damaged")
}

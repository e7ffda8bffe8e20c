//! Many streams of bytes in one temporary file, each written bit by bit and read from its beginning. A stream is a chain of
//! blocks that are written when they are full, so its memory is one block at most, however long it gets.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes of a block: the number of the block that follows, then the stream's.
const BLOCK: usize = 1 << 13;
const NEXT: usize = 8;

/// The file.
pub(crate) struct Scatter {
    file: File,
    blocks: AtomicU64,
}

impl Scatter {
    pub fn new(folder: &Path) -> io::Result<Scatter> {
        Ok(Scatter { file: crate::spool::file(folder)?, blocks: AtomicU64::new(0) })
    }

    fn allocate(&self) -> u64 {
        self.blocks.fetch_add(1, Ordering::Relaxed)
    }
}

/// One of its streams.
#[derive(Default)]
pub(crate) struct Stream {
    first: u64,
    /// The block that `buffer` will become, once there is one before it.
    current: u64,
    buffer: Vec<u8>,
    length: u64,
}

impl Stream {
    pub fn len(&self) -> u64 {
        self.length
    }

    pub fn push(&mut self, scatter: &Scatter, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.buffer.is_empty() {
                self.buffer.extend_from_slice(&[0; NEXT]);
            }
            if self.buffer.len() == BLOCK {
                self.flush(scatter)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Writes the full block and begins the next one.
    fn flush(&mut self, scatter: &Scatter) -> io::Result<()> {
        if self.length == (BLOCK - NEXT) as u64 {
            self.first = scatter.allocate();
            self.current = self.first;
        }
        let next = scatter.allocate();
        self.buffer[..NEXT].copy_from_slice(&next.to_le_bytes());
        scatter.file.write_all_at(&self.buffer, self.current * BLOCK as u64)?;
        self.current = next;
        self.buffer.truncate(NEXT);
        Ok(())
    }

    /// Reads the stream from its beginning.
    pub fn read<'s>(&'s self, scatter: &'s Scatter) -> StreamReader<'s> {
        StreamReader { stream: self, scatter, next: self.first, block: Vec::new(), at: 0, left: self.length }
    }
}

pub(crate) struct StreamReader<'s> {
    stream: &'s Stream,
    scatter: &'s Scatter,
    next: u64,
    block: Vec<u8>,
    at: usize,
    /// Bytes that are not yet in `block`.
    left: u64,
}

impl StreamReader<'_> {
    /// The next numbers; `None` at the end of the stream.
    pub fn numbers<const COUNT: usize>(&mut self) -> io::Result<Option<[u64; COUNT]>> {
        if self.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut numbers = [0; COUNT];
        for number in &mut numbers {
            let mut bytes = [0; 8];
            self.read_exact(&mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        Ok(Some(numbers))
    }
}

impl BufRead for StreamReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.block.len() && self.left > 0 {
            let buffered = self.stream.buffer.len().saturating_sub(NEXT) as u64;
            if self.left <= buffered {
                self.block.clear();
                self.block.extend_from_slice(&self.stream.buffer);
            } else {
                self.block.resize(BLOCK, 0);
                self.scatter.file.read_exact_at(&mut self.block, self.next * BLOCK as u64)?;
                self.next = u64::from_le_bytes(self.block[..NEXT].try_into().expect("eight bytes"));
            }
            self.at = NEXT;
            self.left -= (self.block.len() - NEXT) as u64;
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for StreamReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// Records by number, spread over streams so that those of a range of numbers can be read together.
pub(crate) struct Ranges {
    size: u64,
    streams: Vec<Stream>,
}

impl Ranges {
    /// For numbers below `count`, in ranges of `size`.
    pub fn new(count: u64, size: u64) -> Ranges {
        let streams = (0..count.div_ceil(size)).map(|_| Stream::default()).collect();
        Ranges { size, streams }
    }

    /// Appends what belongs to a number.
    pub fn push(&mut self, scatter: &Scatter, number: u64, record: &[u8]) -> io::Result<()> {
        let place = self.place(number);
        self.streams[place].push(scatter, record)
    }

    /// Empty ranges of the same size.
    pub fn alike(&self) -> Ranges {
        Ranges { size: self.size, streams: self.streams.iter().map(|_| Stream::default()).collect() }
    }

    /// One stream for each range, in order.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Which range a number falls in.
    pub fn place(&self, number: u64) -> usize {
        (number / self.size) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let scatter = Scatter::new(folder.path()).unwrap();
        let mut streams: Vec<Stream> = (0..5).map(|_| Stream::default()).collect();
        let mut expected = vec![Vec::new(); 5];
        // Lengths around a block's, and pieces that straddle blocks; the last stream stays empty.
        for round in 0..40_000_u64 {
            let at = (round * 7 % 11 % 4) as usize;
            let piece = vec![round as u8; (round % 13) as usize * at];
            streams[at].push(&scatter, &piece).unwrap();
            expected[at].extend_from_slice(&piece);
            if at == 0 && round < 1023 {
                streams[0].push(&scatter, &round.to_le_bytes()).unwrap();
                expected[0].extend_from_slice(&round.to_le_bytes());
            }
        }
        for (stream, expected) in streams.iter().zip(&expected) {
            let mut read = Vec::new();
            stream.read(&scatter).read_to_end(&mut read).unwrap();
            assert!(read == *expected, "{} bytes, {} expected", read.len(), expected.len());
        }
        assert!(scatter.blocks.load(Ordering::Relaxed) > 20);
    }
}

//! The text of a gzip file, verified: every member to its end, its checksum and its length. Padding with zeros is taken, as
//! gzip takes it; anything else behind the last member is not.

use crate::{Error, Fault, InputFile, error::Byte, watch::Meter};
use flate2::bufread::GzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

const BUFFER: usize = 1 << 17;

/// Reads one file.
pub(crate) struct Gunzip<'a> {
    file: &'a InputFile,
    /// `None` once the file has ended.
    member: Option<GzDecoder<Compressed>>,
    /// Bytes of the file when it had ended, and how many of them the meter knows of.
    end: u64,
    reported: u64,
}

/// The file, and how many bytes of it went on.
type Compressed = BufReader<Counted>;

struct Counted {
    file: File,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.count += count as u64;
        Ok(count)
    }
}

const AGAIN: &str = "upload the file again";

impl<'a> Gunzip<'a> {
    pub fn open(file: &'a InputFile) -> Result<Gunzip<'a>, Error> {
        let open = File::open(&file.path).map_err(Error::io(format_args!("opening {}", file.name)))?;
        let mut compressed = BufReader::with_capacity(BUFFER, Counted { file: open, count: 0 });
        let start = compressed.fill_buf().map_err(Error::io(format_args!("reading {}", file.name)))?;
        let problem = match start {
            [] => Some("the file has 0 bytes"),
            [0x1F, 0x8B, ..] | [0x1F] => None,
            _ => Some("this is not a gzip file"),
        };
        if let Some(problem) = problem {
            let remedy = if start.is_empty() { AGAIN } else { "export as CSV and compress it with gzip" };
            return Err(fault(file, None, problem, remedy));
        }
        Ok(Gunzip { file, member: Some(GzDecoder::new(compressed)), end: 0, reported: 0 })
    }

    /// Fills `into` as far as the text goes: less than its length is the end of the file, all of it verified.
    pub fn fill(&mut self, into: &mut [u8], meter: &Meter<'_>) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < into.len()
            && let Some(member) = &mut self.member
        {
            match member.read(&mut into[filled..]) {
                Ok(0) => self.next_member()?,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
        let count = self.member.as_ref().map_or(self.end, |member| member.get_ref().get_ref().count);
        meter.advance(count - self.reported)?;
        self.reported = count;
        Ok(filled)
    }

    /// A member has ended: there may be another, or nothing but zeros.
    fn next_member(&mut self) -> Result<(), Error> {
        let Some(mut compressed) = self.member.take().map(GzDecoder::into_inner) else { return Ok(()) };
        let mut padded = false;
        loop {
            let rest = compressed.fill_buf().map_err(Error::io(format_args!("reading {}", self.file.name)))?;
            match rest {
                [] => {
                    self.end = compressed.get_ref().count;
                    return Ok(());
                }
                [0, ..] => {
                    padded = true;
                    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                    compressed.consume(zeros);
                }
                [0x1F, ..] if !padded => {
                    self.member = Some(GzDecoder::new(compressed));
                    return Ok(());
                }
                _ => {
                    let problem = "there are bytes behind the end of the gzip stream";
                    return Err(fault(self.file, Some(position(&compressed)), problem, AGAIN));
                }
            }
        }
    }

    fn explain(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            return Error::io(format_args!("reading {}", self.file.name))(error);
        }
        let at = self.member.as_ref().map(|member| position(member.get_ref()));
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return fault(self.file, at, "the gzip stream is cut off", AGAIN);
        }
        fault(self.file, at, &format!("the gzip stream is damaged ({error})"), AGAIN)
    }
}

fn position(compressed: &Compressed) -> u64 {
    compressed.get_ref().count - compressed.buffer().len() as u64
}

fn fault(file: &InputFile, at: Option<u64>, problem: &str, remedy: &str) -> Error {
    let (problem, remedy) = (problem.to_owned(), remedy.to_owned());
    Fault { file: file.name.clone(), row: None, byte: at.map(Byte::Compressed), problem, remedy }.into()
}

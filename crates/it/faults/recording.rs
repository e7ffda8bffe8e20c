//! What `recorder.c` wrote down, read back as events in their order. Knows the record format and nothing of disks.

use std::{fs, io, path::Path};

/// One thing the program asked of the file system.
#[derive(Debug)]
pub enum Event {
    /// A process begins; descriptors of the one before are gone.
    Start,
    Open {
        fd: i32,
        path: String,
        truncate: bool,
        existed: bool,
    },
    Close {
        fd: i32,
    },
    Dup {
        fd: i32,
        to: i32,
    },
    /// Bytes at an offset; `None` are zeros.
    Write {
        fd: i32,
        offset: u64,
        length: u64,
        bytes: Option<Vec<u8>>,
    },
    Size {
        fd: i32,
        size: u64,
    },
    /// Space is reserved; the file is at least this long, with zeros.
    Allocate {
        fd: i32,
        end: u64,
    },
    SyncStart {
        fd: i32,
        id: u64,
        /// Return addresses within their modules, innermost first.
        stack: Vec<u64>,
    },
    SyncEnd {
        id: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    MakeDir {
        path: String,
    },
    RemoveDir {
        path: String,
    },
    Link {
        from: String,
        to: String,
    },
}

/// An event and the size of the log once it was written: positions in the log order everything, the client's
/// acknowledgements included.
#[derive(Debug)]
pub struct Record {
    pub end: u64,
    pub event: Event,
}

/// Bytes in front of a record's payload.
const HEAD: usize = 25;
const O_TRUNC: u64 = 0o1000;

/// All records of a log.
///
/// # Panics
/// When the log is cut in the middle of a record, or names something that the recorder cannot describe: then what the
/// images would show is not what the program did.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let log = fs::read(path)?;
    let mut records = Vec::new();
    let mut at = 0;
    while at < log.len() {
        let head: &[u8; HEAD] = log[at..].first_chunk().expect("the recorder writes whole records");
        let number = |from: usize| u64::from_le_bytes(*head[from..].first_chunk().expect("within the head"));
        let fd = i32::from_le_bytes(*head[1..].first_chunk().expect("within the head"));
        let length = u32::from_le_bytes(*head[21..].first_chunk().expect("within the head")) as usize;
        let payload = log.get(at + HEAD..at + HEAD + length).expect("the recorder writes whole records");
        at += HEAD + length;
        records.push(Record { end: at as u64, event: event(head[0], fd, number(5), number(13), payload) });
    }
    Ok(records)
}

fn event(kind: u8, fd: i32, a: u64, b: u64, payload: &[u8]) -> Event {
    let text = || String::from_utf8_lossy(payload).into_owned();
    let pair = || {
        let text = text();
        let (from, to) = text.split_once('\0').expect("two names are parted by a zero");
        (from.to_owned(), to.to_owned())
    };
    match kind {
        1 => Event::Start,
        2 => Event::Open { fd, path: text(), truncate: a & O_TRUNC != 0, existed: b != 0 },
        3 => Event::Close { fd },
        4 => Event::Dup { fd, to: i32::try_from(a).expect("a descriptor is small") },
        5 => Event::Write { fd, offset: a, length: payload.len() as u64, bytes: Some(payload.to_vec()) },
        6 => Event::Write { fd, offset: a, length: b, bytes: None },
        7 => Event::Size { fd, size: a },
        8 => Event::Allocate { fd, end: a + b },
        9 => Event::SyncStart {
            fd,
            id: a,
            stack: payload.as_chunks::<8>().0.iter().map(|address| u64::from_le_bytes(*address)).collect(),
        },
        10 => Event::SyncEnd { id: a },
        11 => pair_event(pair(), |from, to| Event::Rename { from, to }),
        12 => Event::Unlink { path: text() },
        13 => Event::MakeDir { path: text() },
        14 => Event::RemoveDir { path: text() },
        15 => pair_event(pair(), |from, to| Event::Link { from, to }),
        other => panic!("the recorder saw what it cannot describe (kind {other}, {})", text()),
    }
}

fn pair_event((from, to): (String, String), make: impl Fn(String, String) -> Event) -> Event {
    make(from, to)
}

//! What handlers print: for each function two files, the older of which goes when the newer is full. Positions count the
//! bytes ever written, so they grow over rotations and restarts.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};
use tokio::sync::watch;

/// Longest line, bytes; AWS cuts there too.
const LINE_BYTES_MAX: usize = 256 << 10;
/// Bytes in front of a line: the time in 13 digits and a space.
const STAMP: usize = 14;

/// Some lines of a log, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Ask for what comes after this next.
    pub next: u64,
    /// Lines between the position asked for and the first one here are gone.
    pub lost: bool,
}

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since the epoch.
    pub at_ms: Option<u64>,
    pub text: String,
}

/// The log of one function.
pub(crate) struct Log {
    dir: PathBuf,
    bytes_max: u64,
    files: Mutex<Files>,
    end: watch::Sender<u64>,
}

struct Files {
    /// Where the newer file begins.
    start: u64,
    newer: File,
    length: u64,
}

fn path(dir: &Path, start: u64) -> PathBuf {
    dir.join(format!("{start:020}.log"))
}

/// Beginnings of the files there are, oldest first.
fn starts(dir: &Path) -> io::Result<Vec<u64>> {
    let mut starts = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        starts.extend(name.strip_suffix(".log").and_then(|start| start.parse::<u64>().ok()));
    }
    starts.sort_unstable();
    Ok(starts)
}

impl Log {
    pub fn open(dir: PathBuf, bytes_max: u64) -> io::Result<Log> {
        fs::create_dir_all(&dir)?;
        let start = starts(&dir)?.last().copied().unwrap_or_default();
        let newer = File::options().create(true).append(true).open(path(&dir, start))?;
        let length = newer.metadata()?.len();
        let end = watch::Sender::new(start + length);
        Ok(Log { dir, bytes_max, files: Mutex::new(Files { start, newer, length }), end })
    }

    /// Appends lines; a disk that takes no more loses them, and says so once in the program's own log.
    pub fn append(&self, at_ms: u64, text: &str) {
        let mut block = String::with_capacity(text.len() + STAMP + 1);
        for line in text.lines() {
            let mut cut = line.len().min(LINE_BYTES_MAX);
            while !line.is_char_boundary(cut) {
                cut -= 1;
            }
            block.push_str(&format!("{at_ms:013} {}\n", &line[..cut]));
        }
        let mut files = self.files.lock().expect("no holder panics");
        if let Err(error) = self.write(&mut files, block.as_bytes()) {
            tracing::warn!("{}: lines are lost: {error}", self.dir.display());
        }
        self.end.send_replace(files.start + files.length);
    }

    fn write(&self, files: &mut Files, block: &[u8]) -> io::Result<()> {
        if files.length > 0 && files.length + block.len() as u64 > self.bytes_max / 2 {
            let start = files.start + files.length;
            *files = Files { start, newer: File::create(path(&self.dir, start))?, length: 0 };
            let starts = starts(&self.dir)?;
            for gone in starts.iter().rev().skip(2) {
                fs::remove_file(path(&self.dir, *gone))?;
            }
        }
        files.newer.write_all(block)?;
        files.length += block.len() as u64;
        Ok(())
    }

    /// Ready once there are lines after a position.
    pub async fn past(&self, position: u64) {
        let mut end = self.end.subscribe();
        // The sender lives as long as we do.
        let _ = end.wait_for(|end| *end > position).await;
    }

    /// Lines after a position, about `bytes_max` of them; without a position the newest.
    pub fn page(&self, after: Option<u64>, bytes_max: usize) -> io::Result<LogPage> {
        let end = *self.end.borrow();
        let first = starts(&self.dir)?.first().copied().unwrap_or_default();
        let wanted = after.unwrap_or_else(|| end.saturating_sub(bytes_max as u64)).min(end);
        let from = wanted.max(first);
        let mut bytes = self.read(from, bytes_max.max(LINE_BYTES_MAX + STAMP + 1), end)?;
        // Who asked for the newest lines, or for lost ones, may begin in the middle of one.
        let skipped = match after {
            Some(after) if after >= first => 0,
            _ if from == first => 0,
            _ => bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        let next = from + whole as u64;
        let text = String::from_utf8_lossy(bytes.get(skipped..).unwrap_or_default());
        Ok(LogPage { lines: text.lines().map(line).collect(), next, lost: after.is_some_and(|after| after < first) })
    }

    fn read(&self, from: u64, bytes_max: usize, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = from;
        while bytes.len() < bytes_max && at < end {
            let Some(start) = starts(&self.dir)?.into_iter().rev().find(|start| *start <= at) else { break };
            let mut file = File::open(path(&self.dir, start))?;
            file.seek(SeekFrom::Start(at - start))?;
            let room = (bytes_max - bytes.len()) as u64;
            let read = file.take(room.min(end - at)).read_to_end(&mut bytes)?;
            if read == 0 {
                break;
            }
            at += read as u64;
        }
        Ok(bytes)
    }
}

fn line(text: &str) -> LogLine {
    match text.split_at_checked(STAMP) {
        Some((stamp, rest)) => LogLine { at_ms: stamp.trim_end().parse().ok(), text: rest.to_owned() },
        None => LogLine { at_ms: None, text: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(page: &LogPage) -> Vec<&str> {
        page.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_log_is_read_on_over_rotations_and_restarts_and_stays_within_its_bound() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || Log::open(dir.path().join("f"), 4096).expect("opens");
        let log = open();
        assert_eq!(log.page(None, 100).expect("reads"), LogPage::default());
        log.append(7, "one\ntwo");
        let page = log.page(None, 1000).expect("reads");
        assert_eq!((texts(&page), page.lines[0].at_ms), (vec!["one", "two"], Some(7)));
        drop(log);
        let log = open();
        let mut seen = Vec::new();
        let mut next = page.next;
        for number in 0..300 {
            log.append(8, &format!("line {number}"));
            if number % 50 == 49 {
                let page = log.page(Some(next), 1 << 20).expect("reads");
                assert!(!page.lost);
                next = page.next;
                seen.extend(page.lines.into_iter().map(|line| line.text));
            }
        }
        assert_eq!(seen, (0..300).map(|number| format!("line {number}")).collect::<Vec<_>>());
        let bytes: u64 = fs::read_dir(dir.path().join("f"))
            .expect("reads")
            .map(|entry| entry.and_then(|entry| entry.metadata()).expect("reads").len())
            .sum();
        assert!((2048..=4096).contains(&bytes), "{bytes}");
        let page = log.page(Some(1), 100).expect("reads");
        assert!(page.lost && page.lines[0].text.starts_with("line "), "{page:?}");
    }
}

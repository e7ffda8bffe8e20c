//! What a function did so far, for those who look.

use std::{collections::VecDeque, time::Duration};

/// Durations that percentiles are of.
const RECENT: usize = 1024;
/// Characters of an error's message that are kept.
const MESSAGE_CHARACTERS_MAX: usize = 2000;

/// A function's figures since the program started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionStatus {
    pub name: String,
    /// Why its code does not start, if so: the newest attempt failed.
    pub init_error: Option<String>,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    /// Errors that were time-outs.
    pub timeouts: u64,
    pub cold_starts: u64,
    pub duration_sum: Duration,
    pub duration_max: Duration,
    /// Of the newest 1,024 calls.
    pub duration_p50: Duration,
    pub duration_p99: Duration,
    pub memory_max_mb: Option<u64>,
    pub busy: u32,
    pub idle: u32,
    pub starting: u32,
    /// Calls that wait for a process.
    pub waiting: u32,
    pub last_error: Option<LastError>,
}

/// The newest error of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    pub kind: String,
    pub message: String,
    pub at_ms: u64,
}

impl LastError {
    /// Reads an error document; what is none is the message.
    pub(crate) fn of(document: &[u8], at_ms: u64) -> LastError {
        let json: serde_json::Value = serde_json::from_slice(document).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
        let message =
            text("errorMessage").map_or_else(|| String::from_utf8_lossy(document).into_owned(), str::to_owned);
        let message = message.chars().take(MESSAGE_CHARACTERS_MAX).collect();
        LastError { kind: text("errorType").unwrap_or("Unknown").to_owned(), message, at_ms }
    }
}

#[derive(Default)]
pub(crate) struct Figures {
    pub status: FunctionStatus,
    recent: VecDeque<Duration>,
}

impl Figures {
    pub fn took(&mut self, duration: Duration) {
        self.status.invocations += 1;
        self.status.duration_sum += duration;
        self.status.duration_max = self.status.duration_max.max(duration);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(duration);
    }

    pub fn shown(&self) -> FunctionStatus {
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        let percentile = |percent| at(percent).copied().unwrap_or_default();
        FunctionStatus { duration_p50: percentile(50), duration_p99: percentile(99), ..self.status.clone() }
    }
}

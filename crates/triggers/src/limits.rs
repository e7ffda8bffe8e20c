//! How long, how much, how often: every bound that is no setting.

/// Largest event: AWS's limit of a synchronous call.
pub const PAYLOAD_BYTES_MAX: usize = 6 << 20;
/// Room that is kept in it for what stands around the records, a window's state apart.
pub const ENVELOPE_BYTES: usize = 4 << 10;
/// Largest state of a tumbling window; above it the window ends early.
pub const WINDOW_STATE_BYTES_MAX: usize = 1 << 20;
/// A window ends so long after its time, for records that were being committed when it was over.
pub const WINDOW_GRACE_MS: u64 = 1000;

/// A failed call is repeated after so long; twice as long after every further failure in a row, up to the second.
pub const BACKOFF_FIRST_MS: u64 = 100;
pub const BACKOFF_MAX_MS: u64 = 30_000;
/// A failing record is repeated so often before it is parked, where the trigger has no number of its own.
pub const PARK_RETRIES: u32 = 2;
/// Records that came through so many functions are not delivered: their functions feed themselves.
pub const DEPTH_MAX: u8 = 16;
/// Depth of letters about records that were not delivered for that: they call nobody, and nobody is told of it.
pub const DEPTH_LAST: u8 = u8::MAX;

/// A lane reads so much more than the batch at hand, so that small batches do not each read the log.
pub const LOOK_AHEAD_RECORDS: usize = 256;
pub const LOOK_AHEAD_BYTES: usize = 1 << 20;
/// Most bytes of stored images that one read looks at: others' and unwanted records are passed in such steps.
pub const SCAN_BYTES: usize = 4 << 20;
/// Most records that are parked behind others with one commit.
pub const BEHIND_MAX: usize = 1000;
/// A position that moved past nothing but others' and unwanted records is committed after so many positions, or so long.
pub const LAZY_POSITIONS: u64 = 10_000;
pub const LAZY_MS: u64 = 60_000;
/// Commits of several lanes go together up to about so many bytes of letters and parked records.
pub const COMMIT_BYTES: usize = 8 << 20;
/// A commit that found no space is repeated after so long.
pub const COMMIT_AGAIN_MS: u64 = 1000;
/// A call under way when everything stops has so long to end.
pub const STOP_GRACE_MS: u64 = 5000;

/// Characters of an error that are kept.
pub const ERROR_CHARACTERS: usize = 300;
/// Bytes of text in one item of the dead-letter table: an item has 400 KB.
pub const LETTER_TEXT_BYTES: usize = 350 << 10;

/// How long to wait after so many failures in a row.
pub fn backoff_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_FIRST_MS << doublings).min(BACKOFF_MAX_MS)
}

/// A text cut to what is kept of an error.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(ERROR_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_half_a_minute() {
        let waits: Vec<u64> = (1..12).map(backoff_ms).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(backoff_ms(u32::MAX), 30_000);
    }
}

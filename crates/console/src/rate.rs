//! Changes a second, from commit times: the rate now and five minutes of history. Pure; the caller reads the log.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How far back the history goes.
pub const WINDOW_MS: u64 = 300_000;
/// Width of one step of the history.
const STEP_MS: u64 = 2_000;
/// The rate now is the mean of this many whole seconds.
const NOW_SECONDS: u64 = 3;
/// A frame must follow within a second as long as changes are younger than this: the rate falls by itself.
const SETTLE_SECONDS: u64 = 5;

/// Counts of changes by second of their commit time.
#[derive(Debug, Default)]
pub struct RateWindow {
    seconds: BTreeMap<u64, u64>,
    /// Counts are complete from here on.
    known_ms: u64,
}

impl RateWindow {
    /// Knows nothing before `now_ms`.
    pub fn new(now_ms: u64) -> RateWindow {
        RateWindow { seconds: BTreeMap::new(), known_ms: now_ms }
    }

    /// Counts changes by their commit times, in any order.
    pub fn count(&mut self, times_ms: impl IntoIterator<Item = u64>) {
        for time_ms in times_ms {
            *self.seconds.entry(time_ms / 1000).or_default() += 1;
        }
        // Older than the window and one step: never shown again.
        let newest = self.seconds.last_key_value().map_or(0, |(second, _)| *second);
        let oldest = newest.saturating_sub((WINDOW_MS + 2 * STEP_MS) / 1000);
        self.seconds = self.seconds.split_off(&oldest);
    }

    /// Counts are now complete from `time_ms` on.
    pub fn known_from(&mut self, time_ms: u64) {
        self.known_ms = self.known_ms.min(time_ms);
    }

    /// Whether the rate shown will change although nothing happens.
    pub fn settling(&self, now_ms: u64) -> bool {
        self.seconds.last_key_value().is_some_and(|(second, _)| second + SETTLE_SECONDS >= now_ms / 1000)
    }

    /// Changes a second over the last whole seconds.
    pub fn now(&self, now_ms: u64) -> f64 {
        let second = now_ms / 1000;
        let count: u64 = self.seconds.range(second.saturating_sub(NOW_SECONDS)..second).map(|(_, count)| count).sum();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people; counts of three seconds are far below 2^53")]
        let rate = count as f64 / NOW_SECONDS as f64;
        rate
    }

    /// `{now, step_ms, until_ms, known_ms, counts}`: whole steps only, the last one ends at `until_ms`.
    pub fn frame(&self, now_ms: u64) -> Value {
        let until_ms = now_ms / STEP_MS * STEP_MS;
        let first_ms = until_ms.saturating_sub(WINDOW_MS);
        let mut counts = vec![0u64; usize::try_from(WINDOW_MS / STEP_MS).expect("a small constant")];
        for (second, count) in self.seconds.range(first_ms / 1000..until_ms / 1000) {
            let step = usize::try_from((second * 1000 - first_ms) / STEP_MS).expect("within the window");
            counts[step] += count;
        }
        json!({
            "now": self.now(now_ms),
            "step_ms": STEP_MS,
            "until_ms": until_ms,
            "known_ms": self.known_ms,
            "counts": counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_795_000_000_000;

    #[test]
    fn the_rate_is_the_mean_of_whole_seconds_and_falls_to_zero() {
        let mut rate = RateWindow::new(T);
        rate.count((0..3000).map(|index| T + index));
        let seen: Vec<(f64, bool)> =
            (0..10).map(|second| T + second * 1000).map(|now| (rate.now(now), rate.settling(now))).collect();
        let rates: Vec<f64> = seen.iter().map(|(rate, _)| rate.round()).collect();
        assert_eq!(rates, [0.0, 333.0, 667.0, 1000.0, 667.0, 333.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(seen[..8].iter().all(|(_, settling)| *settling), "zero is shown before frames end");
        assert!(!seen[8].1);
    }

    #[test]
    fn the_history_holds_five_minutes_in_whole_steps() {
        let mut rate = RateWindow::new(T);
        rate.count([T + 1, T + 1999, T + 2000, T + 299_999, T + 300_500]);
        rate.count((0..2000).map(|second| T - 5_000_000 + second * 1000));
        let frame = rate.frame(T + 301_000);
        assert_eq!(frame["until_ms"], T + 300_000);
        let counts: Vec<u64> = frame["counts"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        assert_eq!((counts.len(), counts[0], counts[1], counts[149]), (150, 2, 1, 1));
        assert_eq!(counts.iter().sum::<u64>(), 4);
        assert!(rate.seconds.len() <= 306, "old seconds are forgotten: {}", rate.seconds.len());
    }
}

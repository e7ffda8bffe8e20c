//! What is said while votes are cast: a bar on a terminal, a line every ten seconds elsewhere, a summary at the end.

use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// What a run came to.
#[derive(Default)]
pub struct Outcome {
    pub cast: u64,
    pub changed: u64,
    pub deleted: u64,
    pub errors: u64,
    /// The first error, in the server's words.
    pub first_error: Option<String>,
    pub latency: Latency,
}

impl Outcome {
    /// Operations that were answered, well or not.
    pub fn done(&self) -> u64 {
        self.cast + self.changed + self.deleted + self.errors
    }

    /// One line of figures.
    pub fn figures(&self, elapsed: Duration) -> String {
        let rate = self.done() as f64 / elapsed.as_secs_f64().max(1e-3);
        format!(
            "{} cast, {} changed, {} deleted, {} errors; {rate:.0}/s, p50 {}, p99 {}",
            self.cast,
            self.changed,
            self.deleted,
            self.errors,
            millis(self.latency.quantile(0.50)),
            millis(self.latency.quantile(0.99)),
        )
    }
}

/// `0.42 ms`, `17 ms`.
fn millis(latency: Duration) -> String {
    let ms = latency.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// Counts of latencies in buckets 3 % wide: bounded memory however long the run.
pub struct Latency {
    buckets: Vec<u64>,
    count: u64,
}

/// Each power of two of microseconds has this many buckets.
const SLOTS: u64 = 32;

impl Default for Latency {
    fn default() -> Latency {
        Latency { buckets: vec![0; (SLOTS * 40) as usize], count: 0 }
    }
}

impl Latency {
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let at = bucket(micros).min(self.buckets.len() - 1);
        self.buckets[at] += 1;
        self.count += 1;
    }

    /// The latency that this share of the calls stayed within.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted.max(1) {
                return Duration::from_micros(lower(at));
            }
        }
        Duration::ZERO
    }
}

fn bucket(micros: u64) -> usize {
    if micros < SLOTS {
        return micros as usize;
    }
    let power = u64::from(micros.ilog2() - SLOTS.ilog2());
    ((power + 1) * SLOTS + (micros >> power) - SLOTS) as usize
}

/// Least latency of a bucket.
fn lower(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SLOTS { bucket } else { (SLOTS + bucket % SLOTS) << (bucket / SLOTS - 1) }
}

/// The bar, or nothing where nobody watches.
pub struct Progress {
    bar: ProgressBar,
    watched: bool,
}

impl Progress {
    /// `total` operations are to come, if that is known.
    pub fn new(total: Option<u64>) -> Progress {
        let watched = std::io::stderr().is_terminal();
        let bar = match (watched, total) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(total)) => ProgressBar::new(total),
            (true, None) => ProgressBar::no_length(),
        };
        let template = match total {
            Some(_) => "{bar:32.cyan/blue} {human_pos}/{human_len}  {msg}  {eta} left",
            None => "{spinner:.cyan} {human_pos}  {msg}  {elapsed}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        Progress { bar, watched }
    }

    /// Shows where the run stands; `tick` counts the calls, ten a second.
    pub fn show(&self, outcome: &Outcome, elapsed: Duration, tick: u64) {
        if self.watched {
            self.bar.set_position(outcome.done());
            self.bar.set_message(outcome.figures(elapsed));
        } else if tick > 0 && tick.is_multiple_of(100) {
            eprintln!("{:.0} s: {}", elapsed.as_secs_f64(), outcome.figures(elapsed));
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_bucket() {
        let mut latency = Latency::default();
        for micros in 1..=100_000 {
            latency.record(Duration::from_micros(micros));
        }
        for (share, expected) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.001, 100.0)] {
            let got = latency.quantile(share).as_micros() as f64;
            assert!((got / expected - 1.0).abs() < 0.04, "{share}: {got}");
        }
        assert_eq!(Latency::default().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn buckets_are_in_order_and_start_at_their_bound() {
        for at in 0..1_000 {
            assert_eq!(bucket(lower(at)), at);
        }
    }
}

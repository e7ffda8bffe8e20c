//! How often a producer may make a frame: at once when it was quiet, a few a second when it is not.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Frames that a quiet page may make in quick succession: a change shows in the list of changes at once, and its
/// view's row, a moment later, in the chart at once too.
const BURST: u32 = 3;
/// Between frames of a burst: what arrives together is shown together.
const GATHER: Duration = Duration::from_millis(12);

/// A bucket of frames that fills at a steady rate.
pub struct Pace {
    every: Duration,
    /// When the bucket will be full again; the further ahead, the emptier it is.
    full_at: Instant,
    last: Instant,
}

impl Pace {
    /// At most one frame per `every` in the long run.
    pub fn new(every: Duration) -> Pace {
        let now = Instant::now();
        Pace { every, full_at: now, last: now }
    }

    /// Waits until the next frame may be made and takes it from the bucket.
    pub async fn take(&mut self) {
        let at = self.next_at(Instant::now());
        sleep_until(at).await;
        let now = Instant::now();
        self.full_at = self.full_at.max(now) + self.every;
        self.last = now;
    }

    fn next_at(&self, now: Instant) -> Instant {
        let tokens_at = self.full_at.checked_sub(self.every * (BURST - 1)).unwrap_or(now);
        tokens_at.max(self.last + GATHER).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_page_answers_at_once_and_a_busy_one_five_times_a_second() {
        let mut pace = Pace::new(Duration::from_millis(200));
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..8 {
            pace.take().await;
            at.push(start.elapsed().as_millis());
        }
        assert_eq!((at[0], &at[3..]), (0, &[200, 400, 600, 800, 1000][..]));
        assert!(at[1] < 20 && at[2] < 40, "a burst is quick: {at:?}");
    }
}

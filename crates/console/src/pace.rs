//! How often a producer may make a frame: at once when it was quiet, sooner while each shows little, a few a second when
//! much happens.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Frames that a quiet page may make in quick succession.
const BURST: u32 = 4;
/// From the reason for a frame to the frame: a change and what its view makes of it, a moment later, are shown
/// together.
const GATHER: Duration = Duration::from_millis(10);

/// A bucket of frames that fills at a steady rate.
pub struct Pace {
    every: Duration,
    /// When the bucket will be full again; the further ahead, the emptier it is. `None`: no frame was made yet.
    full_at: Option<Instant>,
}

impl Pace {
    /// At most one frame per `every` in the long run.
    pub fn new(every: Duration) -> Pace {
        Pace { every, full_at: None }
    }

    /// Waits until the next frame may be made and takes it from the bucket. The first one may be at once.
    pub async fn take(&mut self) {
        if let Some(full_at) = self.full_at {
            let gathered = Instant::now() + GATHER;
            let filled = full_at.checked_sub(self.every * (BURST - 1));
            sleep_until(filled.map_or(gathered, |filled| filled.max(gathered))).await;
        }
        let now = Instant::now();
        self.full_at = Some(self.full_at.map_or(now, |full_at| full_at.max(now)) + self.every);
    }

    /// The frame just taken showed so little that it counts as a quarter of one: what people do one by one is seen one
    /// by one.
    pub fn was_small(&mut self) {
        self.full_at = self.full_at.and_then(|full_at| full_at.checked_sub(self.every * 3 / 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_page_answers_at_once_and_a_busy_one_five_times_a_second() {
        let mut pace = Pace::new(Duration::from_millis(200));
        let mut at = Vec::new();
        for _ in 0..2 {
            // Quiet for long enough to fill the bucket.
            tokio::time::advance(Duration::from_secs(60)).await;
            let start = Instant::now();
            at.clear();
            for _ in 0..8 {
                pace.take().await;
                at.push(start.elapsed().as_millis());
            }
        }
        assert!(at[..4].iter().all(|ms| *ms <= 60), "a burst is quick: {at:?}");
        // To the bucket, the first of them was taken a gathering after the start.
        assert!(at[4..].iter().zip([200, 400, 600, 800]).all(|(ms, due)| (due..due + 20).contains(ms)), "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_show_little_may_follow_sooner() {
        let mut pace = Pace::new(Duration::from_millis(200));
        let start = Instant::now();
        for _ in 0..20 {
            pace.take().await;
            pace.was_small();
        }
        let all = start.elapsed().as_millis();
        assert!((19 * 50 - 600..19 * 50).contains(&all), "20 frames took {all} ms");
    }
}

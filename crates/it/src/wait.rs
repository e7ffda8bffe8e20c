//! The one way to wait for something that can only be looked at: again and again until a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// A point in time after which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "tests look at a real program by the real clock")]
    pub fn after(period: Duration) -> Deadline {
        Deadline(Instant::now() + period)
    }

    /// Time left; zero once it has passed.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "tests look at a real program by the real clock")]
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Looks until there is something, at most for `period`.
///
/// # Panics
/// When the time is up, with `what` was waited for.
pub fn until<T>(what: &str, period: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::after(period);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(!deadline.left().is_zero(), "waited {} s in vain for: {what}", period.as_secs());
        thread::park_timeout(PAUSE);
    }
}

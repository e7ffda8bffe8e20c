//! Who asked lately: whether one connection is alone, so that its write may hold up the thread that serves it. Knows no
//! operations.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Requests in a row from one connection until it counts as alone. Of several connections one may come twice.
const ALONE_AFTER: u32 = 4;

/// How long a runtime's thread may be held up.
const HELD_MAX: Duration = Duration::from_micros(500);

/// After a request that held its thread up for longer, nobody counts as alone for so many: the disk is slow, or busy.
const PATIENCE: u32 = 256;

/// Turns of connections. Only a hint rests on it, so threads may overtake one another.
#[derive(Default)]
pub(crate) struct Turns {
    last: AtomicU64,
    in_a_row: AtomicU32,
    /// Requests left of [`PATIENCE`].
    patience: AtomicU32,
}

impl Turns {
    /// A request came from this connection; answers whether it is alone.
    pub fn take(&self, connection: u64) -> bool {
        if self.last.swap(connection, Relaxed) != connection {
            self.in_a_row.store(0, Relaxed);
            return false;
        }
        let before = self.in_a_row.load(Relaxed);
        self.in_a_row.store(before.saturating_add(1), Relaxed);
        let patience = self.patience.load(Relaxed);
        self.patience.store(patience.saturating_sub(1), Relaxed);
        before + 1 >= ALONE_AFTER && patience == 0
    }

    /// How long the thread was held up by one that was alone.
    pub fn held(&self, time: Duration) {
        if time > HELD_MAX {
            self.patience.store(PATIENCE, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_is_alone_until_another_comes_or_the_disk_is_slow() {
        let turns = Turns::default();
        let alone = |connection: u64, times: u32| (0..times).filter(|_| turns.take(connection)).count();
        assert_eq!(alone(1, 4), 0);
        assert_eq!(alone(1, 3), 3);
        assert_eq!((0..100).filter(|turn| turns.take(turn % 2)).count(), 0);
        assert_eq!(alone(1, 10), 7);
        turns.held(Duration::from_micros(499));
        assert_eq!(alone(1, 1), 1);
        turns.held(Duration::from_micros(501));
        assert_eq!(alone(1, PATIENCE), 0);
        assert_eq!(alone(1, 1), 1);
    }
}

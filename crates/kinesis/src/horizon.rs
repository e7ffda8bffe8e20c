//! The oldest position that a stream shows: what is older than its retention may still be in the log, but not in the
//! stream.

use crate::Error;
use db::Db;
use item::Seq;
use std::{collections::HashMap, sync::Mutex};

/// Horizons by retention, found once a second, because finding one reads the log.
#[derive(Default)]
pub(crate) struct Horizons(Mutex<Known>);

#[derive(Default)]
struct Known {
    second: u64,
    /// No more than there are streams: they are forgotten each second.
    horizons: HashMap<u64, Seq>,
}

impl Horizons {
    /// The oldest position of what was committed within `keep_ms`.
    pub fn get(&self, db: &Db, keep_ms: u64) -> Result<Seq, Error> {
        let now_ms = db.now_ms();
        let mut known = self.0.lock().expect("no holder panics");
        if known.second != now_ms / 1000 {
            *known = Known { second: now_ms / 1000, horizons: HashMap::new() };
        }
        let found = match known.horizons.get(&keep_ms) {
            Some(found) => *found,
            None => {
                let found = db.seq_at(now_ms.saturating_sub(keep_ms))?;
                known.horizons.insert(keep_ms, found);
                found
            }
        };
        Ok(found.max(db.trimmed()))
    }
}

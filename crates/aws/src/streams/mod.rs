//! DynamoDB Streams: the log's changes of one table, shown as AWS shows them. Knows positions only as `db` gives them.

mod describe;
mod iterator;
mod records;

pub(crate) use describe::{describe_stream, latest, list_streams};
pub(crate) use iterator::get_shard_iterator;
pub(crate) use records::get_records;

use crate::{Inner, protocol::Fault};
use item::Seq;
use std::sync::{Mutex, PoisonError};

/// The oldest position shown: what is older than the retention is in the log perhaps, but not in the stream. Found once
/// a second, because finding it reads the log.
#[derive(Default)]
pub(crate) struct Horizon(Mutex<Option<(u64, Seq)>>);

impl Horizon {
    fn get(&self, door: &Inner) -> Result<Seq, Fault> {
        let now_ms = door.db.now_ms();
        let second = now_ms / 1000;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, seq)) = *known
            && at == second
        {
            return Ok(seq);
        }
        let shown = door.db.seq_at(now_ms.saturating_sub(door.config.stream_retention_ms))?;
        let seq = shown.max(door.db.trimmed());
        *known = Some((second, seq));
        Ok(seq)
    }
}

//! Which of the records at hand are the next batch.

use super::{Amount, Lane, View};
use crate::{
    limits::{BEHIND_MAX, ENVELOPE_BYTES, PAYLOAD_BYTES_MAX},
    record::Record,
};

/// Records that are called with together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// How many records from the buffer's front it covers.
    pub span: usize,
    /// Places of those among them that are called with; the others belong behind parked ones.
    pub members: Vec<usize>,
    /// What is to be parked of the span.
    pub behind: Amount,
}

/// A batch, and whether it will not grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    pub batch: Batch,
    /// It is full, or what comes next cannot be in it.
    pub ended: bool,
    /// What comes next should be parked and there is no room.
    pub no_room: bool,
}

impl Batch {
    /// The part before the member of this place.
    pub fn before(&self, place: usize) -> Batch {
        Batch { span: self.members[place], members: self.members[..place].to_vec(), behind: self.behind }
    }
}

impl Lane {
    /// Takes records from the buffer's front as long as they go together.
    pub(super) fn gather(&self, view: View<'_>) -> Gathered {
        let mut batch = Batch::default();
        let mut bytes = ENVELOPE_BYTES + self.state.window.as_ref().map_or(0, |window| window.state.len());
        let mut held = 0;
        let gathered = |batch, ended, no_room| Gathered { batch, ended, no_room };
        let range = self.state.ranges.last();
        for (at, record) in view.buffer.iter().enumerate() {
            let is_past = range.is_some_and(|end| record.seq > *end);
            if is_past || self.is_full(&batch, held) {
                return gathered(batch, true, false);
            }
            if let Some(amount) = self.behind(record) {
                let Some(behind) = batch.behind.and(amount).within(view.room) else {
                    return gathered(batch, true, true);
                };
                batch.behind = behind;
            } else if !self.goes_with(view, &batch, bytes, record) {
                return gathered(batch, true, false);
            } else {
                bytes += record.event.len() + 1;
                batch.members.push(at);
            }
            held += record.event.len();
            batch.span = at + 1;
        }
        let ended = self.is_full(&batch, held) || range.is_some_and(|end| view.seen > *end);
        gathered(batch, ended, false)
    }

    /// Whether nothing more goes into a batch whose span holds so many bytes.
    fn is_full(&self, batch: &Batch, held: usize) -> bool {
        batch.members.len() >= self.rules.batch_size
            || batch.span >= batch.members.len() + BEHIND_MAX
            || held >= PAYLOAD_BYTES_MAX
    }

    /// Whether a record may be in the batch that has so many bytes. One alone always may.
    fn goes_with(&self, view: View<'_>, batch: &Batch, bytes: usize, record: &Record) -> bool {
        let Some(&first) = batch.members.first() else { return true };
        let first = &view.buffer[first];
        bytes + record.event.len() < PAYLOAD_BYTES_MAX
            && first.depth == record.depth
            && self.window_of(first) == self.window_of(record)
    }
}

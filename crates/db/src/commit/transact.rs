//! Transactions: several writes of one group, all or none, once for each client's token.

use super::{
    Core,
    evaluate::{NewChange, call_row},
};
use crate::{Error, RetryToken, Transacted, Write, log::entry, rows};
use item::Seq;

/// Size of the items that one transaction may leave, together. It bounds the frame, too.
const BYTES_MAX: u64 = 4 << 20;

/// How long a token stands for its transaction.
const TOKEN_MS: u64 = 10 * 60 * 1000;

impl Core {
    /// Carries out a transaction. `None` where its token stands for a transaction of this very group: its turn comes
    /// with the next one.
    pub(super) fn transact(
        &mut self,
        writes: &[Write],
        token: Option<RetryToken>,
    ) -> Option<Result<Transacted, Error>> {
        let Some(token) = token else { return Some(self.transact_once(writes, None)) };
        if self.group.calls.contains(&token.id) {
            return None;
        }
        Some(match self.transaction_of(&token.id) {
            Ok(Some((request, first, last))) if request == token.request => {
                self.first_answers(writes, token, first, last).map(|written| Transacted { written, repeated: true })
            }
            Ok(Some(_)) => Err(Error::TokenReused),
            Ok(None) => self.transact_once(writes, Some(token)),
            Err(error) => Err(error),
        })
    }

    /// As [`Core::call_of`], whose rows live longer than a token: to the minute, since clients choose tokens and may use
    /// one again when its time is over.
    fn transaction_of(&self, id: &[u8; 16]) -> Result<Option<(u64, Seq, Seq)>, Error> {
        let Some(call) = self.call_of(id)? else { return Ok(None) };
        let log = &self.writer.log;
        // Not the last position: where nothing changed, that is one before, of another time.
        let (_, first, _) = call;
        // What has been trimmed cannot tell its time; it is answered as too old to be known, never carried out again.
        if first < log.trimmed() {
            return Ok(Some(call));
        }
        let recent = log.seq_at(self.group.time_ms.saturating_sub(TOKEN_MS))?;
        Ok(recent.is_some_and(|recent| first >= recent).then_some(call))
    }

    /// Every write is evaluated, so that every reason is known, before any is entered.
    fn transact_once(&mut self, writes: &[Write], token: Option<RetryToken>) -> Result<Transacted, Error> {
        let evaluated: Vec<_> = writes.iter().map(|write| self.evaluate(write)).collect();
        if let Some(error) = evaluated.iter().find_map(|change| change.as_ref().err().filter(|error| error.is_own())) {
            return Err(error.clone());
        }
        if evaluated.iter().any(Result::is_err) {
            return Err(Error::Canceled(evaluated.into_iter().map(Result::err).collect()));
        }
        if evaluated.iter().flatten().map(NewChange::bytes).sum::<u64>() > BYTES_MAX {
            return Err(Error::TransactionTooLarge);
        }
        let first = self.next_seq();
        self.group.writes += writes.len() as u64;
        let changes = evaluated.into_iter().flatten();
        let written = changes.map(|change| self.enter_change(change, token)).collect();
        if let Some(token) = token {
            let last = Seq(self.next_seq().0 - 1);
            entry::push_call(&token.id, token.request, first, last, self.writer.builder.entry());
            self.group.calls.push(token.id);
            // Under the position of the entry that says so.
            let row = rows::call(self.group.time_ms, &token.id);
            let seq = Seq(self.next_seq().0 - 1);
            self.group.batch.put(row, call_row(token.request, first, last), seq);
        }
        Ok(Transacted { written, repeated: false })
    }
}

//! Transactions: several writes of one group, all or none, once for each client's token.

use super::{Core, evaluate::call_row};
use crate::{Error, RetryToken, Transacted, Write, log::entry, rows};
use item::Seq;

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
        Some(match self.call_of(&token.id) {
            Ok(Some((request, first, last))) if request == token.request => {
                self.first_answers(writes, token, first, last).map(|written| Transacted { written, repeated: true })
            }
            Ok(Some(_)) => Err(Error::TokenReused),
            Ok(None) => self.transact_once(writes, Some(token)),
            Err(error) => Err(error),
        })
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

//! What waits to be committed, and how it is answered.

use crate::{
    Error, FollowerCommit, Record, Resource, ResourcePut, RetryToken, Table, TableSpec, TableUpdate, Transacted, Write,
    Written,
    write::{Reply, Ticket},
};
use item::{Seq, size};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

/// One request, with the way back to whoever asked.
pub(crate) enum Action {
    Write(Box<Write>, Option<RetryToken>, Reply<Written>),
    Batch(Vec<Write>, Option<RetryToken>, Reply<Vec<Written>>),
    Transact(Vec<Write>, Option<RetryToken>, Reply<Transacted>),
    Records(Vec<Record>, Option<RetryToken>, Reply<Vec<Seq>>),
    Create(Box<TableSpec>, Reply<Arc<Table>>),
    Update(String, Box<TableUpdate>, Reply<Arc<Table>>),
    Delete(String, Reply<Arc<Table>>),
    PutResource(Box<ResourcePut>, Reply<Arc<Resource>>),
    /// By kind and name.
    DeleteResource(String, String, Reply<Arc<Resource>>),
    Follower(Box<FollowerCommit>, Reply<Seq>),
}

impl Action {
    /// About the bytes that it holds for a client. Schemas are small, and a follower has one commit under way, of a
    /// bounded size, which it must get in whatever clients do.
    fn resident(&self) -> usize {
        match self {
            Action::Write(write, ..) => write.resident(),
            Action::Batch(writes, ..) | Action::Transact(writes, ..) => writes.iter().map(Write::resident).sum(),
            Action::Records(records, ..) => records.iter().map(|record| size::resident(&record.item)).sum(),
            Action::Create(..) | Action::Update(..) | Action::Delete(..) => 0,
            Action::PutResource(..) | Action::DeleteResource(..) | Action::Follower(..) => 0,
        }
    }

    /// Answers with an error; nothing happened.
    pub fn refuse(self, error: &Error) {
        let error = error.clone();
        match self {
            Action::Write(_, _, reply) => reply.send(Err(error)),
            Action::Batch(_, _, reply) => reply.send(Err(error)),
            Action::Transact(_, _, reply) => reply.send(Err(error)),
            Action::Records(_, _, reply) => reply.send(Err(error)),
            Action::Create(_, reply) | Action::Update(_, _, reply) | Action::Delete(_, reply) => reply.send(Err(error)),
            Action::PutResource(_, reply) | Action::DeleteResource(_, _, reply) => reply.send(Err(error)),
            Action::Follower(_, reply) => reply.send(Err(error)),
        }
    }
}

/// An answer that waits for its group to be on disk: even a refusal may rest on what the group has not yet kept.
pub(super) enum Answer {
    Written(Reply<Written>, Result<Written, Error>),
    Batch(Reply<Vec<Written>>, Result<Vec<Written>, Error>),
    Transacted(Reply<Transacted>, Result<Transacted, Error>),
    Records(Reply<Vec<Seq>>, Result<Vec<Seq>, Error>),
    Table(Reply<Arc<Table>>, Result<Arc<Table>, Error>),
    Resource(Reply<Arc<Resource>>, Result<Arc<Resource>, Error>),
    Seq(Reply<Seq>, Result<(), Error>),
}

#[derive(Default)]
pub(super) struct Answers(Vec<Answer>);

impl Answers {
    pub fn push(&mut self, answer: Answer) {
        self.0.push(answer);
    }

    /// Sends every answer, or the group's failure in place of each; none is left.
    pub fn send(&mut self, outcome: &Result<(), Error>, head: Seq) {
        for answer in self.0.drain(..) {
            match answer {
                Answer::Written(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Batch(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Transacted(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Records(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Table(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Resource(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Seq(reply, answer) => reply.send(outcome.clone().and(answer).map(|()| head)),
            }
        }
    }
}

/// Requests that wait, bounded by count and by bytes.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit: Limit,
}

/// How much may wait.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub count: usize,
    pub bytes: usize,
}

/// An action, and what it counts for.
pub(crate) struct Waiting {
    pub action: Action,
    pub bytes: usize,
}

#[derive(Default)]
struct State {
    actions: VecDeque<Waiting>,
    bytes: usize,
    closed: bool,
    /// Somebody sleeps until there is something to do. Waking nobody would be a system call all the same.
    sleeping: bool,
}

impl State {
    /// Why an action of so many bytes cannot wait. One that is larger than the limit is let in alone.
    fn refusal(&self, bytes: usize, limit: Limit) -> Option<Error> {
        let full_of_bytes = bytes > 0 && self.bytes > 0 && self.bytes + bytes > limit.bytes;
        let full = self.actions.len() >= limit.count || full_of_bytes;
        if self.closed { Some(Error::Closed) } else { full.then_some(Error::Busy) }
    }
}

impl Queue {
    pub fn new(limit: Limit) -> Queue {
        Queue { state: Mutex::default(), arrived: Condvar::new(), limit }
    }

    /// Hands in a request made of its reply, or answers at once that there is no room.
    pub fn submit<T>(&self, action: impl FnOnce(Reply<T>) -> Action) -> Ticket<T> {
        let (ticket, state) = self.push(action);
        if let Some(state) = state {
            self.wake(state);
        }
        ticket
    }

    /// As [`Queue::submit`], for a caller who holds the core and commits next: nobody is woken.
    pub fn submit_quietly<T>(&self, action: impl FnOnce(Reply<T>) -> Action) -> Ticket<T> {
        self.push(action).0
    }

    /// Also the state, if there was room.
    fn push<T>(&self, action: impl FnOnce(Reply<T>) -> Action) -> (Ticket<T>, Option<MutexGuard<'_, State>>) {
        let (reply, ticket) = Ticket::new();
        let action = action(reply);
        let bytes = action.resident();
        let mut state = self.state();
        if let Some(error) = state.refusal(bytes, self.limit) {
            return (Ticket::ready(Err(error)), None);
        }
        state.bytes += bytes;
        state.actions.push_back(Waiting { action, bytes });
        (ticket, Some(state))
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.sleeping);
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    /// Everything that waits, in order.
    pub fn take(&self) -> VecDeque<Waiting> {
        let mut state = self.state();
        state.bytes = 0;
        std::mem::take(&mut state.actions)
    }

    /// Gives back what did not fit, ahead of what has come since.
    pub fn put_back(&self, mut actions: VecDeque<Waiting>) {
        let mut state = self.state();
        state.bytes += actions.iter().map(|waiting| waiting.bytes).sum::<usize>();
        actions.append(&mut state.actions);
        state.actions = actions;
        // The thread that commits them may have been passed over, see `submit_quietly`.
        self.wake(state);
    }

    pub fn is_empty(&self) -> bool {
        self.state().actions.is_empty()
    }

    /// Refuses requests from now on; those that wait are still carried out.
    pub fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Blocks until something waits; `false` once the queue is closed and empty.
    pub fn wait(&self) -> bool {
        let mut state = self.state();
        while state.actions.is_empty() && !state.closed {
            state.sleeping = true;
            state = self.arrived.wait(state).expect("no holder panics");
        }
        state.sleeping = false;
        !state.actions.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Op;
    use item::{Item, Key, KeyValue, Origin, TableId, Value};

    fn put(bytes: usize) -> Write {
        let item = Item::from_iter([("text", Value::S("x".repeat(bytes)))]);
        let key = Key { partition: KeyValue::S("k".into()), sort: None };
        Write { table: TableId(1), key, op: Op::Put(item), condition: None, origin: Origin::Client }
    }

    #[test]
    fn what_waits_is_bounded_by_bytes_as_by_count() {
        let queue = Queue::new(Limit { count: 4, bytes: 10_000 });
        let submit = |bytes: usize| {
            let ticket = queue.submit(|reply| Action::Batch(vec![put(bytes)], None, reply));
            matches!(ticket.try_wait(), Some(Err(Error::Busy)))
        };
        assert_eq!(
            [submit(50_000), submit(1)],
            [false, true],
            "alone it may be larger, and then nothing fits beside it"
        );
        let taken = queue.take();
        assert_eq!([submit(4_000), submit(4_000), submit(4_000)], [false, false, true]);
        queue.put_back(taken);
        assert!(submit(1), "what was given back counts again");
        let schema = queue.submit(|reply| Action::Delete("votes".into(), reply));
        assert!(schema.try_wait().is_none(), "bytes are what clients' writes are held to");
        assert_eq!(queue.take().len(), 4);
        assert_eq!([(); 5].map(|()| submit(1)), [false, false, false, false, true]);
    }
}

//! What waits to be committed, and how it is answered.

use crate::{
    Error, FollowerCommit, RetryToken, Table, TableSpec, TableUpdate, Transacted, Write, Written,
    write::{Reply, Ticket},
};
use item::Seq;
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

/// One request, with the way back to whoever asked.
pub(crate) enum Action {
    Write(Box<Write>, Option<RetryToken>, Reply<Written>),
    Batch(Vec<Write>, Option<RetryToken>, Reply<Vec<Written>>),
    Transact(Vec<Write>, Option<RetryToken>, Reply<Transacted>),
    Create(Box<TableSpec>, Reply<Arc<Table>>),
    Update(String, Box<TableUpdate>, Reply<Arc<Table>>),
    Delete(String, Reply<Arc<Table>>),
    Follower(Box<FollowerCommit>, Reply<Seq>),
}

impl Action {
    /// Answers with an error; nothing happened.
    pub fn refuse(self, error: &Error) {
        let error = error.clone();
        match self {
            Action::Write(_, _, reply) => reply.send(Err(error)),
            Action::Batch(_, _, reply) => reply.send(Err(error)),
            Action::Transact(_, _, reply) => reply.send(Err(error)),
            Action::Create(_, reply) | Action::Update(_, _, reply) | Action::Delete(_, reply) => reply.send(Err(error)),
            Action::Follower(_, reply) => reply.send(Err(error)),
        }
    }
}

/// An answer that waits for its group to be on disk: even a refusal may rest on what the group has not yet kept.
pub(super) enum Answer {
    Written(Reply<Written>, Result<Written, Error>),
    Batch(Reply<Vec<Written>>, Result<Vec<Written>, Error>),
    Transacted(Reply<Transacted>, Result<Transacted, Error>),
    Table(Reply<Arc<Table>>, Result<Arc<Table>, Error>),
    Seq(Reply<Seq>, Result<(), Error>),
}

#[derive(Default)]
pub(super) struct Answers(Vec<Answer>);

impl Answers {
    pub fn push(&mut self, answer: Answer) {
        self.0.push(answer);
    }

    /// Sends every answer, or the group's failure in place of each.
    pub fn send(self, outcome: Result<(), Error>, head: Seq) {
        for answer in self.0 {
            match answer {
                Answer::Written(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Batch(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Transacted(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Table(reply, answer) => reply.send(outcome.clone().and(answer)),
                Answer::Seq(reply, answer) => reply.send(outcome.clone().and(answer).map(|()| head)),
            }
        }
    }
}

/// Requests that wait, bounded by count.
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    actions: VecDeque<Action>,
    closed: bool,
}

impl Queue {
    pub fn new(limit: usize) -> Queue {
        Queue { state: Mutex::default(), arrived: Condvar::new(), limit }
    }

    /// Hands in a request made of its reply, or answers at once that there is no room.
    pub fn submit<T>(&self, action: impl FnOnce(Reply<T>) -> Action) -> Ticket<T> {
        let (reply, ticket) = Ticket::new();
        let mut state = self.state();
        let refused =
            if state.closed { Some(Error::Closed) } else { (state.actions.len() >= self.limit).then_some(Error::Busy) };
        if let Some(error) = refused {
            return Ticket::ready(Err(error));
        }
        let was_empty = state.actions.is_empty();
        state.actions.push_back(action(reply));
        drop(state);
        if was_empty {
            self.arrived.notify_one();
        }
        ticket
    }

    /// Everything that waits, in order.
    pub fn take(&self) -> VecDeque<Action> {
        std::mem::take(&mut self.state().actions)
    }

    /// Gives back what did not fit, ahead of what has come since.
    pub fn put_back(&self, mut actions: VecDeque<Action>) {
        let mut state = self.state();
        actions.append(&mut state.actions);
        state.actions = actions;
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
        let idle = |state: &mut State| state.actions.is_empty() && !state.closed;
        let state = self.arrived.wait_while(self.state(), idle).expect("no holder panics");
        !state.actions.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

//! What a door asks to be written, and how it waits for the answer.

use crate::{Error, database::Inner};
use item::{
    Item, Key, KeyValue, Origin, Seq, TableId,
    expression::{Condition, Update},
    size,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// One item to change, if its condition holds.
#[derive(Clone, Debug)]
pub struct Write {
    pub table: TableId,
    pub key: Key,
    pub op: Op,
    pub condition: Option<Condition>,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub enum Op {
    /// The whole item, key attributes included.
    Put(Item),
    Update(Update),
    Delete,
    /// Changes nothing: the condition is all there is to it.
    Check,
    /// Deletes the item if the table's time to live still is this, seconds since the epoch.
    Expire(u64),
}

impl Write {
    /// About the bytes of memory it takes while it waits.
    pub(crate) fn resident(&self) -> usize {
        let op = match &self.op {
            Op::Put(item) => size::resident(item),
            Op::Update(update) => update.resident(),
            Op::Delete | Op::Check | Op::Expire(_) => 0,
        };
        let key = [Some(&self.key.partition), self.key.sort.as_ref()].into_iter().flatten();
        let key: usize = key.filter_map(KeyValue::bytes).map(<[u8]>::len).sum();
        size_of::<Write>() + key + op + self.condition.as_ref().map_or(0, Condition::resident)
    }
}

/// What a write did. `old == new` when it changed nothing; then there is no `seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub seq: Option<Seq>,
    pub old: Option<Item>,
    pub new: Option<Item>,
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq)]
pub struct Transacted {
    /// In the order of its writes.
    pub written: Vec<Written>,
    /// It was carried out by an earlier call with the same token; nothing happened now.
    pub repeated: bool,
}

/// Names one call of a client's SDK: the same on every attempt (`amz-sdk-invocation-id`). A second attempt within
/// ten minutes with the same hash gets the first one's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryToken {
    pub id: [u8; 16],
    /// Hash of credentials, operation and request body.
    pub request: u64,
    /// Whether this may be a second attempt: `amz-sdk-request` says `attempt=1` on the first one, which spares the
    /// look-up.
    pub repeat: bool,
}

impl RetryToken {
    /// The token of a call that is known to be a repeat.
    pub(crate) fn again(self) -> RetryToken {
        RetryToken { repeat: true, ..self }
    }
}

/// The answer to a request that waits for its group to be on disk: `.await` it, or [`Ticket::wait`] on a thread.
#[must_use = "a request is carried out whether or not its ticket is kept, but its error would be lost"]
pub struct Ticket<T> {
    receiver: oneshot::Receiver<Result<T, Error>>,
    /// Set where no thread commits: whoever waits must step the database.
    stepper: Option<Arc<Inner>>,
}

impl<T> Ticket<T> {
    pub(crate) fn new() -> (Reply<T>, Ticket<T>) {
        let (sender, receiver) = oneshot::channel();
        (Reply(sender), Ticket { receiver, stepper: None })
    }

    pub(crate) fn ready(answer: Result<T, Error>) -> Ticket<T> {
        let (reply, ticket) = Ticket::new();
        reply.send(answer);
        ticket
    }

    pub(crate) fn stepped_by(self, stepper: Option<Arc<Inner>>) -> Ticket<T> {
        Ticket { stepper, ..self }
    }

    /// Blocks until the answer is there.
    ///
    /// # Errors
    /// The request's own, or [`Error::Closed`] when the database closed before it was carried out.
    pub fn wait(self) -> Result<T, Error> {
        let Some(stepper) = self.stepper else {
            return self.receiver.recv().unwrap_or(Err(Error::Closed));
        };
        loop {
            match self.receiver.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::TryRecvError::Disconnected) => return Err(Error::Closed),
                Err(oneshot::TryRecvError::Empty) => stepper.step(),
            }
        }
    }

    /// Whether the answer is there by now.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.receiver.has_message()
    }

    /// The answer if it is there by now.
    pub fn try_wait(&self) -> Option<Result<T, Error>> {
        match self.receiver.try_recv() {
            Ok(answer) => Some(answer),
            Err(oneshot::TryRecvError::Disconnected) => Some(Err(Error::Closed)),
            Err(oneshot::TryRecvError::Empty) => None,
        }
    }
}

impl<T> IntoFuture for Ticket<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Answered<T>;

    fn into_future(self) -> Answered<T> {
        Answered(self.receiver.into_future())
    }
}

/// A [`Ticket`] being awaited.
pub struct Answered<T>(oneshot::AsyncReceiver<Result<T, Error>>);

impl<T> Future for Answered<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(ctx).map(|answer| answer.unwrap_or(Err(Error::Closed)))
    }
}

/// The sending end of a [`Ticket`].
pub(crate) struct Reply<T>(oneshot::Sender<Result<T, Error>>);

impl<T> Reply<T> {
    /// Whoever asked may have gone away; then the answer is dropped.
    pub fn send(self, answer: Result<T, Error>) {
        let _ = self.0.send(answer);
    }
}

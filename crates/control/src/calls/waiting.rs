//! A call that was accepted and waits: what is kept of it until it is done.

use crate::{
    Invocation,
    fields::{Body, Fields, Malformed},
};
use bytes::Bytes;
use item::codec;

/// Calls lie under these in the state of their owner.
pub(crate) const PREFIX: &[u8] = b"call/";

/// A call that waits. Its id is the request's: whoever asked was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub id: String,
    /// The function's name.
    pub function: String,
    pub invocation: Invocation,
    /// Milliseconds since the epoch.
    pub accepted_ms: u64,
    /// When it is called next.
    pub due_ms: u64,
    /// The moment of its schedule, if it comes from one.
    pub scheduled_ms: Option<u64>,
    /// Calls that failed.
    pub failures: u32,
    /// Calls that found no room.
    pub refusals: u32,
}

impl Waiting {
    /// A call to be made at once.
    pub fn new(id: String, function: &str, invocation: Invocation, now_ms: u64) -> Waiting {
        let invocation = Invocation { request_id: Some(id.clone()), ..invocation };
        Waiting {
            id,
            function: function.to_owned(),
            invocation,
            accepted_ms: now_ms,
            due_ms: now_ms,
            scheduled_ms: None,
            failures: 0,
            refusals: 0,
        }
    }

    /// Where it lies: in the order in which calls came.
    pub fn key(&self) -> Vec<u8> {
        [PREFIX, &self.accepted_ms.to_be_bytes(), self.id.as_bytes()].concat()
    }

    /// What it is stored as.
    pub fn encode(&self) -> Vec<u8> {
        let Invocation { payload, client_context, depth, request_id: _ } = &self.invocation;
        let item = Body::default()
            .text("id", &self.id)
            .text("function", &self.function)
            .bytes("payload", payload)
            .optional_text("client_context", client_context.as_deref())
            .number("depth", i64::from(*depth))
            .number("accepted_ms", self.accepted_ms)
            .number("due_ms", self.due_ms)
            .optional_number("scheduled_ms", self.scheduled_ms)
            .number("failures", i64::from(self.failures))
            .number("refusals", i64::from(self.refusals))
            .item();
        let mut bytes = Vec::with_capacity(payload.len() + 256);
        codec::encode(&item, &mut bytes);
        bytes
    }

    /// Reads [`Waiting::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Waiting, Malformed> {
        let item = codec::decode(bytes).map_err(|error| Malformed::new("call", error.what))?;
        let fields = Fields(&item);
        let id = fields.text("id")?;
        let invocation = Invocation {
            payload: Bytes::copy_from_slice(fields.bytes("payload")?),
            client_context: fields.optional_text("client_context")?,
            depth: fields.number("depth")?,
            request_id: Some(id.clone()),
        };
        Ok(Waiting {
            id,
            function: fields.text("function")?,
            invocation,
            accepted_ms: fields.number("accepted_ms")?,
            due_ms: fields.number("due_ms")?,
            scheduled_ms: fields.optional_number("scheduled_ms")?,
            failures: fields.number("failures")?,
            refusals: fields.number("refusals")?,
        })
    }
}

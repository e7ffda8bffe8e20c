//! The seam to whatever runs functions: processes beside us, a Lambda elsewhere, a script in a test.

use bytes::Bytes;
use std::{future::Future, pin::Pin};

/// What a call came to, once it has come to something.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Called> + Send + 'a>>;

/// Calls functions, synchronously: the answer is what the function made of the payload.
pub trait Handler: Send + Sync + 'static {
    /// Calls a function with an event. `depth` says how many functions the event's records came through: what the
    /// function writes is one deeper. Dropping the future gives the call up.
    fn call(&self, function: &str, payload: Bytes, depth: u8) -> Answer<'_>;
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// The function returned; the payload is its answer in JSON.
    Answered { payload: Bytes, request_id: String },
    /// It failed, crashed, or took too long; the payload is AWS's error document.
    Failed {
        /// AWS's word: `Unhandled`.
        kind: String,
        payload: Bytes,
        request_id: String,
    },
    /// It was not called, for there is no room now.
    Throttled { why: String },
    /// There is no such function.
    Gone,
}

//! The seam to whatever runs functions: processes beside us, or a script in a test. Plain values of a function, and what
//! came of a call.

use bytes::Bytes;
use std::{collections::BTreeMap, future::Future, path::PathBuf, pin::Pin, time::Duration};

/// What is needed to run a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// As named: `python3.12`.
    pub runtime: String,
    pub handler: String,
    /// Where its code lies; it is run in place.
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_mb: u32,
    pub reserved_concurrency: Option<u32>,
    pub arn: String,
    /// Names the code: another token is other code.
    pub version: String,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub payload: Bytes,
    pub client_context: Option<String>,
    /// Functions that this call came through.
    pub depth: u8,
}

/// What the function made of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub request_id: String,
    /// The answer, or the error document.
    pub payload: Bytes,
    /// AWS's word for a failed call: `Unhandled`.
    pub error: Option<String>,
    pub duration: Duration,
    /// The last 4 KB of the call's log.
    pub log_tail: Vec<u8>,
}

/// Why a function was not called.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("there is no such function")]
    NotFound,
    #[error("{0}")]
    Throttled(String),
    #[error("the payload is too large")]
    PayloadTooLarge,
    #[error("shutting down")]
    Closed,
}

/// A call under way. Dropping it gives the call up.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Outcome, InvokeError>> + Send + 'a>>;

/// Runs functions.
pub trait Runner: Send + Sync + 'static {
    /// Whether it could run functions of this runtime; the error names those it can.
    ///
    /// # Errors
    /// The runtimes there are.
    fn check_runtime(&self, runtime: &str) -> Result<(), String>;

    /// Runs a function, or the function as it is now. One that is equal to the last changes nothing.
    fn put(&self, function: Function);

    fn remove(&self, name: &str);

    /// Its code changed in place.
    fn restart(&self, name: &str);

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_>;
}

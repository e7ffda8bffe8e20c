//! What is run, what a call is, and what comes of it. Plain values.

use bytes::Bytes;
use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

/// Longest answer of a synchronous call, bytes; AWS's number.
pub(crate) const ANSWER_BYTES_MAX: usize = 6_291_556;
/// Longest payload of a call, bytes.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 << 20;

/// How functions are run.
#[derive(Clone)]
pub struct Settings {
    /// Where Python environments, shims and logs are kept: `DATA/functions`.
    pub dir: PathBuf,
    /// Where handlers find AWS: `http://127.0.0.1:8000`.
    pub endpoint: String,
    pub region: String,
    pub account: String,
    /// Credentials that handlers get: id and secret. `None`: ones that nobody checks.
    pub key: Option<(String, String)>,
    /// The Python 3 that runs every `python3.x`.
    pub python: PathBuf,
    /// The Node.js that runs every `nodejs`.
    pub node: PathBuf,
    /// Processes at once, over all functions.
    pub processes_max: usize,
    /// Bytes of log files kept for each function.
    pub log_bytes_max: u64,
    /// Wall clock, milliseconds since the epoch.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// A function as it is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub runtime: Runtime,
    pub handler: String,
    /// Where its code lies; it is run in place.
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    /// A call that takes longer is killed, with all that it started.
    pub timeout: Duration,
    /// What the handler is told; nothing holds it to that.
    pub memory_mb: u32,
    /// Calls at once; 0: none. `None`: as many as there are processes.
    pub reserved_concurrency: Option<u32>,
    pub arn: String,
    /// Names the code: another token is other code.
    pub version: String,
}

/// What runs a function's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.12`: the machine's Python 3, whichever it is.
    Python(String),
    /// `nodejs22.x`: the machine's Node.js.
    Node(String),
    /// `provided.al2023`: the executable `bootstrap` in the folder.
    Provided(String),
}

/// A runtime that is not run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("runtime {0} is not run here: python3.x, nodejsN.x and provided.* (an executable `bootstrap`) are")]
pub struct UnknownRuntime(pub String);

impl Runtime {
    /// Reads AWS's name of a runtime.
    ///
    /// # Errors
    /// [`UnknownRuntime`].
    pub fn parse(name: &str) -> Result<Runtime, UnknownRuntime> {
        let numbered = |prefix: &str, suffix: &str| {
            let number = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if numbered("python3.", "") {
            Ok(Runtime::Python(name.to_owned()))
        } else if numbered("nodejs", ".x") {
            Ok(Runtime::Node(name.to_owned()))
        } else if matches!(name, "provided" | "provided.al2" | "provided.al2023" | "go1.x") {
            Ok(Runtime::Provided(name.to_owned()))
        } else {
            Err(UnknownRuntime(name.to_owned()))
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Runtime::Python(name) | Runtime::Node(name) | Runtime::Provided(name)) = self;
        f.write_str(name)
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub payload: Bytes,
    /// JSON.
    pub client_context: Option<String>,
    /// Functions that this call came through.
    pub depth: u8,
    /// As whoever asked was told: all tries of an event have one. `None`: a new one.
    pub request_id: Option<String>,
}

/// What the function made of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub request_id: String,
    /// The answer, or the error document.
    pub payload: Bytes,
    /// AWS's word for a failed call: `Unhandled`.
    pub error: Option<&'static str>,
    pub duration: Duration,
    /// How long the process took to start, where it was started for this call.
    pub init: Option<Duration>,
    /// Most memory that its process ever took.
    pub memory_max_mb: Option<u64>,
    /// The last 4 KB of the call's log.
    pub log_tail: Vec<u8>,
}

/// Why a function was not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("there is no such function")]
    NotFound,
    #[error("{0}")]
    Throttled(String),
    #[error("the payload is longer than {PAYLOAD_BYTES_MAX} bytes")]
    PayloadTooLarge,
    #[error("shutting down")]
    Closed,
}

//! How does a handler run? Unmodified Lambda handlers as processes of this machine, each behind a Runtime API of its own.
//!
//! In reading order: `model` says what is run and what comes of it; [`Functions`] keeps a pool of processes for each
//! function; `process` is one of them, `api` its Runtime API, `spawn` its birth and end; `runtime` makes commands and
//! environments, `python` the virtual environments; `log` keeps what they print. Knows neither tables nor triggers, nor
//! AWS's control plane.

mod api;
mod functions;
mod log;
mod model;
mod pool;
mod process;
mod python;
mod runtime;
mod spawn;
mod status;
pub mod trace;

pub use functions::Functions;
pub use log::{LogLine, LogPage};
pub use model::{Function, Invocation, InvokeError, Outcome, Runtime, Settings, UnknownRuntime};
pub use status::{FunctionStatus, LastError};

//! What becomes of an export? Executions: full dumps arrive in a bucket, only changes leave.
//!
//! ```text
//! object's event -> register -> lock -> delta -> [brake] -> publish -> apply -> release
//! ```
//!
//! A [`Binding`] says where exports arrive and what becomes of them. Each TENANT/TABLE is a resource whose cursor is the
//! fence: whatever is changed of its executions moves it, together with the rows of the registry, the records of the stream
//! or the rows of the target that go with the change. So nothing is published twice and nothing half, and one who was
//! declared dead fails at the next commit. Knows no HTTP, no JSON but the one it publishes, no template.

mod asked;
mod binding;
mod brake;
mod compute;
mod engine;
mod error;
mod execution;
mod exports;
mod fields;
mod files;
mod layout;
mod operation;
mod register;
mod registry;
mod rules;
mod schedule;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod work;

pub use binding::{BINDING, Binding, Brake, Complete, Empty, FILES_MAX, Policy, REGISTRY};
pub use error::Error;
pub use execution::{Execution, ExportFile, Hold, Outcome, Sample, Statistics, Status, Step, StepRecord};
pub use exports::{Exports, LISTED_MAX, Listed, Settings};
pub use registry::MISPLACED;
pub use status::{Counts, Imported, Progress, Running, TableStatus};

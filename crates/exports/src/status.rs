//! What is shown of exports while they run: figures and progress. In memory, gone with the process; what lasts is in the
//! registry.

use crate::Step;

/// A TENANT/TABLE as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct TableStatus {
    /// `TENANT/TABLE`.
    pub table: String,
    /// Name of the binding it came by.
    pub binding: String,
    /// The version that was imported last, when, how long it took, and how many operations it was.
    pub imported: Option<Imported>,
    pub running: Option<Running>,
    /// Versions that are not all there, that wait for their turn, that a person must decide about, that failed.
    pub waiting: Vec<String>,
    pub queued: Vec<String>,
    pub held: Vec<String>,
    pub failed: Vec<String>,
    /// When the oldest one of those that wait or run was registered, milliseconds since the epoch.
    pub oldest_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub version: String,
    pub ended_ms: u64,
    pub duration_ms: u64,
    pub operations: u64,
}

/// An execution that is being carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub version: String,
    pub step: Step,
    pub started_ms: u64,
    /// How far the step is; `None` where it cannot be said.
    pub progress: Option<Progress>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `bytes`, `parts` or `operations`.
    pub unit: &'static str,
    pub done: u64,
    pub total: u64,
}

/// Counted since the start of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub succeeded: u64,
    pub failed: u64,
    pub held: u64,
    pub rejected: u64,
    /// Arrivals that a rule about versions refused.
    pub refused: u64,
    /// Arrivals that were here already.
    pub ignored: u64,
    /// Objects whose key does not fit the layout.
    pub misplaced: u64,
    /// Operations.
    pub published: u64,
    pub applied: u64,
}

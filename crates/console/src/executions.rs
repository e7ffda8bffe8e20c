//! Exports as plain rows: where they arrive, the tables they are of, their executions step by step. The binary fills
//! these in; nothing here knows where they come from.

/// Everything about exports that is known without asking for executions, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportsRow {
    pub bindings: Vec<BindingRow>,
    pub tables: Vec<ExportTableRow>,
    pub counts: ExportCounts,
}

/// Where exports arrive, and what becomes of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BindingRow {
    /// Names it: the bucket and the prefix.
    pub name: String,
    pub bucket: String,
    pub prefix: String,
    /// Columns that tell rows apart.
    pub key: Vec<String>,
    /// What operations are published to, and what they are applied to.
    pub stream: Option<String>,
    pub target: Option<String>,
    /// Columns that are numbers in the target.
    pub numbers: Vec<String>,
    /// The table of executions.
    pub registry: String,
    /// The largest share of rows that may go, from how many rows on it is looked at, and what holds besides: sentences.
    pub brake: String,
    /// When a version is complete: a sentence.
    pub complete: String,
}

/// A TENANT/TABLE at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportTableRow {
    /// `TENANT/TABLE`.
    pub table: String,
    /// The name of its binding.
    pub binding: String,
    pub imported: Option<ImportedRow>,
    pub running: Option<RunningRow>,
    /// Versions that are not all there, that wait for their turn, that a person must decide about, that failed.
    pub waiting: Vec<String>,
    pub queued: Vec<String>,
    pub held: Vec<String>,
    pub failed: Vec<String>,
    /// When the oldest of those that wait or run was registered.
    pub oldest_ms: Option<u64>,
}

/// The version that was imported last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedRow {
    pub version: String,
    pub ended_ms: u64,
    pub duration_ms: u64,
    pub operations: u64,
}

/// An execution under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningRow {
    pub version: String,
    /// The step's name.
    pub step: String,
    pub started_ms: u64,
    /// How far the step is, where that can be said.
    pub progress: Option<ProgressRow>,
}

/// How far a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgressRow {
    /// `bytes`, `operations`.
    pub unit: String,
    pub done: u64,
    pub total: u64,
}

/// What became of arrivals since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportCounts {
    pub succeeded: u64,
    pub failed: u64,
    pub held: u64,
    pub rejected: u64,
    /// Arrivals that a rule about versions did not let in.
    pub refused: u64,
    /// Arrivals that were here already.
    pub ignored: u64,
    /// Objects whose key does not fit the layout.
    pub misplaced: u64,
    /// Operations.
    pub published: u64,
    pub applied: u64,
}

/// One execution. Words (`SUCCEEDED`, `HELD`) are those of the registry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecutionRow {
    /// `TENANT/TABLE`.
    pub table: String,
    pub version: String,
    pub status: String,
    pub files: Vec<ExportFileRow>,
    pub registered_ms: u64,
    pub started_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// Those that began, in order.
    pub steps: Vec<StepRow>,
    /// The version that the delta starts from.
    pub previous: Option<String>,
    pub columns: Vec<String>,
    pub added: Vec<String>,
    pub dropped: Vec<String>,
    /// There once the delta is computed.
    pub statistics: Option<DeltaRow>,
    pub hold: Option<HoldRow>,
    pub released: bool,
    pub error: Option<String>,
    /// Operations that are in the stream, and in the target.
    pub published: u64,
    pub applied: u64,
    pub stream: Option<String>,
    pub target: Option<String>,
    /// How often something arrived that was here already.
    pub ignored: u64,
}

/// A file of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportFileRow {
    /// The object's key.
    pub key: String,
    pub etag: String,
    pub size: u64,
}

/// A step that began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepRow {
    pub name: String,
    /// `RUNNING`, `SUCCEEDED`, `SKIPPED`, `HELD`, `FAILED`.
    pub outcome: String,
    pub started_ms: u64,
    pub ended_ms: Option<u64>,
    pub error: Option<String>,
}

/// What a delta found, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeltaRow {
    pub previous_rows: u64,
    pub next_rows: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub unchanged: u64,
    pub bytes: u64,
}

/// Why an execution is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldRow {
    pub reasons: Vec<String>,
    /// Some of the operations in question.
    pub sample: Vec<OperationRow>,
    /// Whether there is something to publish once it is released.
    pub releasable: bool,
}

/// An operation that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationRow {
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub operation: String,
    /// Columns and what they say.
    pub key: Vec<(String, String)>,
    pub row: Vec<(String, String)>,
}

/// What may be asked of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Once more from the start, after a failure.
    Retry,
    /// Publish what is held.
    Release,
    /// Forget it: the version before stays what counts.
    Reject,
}

impl ExecutionRow {
    /// `TENANT/TABLE/VERSION`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.table, self.version)
    }
}

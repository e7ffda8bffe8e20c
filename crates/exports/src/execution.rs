//! An execution: what is known of one EXPORT_VERSION of a TENANT/TABLE, from its first file to its end; as an item and
//! back.

use crate::fields;
use db::FollowerId;
use item::{Item, TableId, Value};

/// Where an execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not all of its files are there.
    Waiting,
    /// It runs when its turn comes.
    Queued,
    Running,
    /// The brake took hold: a person releases or rejects it. Later versions of the table wait.
    Held,
    /// It can be retried. Later versions of the table wait only if it had begun to publish.
    Failed,
    /// A person did not want it.
    Rejected,
    /// A rule about versions did not let it in.
    Refused,
    Succeeded,
}

const STATUSES: [(Status, &str); 8] = [
    (Status::Waiting, "WAITING"),
    (Status::Queued, "QUEUED"),
    (Status::Running, "RUNNING"),
    (Status::Held, "HELD"),
    (Status::Failed, "FAILED"),
    (Status::Rejected, "REJECTED"),
    (Status::Refused, "REFUSED"),
    (Status::Succeeded, "SUCCEEDED"),
];

impl Status {
    /// All of them, in the order of their names' meaning: from waiting to the end.
    pub const ALL: [Status; 8] = [
        Status::Waiting,
        Status::Queued,
        Status::Running,
        Status::Held,
        Status::Failed,
        Status::Rejected,
        Status::Refused,
        Status::Succeeded,
    ];

    /// As in the registry.
    #[must_use]
    pub fn name(self) -> &'static str {
        STATUSES.iter().find(|(status, _)| *status == self).expect("all are listed").1
    }

    fn of_name(name: &str) -> Option<Status> {
        STATUSES.iter().find(|(_, other)| *other == name).map(|(status, _)| *status)
    }
}

/// What an execution does, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Register,
    Lock,
    Delta,
    Publish,
    Apply,
    Release,
}

impl Step {
    pub const ALL: [Step; 6] = [Step::Register, Step::Lock, Step::Delta, Step::Publish, Step::Apply, Step::Release];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Register => "register",
            Step::Lock => "lock",
            Step::Delta => "delta",
            Step::Publish => "publish",
            Step::Apply => "apply",
            Step::Release => "release",
        }
    }

    /// Its number in the registry: `EXPORT_VERSION#1-register`.
    #[must_use]
    pub fn number(self) -> usize {
        self as usize + 1
    }

    fn of_name(name: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Running,
    Done,
    /// There was nothing to do: no stream, no target.
    Skipped,
    Held,
    Failed,
}

impl Outcome {
    const ALL: [(Outcome, &str); 5] = [
        (Outcome::Running, "RUNNING"),
        (Outcome::Done, "SUCCEEDED"),
        (Outcome::Skipped, "SKIPPED"),
        (Outcome::Held, "HELD"),
        (Outcome::Failed, "FAILED"),
    ];

    /// As in the registry.
    #[must_use]
    pub fn name(self) -> &'static str {
        Outcome::ALL.iter().find(|(outcome, _)| *outcome == self).expect("all are listed").1
    }

    fn of_name(name: &str) -> Option<Outcome> {
        Outcome::ALL.iter().find(|(_, other)| *other == name).map(|(outcome, _)| *outcome)
    }
}

/// A step that began.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    pub step: Step,
    pub outcome: Outcome,
    /// Milliseconds since the epoch.
    pub started_ms: u64,
    pub ended_ms: Option<u64>,
    pub error: Option<String>,
}

/// A file of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// The last part of the object's key.
    pub name: String,
    /// The object's key.
    pub key: String,
    pub etag: String,
    pub size: u64,
    /// Name of the execution's own link to the bytes.
    pub(crate) local: String,
}

/// What the delta found, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub previous_rows: u64,
    pub next_rows: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub unchanged: u64,
    /// Bytes of the files, and of the text in them.
    pub bytes: u64,
    pub text_bytes: u64,
}

impl Statistics {
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.inserts + self.updates + self.deletes
    }

    /// Which part of the previous rows goes, from 0 to 1.
    #[must_use]
    pub fn deleted_share(&self) -> f64 {
        if self.previous_rows == 0 { 0.0 } else { self.deletes as f64 / self.previous_rows as f64 }
    }
}

/// Why the brake took hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hold {
    pub reasons: Vec<String>,
    /// Some of the operations in question.
    pub sample: Vec<Sample>,
    /// Whether there is something to publish once it is released.
    pub releasable: bool,
}

/// An operation that is shown; long texts are cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub operation: String,
    /// Columns and what they say.
    pub key: Vec<(String, String)>,
    pub row: Vec<(String, String)>,
}

/// An execution as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    pub version: String,
    pub status: Status,
    pub files: Vec<ExportFile>,
    /// How often something arrived that was here already.
    pub ignored: u64,
    /// Milliseconds since the epoch.
    pub registered_ms: u64,
    /// When it was locked first, and when it came to its end.
    pub started_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    pub steps: Vec<StepRecord>,
    /// The version that the delta starts from.
    pub previous: Option<String>,
    pub columns: Vec<String>,
    pub added: Vec<String>,
    pub dropped: Vec<String>,
    /// There once the delta is computed.
    pub statistics: Option<Statistics>,
    pub hold: Option<Hold>,
    /// Somebody released it.
    pub released: bool,
    pub error: Option<String>,
    /// Operations that are in the stream, and in the target: how many of `statistics.operations()`.
    pub published: u64,
    pub applied: u64,
    pub stream: Option<String>,
    pub target: Option<String>,
    /// That of the lock it was carried out under last.
    pub token: u64,
    /// The marker object was seen.
    pub(crate) marked: bool,
    /// Name of the files that the delta writes; a new one for each try.
    pub(crate) attempt: Option<String>,
    /// The binding as it was when the execution was locked.
    pub(crate) binding: Option<Item>,
    /// The incarnations of the stream and of the target.
    pub(crate) stream_id: Option<FollowerId>,
    pub(crate) target_id: Option<TableId>,
}

impl Execution {
    pub(crate) fn new(version: &str, now_ms: u64) -> Execution {
        Execution {
            version: version.to_owned(),
            status: Status::Waiting,
            files: Vec::new(),
            ignored: 0,
            registered_ms: now_ms,
            started_ms: None,
            ended_ms: None,
            steps: Vec::new(),
            previous: None,
            columns: Vec::new(),
            added: Vec::new(),
            dropped: Vec::new(),
            statistics: None,
            hold: None,
            released: false,
            error: None,
            published: 0,
            applied: 0,
            stream: None,
            target: None,
            token: 0,
            marked: false,
            attempt: None,
            binding: None,
            stream_id: None,
            target_id: None,
        }
    }

    /// The step that it is in, or that it ended in.
    #[must_use]
    pub fn step(&self) -> Step {
        self.steps.last().map_or(Step::Register, |record| record.step)
    }

    /// Whether something of it may have left: it must come to its end then, and later versions wait.
    #[must_use]
    pub fn has_begun_to_publish(&self) -> bool {
        self.steps.iter().any(|record| record.step >= Step::Publish)
    }

    /// Whether it came to its end without being imported: what is uploaded of it then is another try.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(self.status, Status::Rejected | Status::Refused)
    }

    pub(crate) fn record_mut(&mut self, step: Step) -> Option<&mut StepRecord> {
        self.steps.iter_mut().find(|record| record.step == step)
    }

    /// Begins a step, or goes on with it.
    pub(crate) fn begin(&mut self, step: Step, now_ms: u64) {
        match self.record_mut(step) {
            Some(record) if record.outcome == Outcome::Running => {}
            Some(record) => (record.outcome, record.ended_ms, record.error) = (Outcome::Running, None, None),
            None => self.steps.push(StepRecord {
                step,
                outcome: Outcome::Running,
                started_ms: now_ms,
                ended_ms: None,
                error: None,
            }),
        }
    }

    /// Ends a step and begins the next one.
    pub(crate) fn advance(&mut self, step: Step, outcome: Outcome, now_ms: u64) {
        self.end(step, outcome, now_ms);
        self.begin(Step::ALL[step.number()], now_ms);
    }

    pub(crate) fn end(&mut self, step: Step, outcome: Outcome, now_ms: u64) {
        self.begin(step, now_ms);
        let record = self.record_mut(step).expect("it has begun");
        (record.outcome, record.ended_ms) = (outcome, Some(now_ms));
    }

    /// Forgets everything but the files: it begins anew.
    pub(crate) fn reset(&mut self) {
        let register = self.record_mut(Step::Register).cloned();
        *self = Execution {
            files: std::mem::take(&mut self.files),
            ignored: self.ignored,
            marked: self.marked,
            steps: register.into_iter().collect(),
            ..Execution::new(&self.version, self.registered_ms)
        };
    }

    pub(crate) fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("version", fields::text(&self.version)),
            ("status", fields::text(self.status.name())),
            ("files", Value::L(self.files.iter().map(|file| Value::M(file.to_item())).collect())),
            ("ignored", fields::number(self.ignored)),
            ("registered_ms", fields::number(self.registered_ms)),
            ("steps", Value::L(self.steps.iter().map(|record| Value::M(record.to_item())).collect())),
            ("columns", fields::texts(&self.columns)),
            ("added", fields::texts(&self.added)),
            ("dropped", fields::texts(&self.dropped)),
            ("released", Value::Bool(self.released)),
            ("published", fields::number(self.published)),
            ("applied", fields::number(self.applied)),
            ("marked", Value::Bool(self.marked)),
            ("token", fields::number(self.token)),
        ]);
        fields::put(&mut item, "started_ms", self.started_ms.map(fields::number));
        fields::put(&mut item, "ended_ms", self.ended_ms.map(fields::number));
        fields::put(&mut item, "previous", self.previous.as_ref().map(fields::text));
        fields::put(&mut item, "statistics", self.statistics.map(|statistics| Value::M(statistics.to_item())));
        fields::put(&mut item, "hold", self.hold.as_ref().map(|hold| Value::M(hold.to_item())));
        fields::put(&mut item, "error", self.error.as_ref().map(fields::text));
        fields::put(&mut item, "stream", self.stream.as_ref().map(fields::text));
        fields::put(&mut item, "target", self.target.as_ref().map(fields::text));
        fields::put(&mut item, "attempt", self.attempt.as_ref().map(fields::text));
        fields::put(&mut item, "binding", self.binding.clone().map(Value::M));
        fields::put(&mut item, "stream_id", self.stream_id.map(|id| fields::number(u64::from(id.0))));
        fields::put(&mut item, "target_id", self.target_id.map(|id| fields::number(u64::from(id.0))));
        item
    }

    pub(crate) fn read(item: &Item) -> Option<Execution> {
        Some(Execution {
            version: fields::get_text(item, "version")?,
            status: Status::of_name(&fields::get_text(item, "status")?)?,
            files: fields::get_maps(item, "files").filter_map(ExportFile::read).collect(),
            ignored: fields::get_number(item, "ignored").unwrap_or_default(),
            registered_ms: fields::get_number(item, "registered_ms").unwrap_or_default(),
            started_ms: fields::get_number(item, "started_ms"),
            ended_ms: fields::get_number(item, "ended_ms"),
            steps: fields::get_maps(item, "steps").filter_map(StepRecord::read).collect(),
            previous: fields::get_text(item, "previous"),
            columns: fields::get_texts(item, "columns"),
            added: fields::get_texts(item, "added"),
            dropped: fields::get_texts(item, "dropped"),
            statistics: fields::get_map(item, "statistics").map(Statistics::read),
            hold: fields::get_map(item, "hold").map(Hold::read),
            released: fields::get_flag(item, "released"),
            error: fields::get_text(item, "error"),
            published: fields::get_number(item, "published").unwrap_or_default(),
            applied: fields::get_number(item, "applied").unwrap_or_default(),
            stream: fields::get_text(item, "stream"),
            target: fields::get_text(item, "target"),
            token: fields::get_number(item, "token").unwrap_or_default(),
            marked: fields::get_flag(item, "marked"),
            attempt: fields::get_text(item, "attempt"),
            binding: fields::get_map(item, "binding").cloned(),
            stream_id: fields::get_number(item, "stream_id").map(FollowerId),
            target_id: fields::get_number(item, "target_id").map(TableId),
        })
    }
}

impl StepRecord {
    fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("step", fields::text(self.step.name())),
            ("outcome", fields::text(self.outcome.name())),
            ("started_ms", fields::number(self.started_ms)),
        ]);
        fields::put(&mut item, "ended_ms", self.ended_ms.map(fields::number));
        fields::put(&mut item, "error", self.error.as_ref().map(fields::text));
        item
    }

    fn read(item: &Item) -> Option<StepRecord> {
        Some(StepRecord {
            step: Step::of_name(&fields::get_text(item, "step")?)?,
            outcome: Outcome::of_name(&fields::get_text(item, "outcome")?)?,
            started_ms: fields::get_number(item, "started_ms")?,
            ended_ms: fields::get_number(item, "ended_ms"),
            error: fields::get_text(item, "error"),
        })
    }
}

impl ExportFile {
    pub(crate) fn to_item(&self) -> Item {
        Item::from_iter([
            ("name", fields::text(&self.name)),
            ("key", fields::text(&self.key)),
            ("etag", fields::text(&self.etag)),
            ("size", fields::number(self.size)),
            ("local", fields::text(&self.local)),
        ])
    }

    pub(crate) fn read(item: &Item) -> Option<ExportFile> {
        Some(ExportFile {
            name: fields::get_text(item, "name")?,
            key: fields::get_text(item, "key")?,
            etag: fields::get_text(item, "etag")?,
            size: fields::get_number(item, "size")?,
            local: fields::get_text(item, "local")?,
        })
    }
}

impl Statistics {
    /// Names in the registry.
    pub(crate) fn numbers(&self) -> [(&'static str, u64); 8] {
        [
            ("previousRows", self.previous_rows),
            ("nextRows", self.next_rows),
            ("inserts", self.inserts),
            ("updates", self.updates),
            ("deletes", self.deletes),
            ("unchanged", self.unchanged),
            ("bytes", self.bytes),
            ("textBytes", self.text_bytes),
        ]
    }

    pub(crate) fn to_item(self) -> Item {
        self.numbers().into_iter().map(|(name, value)| (name, fields::number(value))).collect()
    }

    fn read(item: &Item) -> Statistics {
        let number = |name| fields::get_number(item, name).unwrap_or_default();
        Statistics {
            previous_rows: number("previousRows"),
            next_rows: number("nextRows"),
            inserts: number("inserts"),
            updates: number("updates"),
            deletes: number("deletes"),
            unchanged: number("unchanged"),
            bytes: number("bytes"),
            text_bytes: number("textBytes"),
        }
    }
}

impl Hold {
    fn to_item(&self) -> Item {
        Item::from_iter([
            ("reasons", fields::texts(&self.reasons)),
            ("sample", self.sample_value()),
            ("releasable", Value::Bool(self.releasable)),
        ])
    }

    pub(crate) fn sample_value(&self) -> Value {
        Value::L(self.sample.iter().map(|sample| Value::M(sample.to_item())).collect())
    }

    fn read(item: &Item) -> Hold {
        Hold {
            reasons: fields::get_texts(item, "reasons"),
            sample: fields::get_maps(item, "sample").filter_map(Sample::read).collect(),
            releasable: fields::get_flag(item, "releasable"),
        }
    }
}

impl Sample {
    fn to_item(&self) -> Item {
        let map = |pairs: &[(String, String)]| {
            Value::M(pairs.iter().map(|(name, text)| (name.clone(), fields::text(text))).collect())
        };
        let mut item = Item::from_iter([("operation", fields::text(&self.operation)), ("key", map(&self.key))]);
        if !self.row.is_empty() {
            item.insert("row", map(&self.row));
        }
        item
    }

    fn read(item: &Item) -> Option<Sample> {
        let pairs = |name| {
            let text = |(name, value): (&str, &Value)| match value {
                Value::S(text) => Some((name.to_owned(), text.clone())),
                _ => None,
            };
            fields::get_map(item, name).map(|map| map.iter().filter_map(text).collect()).unwrap_or_default()
        };
        Some(Sample { operation: fields::get_text(item, "operation")?, key: pairs("key"), row: pairs("row") })
    }
}

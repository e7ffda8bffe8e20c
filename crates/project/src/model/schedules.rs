//! What time calls functions for, and parameters that programs read.

use super::Origin;

/// A function called by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Where it stands.
    pub origin: Origin,
    /// Which service of AWS it belongs to there.
    pub kind: ScheduleKind,
    /// The name of the rule or schedule. A rule with several targets is several schedules: `rule/target`.
    pub name: String,
    /// The name of the event, if it is one of a function's `Events`.
    pub event: Option<String>,
    /// The name of the function.
    pub function: String,
    /// When.
    pub timetable: schedule::Timetable,
    /// Whether it runs from the start.
    pub enabled: bool,
    /// What the function gets, a JSON text; if left out, what AWS sends.
    pub input: Option<String>,
    /// What it is for.
    pub description: String,
    /// How long a call that fails is tried again.
    pub retry: RetryPolicy,
    /// The ARN of the queue that is told of calls that are given up.
    pub dead_letter: Option<String>,
    /// Within how many minutes after it is due it may run: 1 to 1,440; at once if left out. Scheduler only.
    pub flexible_minutes: Option<u32>,
    /// What becomes of runs that were due while nobody was there to run them.
    pub missed: Missed,
}

/// Which service of AWS a schedule belongs to there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleKind {
    /// A rule of EventBridge.
    Rule {
        /// Its name, which is part of the event that it sends.
        rule: String,
    },
    /// A schedule of EventBridge Scheduler.
    Scheduler {
        /// The group it is in, `default` unless the template says otherwise.
        group: String,
    },
}

/// How long a call that fails is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// 0 to 185, 185 if left out.
    pub attempts_max: u32,
    /// 60 to 86,400, a day if left out.
    pub age_seconds_max: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts_max: 185, age_seconds_max: 86_400 }
    }
}

/// `Missed` under `Metadata: Streamfold:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Run once, however many runs were missed.
    #[default]
    Run,
    /// Wait for the next.
    Skip,
}

/// A parameter of AWS Systems Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsmParameter {
    /// Where it stands.
    pub origin: Origin,
    /// `/stage/table`
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
    /// Its value. The ARN of a stream stands here as a placeholder: see
    /// [`fill_stream_arns`](crate::fill_stream_arns).
    pub value: String,
    /// What it is for.
    pub description: String,
    /// A regular expression that later values have to match as well.
    pub allowed_pattern: Option<String>,
    /// `Standard`, `Advanced` or `Intelligent-Tiering`.
    pub tier: String,
    /// Tags in the order of the template.
    pub tags: Vec<(String, String)>,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// String
    String,
    /// StringList: values between commas.
    StringList,
    /// SecureString, which is not encrypted here.
    SecureString,
}

impl ParameterKind {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ParameterKind::String => "String",
            ParameterKind::StringList => "StringList",
            ParameterKind::SecureString => "SecureString",
        }
    }
}

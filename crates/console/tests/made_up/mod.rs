//! Made-up functions, triggers, schedules and exports, for tests and for whoever works on the pages: what the binary would hand
//! in, with something of everything that can go wrong, and hands that only write down what they were asked to do.

mod executions;

use bytes::Bytes;
use console::{
    Action, Answer, Cause, Config, Durations, EventCounts, ExecutionRow, ExportsRow, FunctionRow, GaveUp, Hands,
    LanePhase, LaneRow, LastError, LastRun, LogLine, LogPage, Missed, ParkedKey, ParkedRecord, Processes,
    QuarantineBound, QuarantinePage, Refused, RunOutcome, ScheduleRow, TriggerCounts, TriggerRow, TriggerSettings,
    TriggerSource,
};
use item::Seq;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

pub const COUNTING: &str = "6f1c7e1a-2d0b-4c5e-9f43-0b7f5f0d9a11";
pub const INDEXING: &str = "a2b8d3c4-77aa-4e0f-8d11-4f6f1f2f3a22";
pub const MOVING: &str = "d90e11f2-5c3d-4b7a-a0c9-7b8a9c0d1e33";

/// Everything, to be changed by whoever holds it.
pub struct Stage {
    pub functions: Mutex<Vec<FunctionRow>>,
    pub triggers: Mutex<Vec<TriggerRow>>,
    pub schedules: Mutex<Vec<ScheduleRow>>,
    pub exports: Mutex<ExportsRow>,
    pub executions: Mutex<Vec<ExecutionRow>>,
    pub parked: Mutex<Vec<ParkedKey>>,
    /// The log of every function.
    pub lines: Mutex<Vec<LogLine>>,
    /// What was asked for.
    pub asked: Mutex<Vec<String>>,
    /// How many lines there are.
    written: watch::Sender<u64>,
}

pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    pub fn new(now_ms: u64) -> Arc<Stage> {
        Arc::new(Stage {
            functions: Mutex::new(functions(now_ms)),
            triggers: Mutex::new(triggers(now_ms)),
            schedules: Mutex::new(schedules(now_ms)),
            exports: Mutex::new(executions::exports(now_ms)),
            executions: Mutex::new(executions::executions(now_ms)),
            parked: Mutex::new(parked(now_ms)),
            lines: Mutex::default(),
            asked: Mutex::default(),
            written: watch::Sender::new(0),
        })
    }

    /// A configuration that shows it, and acts on it.
    pub fn config(self: &Arc<Stage>) -> Config {
        let own = || Arc::clone(self);
        let (functions, triggers, schedules) = (own(), own(), own());
        let (logs, waits, quarantine) = (own(), own(), own());
        let (exports, executions, execution) = (own(), own(), own());
        Config {
            functions: Box::new(move || locked(&functions.functions).clone()),
            triggers: Box::new(move || locked(&triggers.triggers).clone()),
            schedules: Box::new(move || locked(&schedules.schedules).clone()),
            logs: Box::new(move |_, after, _| logs.page(after)),
            logs_past: Box::new(move |_, after| {
                let mut written = waits.written.subscribe();
                Box::pin(async move { drop(written.wait_for(|written| *written > after).await) })
            }),
            quarantine: Box::new(move |_, after| Ok(quarantine.parked_after(after))),
            exports: Box::new(move || locked(&exports.exports).clone()),
            executions: Box::new(move |table, most| Ok(executions.newest(table, most))),
            execution: Box::new(move |table, version| execution.execution(table, version)),
            hands: Some(self.hands()),
            ..Config::default()
        }
    }

    fn hands(self: &Arc<Stage>) -> Hands {
        let (acts, invokes) = (Arc::clone(self), Arc::clone(self));
        Hands {
            act: Box::new(move |action| {
                let done = acts.act(&action);
                Box::pin(async move { done })
            }),
            invoke: Box::new(move |function, payload| {
                let stage = Arc::clone(&invokes);
                Box::pin(async move { stage.invoke(&function, &payload) })
            }),
        }
    }

    /// Writes a line of the log.
    pub fn write(&self, at_ms: u64, text: &str) {
        let mut lines = locked(&self.lines);
        lines.push(LogLine { at_ms: Some(at_ms), text: text.to_owned() });
        self.written.send_replace(lines.len() as u64);
    }

    /// Positions count lines; the newest page has twenty.
    fn page(&self, after: Option<u64>) -> LogPage {
        let lines = locked(&self.lines);
        let from = after.map_or(lines.len().saturating_sub(20), |after| after as usize).min(lines.len());
        LogPage { lines: lines[from..].to_vec(), next: lines.len() as u64, lost: false }
    }

    /// Pages of two keys.
    fn parked_after(&self, after: Option<&str>) -> QuarantinePage {
        let keys = locked(&self.parked);
        let from = after.map_or(0, |after| keys.iter().position(|key| key.id == after).map_or(keys.len(), |at| at + 1));
        let shown: Vec<ParkedKey> = keys[from..].iter().take(2).cloned().collect();
        let next = (from + shown.len() < keys.len()).then(|| shown.last().map(|key| key.id.clone())).flatten();
        QuarantinePage { keys: shown, next }
    }

    fn act(&self, action: &Action) -> Result<String, Refused> {
        locked(&self.asked).push(format!("{action:?}"));
        match action {
            Action::Pause { trigger } => self.enable(trigger, false),
            Action::Resume { trigger } => self.enable(trigger, true),
            Action::Retry { id, .. } | Action::Drop { id, .. } => {
                let mut keys = locked(&self.parked);
                let key = keys.iter_mut().find(|key| key.id == *id);
                let missing = || Refused { cause: Cause::Missing, why: format!("nothing is parked as {id}") };
                key.ok_or_else(missing)?.pending = true;
                Ok("The lane will see to it before its next batch.".to_owned())
            }
            Action::Run { schedule } => Ok(format!("{schedule} was called.")),
            Action::Decide { table, version, decision } => self.decide(table, version, *decision),
        }
    }

    fn enable(&self, uuid: &str, enabled: bool) -> Result<String, Refused> {
        for row in locked(&self.triggers).iter_mut().filter(|row| row.uuid == uuid) {
            if row.enabled == enabled {
                return Err(Refused { cause: Cause::Conflict, why: "it is like that already".to_owned() });
            }
            row.enabled = enabled;
            row.state = if enabled { "Enabled" } else { "Disabled" }.to_owned();
        }
        Ok(if enabled { "Resumed." } else { "Paused: its position is kept." }.to_owned())
    }

    fn invoke(&self, function: &str, payload: &[u8]) -> Result<Answer, Refused> {
        locked(&self.asked).push(format!("invoke {function} with {}", String::from_utf8_lossy(payload)));
        let failed = payload.windows(4).any(|part| part == b"fail");
        let document = r#"{"errorMessage":"'region'","errorType":"KeyError","requestId":"7d1f5a8e","stackTrace":["  File \"/votes/app.py\", line 12, in lambda_handler\n    region = vote[\"region\"]\n"]}"#;
        Ok(Answer {
            request_id: "7d1f5a8e-2f8b-4f2a-9a74-3f7a2f6f0c01".to_owned(),
            payload: Bytes::from(if failed {
                document
            } else {
                r#"{"statusCode":200,"counted":12345678901234567890}"#
            }),
            error: failed.then(|| "Unhandled".to_owned()),
            duration: Duration::from_micros(12_340),
            init: Some(Duration::from_millis(212)),
            memory_max_mb: Some(41),
            log_tail: "START RequestId: 7d1f5a8e Version: $LATEST\ncounted\nEND RequestId: 7d1f5a8e\n".to_owned(),
        })
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn functions(now_ms: u64) -> Vec<FunctionRow> {
    let function = |name: &str, runtime: &str, handler: &str| FunctionRow {
        name: name.into(),
        arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
        runtime: runtime.into(),
        handler: handler.into(),
        folder: format!("/srv/project/functions/{name}"),
        timeout_s: 30,
        memory_mb: 128,
        ..FunctionRow::default()
    };
    vec![
        FunctionRow {
            description: "Adds each vote to the totals".into(),
            environment: vec!["TOTALS_TABLE".into(), "LOG_LEVEL".into()],
            invocations: 48_210,
            errors: 37,
            timeouts: 2,
            throttles: 5,
            cold_starts: 9,
            durations: Durations {
                sum: milliseconds(590_000),
                count: 48_210,
                p50: Duration::from_micros(9_400),
                p99: Duration::from_micros(43_600),
                max: milliseconds(3_002),
            },
            memory_max_mb: Some(46),
            processes: Processes { busy: 2, idle: 1, starting: 0 },
            last_error: Some(LastError {
                kind: "KeyError".into(),
                message: "'region'".into(),
                at_ms: now_ms.saturating_sub(94_000),
            }),
            ..function("count-votes", "python3.12", "app.lambda_handler")
        },
        FunctionRow {
            reserved_concurrency: Some(4),
            invocations: 9_114,
            cold_starts: 4,
            errors: 412,
            durations: Durations {
                sum: milliseconds(1_100_000),
                count: 9_114,
                p50: milliseconds(96),
                p99: milliseconds(840),
                max: milliseconds(4_120),
            },
            memory_max_mb: Some(92),
            processes: Processes { busy: 1, idle: 2, starting: 1 },
            waiting: 3,
            last_error: Some(LastError {
                kind: "TypeError".into(),
                message: "Cannot read properties of undefined (reading 'title')".into(),
                at_ms: now_ms.saturating_sub(3_000),
            }),
            ..function("index-documents", "nodejs20.x", "index.handler")
        },
        FunctionRow {
            invocations: 1_208,
            cold_starts: 1,
            durations: Durations {
                sum: milliseconds(2_400),
                count: 1_208,
                p50: Duration::from_micros(620),
                p99: Duration::from_micros(4_100),
                max: milliseconds(18),
            },
            memory_max_mb: Some(7),
            processes: Processes { busy: 0, idle: 1, starting: 0 },
            ..function("move-conversations", "provided.al2023", "bootstrap")
        },
        FunctionRow {
            init_error: Some(
                "Runtime.ImportModuleError: Unable to import module 'pull': No module named 'requests'".into(),
            ),
            errors: 6,
            invocations: 6,
            events: EventCounts { waiting: 2, tried_again: 4, given_up: 1, dead_letters: 1, succeeded: 0 },
            last_error: Some(LastError {
                kind: "Runtime.ImportModuleError".into(),
                message: "Unable to import module 'pull': No module named 'requests'".into(),
                at_ms: now_ms.saturating_sub(610_000),
            }),
            ..function("pull-events", "python3.13", "pull.handler")
        },
        FunctionRow { ..function("nightly-report", "python3.12", "report.handler") },
    ]
}

fn lane(shard: u16, lane: u16, position: u64, phase: LanePhase) -> LaneRow {
    LaneRow {
        shard: format!("shard-{shard:02}"),
        lane,
        position: Seq(position),
        lag: 0,
        age_ms: 0,
        attempts: 0,
        phase,
        counts: TriggerCounts { delivered: position / 9, calls: position / 400, ..TriggerCounts::default() },
        last_error: None,
        gave_up: None,
    }
}

fn trigger(uuid: &str, table: &str, function: &str, now_ms: u64) -> TriggerRow {
    TriggerRow {
        uuid: uuid.into(),
        function: function.into(),
        source: TriggerSource {
            arn: format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2026-01-04T08:12:44.120"),
            name: table.into(),
            table: Some(table.into()),
        },
        starting: "TRIM_HORIZON".into(),
        state: "Enabled".into(),
        enabled: true,
        created_ms: now_ms.saturating_sub(86_400_000),
        changed_ms: now_ms.saturating_sub(7_200_000),
        last_result: "OK".into(),
        settings: TriggerSettings { batch_size: 100, parallelization: 1, ..TriggerSettings::default() },
        ..TriggerRow::default()
    }
}

fn triggers(now_ms: u64) -> Vec<TriggerRow> {
    vec![counting(now_ms), indexing(now_ms), moving(now_ms)]
}

fn counting(now_ms: u64) -> TriggerRow {
    TriggerRow {
        settings: TriggerSettings {
            batch_size: 250,
            batching_window_s: 1,
            parallelization: 2,
            filters: vec![
                r#"{"eventName":["INSERT","MODIFY"],"dynamodb":{"NewImage":{"region":{"S":[{"exists":true}]}}}}"#
                    .into(),
            ],
            report_item_failures: true,
            ..TriggerSettings::default()
        },
        counts: TriggerCounts {
            delivered: 1_204_118,
            calls: 48_190,
            errors: 35,
            throttles: 5,
            filtered: 802,
            ..TriggerCounts::default()
        },
        iterator_age_ms: 140,
        lag_records: 212,
        lanes: vec![
            LaneRow { lag: 120, age_ms: 140, ..lane(0, 0, 2_410_771, LanePhase::Calling { records: 120 }) },
            lane(0, 1, 2_410_902, LanePhase::Idle),
            LaneRow { lag: 92, age_ms: 90, ..lane(1, 0, 2_410_812, LanePhase::Gathering { until_ms: now_ms + 700 }) },
            lane(1, 1, 2_410_899, LanePhase::Idle),
        ],
        ..trigger(COUNTING, "votes", "count-votes", now_ms)
    }
}

fn indexing(now_ms: u64) -> TriggerRow {
    let gave_up = GaveUp {
        first: Seq(2_398_110),
        last: Seq(2_398_114),
        records: 5,
        condition: "RecordAgeExceeded".into(),
        error: Some("TypeError".into()),
    };
    TriggerRow {
        last_result: "PROBLEM: Function call failed".into(),
        settings: TriggerSettings {
            batch_size: 10,
            bisect: true,
            retry_attempts: Some(4),
            record_age_s: Some(21_600),
            on_failure: Some("arn:aws:sqs:us-east-1:000000000000:index-failures".into()),
            quarantine: Some(QuarantineBound { records: 1000, bytes: 64 << 20 }),
            parallelization: 1,
            ..TriggerSettings::default()
        },
        counts: TriggerCounts {
            delivered: 88_410,
            calls: 9_102,
            errors: 412,
            given_up: 5,
            parked: 61,
            parked_now: 7,
            dead_letters: 1,
            ..TriggerCounts::default()
        },
        iterator_age_ms: 48_300,
        lag_records: 318,
        lanes: vec![
            LaneRow {
                lag: 318,
                age_ms: 48_300,
                attempts: 3,
                last_error: Some("TypeError: Cannot read properties of undefined (reading 'title')".into()),
                gave_up: Some(gave_up),
                ..lane(0, 0, 2_410_110, LanePhase::BackingOff { until_ms: now_ms + 12_000 })
            },
            lane(1, 0, 2_410_902, LanePhase::Idle),
        ],
        ..trigger(INDEXING, "DocumentsTable", "index-documents", now_ms)
    }
}

fn moving(now_ms: u64) -> TriggerRow {
    TriggerRow {
        recursion_depth: Some(2),
        settings: TriggerSettings {
            batch_size: 1,
            parallelization: 1,
            quarantine: Some(QuarantineBound { records: 40, bytes: 1 << 20 }),
            ..TriggerSettings::default()
        },
        counts: TriggerCounts {
            delivered: 2_408,
            calls: 2_450,
            errors: 42,
            parked: 40,
            parked_now: 40,
            ..TriggerCounts::default()
        },
        iterator_age_ms: 1_804_000,
        lag_records: 77,
        lanes: vec![LaneRow {
            lag: 77,
            age_ms: 1_804_000,
            attempts: 5,
            ..lane(0, 0, 2_391_004, LanePhase::Stopped("the quarantine has no room for another record".into()))
        }],
        ..trigger(MOVING, "cruddur-messages", "move-conversations", now_ms)
    }
}

fn schedules(now_ms: u64) -> Vec<ScheduleRow> {
    let now = i64::try_from(now_ms).expect("a time");
    let schedule = |name: &str, expression: &str, zone: &str, function: &str| ScheduleRow {
        name: name.into(),
        expression: expression.into(),
        zone: zone.into(),
        function: function.into(),
        enabled: true,
        retry_attempts: 2,
        retry_age_s: 21_600,
        ..ScheduleRow::default()
    };
    let last = |ago_ms: u64, outcome, error: &str| {
        let ended_ms = now_ms.saturating_sub(ago_ms);
        Some(LastRun { scheduled_ms: ended_ms.saturating_sub(900), ended_ms, outcome, error: error.into() })
    };
    vec![
        ScheduleRow {
            next_ms: (0..6).map(|at| now + 134_000 + at * 300_000).collect(),
            last: last(166_000, RunOutcome::WillTryAgain, "Runtime.ImportModuleError: Unable to import module 'pull'"),
            runs: EventCounts { waiting: 1, succeeded: 812, tried_again: 4, given_up: 1, dead_letters: 1 },
            missed: 3,
            missed_policy: Missed::Skip,
            dead_letter: Some("arn:aws:sqs:us-east-1:000000000000:pull-failures".into()),
            input: Some(r#"{"source":"https://example.org/wp-json/tribe/events/v1/events"}"#.into()),
            description: "Fetches what is new on the events page".into(),
            ..schedule("rule/pull-events/target", "rate(5 minutes)", "UTC", "pull-events")
        },
        ScheduleRow {
            next_ms: (0..6).map(|at| now + 30_600_000 + at * 86_400_000).collect(),
            last: last(55_800_000, RunOutcome::Succeeded, ""),
            runs: EventCounts { succeeded: 31, ..EventCounts::default() },
            window_minutes: Some(15),
            ..schedule("schedule/default/nightly-report", "cron(30 2 * * ? *)", "Europe/Vienna", "nightly-report")
        },
        ScheduleRow {
            enabled: false,
            retry_attempts: 0,
            ..schedule("schedule/default/recount", "at(2026-12-31T23:59:00)", "America/New_York", "count-votes")
        },
    ]
}

fn parked(now_ms: u64) -> Vec<ParkedKey> {
    let record = |seq: u64, id: &str, title: &str| ParkedRecord {
        seq: Seq(seq),
        event: format!(
            r#"{{"eventID":"{seq:032x}","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{{"ApproximateCreationDateTime":1770000000.0,"Keys":{{"documentType":{{"S":"events"}},"documentId":{{"S":"{id}"}}}},"NewImage":{{"documentType":{{"S":"events"}},"documentId":{{"S":"{id}"}},"title":{title},"price":{{"N":"12345678901234567890.50"}}}},"SequenceNumber":"000100000000000002{seq}","SizeBytes":118,"StreamViewType":"NEW_IMAGE"}}}}"#
        ),
    };
    let key = |id: &str, ago_ms: u64, records: Vec<ParkedRecord>| ParkedKey {
        id: format!("lane-0-{id}"),
        key: format!("documentType events, documentId {id}"),
        shard: "shard-00".into(),
        parked_ms: now_ms.saturating_sub(ago_ms),
        attempts: 5,
        error: "TypeError: Cannot read properties of undefined (reading 'title')".into(),
        records,
        records_more: 0,
        pending: false,
    };
    let null = r#"{"NULL":true}"#;
    vec![
        key(
            "4711",
            1_320_000,
            vec![
                record(2_398_200, "4711", null),
                record(2_399_004, "4711", r#"{"S":"Open day"}"#),
                record(2_400_410, "4711", r#"{"S":"Open day, again"}"#),
            ],
        ),
        ParkedKey { pending: true, ..key("4802", 600_000, vec![record(2_401_003, "4802", null)]) },
        ParkedKey { records_more: 2, ..key("5120", 42_000, vec![record(2_409_811, "5120", null)]) },
    ]
}

//! Functions, triggers and schedules as the console shows them, and what its buttons do.

use aws::Place;
use bytes::Bytes;
use console::{Action, Cause, Later, Refused};
use control::{Control, FunctionDefinition, Invocation, InvokeError, RunOutcome};
use exports::Exports;
use functions::{FunctionStatus, Functions};
use s3::Buckets;
use std::{collections::HashMap, sync::Arc};
use triggers::{Source, TriggerStatus};

/// Moments of a schedule that are shown.
const NEXT_RUNS: usize = 10;
/// Parked keys in one page, and records of each that are shown.
const KEYS_PAGE: usize = 50;
const RECORDS_SHOWN: usize = 50;

/// Everything that the console shows of what runs beside the database.
#[derive(Clone)]
pub struct Running {
    pub control: Control,
    pub functions: Functions,
    pub exports: Arc<Exports>,
    pub buckets: Buckets,
    /// Whether browsers get objects without a signature.
    pub open: bool,
    pub place: Place,
}

impl Running {
    pub fn functions(&self) -> Vec<console::FunctionRow> {
        let mut figures: HashMap<String, FunctionStatus> =
            self.functions.status().into_iter().map(|status| (status.name.clone(), status)).collect();
        let defined = self.control.functions().unwrap_or_default();
        let definitions = defined.into_iter().map(|defined| defined.definition);
        definitions.map(|definition| self.function(&definition, figures.remove(&definition.name))).collect()
    }

    fn function(&self, definition: &FunctionDefinition, figures: Option<FunctionStatus>) -> console::FunctionRow {
        let figures = figures.unwrap_or_default();
        let (events, waiting) = self.control.events(&definition.name).unwrap_or_default();
        console::FunctionRow {
            name: definition.name.clone(),
            arn: self.control.function_arn(&definition.name),
            runtime: definition.runtime.clone(),
            handler: definition.handler.clone(),
            folder: self.control.code_folder(&definition.code).display().to_string(),
            description: definition.description.clone(),
            environment: definition.environment.keys().cloned().collect(),
            timeout_s: definition.timeout_s,
            memory_mb: definition.memory_mb,
            reserved_concurrency: definition.reserved_concurrency,
            init_error: figures.init_error,
            invocations: figures.invocations,
            errors: figures.errors,
            throttles: figures.throttles,
            timeouts: figures.timeouts,
            cold_starts: figures.cold_starts,
            durations: console::Durations {
                sum: figures.duration_sum,
                count: figures.invocations,
                p50: figures.duration_p50,
                p99: figures.duration_p99,
                max: figures.duration_max,
            },
            memory_max_mb: figures.memory_max_mb,
            processes: console::Processes { busy: figures.busy, idle: figures.idle, starting: figures.starting },
            waiting: u64::from(figures.waiting),
            events: event_counts(&events, waiting),
            last_error: figures.last_error.map(|error| console::LastError {
                kind: error.kind,
                message: error.message,
                at_ms: error.at_ms,
            }),
        }
    }

    pub fn triggers(&self) -> Vec<console::TriggerRow> {
        self.control.triggers().status().iter().map(|status| self.trigger(status)).collect()
    }

    fn trigger(&self, status: &TriggerStatus) -> console::TriggerRow {
        let mapping = &status.mapping;
        let name = mapping.source.name().to_owned();
        let table = matches!(mapping.source, Source::Table { .. }).then(|| name.clone());
        let source = console::TriggerSource { arn: mapping.source.arn(&self.place), name, table };
        console::TriggerRow {
            uuid: mapping.uuid.clone(),
            function: mapping.function.clone(),
            source,
            starting: mapping.starting.name().to_owned(),
            state: status.state.name().to_owned(),
            enabled: mapping.enabled,
            created_ms: status.created_ms,
            changed_ms: status.changed_ms,
            last_result: status.last_result.clone(),
            trouble: status.trouble.clone(),
            recursion_depth: status.recursion_depth,
            settings: settings(&mapping.settings),
            counts: counts(&status.counts),
            iterator_age_ms: status.iterator_age_ms,
            lag_records: status.lanes.iter().map(|lane| lane.lag).max().unwrap_or_default(),
            lanes: status.lanes.iter().map(lane).collect(),
        }
    }

    pub fn schedules(&self) -> Vec<console::ScheduleRow> {
        let defined = self.control.schedules().unwrap_or_default();
        let keys = defined.into_iter().map(|defined| defined.definition.definition.key());
        keys.filter_map(|key| self.control.schedule_status(&key, NEXT_RUNS).ok()).map(schedule).collect()
    }

    /// Does what a button says.
    pub fn act(&self, action: Action) -> Later<Result<String, Refused>> {
        let running = self.clone();
        Box::pin(async move {
            let control = &running.control;
            match action {
                Action::Decide { table, version, decision } => running.decide(table, version, decision).await,
                Action::Pause { trigger } => enable(control, &trigger, false).await,
                Action::Resume { trigger } => enable(control, &trigger, true).await,
                Action::Retry { trigger, id } => {
                    let asked = control.triggers().retry_parked(&trigger, &id).await;
                    asked.map(|()| format!("{id} is tried again")).map_err(trigger_refusal)
                }
                Action::Drop { trigger, id } => {
                    let asked = control.triggers().drop_parked(&trigger, &id).await;
                    asked.map(|()| format!("the record that failed is dropped from {id}")).map_err(trigger_refusal)
                }
                Action::Run { schedule } => {
                    let run = control.run_schedule_now(&schedule).await;
                    run.map(|()| format!("schedule {schedule} runs")).map_err(control_refusal)
                }
            }
        })
    }

    /// Invokes a function, and waits.
    pub fn invoke(&self, name: String, payload: Bytes) -> Later<Result<console::Answer, Refused>> {
        let control = self.control.clone();
        Box::pin(async move {
            let outcome =
                control.invoke(&name, Invocation { payload, client_context: None, depth: 0, request_id: None }).await;
            let outcome = outcome.map_err(invoke_refusal)?;
            Ok(console::Answer {
                request_id: outcome.request_id,
                payload: outcome.payload,
                error: outcome.error.map(str::to_owned),
                duration: outcome.duration,
                init: outcome.init,
                memory_max_mb: outcome.memory_max_mb,
                log_tail: String::from_utf8_lossy(&outcome.log_tail).into_owned(),
            })
        })
    }

    pub fn logs(&self, name: &str, after: Option<u64>, bytes_max: usize) -> console::LogPage {
        let page = self.functions.logs(name, after, bytes_max).unwrap_or_else(|error| {
            tracing::warn!("the log of function {name} cannot be read: {error}");
            functions::LogPage::default()
        });
        let line = |line: functions::LogLine| console::LogLine { at_ms: line.at_ms, text: line.text };
        console::LogPage { lines: page.lines.into_iter().map(line).collect(), next: page.next, lost: page.lost }
    }

    pub fn logs_past(&self, name: &str, position: u64) -> Later<()> {
        let (functions, name) = (self.functions.clone(), name.to_owned());
        Box::pin(async move { functions.logs_past(&name, position).await })
    }

    /// A page of a trigger's parked keys.
    pub fn quarantine(&self, uuid: &str, after: Option<&str>) -> Result<console::QuarantinePage, Refused> {
        let triggers = self.control.triggers();
        let page = triggers.quarantine(uuid, after, KEYS_PAGE).map_err(trigger_refusal)?;
        let keys = page.keys.into_iter().map(|key| {
            let (key, records) = triggers.parked(uuid, &key.id, None, RECORDS_SHOWN).map_err(trigger_refusal)?;
            Ok(parked(key, records))
        });
        Ok(console::QuarantinePage { keys: keys.collect::<Result<_, _>>()?, next: page.next })
    }
}

fn parked(key: triggers::ParkedKey, records: Vec<triggers::ParkedRecord>) -> console::ParkedKey {
    let record = |record: triggers::ParkedRecord| console::ParkedRecord { seq: record.seq, event: record.event };
    console::ParkedKey {
        id: key.id,
        key: key.key,
        shard: key.shard.to_string(),
        parked_ms: key.since_ms,
        attempts: key.attempts,
        error: key.error,
        records_more: key.records.saturating_sub(records.len() as u64),
        records: records.into_iter().map(record).collect(),
        pending: key.wanted.is_some(),
    }
}

async fn enable(control: &Control, uuid: &str, enabled: bool) -> Result<String, Refused> {
    let done = control.triggers().update(uuid, |mapping| mapping.enabled = enabled).await;
    let word = if enabled { "resumed" } else { "paused" };
    done.map(|status| format!("the trigger of {} is {word}", status.mapping.function)).map_err(trigger_refusal)
}

pub fn refused(cause: Cause, why: impl ToString) -> Refused {
    Refused { cause, why: why.to_string() }
}

fn trigger_refusal(error: triggers::Error) -> Refused {
    let cause = match &error {
        triggers::Error::NotFound(_) => Cause::Missing,
        triggers::Error::Invalid(_) => Cause::Invalid,
        _ => Cause::Failed,
    };
    refused(cause, error)
}

fn control_refusal(error: control::Error) -> Refused {
    let cause = match &error {
        control::Error::NotFound { .. } => Cause::Missing,
        control::Error::TooManyRequests(_) => Cause::Busy,
        control::Error::Invalid { .. } => Cause::Invalid,
        _ => Cause::Failed,
    };
    refused(cause, error)
}

fn invoke_refusal(error: InvokeError) -> Refused {
    let cause = match error {
        InvokeError::NotFound => Cause::Missing,
        InvokeError::Throttled(_) => Cause::Busy,
        InvokeError::PayloadTooLarge => Cause::Invalid,
        InvokeError::Closed => Cause::Failed,
    };
    refused(cause, error)
}

fn event_counts(counts: &control::Counts, waiting: usize) -> console::EventCounts {
    console::EventCounts {
        waiting: waiting as u64,
        succeeded: counts.succeeded,
        tried_again: counts.tried_again,
        given_up: counts.given_up,
        dead_letters: counts.dead_letters,
    }
}

fn settings(settings: &triggers::Settings) -> console::TriggerSettings {
    let bound = |bound: triggers::Quarantine| console::QuarantineBound { records: bound.records, bytes: bound.bytes };
    console::TriggerSettings {
        batch_size: settings.batch_size,
        batching_window_s: settings.batching_window_s,
        parallelization: settings.parallelization,
        retry_attempts: settings.retry_attempts,
        record_age_s: settings.record_age_s,
        bisect: settings.bisect,
        report_item_failures: settings.report_item_failures,
        tumbling_window_s: settings.tumbling_window_s,
        filters: settings.filters.clone(),
        on_failure: settings.on_failure.clone(),
        quarantine: settings.quarantine.map(bound),
    }
}

fn counts(counts: &triggers::Counts) -> console::TriggerCounts {
    console::TriggerCounts {
        delivered: counts.delivered,
        calls: counts.calls,
        errors: counts.errors,
        throttles: counts.throttles,
        filtered: counts.filtered,
        given_up: counts.given_up,
        parked: counts.parked,
        parked_now: counts.parked_now,
        dead_letters: counts.dead_letters,
        lost: counts.lost,
    }
}

fn lane(lane: &triggers::LaneStatus) -> console::LaneRow {
    let gave_up = |gone: &triggers::GaveUp| console::GaveUp {
        first: gone.first,
        last: gone.last,
        records: gone.records,
        condition: gone.condition.clone(),
        error: gone.error.clone(),
    };
    console::LaneRow {
        shard: lane.shard.to_string(),
        lane: lane.lane,
        position: lane.position,
        lag: lane.lag,
        age_ms: lane.age_ms,
        attempts: lane.attempts,
        phase: match &lane.phase {
            triggers::LanePhase::Idle => console::LanePhase::Idle,
            triggers::LanePhase::Gathering { until_ms } => console::LanePhase::Gathering { until_ms: *until_ms },
            triggers::LanePhase::Calling { records } => console::LanePhase::Calling { records: *records as u64 },
            triggers::LanePhase::BackingOff { until_ms } => console::LanePhase::BackingOff { until_ms: *until_ms },
            triggers::LanePhase::Stopped { reason } => console::LanePhase::Stopped(reason.clone()),
            triggers::LanePhase::Ended => console::LanePhase::Ended,
        },
        counts: counts(&lane.counts),
        last_error: lane.last_error.clone(),
        gave_up: lane.gave_up.as_ref().map(gave_up),
    }
}

fn schedule(status: control::ScheduleStatus) -> console::ScheduleRow {
    let definition = status.definition;
    console::ScheduleRow {
        name: status.key,
        description: definition.description,
        expression: definition.expression,
        zone: definition.zone,
        enabled: definition.enabled,
        function: definition.function,
        input: definition.input,
        missed_policy: match definition.missed {
            control::Missed::Run => console::Missed::Run,
            control::Missed::Skip => console::Missed::Skip,
        },
        start_ms: definition.start_ms,
        end_ms: definition.end_ms,
        window_minutes: definition.window_minutes,
        retry_attempts: definition.retry.attempts,
        retry_age_s: definition.retry.age_s,
        dead_letter: definition.dead_letter,
        next_ms: status.next_ms,
        last: status.last.map(|run| console::LastRun {
            scheduled_ms: run.scheduled_ms,
            ended_ms: run.ended_ms,
            outcome: match run.outcome {
                RunOutcome::Succeeded => console::RunOutcome::Succeeded,
                RunOutcome::WillTryAgain => console::RunOutcome::WillTryAgain,
                RunOutcome::GaveUp(_) => console::RunOutcome::GaveUp,
            },
            error: run.error,
        }),
        missed: status.missed,
        runs: event_counts(&status.counts, status.waiting),
        trouble: status.trouble,
    }
}

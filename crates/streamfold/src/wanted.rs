//! What a template defines besides tables, in the words of the room that keeps definitions. Only names change here: what
//! is allowed was checked by `project`, and is checked again by `control`.

use control::{
    Code, FunctionDefinition, NotificationDefinition, Package, ParameterDefinition, ParameterType, RetryPolicy,
    ScheduleDefinition, Service, Tier, Wanted, WantedSource, WantedTrigger,
};
use project::{BucketTrigger, Diagnostic, Project, Severity, Source};
use std::collections::BTreeMap;
use triggers::StartingPosition;

/// Everything that a project defines besides tables. `stream_arn` is asked by table name, for values that hold the ARN of
/// a stream.
pub fn wanted(project: &Project, stream_arn: &dyn Fn(&str) -> Option<String>) -> Wanted {
    Wanted {
        functions: project.functions.iter().map(|function| definition(function, stream_arn)).collect(),
        schedules: project.schedules.iter().map(schedule).collect(),
        parameters: project.parameters.iter().map(|parameter| self::parameter(parameter, stream_arn)).collect(),
        triggers: project.triggers.iter().map(trigger).collect(),
        notifications: notifications(project),
    }
}

/// Whom each bucket's events call; a bucket whose events call nobody is not in it.
pub fn notifications(project: &Project) -> Vec<NotificationDefinition> {
    let of_bucket = |bucket: &project::Bucket| {
        let triggers = project.bucket_triggers.iter().filter(|trigger| trigger.bucket == bucket.name);
        let targets: Vec<s3::Target> = triggers.map(target).collect();
        (!targets.is_empty()).then(|| NotificationDefinition {
            bucket: bucket.name.clone(),
            targets,
            origin: control::Origin::Template,
        })
    };
    project.buckets.iter().filter_map(of_bucket).collect()
}

fn target(trigger: &BucketTrigger) -> s3::Target {
    s3::Target {
        id: trigger.name.clone(),
        function: trigger.function.clone(),
        kinds: trigger.changes.clone(),
        prefix: trigger.prefix.clone().unwrap_or_default(),
        suffix: trigger.suffix.clone().unwrap_or_default(),
    }
}

/// A refused definition, said where the template asks for it.
pub fn refusal(project: &Project, refused: &control::Refused) -> Diagnostic {
    let control::Refused { kind, name, error } = refused;
    let message = format!("{kind} {name}: {error}");
    let origin = match *kind {
        control::FUNCTION => project.function(name).map(|function| &function.origin),
        control::PARAMETER => project.parameters.iter().find(|found| found.name == *name).map(|found| &found.origin),
        control::SCHEDULE => {
            project.schedules.iter().find(|found| schedule(found).key() == *name).map(|found| &found.origin)
        }
        control::NOTIFICATION => {
            project.bucket_triggers.iter().rfind(|trigger| trigger.bucket == *name).map(|found| &found.origin)
        }
        _ => {
            let is_it = |found: &&project::Trigger| trigger(found).name() == *name;
            project.triggers.iter().find(is_it).map(|found| &found.origin)
        }
    };
    match origin {
        Some(origin) => origin.diagnostic(Severity::Error, "", message),
        None => Diagnostic::error(message),
    }
}

fn tags(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}

fn definition(
    function: &project::Function,
    stream_arn: &dyn Fn(&str) -> Option<String>,
) -> (FunctionDefinition, Package) {
    let package = match &function.code {
        project::Code::Folder(folder) => Package::Folder(folder.canonicalize().unwrap_or_else(|_| folder.clone())),
        project::Code::Inline(text) => Package::Inline(text.clone()),
    };
    // The code store says where the code lies.
    let code = Code::Folder(std::path::PathBuf::new());
    let filled = |(name, value): &(String, String)| (name.clone(), project::fill_stream_arns(value, stream_arn));
    let definition = FunctionDefinition {
        timeout_s: function.timeout_seconds,
        memory_mb: function.memory_mb,
        environment: function.environment.iter().map(filled).collect(),
        description: function.description.clone(),
        reserved_concurrency: function.reserved_concurrency,
        events: control::Events {
            dead_letter: function.events.dead_letter.clone(),
            invoke: function.events.invoke.as_ref().map(event_invoke),
        },
        tags: tags(&function.tags),
        ..FunctionDefinition::new(&function.name, &function.runtime.name, &function.handler, code)
    };
    (definition, package)
}

fn event_invoke(invoke: &project::EventInvoke) -> control::EventInvoke {
    control::EventInvoke {
        retry_attempts: invoke.retry_attempts,
        age_s: invoke.age_seconds,
        on_failure: invoke.on_failure.clone(),
        on_success: invoke.on_success.clone(),
    }
}

fn trigger(trigger: &project::Trigger) -> WantedTrigger {
    let settings = &trigger.settings;
    WantedTrigger {
        function: trigger.function.clone(),
        source: match &trigger.source {
            Source::Table(table) => WantedSource::Table(table.clone()),
            Source::Kinesis(arn) => WantedSource::Kinesis(arn.clone()),
        },
        starting: match settings.starting_position {
            project::StartingPosition::TrimHorizon => StartingPosition::TrimHorizon,
            project::StartingPosition::Latest => StartingPosition::Latest,
            project::StartingPosition::At(ms) => StartingPosition::AtTimestamp(u64::try_from(ms).unwrap_or_default()),
        },
        settings: triggers::Settings {
            batch_size: settings.batch_size,
            batching_window_s: settings.batching_window_seconds,
            parallelization: u16::try_from(settings.parallelization_factor).unwrap_or(u16::MAX),
            retry_attempts: settings.retry_attempts_max,
            record_age_s: settings.record_age_seconds_max,
            bisect: settings.bisect_on_error,
            report_item_failures: settings.report_item_failures,
            tumbling_window_s: settings.tumbling_window_seconds,
            filters: settings.filters.clone(),
            on_failure: settings.on_failure.clone(),
            quarantine: settings.quarantine.map(|quarantine| triggers::Quarantine {
                records: quarantine.records,
                ..triggers::Quarantine::default()
            }),
        },
        enabled: settings.enabled,
    }
}

fn schedule(schedule: &project::Schedule) -> ScheduleDefinition {
    let (service, group, name, target_id) = match &schedule.kind {
        project::ScheduleKind::Rule { rule } => {
            let target = schedule.name.strip_prefix(rule).map_or("", |rest| rest.trim_start_matches('/'));
            (Service::Rule, "default", rule.as_str(), target)
        }
        project::ScheduleKind::Scheduler { group } => (Service::Scheduler, group.as_str(), schedule.name.as_str(), ""),
    };
    let timetable = &schedule.timetable;
    ScheduleDefinition {
        group: group.to_owned(),
        target_id: target_id.to_owned(),
        zone: timetable.zone.name().to_owned(),
        start_ms: timetable.start_ms,
        end_ms: timetable.end_ms,
        enabled: schedule.enabled,
        description: schedule.description.clone(),
        input: schedule.input.clone(),
        missed: match schedule.missed {
            project::Missed::Run => control::Missed::Run,
            project::Missed::Skip => control::Missed::Skip,
        },
        retry: RetryPolicy { attempts: schedule.retry.attempts_max, age_s: schedule.retry.age_seconds_max },
        dead_letter: schedule.dead_letter.clone(),
        window_minutes: schedule.flexible_minutes,
        ..ScheduleDefinition::new(service, name, &timetable.expression.to_string(), &schedule.function)
    }
}

fn parameter(parameter: &project::SsmParameter, stream_arn: &dyn Fn(&str) -> Option<String>) -> ParameterDefinition {
    let kind = match parameter.kind {
        project::ParameterKind::String => ParameterType::String,
        project::ParameterKind::StringList => ParameterType::StringList,
        project::ParameterKind::SecureString => ParameterType::SecureString,
    };
    ParameterDefinition {
        description: parameter.description.clone(),
        allowed_pattern: parameter.allowed_pattern.clone(),
        tier: Tier::parse(&parameter.tier).unwrap_or(Tier::Standard),
        tags: tags(&parameter.tags),
        ..ParameterDefinition::new(&parameter.name, kind, &project::fill_stream_arns(&parameter.value, stream_arn))
    }
}

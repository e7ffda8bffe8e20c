//! CreateEventSourceMapping, UpdateEventSourceMapping, GetEventSourceMapping, ListEventSourceMappings,
//! DeleteEventSourceMapping. Shapes and words follow responses recorded on AWS (localstack's snapshots).

use super::{
    fault::{self, invalid},
    functions, later,
    name::{self, Kind},
    page::Page,
    shown::with,
};
use crate::{
    checks::Checks,
    json::{self, Double, Flag, Integer, List, Map, Object, Text, string},
    protocol::{Answer, Fault},
    routes::{Call, Step},
    uri,
};
use control::Control;
use http::StatusCode;
use serde::de::IgnoredAny;
use triggers::{Mapping, NewMapping, Settings, Source, StartingPosition, TriggerStatus};
use wire::{Place, time};

shape! {
    Destination<'a> (plain) {
        "Destination" => arn: Text<'a>,
    }
}

shape! {
    DestinationConfig<'a> (plain) {
        "OnSuccess" => on_success: Destination<'a>,
        "OnFailure" => on_failure: Destination<'a>,
    }
}

shape! {
    Filter<'a> (plain) {
        "Pattern" => pattern: Text<'a>,
    }
}

shape! {
    FilterCriteria<'a> (plain) {
        "Filters" => filters: List<Filter<'a>>,
    }
}

shape! {
    /// Of CreateEventSourceMapping.
    Start<'a> (plain) {
        "EventSourceArn" => source: Text<'a>,
        "StartingPosition" => position: Text<'a>,
        "StartingPositionTimestamp" => timestamp: Double,
        "SelfManagedEventSource" => self_managed: IgnoredAny,
        "Topics" => topics: IgnoredAny,
        "Queues" => queues: IgnoredAny,
        "Tags" => tags: Map<Text<'a>, IgnoredAny>,
    }
}

shape! {
    /// Of CreateEventSourceMapping and UpdateEventSourceMapping.
    Change<'a> (plain) {
        "FunctionName" => function: Text<'a>,
        "Enabled" => enabled: Flag,
        "BatchSize" => batch_size: Integer,
        "MaximumBatchingWindowInSeconds" => window_s: Integer,
        "ParallelizationFactor" => parallelization: Integer,
        "MaximumRecordAgeInSeconds" => record_age_s: Integer,
        "MaximumRetryAttempts" => retry_attempts: Integer,
        "BisectBatchOnFunctionError" => bisect: Flag,
        "TumblingWindowInSeconds" => tumbling_s: Integer,
        "FunctionResponseTypes" => response_types: List<Text<'a>>,
        "FilterCriteria" => filters: FilterCriteria<'a>,
        "DestinationConfig" => destination: DestinationConfig<'a>,
        "ScalingConfig" => scaling: IgnoredAny,
        "ProvisionedPollerConfig" => pollers: IgnoredAny,
        "LoggingConfig" => logging: IgnoredAny,
        "SourceAccessConfigurations" => access: List<IgnoredAny>,
        "AmazonManagedKafkaEventSourceConfig" => kafka: IgnoredAny,
        "SelfManagedKafkaEventSourceConfig" => self_kafka: IgnoredAny,
        "DocumentDBEventSourceConfig" => document_db: IgnoredAny,
    }
}

/// Mappings of a page of the list, as AWS has it.
const LISTED_MAX: usize = 100;
const PATTERN_MAX: usize = triggers::PATTERN_CHARACTERS_MAX;
const DESTINATION_MAX: usize = 350;
const REPORT_ITEM_FAILURES: &str = "ReportBatchItemFailures";

impl Change<'_> {
    /// The first of AWS's checks: each by itself.
    fn check(&self, checks: &mut Checks) {
        let whole = [
            ("batchSize", self.batch_size, 1, 10_000),
            ("maximumBatchingWindowInSeconds", self.window_s, 0, 300),
            ("parallelizationFactor", self.parallelization, 1, 10),
            ("maximumRecordAgeInSeconds", self.record_age_s, -1, 604_800),
            ("maximumRetryAttempts", self.retry_attempts, -1, 10_000),
            ("tumblingWindowInSeconds", self.tumbling_s, 0, 900),
        ];
        for (name, value, least, most) in whole {
            let value = value.map(|value| value.0);
            checks.at_least(name, value, least);
            checks.at_most(name, value, most);
        }
        for kind in self.response_types.iter().flat_map(|types| types.iter()) {
            checks.one_of("functionResponseTypes", Some(kind), &[REPORT_ITEM_FAILURES]);
        }
        let patterns =
            self.filters.iter().filter_map(|criteria| criteria.filters.as_ref()).flat_map(|list| list.iter());
        for (place, pattern) in
            patterns.enumerate().filter_map(|(place, filter)| Some((place, filter.pattern.as_ref()?)))
        {
            checks.longest(format_args!("filterCriteria.filters.{}.member.pattern", place + 1), pattern, PATTERN_MAX);
        }
        if let Some(arn) = self.on_failure() {
            checks.longest("destinationConfig.onFailure.destination", arn, DESTINATION_MAX);
        }
    }

    fn on_failure(&self) -> Option<&str> {
        self.destination.as_ref()?.on_failure.as_ref()?.arn.as_deref()
    }

    /// Refuses what belongs to sources of other kinds, in AWS's words for the one that it is known for.
    fn refuse_foreign(&self) -> Result<(), Fault> {
        let on_success = self.destination.as_ref().is_some_and(|destination| destination.on_success.is_some());
        let foreign = [
            ("DestinationConfig", on_success),
            ("ScalingConfig", self.scaling.is_some()),
            ("ProvisionedPollerConfig", self.pollers.is_some()),
            ("LoggingConfig", self.logging.is_some()),
            ("SourceAccessConfigurations", self.access.as_ref().is_some_and(|list| !list.is_empty())),
            ("AmazonManagedKafkaEventSourceConfig", self.kafka.is_some()),
            ("SelfManagedKafkaEventSourceConfig", self.self_kafka.is_some()),
            ("DocumentDBEventSourceConfig", self.document_db.is_some()),
        ];
        refuse_first(&foreign)
    }

    /// Applies what was checked; what is absent stays.
    fn apply(&self, settings: &mut Settings) {
        fn set<N: TryFrom<i64>>(place: &mut N, value: Option<Integer>) {
            if let Some(value) = value.and_then(|value| N::try_from(value.0).ok()) {
                *place = value;
            }
        }
        // -1 is none.
        let some = |value: Integer| u32::try_from(value.0).ok();
        set(&mut settings.batch_size, self.batch_size);
        set(&mut settings.batching_window_s, self.window_s);
        set(&mut settings.parallelization, self.parallelization);
        set(&mut settings.tumbling_window_s, self.tumbling_s);
        settings.record_age_s = self.record_age_s.map_or(settings.record_age_s, some);
        settings.retry_attempts = self.retry_attempts.map_or(settings.retry_attempts, some);
        settings.bisect = self.bisect.map_or(settings.bisect, |flag| flag.0);
        if let Some(types) = &self.response_types {
            settings.report_item_failures = !types.is_empty();
        }
        if let Some(criteria) = &self.filters {
            let filters = criteria.filters.iter().flat_map(|list| list.iter());
            settings.filters = filters.map(|filter| filter.pattern.as_deref().unwrap_or("{}").to_owned()).collect();
        }
        if let Some(destination) = &self.destination {
            let arn = destination.on_failure.as_ref().and_then(|destination| destination.arn.as_deref());
            settings.on_failure = arn.filter(|arn| !arn.is_empty()).map(str::to_owned);
        }
    }
}

fn refuse_first(foreign: &[(&str, bool)]) -> Result<(), Fault> {
    match foreign.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(invalid(format!("Unsupported {name} parameter for given event source mapping type."))),
        None => Ok(()),
    }
}

impl Start<'_> {
    /// The source and where to start in it.
    fn source(&self, call: &Call<'_>) -> Result<(Source, StartingPosition), Fault> {
        refuse_first(&[
            ("SelfManagedEventSource", self.self_managed.is_some()),
            ("Topics", self.topics.is_some()),
            ("Queues", self.queues.is_some()),
        ])?;
        if self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            return Err(invalid("Tags of event source mappings do not work here"));
        }
        let arn = self.source.as_deref().ok_or_else(|| invalid("Unrecognized event source."))?;
        match arn.split(':').nth(2).filter(|_| arn.starts_with("arn:")) {
            Some("dynamodb") => {}
            Some(service) => {
                return Err(invalid(format!(
                    "Event sources of {service} do not work here, only streams of tables: {arn}"
                )));
            }
            None => return Err(invalid("Unrecognized event source.")),
        }
        let starting = match self.position.as_deref() {
            None => {
                // With a full stop and another type than all complaints like it: as AWS has it.
                let words = "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.";
                return Err(invalid(format!("1 validation error detected: {words}")));
            }
            Some("TRIM_HORIZON") => StartingPosition::TrimHorizon,
            Some("LATEST") => StartingPosition::Latest,
            Some(_) => return Err(invalid(format!("Unsupported starting position for arn type: {arn}"))),
        };
        if self.timestamp.is_some() {
            return Err(invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP"));
        }
        let source = Source::of_arn(&call.door.db, &call.door.config.place, arn);
        let source = source.ok_or_else(|| invalid(format!("Stream not found: {arn}")))?;
        Ok((source, starting))
    }
}

pub(crate) fn create(call: &Call<'_>) -> Result<Step, Fault> {
    let start: Start<'_> = json::decode(call.body)?;
    let change: Change<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("functionName", change.function.is_some());
    checks.one_of("startingPosition", start.position.as_ref(), &["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"]);
    change.check(&mut checks);
    checks.finish()?;
    change.refuse_foreign()?;
    let (source, starting) = start.source(call)?;
    let rooms = call.door.rooms()?;
    let place = call.door.config.place.clone();
    let function = function(&rooms.control, &place, change.function.as_deref().unwrap_or_default())?;
    let mut settings = Settings::default();
    change.apply(&mut settings);
    let enabled = change.enabled.is_none_or(|flag| flag.0);
    let triggers = rooms.triggers.clone();
    later(async move {
        let created = triggers.create(NewMapping { function, source, starting, settings, enabled }).await;
        answer(&place, created)
    })
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let change: Change<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    change.check(&mut checks);
    checks.finish()?;
    change.refuse_foreign()?;
    let rooms = call.door.rooms()?;
    let (uuid, place, triggers) = (uuid(call), call.door.config.place.clone(), rooms.triggers.clone());
    let mut settings = (*triggers.get(&uuid).map_err(|error| fault::of_triggers(&error))?.mapping).settings.clone();
    change.apply(&mut settings);
    let named = change.function.as_deref().map(|name| function(&rooms.control, &place, name)).transpose()?;
    let enabled = change.enabled.map(|flag| flag.0);
    later(async move {
        let change = |mapping: &mut Mapping| {
            mapping.settings = settings;
            mapping.function = named.unwrap_or_else(|| mapping.function.clone());
            mapping.enabled = enabled.unwrap_or(mapping.enabled);
        };
        answer(&place, triggers.update(&uuid, change).await)
    })
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let (uuid, place, triggers) = (uuid(call), call.door.config.place.clone(), call.door.rooms()?.triggers.clone());
    later(async move { answer(&place, triggers.delete(&uuid).await) })
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let status = call.door.rooms()?.triggers.get(&uuid(call)).map_err(|error| fault::of_triggers(&error))?;
    Ok(Step::Done(shown(&call.door.config.place, &status)))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let page = Page::of(call.query, LISTED_MAX)?;
    let place = &call.door.config.place;
    let parameter = |wanted: &str| uri::parameters(call.query).find(|(name, _)| name == wanted).map(|(_, value)| value);
    let source = parameter("EventSourceArn");
    let function = parameter("FunctionName").map(|text| name::named(place, &text, None, Kind::Wide)).transpose()?;
    let wanted = |status: &TriggerStatus| {
        source.as_ref().is_none_or(|arn| status.mapping.source.arn(place) == *arn)
            && function.as_ref().is_none_or(|function| status.mapping.function == function.name)
    };
    let found = call.door.rooms()?.triggers.status().into_iter().filter(wanted).collect();
    let (found, marker) = page.take(found, |status| &status.mapping.uuid);
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut mappings = response.array("EventSourceMappings");
    for status in &found {
        mappings.element().extend_from_slice(&shown(place, status));
    }
    mappings.end();
    if let Some(marker) = marker {
        response.text("NextMarker", &marker);
    }
    response.end();
    Ok(Step::Done(out))
}

fn uuid(call: &Call<'_>) -> String {
    call.arguments.first().cloned().unwrap_or_default()
}

/// The function that a mapping is to feed.
fn function(control: &Control, place: &Place, text: &str) -> Result<String, Fault> {
    let named = name::named(place, text, None, Kind::Wide)?;
    if functions::exists(control, &named.name) { Ok(named.name) } else { Err(invalid("Function does not exist")) }
}

fn answer(place: &Place, changed: Result<TriggerStatus, triggers::Error>) -> Result<Answer, Fault> {
    let status = changed.map_err(|error| fault::of_triggers(&error))?;
    Ok(Answer::with(StatusCode::ACCEPTED, shown(place, &status)))
}

/// A mapping as Lambda shows it.
fn shown(place: &Place, status: &TriggerStatus) -> Vec<u8> {
    let Mapping { uuid, source, starting, settings, .. } = &*status.mapping;
    let or_minus_one = |value: Option<u32>| value.map_or(-1, i64::from);
    let mut out = Vec::with_capacity(1024);
    let mut object = Object::new(&mut out);
    object.text("UUID", uuid);
    object.text("StartingPosition", starting.name());
    object.bare("BatchSize", settings.batch_size);
    object.bare("MaximumBatchingWindowInSeconds", settings.batching_window_s);
    object.bare("ParallelizationFactor", settings.parallelization);
    object.text("EventSourceArn", &source.arn(place));
    if !settings.filters.is_empty() {
        with(&mut object, "FilterCriteria", |criteria| {
            let mut filters = criteria.array("Filters");
            for pattern in &settings.filters {
                let mut filter = filters.object();
                filter.text("Pattern", pattern);
                filter.end();
            }
            filters.end();
        });
    }
    object.text("FunctionArn", &status.mapping.function_arn(place));
    object.bare("LastModified", time::seconds(status.changed_ms));
    object.text("LastProcessingResult", &status.last_result);
    object.text("State", status.state.name());
    object.text("StateTransitionReason", "User action");
    with(&mut object, "DestinationConfig", |config| {
        with(config, "OnFailure", |destination| {
            settings.on_failure.iter().for_each(|arn| destination.text("Destination", arn));
        });
    });
    object.bare("MaximumRecordAgeInSeconds", or_minus_one(settings.record_age_s));
    object.bare("BisectBatchOnFunctionError", settings.bisect);
    object.bare("MaximumRetryAttempts", or_minus_one(settings.retry_attempts));
    object.bare("TumblingWindowInSeconds", settings.tumbling_window_s);
    let mut types = object.array("FunctionResponseTypes");
    if settings.report_item_failures {
        string(types.element(), REPORT_ITEM_FAILURES);
    }
    types.end();
    object.text("EventSourceMappingArn", &status.mapping.arn(place));
    object.end();
    out
}

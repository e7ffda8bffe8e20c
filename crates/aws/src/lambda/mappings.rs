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

    /// What was checked, to be applied; what is absent stays.
    fn change(self) -> impl FnOnce(&mut Settings) + Send + 'static {
        // -1 is none.
        let some = |value: Integer| u32::try_from(value.0).ok();
        let (record_age_s, retry_attempts) = (self.record_age_s.map(some), self.retry_attempts.map(some));
        let (batch_size, window_s, tumbling_s) = (self.batch_size, self.window_s, self.tumbling_s);
        let (parallelization, bisect) = (self.parallelization, self.bisect.map(|flag| flag.0));
        let report = self.response_types.map(|types| !types.is_empty());
        let pattern = |filter: Filter<'_>| filter.pattern.map_or_else(|| "{}".to_owned(), |text| text.0.into_owned());
        let filters = self.filters.map(|criteria| criteria.filters.map(|list| list.0).unwrap_or_default());
        let filters = filters.map(|filters| filters.into_iter().map(pattern).collect());
        let arn = |config: DestinationConfig<'_>| config.on_failure?.arn.map(|arn| arn.0.into_owned());
        let on_failure = self.destination.map(|config| arn(config).filter(|arn| !arn.is_empty()));
        move |settings| {
            set_whole(&mut settings.batch_size, batch_size);
            set_whole(&mut settings.batching_window_s, window_s);
            set_whole(&mut settings.parallelization, parallelization);
            set_whole(&mut settings.tumbling_window_s, tumbling_s);
            set(&mut settings.record_age_s, record_age_s);
            set(&mut settings.retry_attempts, retry_attempts);
            set(&mut settings.bisect, bisect);
            set(&mut settings.report_item_failures, report);
            set(&mut settings.filters, filters);
            set(&mut settings.on_failure, on_failure);
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// A number whose range was checked.
fn set_whole<N: TryFrom<i64>>(place: &mut N, value: Option<Integer>) {
    set(place, value.and_then(|value| N::try_from(value.0).ok()));
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
        let is_kinesis = match arn.split(':').nth(2).filter(|_| arn.starts_with("arn:")) {
            Some("dynamodb") => false,
            Some("kinesis") => true,
            Some(service) => {
                return Err(invalid(format!(
                    "Event sources of {service} do not work here, only streams of tables and of Kinesis: {arn}"
                )));
            }
            None => return Err(invalid("Unrecognized event source.")),
        };
        let starting = match self.position.as_deref() {
            None => {
                // With a full stop and another type than all complaints like it: as AWS has it.
                let words = "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.";
                return Err(invalid(format!("1 validation error detected: {words}")));
            }
            Some("TRIM_HORIZON") => StartingPosition::TrimHorizon,
            Some("LATEST") => StartingPosition::Latest,
            Some(_) if is_kinesis => StartingPosition::AtTimestamp(self.timestamp_ms()?),
            Some(_) => return Err(invalid(format!("Unsupported starting position for arn type: {arn}"))),
        };
        if self.timestamp.is_some() && !matches!(starting, StartingPosition::AtTimestamp(_)) {
            return Err(invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP"));
        }
        let source = Source::of_arn(&call.door.db, &call.door.config.place, arn);
        let source = source.ok_or_else(|| invalid(format!("Stream not found: {arn}")))?;
        Ok((source, starting))
    }

    /// Where AT_TIMESTAMP starts.
    fn timestamp_ms(&self) -> Result<u64, Fault> {
        let seconds = self.timestamp.as_ref().map(|timestamp| timestamp.0);
        let seconds =
            seconds.ok_or_else(|| invalid("Timestamp must be provided with StartingPosition AT_TIMESTAMP"))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is no moment is another one")]
        Ok((seconds * 1000.0) as u64)
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
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    let function = function(&control, &place, change.function.as_deref().unwrap_or_default())?;
    let enabled = change.enabled.is_none_or(|flag| flag.0);
    let mut settings = Settings::default();
    change.change()(&mut settings);
    later(async move {
        let created = control.triggers().create(NewMapping { function, source, starting, settings, enabled }).await;
        answer(&place, created)
    })
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let change: Change<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    change.check(&mut checks);
    checks.finish()?;
    change.refuse_foreign()?;
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    let uuid = uuid(call);
    control.triggers().get(&uuid).map_err(|error| fault::of_triggers(&error))?;
    let named = change.function.as_deref().map(|name| function(&control, &place, name)).transpose()?;
    let enabled = change.enabled.map(|flag| flag.0);
    let change = change.change();
    later(async move {
        let change = |mapping: &mut Mapping| {
            change(&mut mapping.settings);
            set(&mut mapping.function, named);
            set(&mut mapping.enabled, enabled);
        };
        answer(&place, control.triggers().update(&uuid, change).await)
    })
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    let uuid = uuid(call);
    later(async move { answer(&place, control.triggers().delete(&uuid).await) })
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let status = call.door.control()?.triggers().get(&uuid(call)).map_err(|error| fault::of_triggers(&error))?;
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
    let found = call.door.control()?.triggers().status().into_iter().filter(wanted).collect();
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
    if let StartingPosition::AtTimestamp(ms) = starting {
        object.bare("StartingPositionTimestamp", time::seconds(*ms));
    }
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

//! CreateStream, DeleteStream, and what of a stream can be changed: retention, mode, the largest record.

use super::{
    changing, fault,
    named::{Named, check_name},
    tags,
};
use crate::{
    checks::Checks,
    json::{self, Integer, Map, Text},
    protocol::{Code, Fault},
    routes::{Call, Step},
};
use kinesis::{
    Definition, Mode, ON_DEMAND_SHARDS, RECORD_KIB, RECORD_KIB_MAX, RETENTION_HOURS, RETENTION_HOURS_MAX, SHARDS_MAX,
    Stream,
};

shape! {
    CreateStreamInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "ShardCount" => shards: Integer,
        "StreamModeDetails" => mode: StreamModeDetails<'a>,
        "Tags" => tags: Map<Text<'a>, Text<'a>>,
        "WarmThroughputMiBps" => warm: Integer,
        "MaxRecordSizeInKiB" => record_kib: Integer,
        "RecordDistributionStrategy" => distribution: Text<'a>,
    }
}

shape! {
    StreamModeDetails<'a> (plain) {
        "StreamMode" => mode: Text<'a>,
    }
}

shape! {
    /// Of the operations that name a stream and one thing to change.
    StreamInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "RetentionPeriodHours" => hours: Integer,
        "StreamModeDetails" => mode: StreamModeDetails<'a>,
        "MaxRecordSizeInKiB" => record_kib: Integer,
        "WarmThroughputMiBps" => warm: Integer,
    }
}

const MODES: [&str; 2] = ["PROVISIONED", "ON_DEMAND"];

pub(crate) fn create(call: &Call<'_>) -> Result<Step, Fault> {
    let input: CreateStreamInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("streamName", input.name.is_some());
    if let Some(name) = &input.name {
        check_name(&mut checks, "streamName", name);
    }
    checks.at_least("shardCount", input.shards.map(|shards| shards.0), 1);
    check_mode(&mut checks, input.mode.as_ref());
    check_record_kib(&mut checks, input.record_kib);
    checks.one_of("recordDistributionStrategy", input.distribution.as_ref(), &["AUTO", "USER_PARTITION_KEY"]);
    tags::check(&mut checks, input.tags.as_ref());
    checks.finish()?;
    check_left_out(input.warm)?;
    if input.distribution.as_deref() == Some("AUTO") {
        return Err(fault::invalid(
            "RecordDistributionStrategy AUTO does not work here: records go to the shard of their partition key.",
        ));
    }
    let definition = definition(&input)?;
    changing(call.door, move |door| door.streams.create(&definition).map(drop).map_err(|error| fault::of(door, &error)))
}

/// What is asked for. Without a mode and a number of shards it is a stream on demand.
fn definition(input: &CreateStreamInput<'_>) -> Result<Definition, Fault> {
    let mode = input.mode.as_ref().and_then(|mode| Mode::of_name(mode.mode.as_deref()?));
    let mode = mode.unwrap_or(if input.shards.is_some() { Mode::Provisioned } else { Mode::OnDemand });
    let shards = match (mode, input.shards) {
        (Mode::Provisioned, Some(shards)) => u16::try_from(shards.0).map_err(|_| {
            let message = format!("All streams together have {SHARDS_MAX} shards at most.");
            Fault::new(Code::LimitExceeded, message)
        })?,
        (Mode::Provisioned, None) => {
            return Err(fault::invalid("ShardCount must be specified for a stream in PROVISIONED mode."));
        }
        (Mode::OnDemand, None) => ON_DEMAND_SHARDS,
        (Mode::OnDemand, Some(_)) => {
            return Err(fault::invalid("ShardCount must not be specified for a stream in ON_DEMAND mode."));
        }
    };
    let plain = Definition::new(input.name.as_deref().unwrap_or_default());
    let record_kib = input.record_kib.and_then(|kib| u32::try_from(kib.0).ok()).unwrap_or(plain.record_kib);
    let tags = tags::taken(input.tags.as_ref())?;
    Ok(Definition { mode, shards, record_kib, tags, ..plain })
}

fn check_mode(checks: &mut Checks, mode: Option<&StreamModeDetails<'_>>) {
    if let Some(mode) = mode {
        checks.required("streamModeDetails.streamMode", mode.mode.is_some());
        checks.one_of("streamModeDetails.streamMode", mode.mode.as_ref(), &MODES);
    }
}

fn check_record_kib(checks: &mut Checks, kib: Option<Integer>) {
    let kib = kib.map(|kib| kib.0);
    checks.at_least("maxRecordSizeInKiB", kib, RECORD_KIB.into());
    checks.at_most("maxRecordSizeInKiB", kib, RECORD_KIB_MAX.into());
}

fn check_left_out(warm: Option<Integer>) -> Result<(), Fault> {
    match warm {
        Some(warm) if warm.0 != 0 => Err(fault::invalid(
            "WarmThroughputMiBps does not work here: nothing limits a stream's throughput. Leave it out.",
        )),
        _ => Ok(()),
    }
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let (_, stream) = named(call, |_, _| ())?;
    changing(call.door, move |door| {
        door.streams.delete(stream.name()).map(drop).map_err(|error| fault::of(door, &error))
    })
}

pub(crate) fn increase(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = named(call, check_hours)?;
    let hours = hours(&input)?;
    change(call, &stream, move |definition| {
        let (name, is) = (&definition.name, definition.retention_hours);
        if is > hours {
            return Err(fault::invalid(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be shorter than existing \
                 retention period ({is} hours). Use DecreaseRetentionPeriod API."
            )));
        }
        definition.retention_hours = hours;
        Ok(())
    })
}

pub(crate) fn decrease(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = named(call, check_hours)?;
    let hours = hours(&input)?;
    change(call, &stream, move |definition| {
        let (name, is) = (&definition.name, definition.retention_hours);
        if is < hours {
            return Err(fault::invalid(format!(
                "Requested retention period ({hours} hours) for stream {name} can not be longer than existing \
                 retention period ({is} hours). Use IncreaseRetentionPeriod API."
            )));
        }
        definition.retention_hours = hours;
        Ok(())
    })
}

fn check_hours(checks: &mut Checks, input: &StreamInput<'_>) {
    checks.required("retentionPeriodHours", input.hours.is_some());
}

fn hours(input: &StreamInput<'_>) -> Result<u32, Fault> {
    let hours = input.hours.map_or(0, |hours| hours.0);
    if hours < RETENTION_HOURS.into() {
        return Err(fault::invalid(format!(
            "Minimum allowed retention period is {RETENTION_HOURS} hours. Requested retention period ({hours} hours) is \
             too short."
        )));
    }
    u32::try_from(hours).ok().filter(|hours| *hours <= RETENTION_HOURS_MAX).ok_or_else(|| {
        fault::invalid(format!(
            "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention period ({hours} \
             hours) is too long."
        ))
    })
}

pub(crate) fn update_mode(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = named(call, |checks, input| {
        checks.required("streamARN", input.arn.is_some());
        checks.required("streamModeDetails", input.mode.is_some());
        check_mode(checks, input.mode.as_ref());
    })?;
    check_left_out(input.warm)?;
    let mode = input.mode.as_ref().and_then(|mode| Mode::of_name(mode.mode.as_deref()?));
    let mode = mode.expect("checked above");
    change(call, &stream, move |definition| {
        definition.mode = mode;
        Ok(())
    })
}

pub(crate) fn update_record_size(call: &Call<'_>) -> Result<Step, Fault> {
    let (input, stream) = named(call, |checks, input| {
        checks.required("maxRecordSizeInKiB", input.record_kib.is_some());
        check_record_kib(checks, input.record_kib);
    })?;
    let kib = input.record_kib.and_then(|kib| u32::try_from(kib.0).ok()).expect("checked above");
    change(call, &stream, move |definition| {
        definition.record_kib = kib;
        Ok(())
    })
}

/// The request and the stream that it names.
fn named<'b>(
    call: &Call<'b>,
    check: impl FnOnce(&mut Checks, &StreamInput<'b>),
) -> Result<(StreamInput<'b>, Stream), Fault> {
    let input: StreamInput<'b> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    check(&mut checks, &input);
    checks.finish()?;
    let stream = named.find(call)?;
    Ok((input, stream))
}

/// Changes a stream; `change` may see it more than once.
pub(super) fn change(
    call: &Call<'_>,
    stream: &Stream,
    change: impl Fn(&mut Definition) -> Result<(), Fault> + Send + 'static,
) -> Result<Step, Fault> {
    let name = stream.name().to_owned();
    changing(call.door, move |door| {
        let changed = door.streams.update(&name, |definition| change(definition).map_err(Refused::Here));
        changed.map(drop).map_err(|refused| match refused {
            Refused::Here(fault) => fault,
            Refused::There(error) => fault::of(door, &error),
        })
    })
}

/// Who refuses a change: this door, or the room of streams.
enum Refused {
    Here(Fault),
    There(kinesis::Error),
}

impl From<kinesis::Error> for Refused {
    fn from(error: kinesis::Error) -> Refused {
        Refused::There(error)
    }
}

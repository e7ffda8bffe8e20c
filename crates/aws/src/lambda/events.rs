//! PutFunctionEventInvokeConfig, UpdateFunctionEventInvokeConfig, GetFunctionEventInvokeConfig,
//! ListFunctionEventInvokeConfigs, DeleteFunctionEventInvokeConfig: how events are tried that nobody waits for, and whom
//! their ends are told. It is a part of its function, so its time is the function's.

use super::{
    arn, fault, functions, later,
    mappings::DestinationConfig,
    name::{self, Kind, LATEST, Named},
    page::Page,
    shown::with,
};
use crate::{
    checks::Checks,
    json::{self, Integer, Object, Text},
    protocol::{Answer, Code, Fault},
    routes::{Call, Step},
};
use control::{Defined, EventInvoke, FunctionDefinition};
use http::StatusCode;
use wire::{Place, time};

shape! {
    EventInvokeConfigRequest<'a> (plain) {
        "MaximumRetryAttempts" => retry_attempts: Integer,
        "MaximumEventAgeInSeconds" => age_s: Integer,
        "DestinationConfig" => destination: DestinationConfig<'a>,
    }
}

/// Configurations of a page of the list, as AWS has it.
const LISTED_MAX: usize = 50;
/// Services whose ARNs are taken, and those that AWS takes beside them.
const TAKEN: [&str; 3] = ["sqs", "sns", "s3"];
const ELSEWHERE: [&str; 2] = ["lambda", "events"];

pub(crate) fn put(call: &Call<'_>) -> Result<Step, Fault> {
    let asked = asked(call)?;
    let named = find(call)?;
    change(call, named, move |before| {
        *before = Some(asked);
    })
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let asked = asked(call)?;
    let named = find(call)?;
    config_of(call, &named)?;
    change(call, named, move |before| {
        let before = before.get_or_insert_default();
        before.retry_attempts = asked.retry_attempts.or(before.retry_attempts);
        before.age_s = asked.age_s.or(before.age_s);
        before.on_failure = asked.on_failure.or(before.on_failure.take());
        before.on_success = asked.on_success.or(before.on_success.take());
    })
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    let function = functions::find(call, &named).map_err(|_| no_config(call, &named))?;
    config_of(call, &named)?;
    Ok(Step::Done(shown(&call.door.config.place, &function)))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    Page::of(call.query, LISTED_MAX)?;
    let function = functions::find(call, &find(call)?)?;
    let mut out = Vec::with_capacity(256);
    let mut response = Object::new(&mut out);
    let mut list = response.array("FunctionEventInvokeConfigs");
    if let Some(config) = &function.definition.events.invoke {
        let mut object = list.object();
        write(&mut object, &call.door.config.place, &function, config);
        object.end();
    }
    list.end();
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let named = find(call)?;
    config_of(call, &named)?;
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = |definition: &mut FunctionDefinition| definition.events.invoke = None;
        let updated = control.update_function(&named.name, None, change, None).await;
        updated.map_err(|error| fault::of_control(&place, &error))?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// What a request asks for, checked.
fn asked(call: &Call<'_>) -> Result<EventInvoke, Fault> {
    let input: EventInvokeConfigRequest<'_> = json::decode(call.body)?;
    let (retry_attempts, age_s) = (input.retry_attempts.map(|number| number.0), input.age_s.map(|number| number.0));
    let mut checks = Checks::default();
    for (at, value, least, most) in
        [("maximumRetryAttempts", retry_attempts, 0, 2), ("maximumEventAgeInSeconds", age_s, 60, 21_600)]
    {
        checks.at_least(at, value, least);
        checks.at_most(at, value, most);
    }
    checks.finish()?;
    if retry_attempts.is_none() && age_s.is_none() && input.destination.is_none() {
        return Err(fault::invalid("You must specify at least one of error handling or destination setting."));
    }
    let number = |number: i64| u32::try_from(number).expect("checked");
    let DestinationConfig { on_failure, on_success } = input.destination.unwrap_or_default();
    Ok(EventInvoke {
        retry_attempts: retry_attempts.map(number),
        age_s: age_s.map(number),
        on_failure: destination(on_failure.and_then(|destination| destination.arn))?,
        on_success: destination(on_success.and_then(|destination| destination.arn))?,
    })
}

/// The ARN of a queue, a topic or a bucket.
fn destination(arn: Option<Text<'_>>) -> Result<Option<String>, Fault> {
    let Some(arn) = arn.map(|arn| arn.0.into_owned()).filter(|arn| !arn.is_empty()) else { return Ok(None) };
    let service = arn.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(1)).unwrap_or_default();
    if ELSEWHERE.contains(&service) {
        return Err(fault::invalid(format!(
            "The destination {arn} is not told of anything here: name a queue or a topic, for which the table \
             dead_letters stands, or for failures a bucket"
        )));
    }
    if !TAKEN.contains(&service) {
        return Err(fault::invalid(format!("The destination ARN {arn} is invalid.")));
    }
    Ok(Some(arn))
}

/// The function of the path, which must be there.
fn find(call: &Call<'_>) -> Result<Named, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    if !functions::exists(call.door.control()?, &named.name) {
        return Err(Fault::new(Code::ResourceNotFound, "The function doesn't exist."));
    }
    Ok(named)
}

/// Fails where a function has no configuration.
fn config_of(call: &Call<'_>, named: &Named) -> Result<(), Fault> {
    let function = functions::find(call, named)?;
    function.definition.events.invoke.map(drop).ok_or_else(|| no_config(call, named))
}

fn no_config(call: &Call<'_>, named: &Named) -> Fault {
    let arn = arn(&call.door.config.place, &named.name);
    Fault::new(Code::ResourceNotFound, format!("The function {arn}:{LATEST} doesn't have an EventInvokeConfig"))
}

fn change(
    call: &Call<'_>,
    named: Named,
    change: impl FnOnce(&mut Option<EventInvoke>) + Send + 'static,
) -> Result<Step, Fault> {
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = |definition: &mut FunctionDefinition| change(&mut definition.events.invoke);
        let updated = control.update_function(&named.name, None, change, None).await;
        let function = updated.map_err(|error| fault::of_control(&place, &error))?;
        Ok(Answer::with(StatusCode::OK, shown(&place, &function)))
    })
}

fn shown(place: &Place, function: &Defined<FunctionDefinition>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut response = Object::new(&mut out);
    if let Some(config) = &function.definition.events.invoke {
        write(&mut response, place, function, config);
    }
    response.end();
    out
}

fn write(object: &mut Object<'_>, place: &Place, function: &Defined<FunctionDefinition>, config: &EventInvoke) {
    object.bare("LastModified", time::seconds(function.changed_ms));
    object.text("FunctionArn", &format!("{}:{LATEST}", arn(place, &function.definition.name)));
    if let Some(attempts) = config.retry_attempts {
        object.bare("MaximumRetryAttempts", attempts);
    }
    if let Some(age_s) = config.age_s {
        object.bare("MaximumEventAgeInSeconds", age_s);
    }
    with(object, "DestinationConfig", |destinations| {
        for (name, arn) in [("OnSuccess", &config.on_success), ("OnFailure", &config.on_failure)] {
            with(destinations, name, |destination| {
                arn.iter().for_each(|arn| destination.text("Destination", arn));
            });
        }
    });
}

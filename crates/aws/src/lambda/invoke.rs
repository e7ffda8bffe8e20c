//! Invoke.

use super::{
    fault, functions, later,
    name::{self, Kind, LATEST},
};
use crate::{
    checks::Checks,
    json::Text,
    lineage,
    protocol::{Answer, Code, Fault, X_AMZN_REQUESTID},
    routes::{Call, Step, X_AMZ_INVOCATION_TYPE},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use control::{Control, FunctionDefinition, Invocation, InvokeError, Outcome};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use wire::Place;

/// Longest payload of a call that is waited for.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 << 20;
/// Longest client context, in Base64.
const CONTEXT_BYTES_MAX: usize = 3583;
/// A call that came through so many functions goes no further: they call one another in circles.
const DEPTH_MAX: u8 = triggers::DEPTH_MAX;

const X_AMZ_LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
const X_AMZ_LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const X_AMZ_CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
const X_AMZ_FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const X_AMZ_EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// What would make it another call.
const MISSING: [&str; 2] = ["x-amz-durable-execution-name", "x-amz-tenant-id"];

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Event,
    RequestResponse,
    DryRun,
}

pub(crate) fn invoke(call: &Call<'_>) -> Result<Step, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    let (kind, tail) = how(call.headers)?;
    let function = functions::find(call, &named)?.definition;
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    if kind == Type::DryRun {
        return later(async { Ok(executed(Answer::empty(StatusCode::NO_CONTENT))) });
    }
    for name in MISSING {
        if call.headers.contains_key(name) {
            return Err(fault::invalid(format!("The header {name} does not work here: leave it out")));
        }
    }
    let depth = lineage::depth(call.headers);
    if depth >= DEPTH_MAX {
        return Err(Fault::new(
            Code::RecursiveInvocation,
            format!("This call came through {depth} functions; {DEPTH_MAX} call one another at most"),
        ));
    }
    let payload = payload(call.body)?;
    let client_context = client_context(call.headers)?;
    let invocation = Invocation { payload, client_context, depth, request_id: None };
    if kind == Type::Event {
        return later(async move { event(&control, &place, &function.name, invocation).await });
    }
    // A task of its own: at AWS a function goes on when its caller has gone.
    let calling = async move { request(&control, &place, &function, invocation, tail).await };
    later(async move {
        let failed = |error| Err(Fault::new(Code::Service, format!("the call was not finished: {error}")));
        tokio::spawn(calling).await.unwrap_or_else(failed)
    })
}

/// The kind of the call, and whether the end of its log is wanted.
fn how(headers: &HeaderMap) -> Result<(Type, bool), Fault> {
    let text = |name: HeaderName| headers.get(name).map(|value| Text(String::from_utf8_lossy(value.as_bytes())));
    let (kind, log) = (text(X_AMZ_INVOCATION_TYPE), text(X_AMZ_LOG_TYPE));
    let mut checks = Checks::default();
    let kind = checks.one_of("invocationType", kind.as_ref(), &["Event", "RequestResponse", "DryRun"]);
    let log = checks.one_of("logType", log.as_ref(), &["None", "Tail"]);
    checks.finish()?;
    let kind = [Type::Event, Type::RequestResponse, Type::DryRun][kind.unwrap_or(1)];
    Ok((kind, log == Some(1)))
}

/// The payload, which must be JSON; none is an empty object.
fn payload(body: &[u8]) -> Result<Bytes, Fault> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let words = |error: &dyn std::fmt::Display| {
        let words = format!("Could not parse request body into json: Could not parse payload into json: {error}");
        Fault::new(Code::InvalidRequestContent, words)
    };
    std::str::from_utf8(body).map_err(|error| words(&error))?;
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| words(&error))?;
    Ok(Bytes::copy_from_slice(body))
}

fn client_context(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(encoded) = headers.get(X_AMZ_CLIENT_CONTEXT) else { return Ok(None) };
    let decoded = STANDARD.decode(encoded).ok().filter(|_| encoded.len() <= CONTEXT_BYTES_MAX);
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    // It becomes a header for the function: in one line.
    let value = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    match value.filter(serde_json::Value::is_object) {
        Some(value) => Ok(Some(value.to_string())),
        None => Err(Fault::new(
            Code::InvalidRequestContent,
            format!("Client context must be a JSON object in Base64, of at most {CONTEXT_BYTES_MAX} bytes"),
        )),
    }
}

/// Accepts an event.
async fn event(control: &Control, place: &Place, name: &str, invocation: Invocation) -> Result<Answer, Fault> {
    let accepted = control.invoke_event(name, invocation).await;
    let id = accepted.map_err(|error| fault::of_control(place, &error))?;
    Ok(with(Answer::empty(StatusCode::ACCEPTED), X_AMZN_REQUESTID, id))
}

/// Calls a function and waits for what it makes of the payload.
async fn request(
    control: &Control,
    place: &Place,
    function: &FunctionDefinition,
    invocation: Invocation,
    tail: bool,
) -> Result<Answer, Fault> {
    let outcome = control.invoke(&function.name, invocation).await;
    let Outcome { request_id, payload, error, log_tail, .. } =
        outcome.map_err(|error| refused(place, function, error))?;
    let mut answer = executed(with(Answer::with(StatusCode::OK, payload), X_AMZN_REQUESTID, request_id));
    if let Some(error) = error {
        answer = with(answer, X_AMZ_FUNCTION_ERROR, error);
    }
    if tail {
        answer = with(answer, X_AMZ_LOG_RESULT, STANDARD.encode(log_tail));
    }
    Ok(answer)
}

fn executed(answer: Answer) -> Answer {
    with(answer, X_AMZ_EXECUTED_VERSION, LATEST)
}

/// An answer with one more header; a text that no header can be is left out.
fn with(mut answer: Answer, name: HeaderName, value: impl Into<Cow<'static, str>>) -> Answer {
    if let Ok(value) = HeaderValue::from_str(&value.into()) {
        answer.headers.push((name, value));
    }
    answer
}

/// Why a function was not called.
fn refused(place: &Place, function: &FunctionDefinition, error: InvokeError) -> Fault {
    match error {
        InvokeError::NotFound => fault::no_function(&super::arn(place, &function.name)),
        InvokeError::Throttled(_) if function.reserved_concurrency.is_some() => Fault {
            limit: Some("ReservedFunctionConcurrentInvocationLimitExceeded"),
            ..Fault::new(Code::TooManyRequests, "Rate Exceeded.")
        },
        InvokeError::Throttled(why) => {
            let message = format!("Rate Exceeded. ({why})");
            Fault { limit: Some("ConcurrentInvocationLimitExceeded"), ..Fault::new(Code::TooManyRequests, message) }
        }
        InvokeError::PayloadTooLarge => Fault::new(
            Code::RequestTooLarge,
            format!("Request must be smaller than {PAYLOAD_BYTES_MAX} bytes for the InvokeFunction operation"),
        ),
        InvokeError::Closed => Fault::new(Code::Service, error.to_string()),
    }
}

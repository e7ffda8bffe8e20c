//! What a function's answer says of the batch it got: all taken, taken up to a record, or nothing. Pure.

use crate::{
    lane::{Failure, Outcome},
    limits,
};
use item::Seq;
use serde_json::{Value, value::RawValue};
use std::collections::HashMap;

/// What an answer is read for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expects {
    /// It may name the records that failed.
    pub report: bool,
    /// It must hold the window's state.
    pub state: bool,
}

/// Reads an answer to a call with the records at these positions.
pub fn read(payload: &[u8], request_id: &str, expects: Expects, members: &[Seq]) -> Outcome {
    let refused = |error: String| {
        let request_id = request_id.to_owned();
        Failure { error, request_id, function_error: None }
    };
    // Parts are kept as they are written: a state comes back to the function digit for digit.
    let answer: HashMap<String, Box<RawValue>> = serde_json::from_slice(payload).unwrap_or_default();
    let state = answer.get("state").filter(|state| state.get().starts_with('{')).map(|state| state.get().to_owned());
    if expects.state && state.is_none() {
        return Outcome::Failed(refused("the answer has no object `state`, which a tumbling window needs".to_owned()));
    }
    let failures = answer.get("batchItemFailures").filter(|_| expects.report);
    match failures.map_or(Ok(None), |failures| first_failed(failures, members)) {
        Ok(None) => Outcome::Done { state },
        Ok(Some(first)) => {
            let error = format!("the answer says that record {} failed", members[first]);
            Outcome::Partial { first, state, failure: refused(error) }
        }
        Err(why) => Outcome::Failed(refused(why)),
    }
}

/// The place of the first record that is named; an answer that names what is not there is not to be trusted.
fn first_failed(failures: &RawValue, members: &[Seq]) -> Result<Option<usize>, String> {
    let failures: Value = serde_json::from_str(failures.get()).expect("a part of JSON is JSON");
    let failures = match failures {
        Value::Null => return Ok(None),
        Value::Array(failures) => failures,
        other => {
            return Err(format!("`batchItemFailures` must be a list, not {}", limits::shortened(&other.to_string())));
        }
    };
    let mut first = None;
    for failure in &failures {
        let place = place(failure, members)
            .ok_or_else(|| format!("no record of the batch is named {}", limits::shortened(&failure.to_string())))?;
        first = Some(first.map_or(place, |first: usize| first.min(place)));
    }
    Ok(first)
}

fn place(failure: &Value, members: &[Seq]) -> Option<usize> {
    let (_, seq) = wire::names::parse_sequence_number(failure.get("itemIdentifier")?.as_str()?)?;
    members.binary_search(&seq).ok()
}

/// A function's error document in one line: `ValueError: no such thing`.
pub fn error_text(payload: &[u8]) -> String {
    let document: Value = serde_json::from_slice(payload).unwrap_or_default();
    let field = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = match (field("errorType"), field("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => String::from_utf8_lossy(payload).into_owned(),
    };
    limits::shortened(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(payload: &str, expects: Expects) -> String {
        match read(payload.as_bytes(), "r", expects, &[Seq(5), Seq(7), Seq(9)]) {
            Outcome::Done { state: None } => "done".to_owned(),
            Outcome::Done { state: Some(state) } => format!("done {state}"),
            Outcome::Partial { first, state, .. } => format!("from {first} {}", state.unwrap_or_default()),
            Outcome::Failed(failure) => failure.error,
            Outcome::NoRoom { why } => why,
        }
    }

    #[test]
    fn answers_that_report_items_are_read_as_aws_does() {
        let report = Expects { report: true, state: false };
        for success in [
            "[]",
            "null",
            "{}",
            r#""""#,
            "",
            r#"{"batchItemFailures":[]}"#,
            r#"{"batchItemFailures":null}"#,
            r#"{"statusCode":200}"#,
            r#""fine""#,
        ] {
            assert_eq!(verdict(success, report), "done", "{success}");
        }
        let name = |seq| wire::names::sequence_number(1000, Seq(seq));
        let named = |seqs: &[u64]| {
            let names: Vec<String> =
                seqs.iter().map(|seq| format!(r#"{{"itemIdentifier":"{}"}}"#, name(*seq))).collect();
            format!(r#"{{"batchItemFailures":[{}]}}"#, names.join(","))
        };
        assert_eq!(verdict(&named(&[9]), report), "from 2 ");
        assert_eq!(verdict(&named(&[9, 7]), report), "from 1 ");
        assert_eq!(verdict(&named(&[5]), report), "from 0 ");
        assert_eq!(verdict(&named(&[9]), Expects::default()), "done", "nobody asked for a report");
        for failure in [
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"foo":"bar"}]}"#,
            r#"{"batchItemFailures":["a"]}"#,
        ] {
            assert!(verdict(failure, report).starts_with("no record of the batch is named"), "{failure}");
        }
        assert!(verdict(&named(&[9, 8]), report).starts_with("no record of the batch is named"));
        assert_eq!(verdict(r#"{"batchItemFailures":"a"}"#, report), r#"`batchItemFailures` must be a list, not "a""#);
    }

    #[test]
    fn a_window_needs_a_state_and_gets_it_back_digit_for_digit() {
        let window = Expects { report: true, state: true };
        let none = "the answer has no object `state`, which a tumbling window needs";
        for answer in ["{}", "null", r#"{"state":null}"#, r#"{"state":"s"}"#] {
            assert_eq!(verdict(answer, window), none, "{answer}");
        }
        let state = r#"{"n": 123456789012345678901234567890.10}"#;
        assert_eq!(verdict(&format!(r#"{{"state":{state},"batchItemFailures":[]}}"#), window), format!("done {state}"));
    }

    #[test]
    fn an_error_is_one_line() {
        let text = |payload: &str| error_text(payload.as_bytes());
        assert_eq!(text(r#"{"errorMessage":"no","errorType":"ValueError","stackTrace":[]}"#), "ValueError: no");
        assert_eq!(text(r#"{"errorMessage":"Task timed out"}"#), "Task timed out");
        assert_eq!(text("boom"), "boom");
        assert_eq!(text(&"x".repeat(1000)).chars().count(), 301);
    }
}

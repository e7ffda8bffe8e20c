//! What becomes of a call after it was tried: it is done, it is tried again, or it is given up. Pure: the time comes in.

use super::waiting::Waiting;
use crate::{InvokeError, Outcome};
use std::time::Duration;

/// Waits between tries, as Lambda has them for events.
#[derive(Clone, Debug)]
pub struct Delays {
    /// After the first, second … failed call; the last one holds for all later ones.
    pub failed: Vec<Duration>,
    /// After a call that found no room; doubles each time.
    pub refused: Duration,
    pub refused_max: Duration,
}

impl Default for Delays {
    fn default() -> Delays {
        Delays {
            failed: vec![Duration::from_secs(60), Duration::from_secs(120)],
            refused: Duration::from_secs(1),
            refused_max: Duration::from_secs(300),
        }
    }
}

/// How often and how long calls of one owner are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Calls after the first that failed.
    pub retries: u32,
    /// Tries after the first that found no room; `None`: as long as the age allows.
    pub refusals: Option<u32>,
    pub age_ms: u64,
}

/// Why a call is given up, in AWS's words where it has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
    FunctionGone,
    PayloadTooLarge,
    /// It came through as many functions as may call one another: they feed themselves.
    RecursionDetected,
}

impl Condition {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::RetriesExhausted => "RetriesExhausted",
            Condition::EventAgeExceeded => "EventAgeExceeded",
            Condition::FunctionGone => "FunctionGone",
            Condition::PayloadTooLarge => "PayloadTooLarge",
            Condition::RecursionDetected => "RecursionDetected",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// Try it once more, when and as it then is.
    Again(Waiting),
    GiveUp(Condition),
    /// It was not tried and stays as it is: everything is being stopped.
    Stay,
}

impl Policy {
    /// Whether a call has waited for too long to be tried.
    pub fn is_too_old(&self, waiting: &Waiting, now_ms: u64) -> bool {
        now_ms.saturating_sub(waiting.accepted_ms) > self.age_ms
    }

    /// What follows from an answer.
    pub fn judge(
        &self,
        waiting: &Waiting,
        answer: &Result<Outcome, InvokeError>,
        delays: &Delays,
        now_ms: u64,
    ) -> Verdict {
        let again = |next: Waiting, delay: Duration| {
            let due_ms = now_ms.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            Verdict::Again(Waiting { due_ms, ..next })
        };
        match answer {
            Ok(outcome) if outcome.error.is_none() => Verdict::Done,
            Ok(_) if waiting.failures >= self.retries => Verdict::GiveUp(Condition::RetriesExhausted),
            Ok(_) => {
                let next = Waiting { failures: waiting.failures + 1, ..waiting.clone() };
                again(next, delays.after_failures(waiting.failures))
            }
            Err(InvokeError::Throttled(_)) if self.refusals.is_some_and(|most| waiting.refusals >= most) => {
                Verdict::GiveUp(Condition::RetriesExhausted)
            }
            Err(InvokeError::Throttled(_)) => {
                let next = Waiting { refusals: waiting.refusals.saturating_add(1), ..waiting.clone() };
                again(next, delays.after_refusals(waiting.refusals))
            }
            Err(InvokeError::NotFound) => Verdict::GiveUp(Condition::FunctionGone),
            Err(InvokeError::PayloadTooLarge) => Verdict::GiveUp(Condition::PayloadTooLarge),
            Err(InvokeError::Closed) => Verdict::Stay,
        }
    }
}

impl Delays {
    fn after_failures(&self, failures: u32) -> Duration {
        let at = usize::try_from(failures).unwrap_or(usize::MAX).min(self.failed.len().saturating_sub(1));
        self.failed.get(at).copied().unwrap_or_default()
    }

    fn after_refusals(&self, refusals: u32) -> Duration {
        self.refused.saturating_mul(1 << refusals.min(20)).min(self.refused_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Invocation;
    use bytes::Bytes;
    use expect_test::{Expect, expect};

    fn answer(what: &str) -> Result<Outcome, InvokeError> {
        let outcome = |error: Option<&'static str>| Outcome {
            request_id: "r".to_owned(),
            payload: Bytes::new(),
            error,
            duration: Duration::ZERO,
            init: None,
            memory_max_mb: None,
            log_tail: Vec::new(),
        };
        match what {
            "ok" => Ok(outcome(None)),
            "failed" => Ok(outcome(Some("Unhandled"))),
            "busy" => Err(InvokeError::Throttled("busy".to_owned())),
            "gone" => Err(InvokeError::NotFound),
            _ => Err(InvokeError::Closed),
        }
    }

    /// Tries a call again and again, each time when it is due, with these answers; the last one for ever.
    fn check(policy: &Policy, answers: &[&str], expected: &Expect) {
        let invocation = Invocation { payload: Bytes::new(), client_context: None, depth: 0, request_id: None };
        let mut waiting = Waiting::new("id".to_owned(), "f", invocation, 0);
        let mut lines = Vec::new();
        for at in 0..500 {
            let now_ms = waiting.due_ms;
            if policy.is_too_old(&waiting, now_ms) {
                lines.push(format!("{} s: too old", now_ms / 1000));
                break;
            }
            let what = answers[at.min(answers.len() - 1)];
            let verdict = policy.judge(&waiting, &answer(what), &Delays::default(), now_ms);
            let Verdict::Again(next) = verdict else {
                lines.push(format!("{} s: {what}: {verdict:?}", now_ms / 1000));
                break;
            };
            lines.push(format!("{} s: {what}", now_ms / 1000));
            waiting = next;
        }
        if lines.len() > 12 {
            lines.splice(5..lines.len() - 3, ["…".to_owned()]);
        }
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn events_are_tried_three_times_within_three_minutes_and_room_is_waited_for_for_six_hours() {
        let function = Policy { retries: 2, refusals: None, age_ms: 21_600_000 };
        check(&function, &["ok"], &expect!["0 s: ok: Done"]);
        check(
            &function,
            &["failed"],
            &expect![[r"
            0 s: failed
            60 s: failed
            180 s: failed: GiveUp(RetriesExhausted)"]],
        );
        check(
            &function,
            &["busy", "busy", "failed", "busy", "failed", "ok"],
            &expect![[r"
            0 s: busy
            1 s: busy
            3 s: failed
            63 s: busy
            67 s: failed
            187 s: ok: Done"]],
        );
        check(
            &function,
            &["busy"],
            &expect![[r"
            0 s: busy
            1 s: busy
            3 s: busy
            7 s: busy
            15 s: busy
            …
            21211 s: busy
            21511 s: busy
            21811 s: too old"]],
        );
        check(&function, &["gone"], &expect!["0 s: gone: GiveUp(FunctionGone)"]);
        check(&function, &["closed"], &expect!["0 s: closed: Stay"]);
        let once = Policy { retries: 0, refusals: Some(1), age_ms: 60_000 };
        check(&once, &["failed"], &expect!["0 s: failed: GiveUp(RetriesExhausted)"]);
        check(
            &once,
            &["busy"],
            &expect![[r"
            0 s: busy
            1 s: busy: GiveUp(RetriesExhausted)"]],
        );
    }
}

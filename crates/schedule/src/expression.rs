//! The text of a schedule expression, parsed. `rate` and `at` are read here, the fields of `cron` in their own files.

use std::fmt;

use jiff::civil::DateTime;

use crate::Error;
use crate::cron::Cron;

/// AWS cuts an expression off here.
const MAX_TEXT: usize = 256;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Who reads the expression. They differ: only Scheduler knows `at()`, time zones and `rate(1 minutes)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// A rule of EventBridge: `AWS::Events::Rule`, `Schedule` of a SAM function.
    Rule,
    /// EventBridge Scheduler: `AWS::Scheduler::Schedule`, `ScheduleV2` of a SAM function.
    Scheduler,
}

impl Service {
    fn refusal(self, text: &str) -> String {
        match self {
            Service::Rule => "Parameter ScheduleExpression is not valid.".into(),
            Service::Scheduler => format!("Invalid Schedule Expression {text}."),
        }
    }
}

/// A schedule expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    text: String,
    pub(crate) service: Service,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every so many milliseconds.
    Rate(i64),
    Cron(Cron),
    /// Once, at this time of the schedule's time zone.
    At(DateTime),
}

impl Expression {
    /// Reads `text` as `service` does.
    ///
    /// # Errors
    /// Whatever that service refuses, with its words and the reason.
    pub fn parse(text: &str, service: Service) -> Result<Expression, Error> {
        let kind = kind(text, service).map_err(|mut error| {
            error.refusal = Some(service.refusal(text));
            error
        })?;
        Ok(Expression { text: text.to_owned(), service, kind })
    }

    /// Whether it is due once only: `at()`.
    pub fn is_once(&self) -> bool {
        matches!(self.kind, Kind::At(_))
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn kind(text: &str, service: Service) -> Result<Kind, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::new(format!("longer than {MAX_TEXT} characters")));
    }
    let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
    match (call, service) {
        (Some(("rate", inside)), _) => rate(inside, service).map(Kind::Rate),
        (Some(("cron", inside)), _) => Cron::parse(inside).map(Kind::Cron),
        (Some(("at", inside)), Service::Scheduler) => at(inside).map(Kind::At),
        (Some(("at", _)), Service::Rule) => {
            Err(Error::new("a rule has rate() or cron(); at() belongs to EventBridge Scheduler"))
        }
        (_, Service::Rule) => Err(Error::new("expected rate(5 minutes) or cron(0 10 * * ? *)")),
        (_, Service::Scheduler) => {
            Err(Error::new("expected rate(5 minutes), cron(0 10 * * ? *) or at(2026-11-20T13:00:00)"))
        }
    }
}

/// `5 minutes`: exactly one space, no sign, lower case.
fn rate(inside: &str, service: Service) -> Result<i64, Error> {
    let expected = || Error::new("expected a number and a unit, as in rate(5 minutes)");
    let (number, unit) = inside.split_once(' ').ok_or_else(expected)?;
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(expected());
    }
    let value: u32 = number.parse().map_err(|_| Error::new(format!("{number} is too many")))?;
    let (singular, unit_ms) = match unit {
        "minute" | "minutes" => ("minute", MINUTE_MS),
        "hour" | "hours" => ("hour", HOUR_MS),
        "day" | "days" => ("day", DAY_MS),
        "second" | "seconds" => return Err(Error::new("one minute is the shortest rate")),
        _ => return Err(Error::new("the unit is minutes, hours or days")),
    };
    match (value, unit == singular) {
        (0, _) => Err(Error::new("a rate is at least 1")),
        // Scheduler takes either: a great many of its schedules are written rate(1 hours).
        (1, false) if service == Service::Rule => Err(Error::new(format!("one {singular} is rate(1 {singular})"))),
        (2.., true) if service == Service::Rule => {
            Err(Error::new(format!("more than one {singular} is rate({value} {singular}s)")))
        }
        _ => Ok(i64::from(value) * unit_ms),
    }
}

/// `2026-11-20T13:00:00`: no fraction, no offset.
fn at(inside: &str) -> Result<DateTime, Error> {
    let shaped = inside.len() == 19 && inside.as_bytes()[10] == b'T';
    let time = inside.parse().ok().filter(|_| shaped);
    time.ok_or_else(|| Error::new("expected a time without fraction or offset, as in at(2026-11-20T13:00:00)"))
}

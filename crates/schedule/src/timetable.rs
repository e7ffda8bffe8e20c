//! An expression with its time zone, beginning and end, and the moments at which it is due.

use jiff::civil::DateTime;

use crate::cron::Cron;
use crate::expression::Kind;
use crate::{Expression, Service, Zone};

const MINUTE_MS: i64 = 60_000;

/// When something is due, apart from when it was created. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// The expression.
    pub expression: Expression,
    /// Where `cron()` and `at()` read the clock.
    pub zone: Zone,
    /// StartDate: nothing is due before it. `at()` does not mind.
    pub start_ms: Option<i64>,
    /// EndDate: nothing is due after it. `at()` does not mind.
    pub end_ms: Option<i64>,
}

impl Timetable {
    /// In UTC, without beginning and end.
    pub fn new(expression: Expression) -> Timetable {
        Timetable { expression, zone: Zone::utc(), start_ms: None, end_ms: None }
    }

    /// Its runs, if it was created at `created_ms`: what a rate counts from, unless it has a beginning.
    pub fn runs(&self, created_ms: i64) -> Runs {
        Runs { timetable: self.clone(), created_ms }
    }
}

/// The moments at which a timetable that was created at a known moment is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    timetable: Timetable,
    created_ms: i64,
}

impl Runs {
    /// The first moment after `ms` at which it is due.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let Timetable { expression, zone, start_ms, end_ms } = &self.timetable;
        // Nothing is owed from before there was a schedule.
        let ms = ms.max(self.created_ms.saturating_sub(1));
        let due = match &expression.kind {
            Kind::Rate(every_ms) => after(self.first_ms(*every_ms)?, *every_ms, ms),
            Kind::Cron(cron) => cron_after(cron, zone, ms.max(start_ms.map_or(ms, |start| start.saturating_sub(1)))),
            Kind::At(time) => return zone.moment_or_after(*time).filter(|due| *due > ms),
        };
        due.filter(|due| end_ms.is_none_or(|end| *due <= end))
    }

    /// All moments after `after_ms` up to `upto_ms` at which it is due, in order. What was missed meanwhile, if they are
    /// the last moment looked at and now.
    pub fn due_between(&self, after_ms: i64, upto_ms: i64) -> impl Iterator<Item = i64> + '_ {
        self.after(after_ms).take_while(move |due| *due <= upto_ms)
    }

    /// The next `count` moments after `ms` at which it is due.
    pub fn next(&self, ms: i64, count: usize) -> Vec<i64> {
        self.after(ms).take(count).collect()
    }

    fn after(&self, ms: i64) -> impl Iterator<Item = i64> + '_ {
        std::iter::successors(self.next_after(ms), |due| self.next_after(*due))
    }

    /// When a rate is due first. Scheduler runs at once, and from a StartDate on drops its seconds; a rule waits for one
    /// period.
    fn first_ms(&self, every_ms: i64) -> Option<i64> {
        match (self.timetable.start_ms, self.timetable.expression.service) {
            (Some(start), _) => Some(start - start.rem_euclid(MINUTE_MS)),
            (None, Service::Scheduler) => Some(self.created_ms),
            (None, Service::Rule) => self.created_ms.checked_add(every_ms),
        }
    }
}

/// The first moment after `ms` of those that begin with `first` and are `every_ms` apart.
fn after(first: i64, every_ms: i64, ms: i64) -> Option<i64> {
    if ms < first {
        return Some(first);
    }
    let passed = ms.checked_sub(first)? / every_ms;
    first.checked_add(passed.checked_add(1)?.checked_mul(every_ms)?)
}

/// The first moment after `ms` that clocks show as `cron` says. As AWS documents for daylight saving time: a time that
/// clocks skip is no run, and one that they show twice is one run, the first time.
fn cron_after(cron: &Cron, zone: &Zone, ms: i64) -> Option<i64> {
    let clock = zone.clock(ms)?;
    let mut earliest =
        DateTime::from_parts(clock.date(), clock.time().with().second(0).subsec_nanosecond(0).build().ok()?);
    // Clocks that were set back show times whose moment has passed: at most some hours of them.
    loop {
        let time = cron.from(earliest)?;
        match zone.moment(time) {
            Some(due) if due > ms => return Some(due),
            _ => earliest = time.checked_add(jiff::Span::new().minutes(1)).ok()?,
        }
    }
}

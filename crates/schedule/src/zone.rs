//! Time zones by their names, and the dates that a schedule begins and ends with.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::Error;

/// A time zone. Scheduler's default is UTC; rules know no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::utc()
    }
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), zone: TimeZone::UTC }
    }

    /// The zone that the IANA database calls `name`: `Europe/Berlin`.
    ///
    /// # Errors
    /// It has none of this name, written like this.
    pub fn named(name: &str) -> Result<Zone, Error> {
        // The database does not mind the case of letters, AWS does.
        let exact = |zone: &TimeZone| zone.iana_name().is_some_and(|known| known == name);
        let found = TimeZoneDatabase::bundled().get(name).ok().filter(exact);
        let zone =
            found.ok_or_else(|| Error::new(format!("`{name}` is not a time zone: for instance Europe/Berlin")))?;
        Ok(Zone { name: name.to_owned(), zone })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All names, for whoever guesses what a misspelled one was meant to be.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
    }

    /// What clocks show at a moment; none outside of the calendar.
    pub(crate) fn clock(&self, ms: i64) -> Option<DateTime> {
        Timestamp::from_millisecond(ms).ok().map(|moment| self.zone.to_datetime(moment))
    }

    /// The first moment at which clocks show `time`; none if they skip it.
    pub(crate) fn moment(&self, time: DateTime) -> Option<i64> {
        let moment = self.zone.to_ambiguous_timestamp(time);
        match moment.offset() {
            AmbiguousOffset::Gap { .. } => None,
            _ => moment.earlier().ok().map(Timestamp::as_millisecond),
        }
    }

    /// Like [`Zone::moment`]; a time that clocks skip is taken as if they had not been moved yet.
    pub(crate) fn moment_or_after(&self, time: DateTime) -> Option<i64> {
        self.zone.to_ambiguous_timestamp(time).compatible().ok().map(Timestamp::as_millisecond)
    }
}

/// The moment of a date like `2026-11-20T13:00:00Z`, the beginning or end of a schedule. One without an offset is UTC, as
/// AWS documents.
///
/// # Errors
/// The text is something else.
pub fn parse_date(text: &str) -> Result<i64, Error> {
    let moment = text.parse::<Timestamp>().ok();
    let local = || text.parse::<DateTime>().ok().and_then(|time| TimeZone::UTC.to_timestamp(time).ok());
    match moment.or_else(local) {
        Some(moment) if text.contains('T') => Ok(moment.as_millisecond()),
        _ => Err(Error::new(format!("expected a date like 2026-11-20T13:00:00Z, found `{text}`"))),
    }
}

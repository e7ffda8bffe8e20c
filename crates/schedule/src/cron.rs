//! `cron(minutes hours day-of-month month day-of-week year)`: which dates and times of the calendar it names. Knows no
//! time zones: a moment that a clock skips or shows twice is `timetable`'s business.
//!
//! Written here and not taken from a library because AWS's dialect is Quartz's with rules of its own (one of the two day
//! fields is `?`, Sunday is 1, years): every field has to be checked before a library might see it, and what is left to
//! find is the next date.

use jiff::civil::{Date, DateTime, Time, date};

use crate::Error;
use crate::field::{DAYS_OF_MONTH, DAYS_OF_WEEK, HOURS, MINUTES, MONTHS, Values, YEARS};

/// The fields of a cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Values,
    hours: Values,
    days: Days,
    months: Values,
    years: Values,
}

/// Days by their date or by their name; one of the two fields is `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DayOfMonth {
    Any(Values),
    /// `L`, or `L-3`: so many days before the last.
    Last(i8),
    /// `15W`: the weekday nearest to the 15th, in the same month.
    Weekday(i8),
    /// `LW`
    LastWeekday,
}

/// Sunday is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DayOfWeek {
    Any(Values),
    /// `6L`: the last Friday of the month.
    Last(i8),
    /// `3#2`: the second Tuesday of the month.
    Nth(i8, i8),
}

impl Cron {
    pub(crate) fn parse(inside: &str) -> Result<Cron, Error> {
        let fields: Vec<&str> = inside.split_ascii_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
            return Err(Error::new(format!(
                "expected six fields: minutes, hours, day-of-month, month, day-of-week, year; found {}",
                fields.len()
            )));
        };
        let days = match (day_of_month, day_of_week) {
            ("?", "?") => return Err(Error::new("day-of-month and day-of-week cannot both be ?")),
            (days, "?") => Days::OfMonth(days.split(',').map(DayOfMonth::parse).collect::<Result<_, _>>()?),
            ("?", days) => Days::OfWeek(days_of_week(days)?),
            _ => return Err(Error::new("one of day-of-month and day-of-week must be ?")),
        };
        Ok(Cron {
            minutes: MINUTES.values(minutes)?,
            hours: HOURS.values(hours)?,
            days,
            months: MONTHS.values(month)?,
            years: YEARS.values(year)?,
        })
    }

    /// The first time that it names, from `earliest` on.
    pub(crate) fn from(&self, earliest: DateTime) -> Option<DateTime> {
        let first_year = u16::try_from(earliest.year()).unwrap_or_default();
        let months = self.years.from(first_year).iter().flat_map(|year| {
            let begun = u16::try_from(earliest.month()).unwrap_or_default();
            let first = if *year == first_year { begun } else { 1 };
            self.months.from(first).iter().map(|month| (*year, *month))
        });
        months.filter_map(|(year, month)| Month::new(year, month)).find_map(|month| self.in_month(&month, earliest))
    }

    fn in_month(&self, month: &Month, earliest: DateTime) -> Option<DateTime> {
        let mut days = self.days.of(month);
        days.sort_unstable();
        days.dedup();
        days.into_iter().filter_map(|day| month.date(day)).filter(|date| *date >= earliest.date()).find_map(|date| {
            let from = if date == earliest.date() { earliest.time() } else { Time::midnight() };
            self.time_from(from).map(|time| date.to_datetime(time))
        })
    }

    /// The first time of day that it names, from `earliest`, a whole minute, on.
    fn time_from(&self, earliest: Time) -> Option<Time> {
        let (hour, minute) = (unsigned(earliest.hour()), unsigned(earliest.minute()));
        self.hours.from(hour).iter().find_map(|found| {
            let minute = self.minutes.from(if *found == hour { minute } else { 0 }).first()?;
            Time::new(signed(*found), signed(*minute), 0, 0).ok()
        })
    }
}

/// A field of a cron expression holds small numbers.
fn signed(value: u16) -> i8 {
    i8::try_from(value).expect("days, hours and minutes are below 60")
}

fn unsigned(value: i8) -> u16 {
    u16::try_from(value).expect("a calendar counts from 0")
}

impl DayOfMonth {
    fn parse(part: &str) -> Result<DayOfMonth, Error> {
        if part == "L" {
            return Ok(DayOfMonth::Last(0));
        }
        if part == "LW" {
            return Ok(DayOfMonth::LastWeekday);
        }
        if let Some(before) = part.strip_prefix("L-") {
            return DAYS_OF_MONTH.value(before).map(|before| DayOfMonth::Last(signed(before)));
        }
        if let Some(day) = part.strip_suffix('W') {
            return DAYS_OF_MONTH.value(day).map(|day| DayOfMonth::Weekday(signed(day)));
        }
        DAYS_OF_MONTH.values(part).map(DayOfMonth::Any)
    }

    fn of(&self, month: &Month) -> Vec<i8> {
        match self {
            DayOfMonth::Any(values) => (1..=month.days).filter(|day| values.contains(unsigned(*day))).collect(),
            DayOfMonth::Last(before) => vec![month.days - before],
            DayOfMonth::Weekday(day) => vec![month.nearest_weekday(*day)],
            DayOfMonth::LastWeekday => vec![month.nearest_weekday(month.days)],
        }
    }
}

fn days_of_week(text: &str) -> Result<Vec<DayOfWeek>, Error> {
    let days: Vec<DayOfWeek> = text.split(',').map(DayOfWeek::parse).collect::<Result<_, _>>()?;
    if days.len() > 1 && days.iter().any(|day| matches!(day, DayOfWeek::Nth(..))) {
        return Err(Error::new("day-of-week: with # there is one day only"));
    }
    Ok(days)
}

impl DayOfWeek {
    fn parse(part: &str) -> Result<DayOfWeek, Error> {
        // The last day of the week.
        if part == "L" {
            return DAYS_OF_WEEK.values("SAT").map(DayOfWeek::Any);
        }
        if let Some(day) = part.strip_suffix('L') {
            return DAYS_OF_WEEK.value(day).map(|day| DayOfWeek::Last(signed(day)));
        }
        if let Some((day, place)) = part.split_once('#') {
            let place = match place {
                "1" | "2" | "3" | "4" | "5" => place.parse().expect("a digit"),
                _ => return Err(Error::new(format!("day-of-week: expected 1 to 5 after #, found `{place}`"))),
            };
            return DAYS_OF_WEEK.value(day).map(|day| DayOfWeek::Nth(signed(day), place));
        }
        DAYS_OF_WEEK.values(part).map(DayOfWeek::Any)
    }

    fn of(&self, month: &Month) -> Vec<i8> {
        let all = |wanted: i8| (1..=month.days).filter(move |day| month.weekday(*day) == wanted);
        match self {
            DayOfWeek::Any(values) => {
                (1..=month.days).filter(|day| values.contains(unsigned(month.weekday(*day)))).collect()
            }
            DayOfWeek::Last(weekday) => all(*weekday).next_back().into_iter().collect(),
            DayOfWeek::Nth(weekday, place) => all(*weekday).nth(usize::from(unsigned(place - 1))).into_iter().collect(),
        }
    }
}

impl Days {
    fn of(&self, month: &Month) -> Vec<i8> {
        match self {
            Days::OfMonth(parts) => parts.iter().flat_map(|part| part.of(month)).collect(),
            Days::OfWeek(parts) => parts.iter().flat_map(|part| part.of(month)).collect(),
        }
    }
}

/// A month of a year, and what of it days depend on.
struct Month {
    first: Date,
    days: i8,
}

impl Month {
    fn new(year: u16, month: u16) -> Option<Month> {
        let first = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?;
        Some(Month { first, days: first.days_in_month() })
    }

    /// The date of a day; none for a day that the month does not have.
    fn date(&self, day: i8) -> Option<Date> {
        (1..=self.days).contains(&day).then(|| date(self.first.year(), self.first.month(), day))
    }

    /// The day's name as a number: Sunday is 1.
    fn weekday(&self, day: i8) -> i8 {
        (self.first.weekday().to_sunday_zero_offset() + day - 1) % 7 + 1
    }

    /// The weekday nearest to a day without leaving the month; 0 if the month does not have that day.
    fn nearest_weekday(&self, day: i8) -> i8 {
        const SUNDAY: i8 = 1;
        const SATURDAY: i8 = 7;
        match self.weekday(day) {
            _ if day > self.days => 0,
            SATURDAY if day == 1 => day + 2,
            SATURDAY => day - 1,
            SUNDAY if day == self.days => day - 2,
            SUNDAY => day + 1,
            _ => day,
        }
    }
}

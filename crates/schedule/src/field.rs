//! One field of a cron expression as AWS writes it: lists, ranges, steps and names. A range whose end is smaller than
//! its beginning goes on over the end of the field, as in `SAT-THU`. Knows numbers, nothing of the calendar.

use crate::Error;

/// What a field of a cron expression may hold.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) least: u16,
    pub(crate) most: u16,
    /// Names of its values, in order, if they have any.
    pub(crate) names: &'static [&'static str],
    /// Whether a range may go on over the end.
    pub(crate) wraps: bool,
}

pub(crate) const MINUTES: Field = Field { name: "minutes", least: 0, most: 59, names: &[], wraps: true };
pub(crate) const HOURS: Field = Field { name: "hours", least: 0, most: 23, names: &[], wraps: true };
pub(crate) const DAYS_OF_MONTH: Field = Field { name: "day-of-month", least: 1, most: 31, names: &[], wraps: true };
pub(crate) const MONTHS: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    wraps: true,
};
/// Sunday is 1.
pub(crate) const DAYS_OF_WEEK: Field = Field {
    name: "day-of-week",
    least: 1,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    wraps: true,
};
pub(crate) const YEARS: Field = Field { name: "year", least: 1970, most: 2199, names: &[], wraps: false };

/// The values that a field allows, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Values(Vec<u16>);

impl Values {
    pub(crate) fn contains(&self, value: u16) -> bool {
        self.0.binary_search(&value).is_ok()
    }

    /// All values from `least` on.
    pub(crate) fn from(&self, least: u16) -> &[u16] {
        &self.0[self.0.partition_point(|value| *value < least)..]
    }

    fn add(&mut self, values: impl Iterator<Item = u16>) {
        self.0.extend(values);
        self.0.sort_unstable();
        self.0.dedup();
    }
}

impl Field {
    /// The values of a list like `0,15-30/5`.
    pub(crate) fn values(&self, text: &str) -> Result<Values, Error> {
        let mut values = Values::default();
        for part in text.split(',') {
            self.add(part, &mut values)?;
        }
        Ok(values)
    }

    /// Adds one member of a list: `*`, `5`, `5-20`, or any of these with a step.
    pub(crate) fn add(&self, part: &str, values: &mut Values) -> Result<(), Error> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let (first, last) = match (range.split_once('-'), step) {
            _ if range == "*" => (self.least, self.most),
            (Some((first, last)), _) => (self.value(first)?, self.value(last)?),
            (None, Some(_)) => (self.value(range)?, self.most),
            (None, None) => (self.value(range)?, self.value(range)?),
        };
        let size = self.most - self.least + 1;
        let last = match last < first {
            true if !self.wraps => return Err(Error::new(format!("{}: {range} ends before it begins", self.name))),
            true => last + size,
            false => last,
        };
        let wrap = |value: u16| if value > self.most { value - size } else { value };
        values.add((first..=last).step_by(usize::from(step.unwrap_or(1))).map(wrap));
        Ok(())
    }

    /// A number within the field's bounds, or a name.
    pub(crate) fn value(&self, text: &str) -> Result<u16, Error> {
        if let Some(place) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(self.least + u16::try_from(place).expect("a field has few names"));
        }
        let number = digits(text).filter(|number| (self.least..=self.most).contains(number));
        number.ok_or_else(|| {
            let names = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            Error::new(format!("{}: expected {} to {}{names}, found `{text}`", self.name, self.least, self.most))
        })
    }

    fn step(&self, text: &str) -> Result<u16, Error> {
        let step = digits(text).filter(|step| *step > 0);
        step.ok_or_else(|| Error::new(format!("{}: expected a step after the slash, found `{text}`", self.name)))
    }
}

/// A number of digits only: `parse` alone would take `+5`.
fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?
}

//! How a trigger batches, retries and gives up: AWS's settings with their ranges, and ours.

use crate::{Error, Source, fields, filter::Filters, post::bucket_of};
use item::{Item, Value};
use std::ops::RangeInclusive;

/// Filters of one trigger; AWS's raised quota.
pub const FILTERS_MAX: usize = 10;
/// Characters of one pattern.
pub const PATTERN_CHARACTERS_MAX: usize = 4096;
/// Characters of a destination's ARN.
const DESTINATION_CHARACTERS_MAX: usize = 350;

/// Every setting has AWS's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most records of a batch, 1 to 10,000.
    pub batch_size: u32,
    /// How long a batch that is not full waits for more, 0 to 300 s.
    pub batching_window_s: u32,
    /// Batches under way for each shard, 1 to 10. The order of each item's records is kept.
    pub parallelization: u16,
    /// How often a failing batch is tried again, 0 to 10,000; `None`: as long as its records are kept.
    pub retry_attempts: Option<u32>,
    /// Records older than this are given up, 60 to 604,800 s; `None`: none.
    pub record_age_s: Option<u32>,
    /// Halve a batch whose call fails, and try the halves.
    pub bisect: bool,
    /// The function's answer may name the records that failed.
    pub report_item_failures: bool,
    /// Length of the windows over which the function keeps a state, 0 (none) to 900 s.
    pub tumbling_window_s: u32,
    /// Patterns in JSON; records that match none are passed over. Empty: all records are wanted.
    pub filters: Vec<String>,
    /// ARN of what gets to know of records that were given up.
    pub on_failure: Option<String>,
    /// Park the key of a record that fails, and go on with the others.
    pub quarantine: Option<Quarantine>,
}

/// How much may be parked at once; at the bound the lane that would park more stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// 1 to 10,000.
    pub records: u32,
    /// Bytes of events, 1 MiB to 1 GiB.
    pub bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            batch_size: 100,
            batching_window_s: 0,
            parallelization: 1,
            retry_attempts: None,
            record_age_s: None,
            bisect: false,
            report_item_failures: false,
            tumbling_window_s: 0,
            filters: Vec::new(),
            on_failure: None,
            quarantine: None,
        }
    }
}

impl Default for Quarantine {
    fn default() -> Quarantine {
        Quarantine { records: 1000, bytes: 64 << 20 }
    }
}

impl Settings {
    /// Checks ranges and patterns.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::InvalidFilter`], which name the setting.
    pub fn check(&self) -> Result<(), Error> {
        within("batch size", self.batch_size, 1..=10_000)?;
        within("batching window, seconds,", self.batching_window_s, 0..=300)?;
        within("parallelization factor", self.parallelization, 1..=10)?;
        within("tumbling window, seconds,", self.tumbling_window_s, 0..=900)?;
        self.retry_attempts.map_or(Ok(()), |attempts| within("number of retry attempts", attempts, 0..=10_000))?;
        self.record_age_s.map_or(Ok(()), |age| within("record age, seconds,", age, 60..=604_800))?;
        self.quarantine.as_ref().map_or(Ok(()), |quarantine| self.check_quarantine(quarantine))?;
        self.on_failure.as_deref().map_or(Ok(()), check_destination)?;
        Filters::parse(&self.filters).map(drop)
    }

    /// As [`Settings::check`], and whether they suit what is read.
    pub(crate) fn check_for(&self, source: &Source) -> Result<(), Error> {
        self.check()?;
        match source {
            Source::Table { .. } => Ok(()),
            Source::Kinesis { .. } => Filters::parse(&self.filters)?.check_data(),
        }
    }

    fn check_quarantine(&self, quarantine: &Quarantine) -> Result<(), Error> {
        within("number of parked records", quarantine.records, 1..=10_000)?;
        within("number of parked bytes", quarantine.bytes, 1 << 20..=1 << 30)?;
        if self.tumbling_window_s > 0 {
            let why =
                "quarantine and tumbling windows exclude one another: a parked record belongs to a window that ends";
            return Err(Error::Invalid(why.to_owned()));
        }
        Ok(())
    }

    /// Lanes of each shard. A window is its shard's, so with windows there is one.
    #[must_use]
    pub fn lanes(&self) -> u16 {
        if self.tumbling_window_s > 0 { 1 } else { self.parallelization }
    }

    /// The settings as a map of attributes.
    #[must_use]
    pub fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("batch_size", fields::number(self.batch_size)),
            ("batching_window_s", fields::number(self.batching_window_s)),
            ("parallelization", fields::number(self.parallelization)),
            ("bisect", Value::Bool(self.bisect)),
            ("report_item_failures", Value::Bool(self.report_item_failures)),
            ("tumbling_window_s", fields::number(self.tumbling_window_s)),
            ("filters", Value::L(self.filters.iter().map(fields::text).collect())),
        ]);
        let mut put = |name: &str, value: Option<Value>| value.map(|value| item.insert(name, value));
        put("retry_attempts", self.retry_attempts.map(fields::number));
        put("record_age_s", self.record_age_s.map(fields::number));
        put("on_failure", self.on_failure.as_ref().map(fields::text));
        put("quarantine", self.quarantine.map(|quarantine| Value::M(quarantine.to_item())));
        item
    }

    /// Reads [`Settings::to_item`].
    #[must_use]
    pub fn from_item(item: &Item) -> Settings {
        let default = Settings::default();
        let filters = fields::get_list(item, "filters").unwrap_or_default();
        let pattern = |value: &Value| if let Value::S(text) = value { Some(text.clone()) } else { None };
        Settings {
            batch_size: fields::get_number(item, "batch_size").unwrap_or(default.batch_size),
            batching_window_s: fields::get_number(item, "batching_window_s").unwrap_or(default.batching_window_s),
            parallelization: fields::get_number(item, "parallelization").unwrap_or(default.parallelization),
            retry_attempts: fields::get_number(item, "retry_attempts"),
            record_age_s: fields::get_number(item, "record_age_s"),
            bisect: fields::get_bool(item, "bisect").unwrap_or_default(),
            report_item_failures: fields::get_bool(item, "report_item_failures").unwrap_or_default(),
            tumbling_window_s: fields::get_number(item, "tumbling_window_s").unwrap_or_default(),
            filters: filters.iter().filter_map(pattern).collect(),
            on_failure: fields::get_text(item, "on_failure"),
            quarantine: fields::get_map(item, "quarantine").map(Quarantine::from_item),
        }
    }
}

impl Quarantine {
    fn to_item(self) -> Item {
        Item::from_iter([("records", fields::number(self.records)), ("bytes", fields::number(self.bytes))])
    }

    fn from_item(item: &Item) -> Quarantine {
        let default = Quarantine::default();
        Quarantine {
            records: fields::get_number(item, "records").unwrap_or(default.records),
            bytes: fields::get_number(item, "bytes").unwrap_or(default.bytes),
        }
    }
}

fn within<N: PartialOrd + std::fmt::Display>(what: &str, value: N, range: RangeInclusive<N>) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::Invalid(format!("the {what} must be from {} to {}, not {value}", range.start(), range.end())))
}

/// AWS delivers to standard queues and topics, buckets and Kafka topics.
fn check_destination(arn: &str) -> Result<(), Error> {
    let service = arn.split(':').nth(2).unwrap_or_default();
    let known = match service {
        "s3" => bucket_of(arn).is_some_and(s3::is_bucket_name),
        _ => arn.starts_with("arn:") && ["sqs", "sns", "kafka"].contains(&service),
    };
    if !known || arn.len() > DESTINATION_CHARACTERS_MAX || arn.ends_with(".fifo") {
        let kinds = "a standard queue (sqs), a standard topic (sns), a bucket (s3) or a Kafka topic";
        return Err(Error::Invalid(format!("the on-failure destination must be the ARN of {kinds}, not {arn}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_with_the_range() {
        let refusal = |change: &dyn Fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
        };
        let check = |change: &dyn Fn(&mut Settings), expected: &str| assert_eq!(refusal(change), expected);
        check(&|_| (), "accepted");
        check(&|s| s.batch_size = 0, "the batch size must be from 1 to 10000, not 0");
        check(&|s| s.batch_size = 10_001, "the batch size must be from 1 to 10000, not 10001");
        check(&|s| s.batching_window_s = 301, "the batching window, seconds, must be from 0 to 300, not 301");
        check(&|s| s.parallelization = 11, "the parallelization factor must be from 1 to 10, not 11");
        check(&|s| s.retry_attempts = Some(10_001), "the number of retry attempts must be from 0 to 10000, not 10001");
        check(&|s| s.record_age_s = Some(59), "the record age, seconds, must be from 60 to 604800, not 59");
        check(&|s| s.tumbling_window_s = 901, "the tumbling window, seconds, must be from 0 to 900, not 901");
        let parked = |records| Some(Quarantine { records, ..Quarantine::default() });
        check(&|s| s.quarantine = parked(0), "the number of parked records must be from 1 to 10000, not 0");
        check(
            &|s| (s.quarantine, s.tumbling_window_s) = (parked(1), 60),
            "quarantine and tumbling windows exclude one another: a parked record belongs to a window that ends",
        );
        check(&|s| s.on_failure = Some("arn:aws:sqs:us-east-1:000000000000:letters".to_owned()), "accepted");
        check(&|s| s.on_failure = Some("arn:aws:s3:::letters".to_owned()), "accepted");
        check(
            &|s| s.on_failure = Some("arn:aws:sqs:us-east-1:000000000000:letters.fifo".to_owned()),
            "the on-failure destination must be the ARN of a standard queue (sqs), a standard topic (sns), a bucket \
             (s3) or a Kafka topic, not arn:aws:sqs:us-east-1:000000000000:letters.fifo",
        );
    }
}

//! Which stream a request means: by name, by ARN, or by both.

use super::fault;
use crate::{checks::Checks, json::Text, protocol::Fault, routes::Call};
use kinesis::{Stream, is_stream_name, parse_shard_id, stream_name};

const NAME_PATTERN: &str = "[a-zA-Z0-9_.-]+";
const ARN_PATTERN: &str = r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+";

/// The two parameters that name a stream.
#[derive(Clone, Copy)]
pub(super) struct Named<'r> {
    name: Option<&'r str>,
    arn: Option<&'r str>,
}

impl<'r> Named<'r> {
    pub fn new(name: Option<&'r Text<'_>>, arn: Option<&'r Text<'_>>) -> Named<'r> {
        Named { name: name.map(Text::as_str), arn: arn.map(Text::as_str) }
    }

    pub fn check(self, checks: &mut Checks) {
        if let Some(name) = self.name {
            check_name(checks, "streamName", name);
        }
        if let Some(arn) = self.arn {
            check_arn(checks, "streamARN", arn);
        }
    }

    /// The stream, if there is one.
    pub fn find(self, call: &Call<'_>) -> Result<Stream, Fault> {
        let door = call.door;
        let of_arn = self.arn.map(|arn| stream_name(arn).unwrap_or(arn));
        match (self.name, of_arn) {
            (None, None) => Err(fault::invalid(
                "When invoking this API, you must use either the StreamARN or the StreamName parameter, or both.",
            )),
            (Some(name), Some(of_arn)) if name != of_arn => {
                Err(fault::invalid(format!("StreamName {name} and StreamARN name different streams.")))
            }
            (_, Some(name)) => {
                let stream = door.streams.by_arn(self.arn.unwrap_or_default());
                stream.ok_or_else(|| fault::no_stream(door, name))
            }
            (Some(name), None) => door.streams.find(name).ok_or_else(|| fault::no_stream(door, name)),
        }
    }
}

pub(super) fn check_name(checks: &mut Checks, at: &str, name: &str) {
    let fits = name.len() > 128 || is_stream_name(name);
    checks.check(fits, at, name, format_args!("satisfy regular expression pattern: {NAME_PATTERN}"));
    checks.check(!name.is_empty(), at, name, format_args!("have length greater than or equal to 1"));
    checks.longest(at, name, 128);
}

pub(super) fn check_arn(checks: &mut Checks, at: &str, arn: &str) {
    let fits = arn.starts_with("arn:aws") && stream_name(arn).is_some();
    checks.check(fits, at, arn, format_args!("satisfy regular expression pattern: {ARN_PATTERN}"));
}

/// The shard of a stream that an id means.
pub(super) fn shard(call: &Call<'_>, stream: &Stream, id: &str) -> Result<u16, Fault> {
    let shard = parse_shard_id(id).filter(|shard| *shard < stream.shards());
    shard.ok_or_else(|| fault::no_shard(call.door, id, stream.name()))
}

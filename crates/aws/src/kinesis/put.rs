//! PutRecord, PutRecords. A record is in the log before it is answered; of a call's records all are, or none.

use super::{check_dry_run, fault, named::Named};
use crate::{
    checks::Checks,
    json::{self, Array, Blob, Flag, List, Object, Text},
    protocol::{Answer, Fault},
    routes::{Call, Step},
};
use kinesis::{PARTITION_KEY_MAX, Placed, Put, Putting, RECORD_KIB_MAX, Stream, Streams, shard_id};
use std::sync::Arc;

shape! {
    PutRecordInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "Data" => data: Blob,
        "PartitionKey" => key: Text<'a>,
        "ExplicitHashKey" => hash_key: Text<'a>,
        "SequenceNumberForOrdering" => after: Text<'a>,
        "DryRun" => dry_run: Flag,
    }
}

shape! {
    PutRecordsInput<'a> (plain) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "Records" => records: List<PutRecordsRequestEntry<'a>>,
        "DryRun" => dry_run: Flag,
    }
}

shape! {
    PutRecordsRequestEntry<'a> (plain) {
        "Data" => data: Blob,
        "ExplicitHashKey" => hash_key: Text<'a>,
        "PartitionKey" => key: Text<'a>,
    }
}

/// Records of one call, and their bytes together.
const RECORDS_MAX: usize = 500;
const CALL_BYTES_MAX: usize = 10 << 20;
const HASH_KEY_PATTERN: &str = r"0|([1-9]\d{0,38})";

pub(crate) fn put_record(call: &Call<'_>) -> Result<Step, Fault> {
    let input: PutRecordInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let entry = PutRecordsRequestEntry { data: input.data, hash_key: input.hash_key, key: input.key };
    entry.check(&mut checks, "");
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    checks.finish()?;
    let stream = named.find(call)?;
    check_order(call, &stream, input.after.as_deref())?;
    let put = entry.put()?;
    check_dry_run(input.dry_run)?;
    begin(call, &stream, vec![put], |streams, placed| {
        let mut out = Vec::with_capacity(128);
        let mut response = Object::new(&mut out);
        placed.iter().for_each(|placed| write_placed(&mut response, streams, *placed));
        response.end();
        out
    })
}

pub(crate) fn put_records(call: &Call<'_>) -> Result<Step, Fault> {
    let input: PutRecordsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("records", input.records.is_some());
    let entries = input.records.map(|records| records.0).unwrap_or_default();
    let shown = || format!("[{} records]", entries.len());
    checks.check(!entries.is_empty(), "records", shown(), format_args!("have length greater than or equal to 1"));
    let fits = entries.len() <= RECORDS_MAX;
    checks.check(fits, "records", shown(), format_args!("have length less than or equal to {RECORDS_MAX}"));
    for (place, entry) in entries.iter().enumerate() {
        entry.check(&mut checks, &format!("records.{}.member.", place + 1));
    }
    let named = Named::new(input.name.as_ref(), input.arn.as_ref());
    named.check(&mut checks);
    checks.finish()?;
    let stream = named.find(call)?;
    let puts = entries.into_iter().map(PutRecordsRequestEntry::put).collect::<Result<Vec<_>, _>>()?;
    if puts.iter().map(Put::bytes).sum::<usize>() > CALL_BYTES_MAX {
        return Err(fault::invalid("Records size exceeds 10 MB limit"));
    }
    check_dry_run(input.dry_run)?;
    begin(call, &stream, puts, |streams, placed| {
        let mut out = Vec::with_capacity(64 + placed.len() * 96);
        let mut response = Object::new(&mut out);
        response.bare("FailedRecordCount", 0);
        let mut records: Array<'_> = response.array("Records");
        for placed in placed {
            let mut record = records.object();
            write_placed(&mut record, streams, *placed);
            record.end();
        }
        records.end();
        response.end();
        out
    })
}

fn write_placed(object: &mut Object<'_>, streams: &Streams, placed: Placed) {
    object.text("ShardId", &shard_id(placed.shard));
    object.text("SequenceNumber", &streams.sequence_number(placed.seq));
}

/// Hands the records over; they are answered when they are on disk.
fn begin(
    call: &Call<'_>,
    stream: &Stream,
    puts: Vec<Put>,
    answer: impl FnOnce(&Streams, &[Placed]) -> Vec<u8> + Send + 'static,
) -> Result<Step, Fault> {
    let door = Arc::clone(call.door);
    let putting = door.streams.put(stream, puts, call.origin(), call.retry_token());
    let Putting { ticket, shards } = putting.map_err(|error| fault::of(&door, &error))?;
    Ok(Step::Later(Box::pin(async move {
        let seqs = ticket.await.map_err(|error| fault::of(&door, &error.into()))?;
        Ok(Answer::from(answer(&door.streams, &Putting::placed(&shards, &seqs))))
    })))
}

/// Sequence numbers only ever grow, so of the number to come after it is enough that it is one.
fn check_order(call: &Call<'_>, stream: &Stream, after: Option<&str>) -> Result<(), Fault> {
    let streams = &call.door.streams;
    match after.filter(|after| streams.parse_sequence_number(after).is_none_or(|seq| seq > call.door.db.head())) {
        None => Ok(()),
        Some(after) => Err(fault::invalid(format!(
            "ExclusiveMinimumSequenceNumber {after} used in PutRecord on stream {} under account {} is invalid.",
            stream.name(),
            call.door.config.place.account
        ))),
    }
}

impl PutRecordsRequestEntry<'_> {
    /// `within` is what stands before the members' names.
    fn check(&self, checks: &mut Checks, within: &str) {
        let at = |member: &str| format!("{within}{member}");
        if self.data.is_none() || self.key.is_none() {
            checks.required(at("data"), self.data.is_some());
            checks.required(at("partitionKey"), self.key.is_some());
        }
        if let Some(key) = &self.key
            && (key.is_empty() || key.len() > PARTITION_KEY_MAX)
        {
            let least = format_args!("have length greater than or equal to 1");
            checks.check(!key.is_empty(), at("partitionKey"), key.as_str(), least);
            checks.longest(at("partitionKey"), key, PARTITION_KEY_MAX);
        }
        let most = RECORD_KIB_MAX as usize * 1024;
        if let Some(Blob(data)) = self.data.as_ref().filter(|data| data.0.len() > most) {
            let shown = format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", data.len());
            checks.check(false, at("data"), shown, format_args!("have length less than or equal to {most}"));
        }
        if let Some(hash_key) = self.hash_key.as_ref().filter(|hash_key| !is_number(hash_key)) {
            let pattern = format_args!("satisfy regular expression pattern: {HASH_KEY_PATTERN}");
            checks.check(false, at("explicitHashKey"), hash_key.as_str(), pattern);
        }
    }

    fn put(self) -> Result<Put, Fault> {
        let hash_key = |text: Text<'_>| {
            text.parse::<u128>().map_err(|_| {
                fault::invalid(format!(
                    "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {}",
                    text.as_str()
                ))
            })
        };
        Ok(Put {
            partition_key: self.key.map(|key| key.0.into_owned()).unwrap_or_default(),
            explicit_hash_key: self.hash_key.map(hash_key).transpose()?,
            data: self.data.map(|data| data.0).unwrap_or_default(),
        })
    }
}

/// Digits without a zero before them, at most 39.
fn is_number(text: &str) -> bool {
    let digits = (1..=39).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

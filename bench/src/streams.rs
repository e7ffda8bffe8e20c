//! Reading change streams: how fast one reader goes, and what a quiet table's reader pays for its busy neighbours.

use crate::{
    config::Config,
    load::Client,
    report::{Bar, Report, median},
    request, setup,
};
use std::{
    io::{Error, Result},
    time::Instant,
};

/// An iterator at the oldest record of the table's first shard.
fn oldest(client: &mut Client, table: &str) -> Result<String> {
    let described = client.json(request::DESCRIBE_TABLE, &format!(r#"{{"TableName":"{table}"}}"#))?;
    let stream = text(&described["Table"]["LatestStreamArn"])?;
    let described = client.json(request::DESCRIBE_STREAM, &format!(r#"{{"StreamArn":"{stream}"}}"#))?;
    let shard = text(&described["StreamDescription"]["Shards"][0]["ShardId"])?;
    let body = format!(r#"{{"StreamArn":"{stream}","ShardId":"{shard}","ShardIteratorType":"TRIM_HORIZON"}}"#);
    text(&client.json(request::SHARD_ITERATOR, &body)?["ShardIterator"])
}

fn text(value: &serde_json::Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Error::other(format!("a string was expected, not {value}")))
}

/// Reads pages of `limit` until `wanted` records came; answers records and the next iterator's absence as an error.
fn read(client: &mut Client, iterator: String, limit: u32, wanted: u64) -> Result<u64> {
    let (mut iterator, mut records, mut empty) = (iterator, 0_u64, 0);
    while records < wanted && empty < 10_000 {
        let body = format!(r#"{{"ShardIterator":"{iterator}","Limit":{limit}}}"#);
        let page = client.call(request::GET_RECORDS, &body)?;
        // Counting and finding beat parsing: the client shares the cores with the server.
        let found = memchr::memmem::find_iter(page, br#""eventID""#).count() as u64;
        empty = if found == 0 { empty + 1 } else { 0 };
        records += found;
        let tag = br#""NextShardIterator":""#;
        let Some(start) = memchr::memmem::find(page, tag).map(|at| at + tag.len()) else { break };
        let end = memchr::memchr(b'"', &page[start..]).map_or(page.len(), |length| start + length);
        iterator = String::from_utf8_lossy(&page[start..end]).into_owned();
    }
    Ok(records)
}

pub fn run(config: &Config) -> Result<()> {
    let server = config.bench.streamfold("streams", &[])?;
    let mut client = server.client()?;
    setup::create_votes(&mut client, "loud")?;
    setup::create_votes(&mut client, "quiet")?;
    let others = config.others;
    // Five records before the crowd, five in its midst.
    setup::fill(&server, "quiet", 0..5)?;
    setup::fill(&server, "loud", 0..others / 2)?;
    setup::fill(&server, "quiet", 5..10)?;
    let rate = setup::fill(&server, "loud", others / 2..others)?;
    Report::figures(&format!("Streams: {others} records of one table, 10 of another"));
    Report::figure("filling by BatchWriteItem", rate, "items/s", None);
    // The server has closed the one before: filling may take minutes.
    let mut client = server.client()?;

    let mut times = Vec::new();
    for _ in 0..20 {
        let begin = Instant::now();
        let iterator = oldest(&mut client, "quiet")?;
        let records = read(&mut client, iterator, 1000, 10)?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        if records != 10 {
            return Err(Error::other(format!("{records} of 10 records came from the quiet table")));
        }
    }
    let what = "the quiet table's 10 records from TRIM_HORIZON, describe and iterator included";
    Report::figure(what, median(&times), "ms", Some(Bar::at_most(10.0, 2.0)));
    Report::figure("the same, the first time", times[0], "ms", None);

    let (wanted, mut rates) = (others.min(500_000), Vec::new());
    for _ in 0..config.rounds {
        let iterator = oldest(&mut client, "loud")?;
        let begin = Instant::now();
        let records = read(&mut client, iterator, 1000, wanted)?;
        rates.push(records as f64 / begin.elapsed().as_secs_f64());
        if records < wanted {
            return Err(Error::other(format!("{records} of {wanted} records came from the loud table")));
        }
    }
    let bar = Bar::at_least(300_000.0, 600_000.0);
    Report::figure("GetRecords, 1,000 at a time, one reader", median(&rates), "records/s", Some(bar));
    Ok(())
}

//! Tables and contents that the measurements start from.

use crate::{
    load::{self, Client, Fresh},
    request,
    server::Server,
};
use std::{
    io::{Error, Result},
    time::{Duration, Instant},
};

/// Creates a table of votes with its stream on.
pub fn create_votes(client: &mut Client, table: &str) -> Result<()> {
    create(client, table, &request::create_table(table, "id", None, true))
}

/// Long enough for any filling; runs end when their source does.
pub const UNTIL_DONE: Duration = Duration::from_secs(24 * 3600);

/// Creates a table from a CreateTable body and waits until it is active.
pub fn create(client: &mut Client, table: &str, body: &str) -> Result<()> {
    client.call(request::CREATE_TABLE, body)?;
    let begin = Instant::now();
    loop {
        let answer = client.json(request::DESCRIBE_TABLE, &format!(r#"{{"TableName":"{table}"}}"#))?;
        if answer["Table"]["TableStatus"] == "ACTIVE" {
            return Ok(());
        }
        if begin.elapsed() > Duration::from_secs(20) {
            return Err(Error::other(format!("table {table} does not become active")));
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Writes votes `range` in batches of 25 over 16 connections; answers items a second.
pub fn fill(server: &Server, table: &str, range: std::ops::Range<u64>) -> Result<f64> {
    let (first, count) = (range.start, range.end - range.start);
    let mut source = Fresh::new(request::BATCH_WRITE, 0..count.div_ceil(25), |batch| {
        let start = first + batch * 25;
        request::batch(table, (start..range.end.min(start + 25)).map(request::vote))
    });
    let outcome = load::run(server.addr, 16, UNTIL_DONE, &mut source)?;
    clean(server.name, &outcome)?;
    eprintln!("{}: {count} items into {table} in {:.1} s", server.name, outcome.seconds);
    Ok(count as f64 / outcome.seconds)
}

/// Writes `partitions` partitions of 20 items.
pub fn fill_partitions(server: &Server, table: &str, partitions: u64) -> Result<()> {
    let mut source = Fresh::new(request::BATCH_WRITE, 0..partitions, |partition| {
        request::batch(
            table,
            (0..20).map(|row| {
                format!(r#"{{"pk":{{"S":"p{partition:06}"}},"sk":{{"S":"{row:04}"}},"message":{{"S":"the quick brown fox jumps over the lazy dog {row}"}},"user_handle":{{"S":"andrew"}}}}"#)
            }),
        )
    });
    clean(server.name, &load::run(server.addr, 8, UNTIL_DONE, &mut source)?)
}

/// An error when anything but 200 came back.
pub fn clean(name: &str, outcome: &load::Outcome) -> Result<()> {
    match &outcome.first_error {
        None => Ok(()),
        Some(first) => {
            Err(Error::other(format!("{name}: {} responses were not 200, the first: {first}", outcome.errors)))
        }
    }
}

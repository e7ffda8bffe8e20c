//! Exports as a source system makes them, and their operations as a consumer of the stream folds them. Sees buckets,
//! streams and tables from outside, over their APIs.

use crate::client::{Client, Failed};
use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

/// Columns of the table, the key first. `stock` is a number.
const COLUMNS: [&str; 3] = ["PK", "note", "stock"];

/// What is in a table by its key: `note` and `stock`.
pub type Rows = BTreeMap<String, (String, String)>;

/// A table of a source system.
pub struct Source {
    pub rows: Rows,
    next: u32,
    dice: Rng,
}

impl Source {
    #[must_use]
    pub fn new(rows: u32, dice: Rng) -> Source {
        let mut source = Source { rows: Rows::new(), next: 0, dice };
        (0..rows).for_each(|_| source.insert());
        source
    }

    /// A table in which there are rows; those to come have numbers from `next` on.
    #[must_use]
    pub fn of(rows: Rows, next: u32, dice: Rng) -> Source {
        Source { rows, next, dice }
    }

    fn insert(&mut self) {
        self.next += 1;
        let row = self.row();
        self.rows.insert(format!("P{:06}", self.next), row);
    }

    /// Texts that CSV must quote are among them.
    fn row(&mut self) -> (String, String) {
        let notes = ["", "plain", "a, b", "\"quoted\"", "two\nlines", "Bücherregal 椅子"];
        let note = format!("{}{}", notes[self.dice.usize(..notes.len())], self.dice.u32(..));
        (note, self.dice.u32(..).to_string())
    }

    /// Some time passes: of a hundred rows, so many change, come and go.
    pub fn change(&mut self, updates: usize, inserts: usize, deletes: usize) {
        let part = |percent: usize| self.rows.len() * percent / 100;
        let (updates, inserts, deletes) = (part(updates), part(inserts), part(deletes));
        let mut keys: Vec<String> = self.rows.keys().cloned().collect();
        self.dice.shuffle(&mut keys);
        for key in keys.drain(..deletes) {
            self.rows.remove(&key);
        }
        for key in keys.drain(..updates) {
            let row = self.row();
            self.rows.insert(key, row);
        }
        (0..inserts).for_each(|_| self.insert());
    }

    /// Rows come to it until there are so many.
    pub fn grow_to(&mut self, rows: usize) {
        while self.rows.len() < rows {
            self.insert();
        }
    }

    /// The whole table, in an order of its own.
    pub fn export(&mut self) -> Vec<u8> {
        let keys: Vec<String> = self.rows.keys().cloned().collect();
        self.part(keys)
    }

    /// A dump that was cut in half.
    pub fn half(&mut self) -> Vec<u8> {
        let keys: Vec<String> = self.rows.keys().take(self.rows.len() / 2).cloned().collect();
        self.part(keys)
    }

    fn part(&mut self, mut keys: Vec<String>) -> Vec<u8> {
        self.dice.shuffle(&mut keys);
        let mut text = COLUMNS.join(",") + "\n";
        for key in keys {
            let (note, stock) = &self.rows[&key];
            text += &format!("{key},\"{}\",{stock}\n", note.replace('"', "\"\""));
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish()).expect("memory takes any bytes")
    }
}

impl Client {
    /// Puts an object; the answer comes once it is on disk.
    ///
    /// # Panics
    /// When it is refused.
    pub fn put_object(&mut self, bucket: &str, key: &str, body: &[u8]) {
        let signed = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/s3/aws4_request, \
                      SignedHeaders=host, Signature=0";
        let head = [
            ("authorization", signed),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-date", "20261121T000000Z"),
        ];
        let answer = self.request("PUT", &format!("/{bucket}/{key}"), &head, body);
        let (status, said) = answer.expect("the server answers");
        assert_eq!(status, 200, "{key}: {}", String::from_utf8_lossy(&said));
    }

    /// An execution as the console shows it; none: nothing is known of it yet.
    pub fn execution(&mut self, name: &str) -> Option<Value> {
        let (status, body) = self.get(&format!("/api/exports/{name}")).ok()?;
        let shown: Value = serde_json::from_slice(&body).ok()?;
        (status == 200).then(|| shown["execution"].clone())
    }

    /// Presses one of the console's buttons on an execution; what it said.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn decide(&mut self, name: &str, decision: &str) -> (u16, Value) {
        let origin = format!("http://127.0.0.1:{}", self.port());
        let head = [("origin", origin.as_str()), ("content-type", "application/json")];
        let answer = self.request("POST", &format!("/api/exports/{name}/{decision}"), &head, b"{}");
        let (status, body) = answer.expect("the server answers");
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The items of a target, as rows.
    ///
    /// # Errors
    /// What the server said.
    pub fn target(&mut self, table: &str) -> Result<Rows, Failed> {
        let text = |item: &Value, name: &str, kind: &str| item[name][kind].as_str().unwrap_or_default().to_owned();
        let items = self.scan(table)?;
        let row = |item: &Value| (text(item, "PK", "S"), (text(item, "note", "S"), text(item, "stock", "N")));
        Ok(items.iter().map(row).collect())
    }
}

/// What a consumer makes of a stream of operations.
#[derive(Default)]
pub struct Fold {
    /// By TENANT/TABLE.
    pub tables: BTreeMap<String, Rows>,
    /// Ordinals that were seen, by TENANT/TABLE/VERSION.
    pub seen: BTreeMap<String, BTreeSet<u64>>,
    /// Position of each shard.
    after: BTreeMap<String, String>,
}

impl Fold {
    /// Folds what has come since the last time.
    ///
    /// # Errors
    /// What the server said.
    ///
    /// # Panics
    /// When an operation comes twice, or does not fit what came before.
    pub fn read(&mut self, client: &mut Client, stream: &str) -> Result<(), Failed> {
        let shards = client.kinesis("ListShards", &json!({ "StreamName": stream }))?;
        for shard in shards["Shards"].as_array().into_iter().flatten() {
            let shard = shard["ShardId"].as_str().unwrap_or_default();
            for record in client.kinesis_records(stream, shard, self.after.get(shard).map(String::as_str))? {
                let number = record["SequenceNumber"].as_str().unwrap_or_default();
                self.after.insert(shard.to_owned(), number.to_owned());
                let data = decoded(record["Data"].as_str().unwrap_or_default());
                self.take(&serde_json::from_slice(&data).expect("an operation is JSON"));
            }
        }
        Ok(())
    }

    fn take(&mut self, operation: &Value) {
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let table = format!("{}/{}", text(operation, "tenant"), text(operation, "table"));
        let execution = format!("{table}/{}", text(operation, "exportVersion"));
        let ordinal = operation["ordinal"].as_u64().expect("an operation has an ordinal");
        assert!(self.seen.entry(execution).or_default().insert(ordinal), "published twice: {operation}");
        let rows = self.tables.entry(table).or_default();
        let key = text(&operation["key"], "PK");
        let row = &operation["row"];
        let before = match text(operation, "operation").as_str() {
            "DELETE" => rows.remove(&key),
            _ => rows.insert(key, (text(row, "note"), text(row, "stock"))),
        };
        assert_eq!(before.is_none(), operation["operation"] == "INSERT", "out of place: {operation}");
    }

    /// The operations of an execution that were seen.
    #[must_use]
    pub fn of(&self, execution: &str) -> u64 {
        self.seen.get(execution).map_or(0, |ordinals| ordinals.len() as u64)
    }
}

/// Base64.
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let digit = ALPHABET.iter().position(|known| *known == letter).expect("it is base64");
        bits = bits << 6 | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

//! A plain, blocking client of the DynamoDB API: one connection, no retries, no second thoughts.

use serde_json::{Value, json};
use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a call did not succeed.
#[derive(Debug)]
pub enum Failed {
    /// No answer: the request may or may not have been carried out.
    Broken(io::Error),
    /// The server said no.
    Refused { status: u16, code: String, message: String },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Broken(error) => write!(f, "no answer: {error}"),
            Failed::Refused { status, code, message } => write!(f, "{status} {code}: {message}"),
        }
    }
}

impl std::error::Error for Failed {}

/// A client.
pub struct Client {
    port: u16,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    #[must_use]
    pub fn new(port: u16) -> Client {
        Client { port, connection: None }
    }

    /// Where it calls.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An operation of DynamoDB.
    pub fn call(&mut self, operation: &str, body: &Value) -> Result<Value, Failed> {
        self.posted(&format!("DynamoDB_20120810.{operation}"), body)
    }

    /// An operation of DynamoDB Streams.
    pub fn stream_call(&mut self, operation: &str, body: &Value) -> Result<Value, Failed> {
        self.posted(&format!("DynamoDBStreams_20120810.{operation}"), body)
    }

    /// An operation of Kinesis.
    pub fn kinesis(&mut self, operation: &str, body: &Value) -> Result<Value, Failed> {
        self.posted(&format!("Kinesis_20131202.{operation}"), body)
    }

    fn posted(&mut self, target: &str, body: &Value) -> Result<Value, Failed> {
        let head =
            [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0"), ("authorization", SIGNED)];
        let (status, answer) = self.request("POST", "/", &head, body.to_string().as_bytes()).map_err(Failed::Broken)?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| Failed::Broken(io::Error::other(error)))?;
        if status == 200 {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Err(Failed::Refused {
            status,
            code: text("__type").unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned(),
            message: text("message").or_else(|| text("Message")).unwrap_or_default(),
        })
    }

    /// An operation of Lambda, by its path: the status and the answer, as JSON where it is some.
    pub fn lambda(
        &mut self,
        method: &str,
        path: &str,
        head: &[(&str, &str)],
        body: &Value,
    ) -> io::Result<(u16, Value)> {
        let signed = SIGNED.replace("/dynamodb/", "/lambda/");
        let head = [&[("authorization", signed.as_str())], head].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.request(method, &format!("/2015-03-31{path}"), &head, body.as_bytes())?;
        let text = || Value::String(String::from_utf8_lossy(&answer).into_owned());
        Ok((status, serde_json::from_slice(&answer).unwrap_or_else(|_| text())))
    }

    /// Calls a function: waits for its answer (`RequestResponse`), or does not (`Event`).
    ///
    /// # Panics
    /// When nobody answers.
    pub fn invoke(&mut self, function: &str, kind: &str, payload: &Value) -> (u16, Value) {
        let path = format!("/functions/{function}/invocations");
        self.lambda("POST", &path, &[("x-amz-invocation-type", kind)], payload).expect("the server answers")
    }

    /// What the console shows at an address below `/api/`.
    ///
    /// # Panics
    /// When it shows nothing there.
    pub fn shown(&mut self, path: &str) -> Value {
        let (status, body) = self.get(&format!("/api/{path}")).expect("the server answers");
        assert_eq!(status, 200, "/api/{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("it is JSON")
    }

    /// A page or anything else: its status and body.
    pub fn get(&mut self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        self.request("GET", path, &[], b"")
    }

    /// Any request; the status and the body of the answer.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        head: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<(u16, Vec<u8>)> {
        let outcome = self.exchange(method, path, head, body);
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    fn exchange(&mut self, method: &str, path: &str, head: &[(&str, &str)], body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let connection = self.connection.insert(connection);
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", self.port);
        for (name, value) in head {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n", body.len());
        let request = [request.as_bytes(), body].concat();
        connection.get_mut().write_all(&request)?;
        let (status, length) = read_head(connection)?;
        let mut answer = vec![0; length];
        connection.read_exact(&mut answer)?;
        Ok((status, answer))
    }
}

/// A signature that is taken as given.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/dynamodb/aws4_request, \
                      SignedHeaders=host, Signature=0";

/// Status and length of the body.
fn read_head(connection: &mut impl BufRead) -> io::Result<(u16, usize)> {
    let mut status = None;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let Some(found) = status else {
            let number = line.split(' ').nth(1).and_then(|number| number.parse().ok());
            status = Some(number.ok_or_else(|| io::Error::other(format!("not HTTP: {line}")))?);
            continue;
        };
        if line.is_empty() {
            return Ok((found, length));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}

impl Client {
    /// All items of a table, page by page.
    pub fn scan(&mut self, table: &str) -> Result<Vec<Value>, Failed> {
        let mut items = Vec::new();
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        loop {
            let mut page = self.call("Scan", &request)?;
            if let Some(found) = page["Items"].as_array_mut() {
                items.append(found);
            }
            match page["LastEvaluatedKey"].take() {
                Value::Null => return Ok(items),
                key => request["ExclusiveStartKey"] = key,
            }
        }
    }

    /// Records of a table's one open stream, all shards, after the positions in `after` (by shard); moves these on.
    /// Records come in the order of their shard.
    pub fn stream_records(&mut self, table: &str, after: &mut Vec<(String, String)>) -> Result<Vec<Value>, Failed> {
        let described = self.call("DescribeTable", &json!({ "TableName": table }))?;
        let arn = described["Table"]["LatestStreamArn"].clone();
        let stream = self.stream_call("DescribeStream", &json!({ "StreamArn": arn }))?;
        let mut records = Vec::new();
        for shard in stream["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
            let id = shard["ShardId"].as_str().unwrap_or_default();
            let place = match after.iter().position(|(shard, _)| shard == id) {
                Some(place) => place,
                None => {
                    after.push((id.to_owned(), String::new()));
                    after.len() - 1
                }
            };
            let mut request = json!({ "StreamArn": arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON" });
            if !after[place].1.is_empty() {
                request["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
                request["SequenceNumber"] = json!(after[place].1);
            }
            let found = self.shard_records(&request)?;
            if let Some(last) = found.last() {
                after[place].1 = last["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
            }
            records.extend(found);
        }
        Ok(records)
    }

    /// Records of a shard of a Kinesis stream that come after a position, up to its end.
    pub fn kinesis_records(&mut self, stream: &str, shard: &str, after: Option<&str>) -> Result<Vec<Value>, Failed> {
        let mut request = json!({ "StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        if let Some(after) = after {
            request["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
            request["StartingSequenceNumber"] = json!(after);
        }
        let mut records = Vec::new();
        let mut next = self.kinesis("GetShardIterator", &request)?["ShardIterator"].take();
        while !next.is_null() {
            let mut page = self.kinesis("GetRecords", &json!({ "ShardIterator": next }))?;
            let is_empty = page["Records"].as_array().is_none_or(Vec::is_empty);
            if let Some(found) = page["Records"].as_array_mut() {
                records.append(found);
            }
            if is_empty && page["MillisBehindLatest"] == 0 {
                break;
            }
            next = page["NextShardIterator"].take();
        }
        Ok(records)
    }

    /// Records of one shard until a page is empty.
    fn shard_records(&mut self, iterator: &Value) -> Result<Vec<Value>, Failed> {
        let mut records = Vec::new();
        let mut next = self.stream_call("GetShardIterator", iterator)?["ShardIterator"].take();
        while !next.is_null() {
            let mut page = self.stream_call("GetRecords", &json!({ "ShardIterator": next }))?;
            match page["Records"].as_array_mut() {
                Some(found) if !found.is_empty() => records.append(found),
                _ => break,
            }
            next = page["NextShardIterator"].take();
        }
        Ok(records)
    }
}

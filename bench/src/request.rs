//! Requests as bytes: JSON bodies of the operations measured, HTTP/1.1 around them, signed as the SDKs sign (SigV4).
//! Knows nothing of sockets.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{fmt::Write, time::SystemTime};

/// The key that servers are started with and requests are signed with.
pub const ACCESS_KEY: &str = "bench";
const SECRET_KEY: &str = "bench";
const REGION: &str = "us-east-1";

/// Signs requests of one day; the derived key is computed once.
pub struct Signer {
    key: [u8; 32],
    /// `20261121T000000Z`.
    date: String,
    scratch: String,
}

impl Signer {
    /// A signer for now; its signatures are good for about 15 minutes.
    pub fn new() -> Signer {
        let date = amz_date();
        let mut key = mac(format!("AWS4{SECRET_KEY}").as_bytes(), &date.as_bytes()[..8]);
        for part in [REGION, "dynamodb", "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        Signer { key, date, scratch: String::new() }
    }

    /// Appends one whole request to `out`. `target` is the operation with its prefix.
    pub fn request(&mut self, target: &str, body: &[u8], out: &mut Vec<u8>) {
        let date = &self.date;
        let day = &date[..8];
        self.scratch.clear();
        let _ = write!(
            self.scratch,
            "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:localhost\nx-amz-date:{date}\nx-amz-target:{target}\n\n\
             content-type;host;x-amz-date;x-amz-target\n"
        );
        hex(&Sha256::digest(body), &mut self.scratch);
        let canonical = Sha256::digest(self.scratch.as_bytes());
        self.scratch.clear();
        let _ = write!(self.scratch, "AWS4-HMAC-SHA256\n{date}\n{day}/{REGION}/dynamodb/aws4_request\n");
        hex(&canonical, &mut self.scratch);
        let signature = mac(&self.key, self.scratch.as_bytes());
        self.scratch.clear();
        let _ = write!(
            self.scratch,
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\n\
             X-Amz-Date: {date}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={ACCESS_KEY}/{day}/{REGION}/dynamodb/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
        );
        hex(&signature, &mut self.scratch);
        let _ = write!(self.scratch, "\r\nContent-Length: {}\r\n\r\n", body.len());
        out.extend_from_slice(self.scratch.as_bytes());
        out.extend_from_slice(body);
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

fn amz_date() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days since the epoch (Howard Hinnant's algorithm), in eras of 400 years from a 1st of March.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

pub const REGIONS: [&str; 4] = ["NORTH", "SOUTH", "EAST", "WEST"];
pub const IMPROVEMENTS: [&str; 5] = ["MORE_TREES", "BIKE_LANES", "PLAYGROUND", "LIBRARY", "STREET_LIGHTS"];

pub const PUT: &str = "DynamoDB_20120810.PutItem";
pub const GET: &str = "DynamoDB_20120810.GetItem";
pub const UPDATE: &str = "DynamoDB_20120810.UpdateItem";
pub const QUERY: &str = "DynamoDB_20120810.Query";
pub const BATCH_WRITE: &str = "DynamoDB_20120810.BatchWriteItem";
pub const CREATE_TABLE: &str = "DynamoDB_20120810.CreateTable";
pub const LIST_TABLES: &str = "DynamoDB_20120810.ListTables";
pub const DESCRIBE_TABLE: &str = "DynamoDB_20120810.DescribeTable";
pub const DESCRIBE_STREAM: &str = "DynamoDBStreams_20120810.DescribeStream";
pub const SHARD_ITERATOR: &str = "DynamoDBStreams_20120810.GetShardIterator";
pub const GET_RECORDS: &str = "DynamoDBStreams_20120810.GetRecords";

/// A vote's attributes: one of 20 groups, spread by `n`.
pub fn vote(n: u64) -> String {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let region = REGIONS[(mixed % 4) as usize];
    let improvement = IMPROVEMENTS[(mixed / 4 % 5) as usize];
    format!(r#"{{"id":{{"S":"{n:012}"}},"improvement":{{"S":"{improvement}"}},"region":{{"S":"{region}"}}}}"#)
}

/// PutItem of vote `n`.
pub fn put(table: &str, n: u64) -> String {
    format!(r#"{{"TableName":"{table}","Item":{}}}"#, vote(n))
}

/// GetItem of vote `n`.
pub fn get(table: &str, n: u64) -> String {
    format!(r#"{{"TableName":"{table}","Key":{{"id":{{"S":"{n:012}"}}}}}}"#)
}

/// UpdateItem: one more on one of 20 hot keys.
pub fn add(table: &str, n: u64) -> String {
    format!(
        r#"{{"TableName":"{table}","Key":{{"id":{{"S":"hot-{}"}}}},"UpdateExpression":"ADD total_votes :votevalue","ExpressionAttributeValues":{{":votevalue":{{"N":"1"}}}}}}"#,
        n % 20
    )
}

/// Query of one partition with 20 items.
pub fn query(table: &str, partition: u64) -> String {
    format!(
        r#"{{"TableName":"{table}","KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{{":p":{{"S":"p{partition:06}"}}}}}}"#
    )
}

/// BatchWriteItem of items given as JSON.
pub fn batch(table: &str, items: impl Iterator<Item = String>) -> String {
    let puts: Vec<String> = items.map(|item| format!(r#"{{"PutRequest":{{"Item":{item}}}}}"#)).collect();
    format!(r#"{{"RequestItems":{{"{table}":[{}]}}}}"#, puts.join(","))
}

/// CreateTable with a string partition key, perhaps a string sort key.
pub fn create_table(table: &str, partition: &str, sort: Option<&str>, stream: bool) -> String {
    let mut attributes = format!(r#"{{"AttributeName":"{partition}","AttributeType":"S"}}"#);
    let mut keys = format!(r#"{{"AttributeName":"{partition}","KeyType":"HASH"}}"#);
    if let Some(sort) = sort {
        let _ = write!(attributes, r#",{{"AttributeName":"{sort}","AttributeType":"S"}}"#);
        let _ = write!(keys, r#",{{"AttributeName":"{sort}","KeyType":"RANGE"}}"#);
    }
    let stream = if stream {
        r#","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}"#
    } else {
        ""
    };
    format!(
        r#"{{"TableName":"{table}","AttributeDefinitions":[{attributes}],"KeySchema":[{keys}],"BillingMode":"PAY_PER_REQUEST"{stream}}}"#
    )
}

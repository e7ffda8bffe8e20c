//! The load of objects under which the power goes: clients that put, overwrite, copy, upload in parts and delete objects of
//! their own over the S3 door and remember, for each change, where the recording stood before it was sent and after it was
//! answered; and what must hold of objects afterwards.

use crate::faults::recorder::position;
use it::client::{Client, Failed};
use md5::{Digest, Md5};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// Keys of a writer: few, so that most changes replace something.
const KEYS: usize = 6;
const LENGTH_MAX: usize = 30_000;
/// A signature that is taken as given.
const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
);

/// An object's bytes; `None`: there is no object.
pub type Content = Option<Arc<[u8]>>;

/// A change of one object. Or what was read of it after a crash.
pub struct Step {
    /// `/BUCKET/KEY`
    pub path: String,
    pub content: Content,
    /// Where the recording stood before it was sent, and after the answer; `None` when none came.
    pub sent: u64,
    pub acknowledged: Option<u64>,
}

/// How an object comes to be what it is.
enum Request {
    Put(Arc<[u8]>),
    InParts(Arc<[u8]>),
    /// Of the object at this path.
    Copy(String),
    Delete,
}

/// One client with objects of its own, one change at a time.
pub struct Writer {
    bucket: &'static str,
    name: String,
    dice: fastrand::Rng,
    pub steps: Vec<Step>,
}

/// An object as it is listed.
pub struct Listed {
    pub etag: String,
    pub size: usize,
}

impl Writer {
    pub fn new(bucket: &'static str, number: usize, dice: fastrand::Rng) -> Writer {
        Writer { bucket, name: format!("w{number}"), dice, steps: Vec::new() }
    }

    /// One change of one of its objects.
    pub fn step(&mut self, client: &mut Client, recording: &Path) -> Result<(), Failed> {
        let path = format!("/{}/{}/{}", self.bucket, self.name, self.dice.usize(..KEYS));
        let (request, content) = self.request(&path);
        send(client, &mut self.steps, recording, Step { path, content, sent: 0, acknowledged: None }, &request)
    }

    fn request(&mut self, path: &str) -> (Request, Content) {
        let source = standing(&self.steps).into_iter().find(|(source, content)| *source != path && content.is_some());
        match (self.dice.u8(..10), source) {
            (0..2, _) => (Request::Delete, None),
            (2..4, Some((source, content))) => (Request::Copy(source.to_owned()), content),
            (4..6, _) => {
                let content = self.content();
                (Request::InParts(content.clone()), Some(content))
            }
            _ => {
                let content = self.content();
                (Request::Put(content.clone()), Some(content))
            }
        }
    }

    fn content(&mut self) -> Arc<[u8]> {
        let length = if self.dice.u8(..12) == 0 { 0 } else { self.dice.usize(1..LENGTH_MAX) };
        let mut bytes = vec![0; length];
        self.dice.fill(&mut bytes);
        bytes.into()
    }
}

/// Puts an object, and remembers it.
pub fn put(
    client: &mut Client,
    steps: &mut Vec<Step>,
    recording: &Path,
    (path, bytes): (&str, Arc<[u8]>),
) -> Result<(), Failed> {
    let step = Step { path: path.to_owned(), content: Some(bytes.clone()), sent: 0, acknowledged: None };
    send(client, steps, recording, step, &Request::Put(bytes))
}

/// Deletes an object, and remembers it.
pub fn delete(client: &mut Client, steps: &mut Vec<Step>, recording: &Path, path: &str) -> Result<(), Failed> {
    let step = Step { path: path.to_owned(), content: None, sent: 0, acknowledged: None };
    send(client, steps, recording, step, &Request::Delete)
}

fn send(
    client: &mut Client,
    steps: &mut Vec<Step>,
    recording: &Path,
    step: Step,
    request: &Request,
) -> Result<(), Failed> {
    let path = step.path.clone();
    steps.push(Step { sent: position(recording), ..step });
    match request {
        Request::Put(bytes) => ask(client, "PUT", &path, &[], bytes).map(drop)?,
        Request::InParts(bytes) => in_parts(client, &path, bytes)?,
        Request::Copy(source) => ask(client, "PUT", &path, &[("x-amz-copy-source", source)], b"").map(drop)?,
        Request::Delete => ask(client, "DELETE", &path, &[], b"").map(drop)?,
    }
    steps.last_mut().expect("it was pushed").acknowledged = Some(position(recording));
    Ok(())
}

/// What each object is, as far as is known.
fn standing(steps: &[Step]) -> BTreeMap<&str, Content> {
    steps.iter().map(|step| (&*step.path, step.content.clone())).collect()
}

/// A request to the S3 door; its answer.
pub fn ask(
    client: &mut Client,
    method: &str,
    path: &str,
    head: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<u8>, Failed> {
    let head = [&[SIGNED], head].concat();
    let (status, answer) = client.request(method, path, &head, body).map_err(Failed::Broken)?;
    let text = String::from_utf8_lossy(&answer);
    if (200..300).contains(&status) && !text.contains("<Error>") {
        return Ok(answer);
    }
    let message = format!("{method} {path}: {text}");
    Err(Failed::Refused { status, code: "S3".to_owned(), message })
}

/// Uploads in parts; only the last one may be short, so there is one.
fn in_parts(client: &mut Client, path: &str, body: &[u8]) -> Result<(), Failed> {
    let begun = text(client, "POST", &format!("{path}?uploads"), b"")?;
    let upload = element(&begun, "UploadId");
    ask(client, "PUT", &format!("{path}?partNumber=1&uploadId={upload}"), &[], body)?;
    let part = format!("<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part>", hex(&Md5::digest(body)));
    let complete = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    text(client, "POST", &format!("{path}?uploadId={upload}"), complete.as_bytes()).map(drop)
}

fn text(client: &mut Client, method: &str, path: &str, body: &[u8]) -> Result<String, Failed> {
    ask(client, method, path, &[], body).map(|answer| String::from_utf8_lossy(&answer).into_owned())
}

/// The first element of this name.
fn element<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('<').next().unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All objects of a bucket, by their path.
pub fn list(client: &mut Client, bucket: &str) -> Result<BTreeMap<String, Listed>, Failed> {
    let listed = text(client, "GET", &format!("/{bucket}?list-type=2"), b"")?;
    assert!(listed.contains("<IsTruncated>false</IsTruncated>"), "{bucket} has more objects than fit a page: {listed}");
    let object = |entry: &str| {
        let etag = element(entry, "ETag").replace("&quot;", "").replace('"', "");
        let size = element(entry, "Size").parse().expect("a size is a number");
        (format!("/{bucket}/{}", element(entry, "Key")), Listed { etag, size })
    };
    Ok(listed.split("<Contents>").skip(1).map(object).collect())
}

/// Gives up what uploads a crash interrupted.
pub fn abort_all(client: &mut Client, bucket: &str) -> Result<(), Failed> {
    let listed = text(client, "GET", &format!("/{bucket}?uploads"), b"")?;
    for upload in listed.split("<Upload>").skip(1) {
        let path = format!("/{bucket}/{}?uploadId={}", element(upload, "Key"), element(upload, "UploadId"));
        ask(client, "DELETE", &path, &[], b"")?;
    }
    Ok(())
}

/// What each object may be when the power went at a position: what was acknowledged last, or what a change that was under
/// way would make of it.
fn possible(steps: &[Step], position: u64) -> BTreeMap<&str, Vec<Content>> {
    let mut objects: BTreeMap<&str, Vec<Content>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.sent <= position) {
        let contents = objects.entry(&step.path).or_insert_with(|| vec![None]);
        if step.acknowledged.is_some_and(|acknowledged| acknowledged <= position) {
            contents.clear();
        }
        contents.push(step.content.clone());
    }
    objects
}

/// Whether the objects that are listed are what may be there for a power loss at a position, each with all of its bytes;
/// what they are.
pub fn check(
    client: &mut Client,
    steps: &[Step],
    listed: &BTreeMap<String, Listed>,
    position: u64,
) -> Result<BTreeMap<String, Content>, String> {
    let mut found = BTreeMap::new();
    for (path, possible) in possible(steps, position) {
        let content = listed.get(path).map(|listed| read(client, path, listed)).transpose()?;
        if !possible.contains(&content) {
            let shown: Vec<Option<usize>> =
                possible.iter().map(|content| content.as_ref().map(|is| is.len())).collect();
            let length = content.map(|content| content.len());
            return Err(format!("{path} has {length:?} bytes, which should be those of one of {shown:?}"));
        }
        found.insert(path.to_owned(), content);
    }
    Ok(found)
}

/// The bytes of an object, which are those that its ETag tells of.
fn read(client: &mut Client, path: &str, listed: &Listed) -> Result<Arc<[u8]>, String> {
    let bytes = ask(client, "GET", path, &[], b"").map_err(|error| format!("{path} cannot be read: {error}"))?;
    let once = Md5::digest(&bytes);
    let parts = format!("{}-1", hex(&Md5::digest(once)));
    if bytes.len() == listed.size && (listed.etag == hex(&once) || listed.etag == parts) {
        return Ok(bytes.into());
    }
    Err(format!("{path} has {} bytes, which are not those of {} with ETag {}", bytes.len(), listed.size, listed.etag))
}

/// After a crash: what became of a change that was never answered is what can be read now, and counts as acknowledged from
/// here on.
pub fn settle(client: &mut Client, steps: &mut Vec<Step>, recording: &Path) {
    let buckets: BTreeSet<&str> = steps.iter().filter_map(|step| step.path.split('/').nth(1)).collect();
    let mut listed = BTreeMap::new();
    for bucket in buckets {
        listed.append(&mut list(client, bucket).expect("a bucket can be listed"));
    }
    let found = check(client, steps, &listed, u64::MAX);
    let found = found.unwrap_or_else(|what| panic!("after a kill: {what}"));
    if let Some(last) = steps.last().filter(|step| step.acknowledged.is_none()) {
        let (sent, acknowledged) = (position(recording), Some(position(recording)));
        steps.push(Step { path: last.path.clone(), content: found[&last.path].clone(), sent, acknowledged });
    }
}

//! Kill -9 in the midst of uploads, again and again in one data directory: every object that was acknowledged is there and
//! whole, none is there in part, and no bytes stay that nobody has.

use it::{
    client::{Client, Failed},
    files, killed,
    program::Run,
    wait::until,
};
use std::{collections::BTreeMap, io, path::Path, sync::atomic::AtomicBool, time::Duration};

const WRITERS: usize = 4;
/// Keys of a writer: few, so that most uploads replace something.
const KEYS: u8 = 6;
const LENGTH_MAX: usize = 400_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// A signature that is taken as given.
const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
);

/// What was last done to a key: an object of this version, or none.
type State = Option<u64>;

/// What is known of a key.
#[derive(Clone, Copy, Default)]
struct Known {
    settled: State,
    /// Asked for, and not answered.
    asked: Option<State>,
}

struct Writer {
    number: usize,
    dice: fastrand::Rng,
    versions: u64,
    known: BTreeMap<u8, Known>,
}

/// An object's bytes; the length goes with the version.
fn content(version: u64) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(version);
    let length = if dice.u8(..) < 16 { 0 } else { dice.usize(1..LENGTH_MAX) };
    let mut bytes = vec![0; length];
    dice.fill(&mut bytes);
    bytes
}

impl Writer {
    fn path(&self, key: u8) -> String {
        format!("/cats/{}/{key}", self.number)
    }

    /// One change of one of its keys.
    fn step(&mut self, client: &mut Client) -> io::Result<()> {
        let key = self.dice.u8(..KEYS);
        let path = self.path(key);
        self.versions += 1;
        let version = self.versions * WRITERS as u64 + self.number as u64;
        let kind = self.dice.u8(..10);
        let state = (kind > 0).then_some(version);
        self.known.entry(key).or_default().asked = Some(state);
        match kind {
            0 => ask(client, "DELETE", &path, b"").map(drop)?,
            1..=3 => in_parts(client, &path, &content(version))?,
            _ => ask(client, "PUT", &path, &content(version)).map(drop)?,
        }
        self.known.insert(key, Known { settled: state, asked: None });
        Ok(())
    }

    /// Compares what is known with what is there, which then is what is known.
    fn settle(&mut self, client: &mut Client) {
        for (key, known) in &mut self.known {
            let path = format!("/cats/{}/{key}", self.number);
            let (status, body) = client.get(&path).expect("it answers");
            let is_it = |state: &State| match state {
                None => status == 404,
                Some(version) => status == 200 && body == content(*version),
            };
            let possible = [Some(known.settled), known.asked];
            let found = possible.into_iter().flatten().find(is_it);
            let settled = found.unwrap_or_else(|| panic!("{path}: {status}, {} bytes, which nobody put", body.len()));
            *known = Known { settled, asked: None };
        }
    }
}

/// A request that must succeed if it is answered.
fn ask(client: &mut Client, method: &str, path: &str, body: &[u8]) -> io::Result<String> {
    let (status, answer) = client.request(method, path, &[SIGNED], body)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!((200..300).contains(&status) && !answer.contains("<Error>"), "{method} {path}: {status} {answer}");
    Ok(answer)
}

fn element<'t>(text: &'t str, name: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('<').next().unwrap_or_default()
}

/// Uploads in parts; only the last one may be short, so there is one.
fn in_parts(client: &mut Client, path: &str, body: &[u8]) -> io::Result<()> {
    let begun = ask(client, "POST", &format!("{path}?uploads"), b"")?;
    let upload = element(&begun, "UploadId");
    ask(client, "PUT", &format!("{path}?partNumber=1&uploadId={upload}"), body)?;
    let parts = ask(client, "GET", &format!("{path}?uploadId={upload}"), b"")?;
    let etag = element(&parts, "ETag");
    let part = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
    let complete = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    ask(client, "POST", &format!("{path}?uploadId={upload}"), complete.as_bytes()).map(drop)
}

/// Writes from all sides until so many changes were acknowledged, then kills the program in the midst of the others.
fn round_until_killed(folder: &Path, writers: &mut [Writer], enough: u64) {
    let step = |writer: &mut Writer, client: &mut Client| writer.step(client).map_err(Failed::Broken);
    killed::in_the_midst(serve(folder), &AtomicBool::new(false), writers, enough, step, || ());
}

fn serve(folder: &Path) -> it::program::Program {
    Run::new(&["serve", "--port", "0", "--data"]).arg(folder).start()
}

/// Aborts what a kill interrupted.
fn abort_all(client: &mut Client) {
    let listed = ask(client, "GET", "/cats?uploads", b"").expect("it answers");
    for upload in listed.split("<Upload>").skip(1) {
        let path = format!("/cats/{}?uploadId={}", element(upload, "Key"), element(upload, "UploadId"));
        ask(client, "DELETE", &path, b"").expect("it answers");
    }
}

#[test]
fn objects_that_were_acknowledged_are_there_whole_when_the_process_is_killed() {
    let mut dice = it::dice();
    let folder = tempfile::tempdir().expect("a folder");
    let writer = |number| Writer { number, dice: dice.fork(), versions: 0, known: BTreeMap::new() };
    let mut writers: Vec<Writer> = (0..WRITERS).map(writer).collect();
    let program = serve(folder.path());
    ask(&mut Client::new(program.port), "PUT", "/cats", b"").expect("created");
    drop(program);
    for _ in 0..if it::long() { 100 } else { 6 } {
        round_until_killed(folder.path(), &mut writers, dice.u64(1..120));
        let program = serve(folder.path());
        let mut client = Client::new(program.port);
        writers.iter_mut().for_each(|writer| writer.settle(&mut client));
        let there = || writers.iter().flat_map(|writer| writer.known.values()).filter_map(|known| known.settled);
        assert_eq!(client.shown("buckets")["buckets"][0]["objects"], there().count(), "nothing else is there");
        abort_all(&mut client);
        let with_bytes = there().filter(|version| !content(*version).is_empty()).count();
        until("bytes that nobody has are gone", PATIENCE, || {
            (files(&folder.path().join("objects")) == with_bytes).then_some(())
        });
    }
}

//! Requests through the real door over a real database: what goes in, what comes out.

mod batches;
mod doors;
mod expiry;
mod functions;
mod indexes;
mod invocations;
mod items;
mod kinesis;
mod mappings;
mod parameters;
mod queries;
mod script;
mod streams;
mod tables;
mod transactions;
mod values;

use crate::{AccessKey, Asked, Config, Door, Place};
use bytes::Bytes;
use control::Control;
use db::{Db, Env, Options, SimStore, env::sim::World};
use expect_test::Expect;
use http::{Request, Response};
use http_body_util::BodyExt;
use s3::Buckets;
use script::Script;
use std::sync::Arc;
use tempfile::TempDir;

/// A door over a database in a directory of its own, with a clock that the test moves.
struct House {
    door: Door,
    db: Db,
    world: World,
    runtime: tokio::runtime::Runtime,
    /// Where functions and parameters are defined, and the script that functions follow.
    control: Option<(Control, Arc<Script>)>,
    _dir: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        // Of a test that failed nothing has to end well.
        if let Some((control, _)) = self.control.take().filter(|_| !std::thread::panicking()) {
            self.runtime.block_on(control.stop());
        }
        self.db.close().expect("the database closes");
    }
}

impl House {
    fn new() -> House {
        House::with_keys(Vec::new())
    }

    fn with_keys(keys: Vec<AccessKey>) -> House {
        House::build(|config| config.keys = keys, Db::open)
    }

    /// Nobody works for its database but the test: `db.step()`, `db.chores()`. Only what does not wait can be asked.
    fn stepped() -> House {
        House::build(|_| {}, |options, env| Db::open_stepped(options, env, &SimStore::new()))
    }

    fn build(
        configure: impl FnOnce(&mut Config),
        open: impl FnOnce(Options, Env) -> Result<Db, db::OpenError>,
    ) -> House {
        let dir = tempfile::tempdir().expect("a directory");
        let world = World::new(7);
        let Env { clock, dice, .. } = world.env();
        let env = Env { clock, dice, disk: Env::real().disk };
        let mut options = Options::new(dir.path());
        options.memory = 64 << 20;
        options.segment_bytes = 1 << 20;
        let db = open(options, env).expect("a new database opens");
        let mut config = Config {
            place: Place { region: "us-east-1".into(), account: "000000000000".into() },
            keys: Vec::new(),
            stream_retention_ms: 24 * 60 * 60 * 1000,
            conflicts_percent: 0,
        };
        configure(&mut config);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        House { door: Door::new(db.clone(), config), db, world, runtime, control: None, _dir: dir }
    }

    /// With functions that follow a script, and parameters.
    fn functional(keys: Vec<AccessKey>) -> House {
        let mut house = House::with_keys(keys);
        let script = Arc::new(Script::default());
        let config = house.door.0.config.clone();
        let settings = control::Settings::new(house._dir.path());
        let buckets = Buckets::open(house.db.clone(), &Env::real(), house._dir.path(), &config.place.region);
        let buckets = buckets.expect("buckets open");
        let control = Control::start(house.db.clone(), buckets, script.clone(), config.place.clone(), settings);
        let control = house.runtime.block_on(control).expect("control starts");
        house.door = Door::with_control(house.db.clone(), config, control.clone());
        house.control = Some((control, script));
        house
    }

    fn script(&self) -> &Script {
        &self.control.as_ref().expect("it has functions").1
    }

    /// Sends a request to a path, its body with `'` for `"`, and shows the answer in one line: the status, the error's
    /// type, headers that are Lambda's, and the body.
    fn rest(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let request = headers
            .iter()
            .fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        let response = self.send(request.body(()).expect("a request"), body.replace('\'', "\""));
        let shown = |name: &str| Some(format!(" {name}={}", response.headers().get(name)?.to_str().ok()?));
        let names = ["x-amzn-errortype", "x-amz-function-error", "x-amz-executed-version", "x-amz-log-result"];
        let headers: String = names.into_iter().filter_map(shown).collect();
        let text = String::from_utf8_lossy(response.body());
        format!("{}{headers} {text}", response.status().as_u16()).trim_end().to_owned()
    }

    /// Requests to paths and their answers, a line each.
    fn replay_rest(&self, requests: &[(&str, &str, &str)], expected: Expect) {
        let answer = |(method, path, body): &(&str, &str, &str)| self.rest(method, path, &[], body);
        expected.assert_eq(&requests.iter().map(answer).collect::<Vec<_>>().join("\n"));
    }

    /// Asks SSM; shows the status where it is not 200, and the body.
    fn ssm(&self, operation: &str, body: &str) -> String {
        self.json_11(&format!("AmazonSSM.{operation}"), body, &[])
    }

    /// Asks Kinesis; shows the status where it is not 200, and the body.
    fn kinesis(&self, operation: &str, body: &str) -> String {
        self.json_11(&format!("Kinesis_20131202.{operation}"), body, &[])
    }

    /// Requests of Kinesis and their answers, a line each.
    fn replay_kinesis(&self, requests: &[(&str, &str)], expected: Expect) {
        let answers: Vec<String> = requests.iter().map(|(operation, body)| self.kinesis(operation, body)).collect();
        expected.assert_eq(&answers.join("\n"));
    }

    fn json_11(&self, target: &str, body: &str, headers: &[(&str, &str)]) -> String {
        let request =
            Request::post("/").header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = self.send(request.body(()).expect("a request"), body.replace('\'', "\""));
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
        let text = String::from_utf8_lossy(response.body());
        match response.status().as_u16() {
            200 => text.into_owned(),
            status => format!("{status} {text}"),
        }
    }

    /// Requests of SSM and their answers, a line each.
    fn replay_ssm(&self, requests: &[(&str, &str)], expected: Expect) {
        let answers: Vec<String> = requests.iter().map(|(operation, body)| self.ssm(operation, body)).collect();
        expected.assert_eq(&answers.join("\n"));
    }

    /// With the tables `votes` (id) and `totals` (region, improvement), streams off.
    fn furnished() -> House {
        let house = House::new();
        house.ok("CreateTable", VOTES);
        house.ok("CreateTable", TOTALS);
        house
    }

    fn send(&self, request: Request<()>, body: impl AsRef<[u8]>) -> Response<Bytes> {
        let (parts, ()) = request.into_parts();
        let body = Bytes::copy_from_slice(body.as_ref());
        self.runtime.block_on(async {
            let (parts, body) = self.door.handle(0, Asked::of(&parts), parts, body).await.into_parts();
            Response::from_parts(parts, body.collect().await.expect("a body in memory").to_bytes())
        })
    }

    /// The status, where it is not 200, and the body; `com.amazon...#` taken off the error's type.
    fn ask(&self, operation: &str, body: &str) -> String {
        self.ask_as(operation, body, &[])
    }

    /// The same with some more headers.
    fn ask_as(&self, operation: &str, body: &str, headers: &[(&str, &str)]) -> String {
        let service = match operation {
            "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords" => "DynamoDBStreams_20120810",
            _ => "DynamoDB_20120810",
        };
        let request = Request::post("/")
            .header("x-amz-target", format!("{service}.{operation}"))
            .header("content-type", "application/x-amz-json-1.0");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(()).expect("a request");
        let response = self.send(request, body);
        let text = String::from_utf8(response.body().to_vec()).expect("UTF-8");
        assert_eq!(response.headers()["x-amz-crc32"], crc32fast::hash(text.as_bytes()).to_string());
        match response.status().as_u16() {
            200 => text,
            status => {
                let fields: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let kind = fields["__type"].as_str().unwrap_or_default();
                let kind = kind.rsplit('#').next().unwrap_or_default();
                let message = fields["message"].as_str().or(fields["Message"].as_str()).unwrap_or("-");
                let item = fields.get("Item").map(|item| format!(" {item}")).unwrap_or_default();
                let reasons =
                    fields.get("CancellationReasons").map(|reasons| format!(" {reasons}")).unwrap_or_default();
                format!("{status} {kind}: {message}{item}{reasons}")
            }
        }
    }

    /// The answer of a request that has to succeed.
    fn ok(&self, operation: &str, body: &str) -> String {
        let answer = self.ask(operation, body);
        let start = &body[..body.floor_char_boundary(300)];
        assert!(answer.is_empty() || answer.starts_with('{'), "{operation} {start}: {answer}");
        answer
    }

    fn json(&self, operation: &str, body: &str) -> serde_json::Value {
        serde_json::from_str(&self.ok(operation, body)).expect("JSON")
    }

    /// Requests of one operation and their answers, a line each. In requests `'` stands for `"`.
    fn replay(&self, operation: &str, bodies: &[&str], expected: Expect) {
        let answers: Vec<String> = bodies.iter().map(|body| self.ask(operation, &body.replace('\'', "\""))).collect();
        expected.assert_eq(&answers.join("\n"));
    }
}

const VOTES: &str = r#"{"TableName":"votes","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;
const TOTALS: &str = r#"{"TableName":"totals","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"region","AttributeType":"S"},{"AttributeName":"rank","AttributeType":"N"}],
    "KeySchema":[{"AttributeName":"region","KeyType":"HASH"},{"AttributeName":"rank","KeyType":"RANGE"}]}"#;

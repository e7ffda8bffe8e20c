//! Handlers as their authors wrote them, run by AWS's own runtime client for Python, by our shim for Node.js, and as a
//! program of their own.

use bytes::Bytes;
use functions::{Function, Functions, Invocation, InvokeError, Outcome, Runtime, Settings};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Functions in a directory that vanishes, with Python environments that stay for the next run.
struct House {
    dir: tempfile::TempDir,
    functions: Functions,
}

#[expect(clippy::disallowed_methods, reason = "stands for the database's clock")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the year 500 million")
}

impl House {
    fn new(processes_max: usize) -> House {
        let dir = tempfile::tempdir().expect("a directory");
        let pythons = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
        fs::create_dir_all(&pythons).expect("creates");
        std::os::unix::fs::symlink(&pythons, dir.path().join("python")).expect("links");
        let settings = Settings {
            dir: dir.path().to_owned(),
            endpoint: "http://127.0.0.1:1".into(),
            region: "eu-west-1".into(),
            account: "000000000000".into(),
            key: None,
            python: "python3".into(),
            node: "node".into(),
            processes_max,
            log_bytes_max: 1 << 20,
            now_ms: Arc::new(now_ms),
        };
        let functions = Functions::start(settings).expect("starts");
        House { dir, functions }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join("code").join(name)
    }

    fn write(&self, function: &str, file: &str, text: &str) {
        let folder = self.folder(function);
        fs::create_dir_all(&folder).expect("creates");
        fs::write(folder.join(file), text).expect("writes");
    }

    fn function(&self, name: &str, runtime: &str, handler: &str) -> Function {
        Function {
            name: name.into(),
            runtime: Runtime::parse(runtime).expect("known"),
            handler: handler.into(),
            folder: self.folder(name),
            environment: BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]),
            timeout: Duration::from_secs(20),
            memory_mb: 128,
            reserved_concurrency: None,
            arn: format!("arn:aws:lambda:eu-west-1:000000000000:function:{name}"),
            version: "1".into(),
        }
    }

    async fn call(&self, name: &str, payload: Value) -> Outcome {
        self.try_call(name, payload).await.expect("called")
    }

    async fn try_call(&self, name: &str, payload: Value) -> Result<Outcome, InvokeError> {
        let payload = Bytes::from(payload.to_string());
        self.functions.invoke(name, Invocation { payload, client_context: None, depth: 0, request_id: None }).await
    }

    fn log(&self, name: &str) -> String {
        let page = self.functions.logs(name, Some(0), 1 << 20).expect("reads");
        page.lines.into_iter().map(|line| line.text + "\n").collect()
    }
}

fn value(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.payload).unwrap_or_else(|_| panic!("{:?}", outcome.payload))
}

fn is_running(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .expect("a runtime")
        .block_on(work)
}

const APP: &str = r#"
import json, os, subprocess, sys, time

print("loaded")
calls = 0

def handler(event, context):
    global calls
    calls += 1
    do = event.get("do")
    if do == "fail":
        raise ValueError("no " + "x" * event.get("long", 3))
    if do == "exit":
        os._exit(7)
    if do == "hang":
        child = subprocess.Popen(["sleep", "600"])
        open(event["file"], "w").write(str(child.pid))
        time.sleep(600)
    if do == "big":
        return "x" * 7_000_000
    if do == "print":
        print("from stdout")
        print("from stderr", file=sys.stderr)
        sys.stdout.write("without an end")
    if do == "block":
        while not os.path.exists(event["file"]):
            time.sleep(0.01)
    return {
        "calls": calls,
        "pid": os.getpid(),
        "stage": os.environ["STAGE"],
        "region": os.environ["AWS_DEFAULT_REGION"],
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "name": context.function_name,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
        "strangers": [name for name in os.environ if name.startswith("CARGO")],
    }
"#;

#[test]
fn python_handlers_run_unmodified_under_awslambdaric() {
    run(async {
        let house = House::new(4);
        house.write("app", "app.py", APP);
        house.functions.put(house.function("app", "python3.12", "app.handler"));
        answers_and_environment(&house).await;
        prints_go_into_the_log_of_their_call(&house).await;
        failures_are_error_documents(&house).await;
        a_call_past_its_deadline_ends_with_all_it_started(&house).await;
        new_code_runs_after_a_restart(&house).await;
        handlers_that_do_not_load(&house).await;
        limits_on_concurrency(&house).await;
        house.functions.shutdown().await;
        assert_eq!(house.try_call("app", json!({})).await.err(), Some(InvokeError::NotFound));
    });
}

async fn answers_and_environment(house: &House) {
    let first = house.call("app", json!({})).await;
    assert!(first.error.is_none() && first.init.is_some(), "{first:?}");
    let answer = value(&first);
    assert_eq!(
        (&answer["calls"], &answer["stage"], &answer["region"]),
        (&json!(1), &json!("test"), &json!("eu-west-1"))
    );
    assert_eq!(answer["arn"], "arn:aws:lambda:eu-west-1:000000000000:function:app");
    assert_eq!(answer["strangers"], json!([]));
    let remaining = answer["remaining"].as_u64().expect("a number");
    assert!((1..=20_000).contains(&remaining), "{remaining}");
    assert_eq!(functions::trace::depth(answer["trace"].as_str().expect("a text")), Some(1));
    let second = house.call("app", json!({})).await;
    assert!(second.init.is_none() && second.request_id != first.request_id);
    assert_eq!((&value(&second)["calls"], &value(&second)["pid"]), (&json!(2), &answer["pid"]));
}

async fn prints_go_into_the_log_of_their_call(house: &House) {
    let outcome = house.call("app", json!({ "do": "print" })).await;
    let tail = String::from_utf8(outcome.log_tail.clone()).expect("text");
    let id = &outcome.request_id;
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    for printed in ["from stdout", "from stderr", "without an end"] {
        assert!(lines[1..4].contains(&printed), "{tail}");
    }
    assert_eq!(lines[4], format!("END RequestId: {id}"));
    assert!(lines[5].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{tail}");
    assert!(lines[5].contains(" MB\tMax Memory Used: "), "{tail}");
    let log = house.log("app");
    assert!(log.starts_with("INIT_START Runtime Version: python3.12\nloaded\nSTART RequestId: "), "{log}");
    assert!(log.ends_with(&tail), "{log}");
}

async fn failures_are_error_documents(house: &House) {
    let failed = house.call("app", json!({ "do": "fail" })).await;
    assert_eq!((failed.error, &value(&failed)["errorType"]), (Some("Unhandled"), &json!("ValueError")));
    assert_eq!(value(&failed)["errorMessage"], "no xxx");
    assert!(value(&failed)["stackTrace"][0].as_str().expect("a line").contains("app.py"), "{:?}", value(&failed));
    // The traceback goes into a header, of up to a megabyte.
    let long = house.call("app", json!({ "do": "fail", "long": 300_000 })).await;
    assert_eq!(value(&long)["errorMessage"].as_str().map(str::len), Some(300_003));
    let big = house.call("app", json!({ "do": "big" })).await;
    assert_eq!(value(&big)["errorType"], "Function.ResponseSizeTooLarge");
    let gone = house.call("app", json!({ "do": "exit" })).await;
    let message = format!("RequestId: {} Error: Runtime exited with error: exit status 7", gone.request_id);
    assert_eq!(value(&gone), json!({ "errorType": "Runtime.ExitError", "errorMessage": message }));
    let next = house.call("app", json!({})).await;
    assert_eq!(value(&next)["calls"], 1, "another process");
    let status = &house.functions.status()[0];
    assert_eq!((status.errors, status.cold_starts >= 2, status.idle), (4, true, 1), "{status:?}");
    assert_eq!(status.last_error.as_ref().map(|error| error.kind.as_str()), Some("Runtime.ExitError"));
}

async fn a_call_past_its_deadline_ends_with_all_it_started(house: &House) {
    house
        .functions
        .put(Function { timeout: Duration::from_secs(2), ..house.function("app", "python3.12", "app.handler") });
    let file = house.dir.path().join("child");
    let late = house.call("app", json!({ "do": "hang", "file": file })).await;
    let message = format!("RequestId: {} Error: Task timed out after 2.00 seconds", late.request_id);
    assert_eq!(value(&late), json!({ "errorType": "Sandbox.Timedout", "errorMessage": message }));
    let child: u64 = fs::read_to_string(file).expect("the handler wrote it").parse().expect("a number");
    for _ in 0..1000 {
        if !is_running(child) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("what the handler started still runs");
}

async fn new_code_runs_after_a_restart(house: &House) {
    assert_eq!(value(&house.call("app", json!({})).await)["calls"], 1, "the last call took its process along");
    house.write("app", "app.py", "def handler(event, context):\n    return 'new'\n");
    assert_eq!(value(&house.call("app", json!({})).await)["stage"], "test", "code is read when a process starts");
    house.functions.restart("app");
    assert_eq!(value(&house.call("app", json!({})).await), json!("new"));
    house.write("app", "app.py", APP);
    house.functions.restart("app");
}

async fn handlers_that_do_not_load(house: &House) {
    house.write("broken", "app.py", "import nothing_like_this\n");
    house.functions.put(house.function("broken", "python3.9", "app.handler"));
    let outcome = house.call("broken", json!({})).await;
    assert_eq!(
        (outcome.error, &value(&outcome)["errorType"]),
        (Some("Unhandled"), &json!("Runtime.ImportModuleError"))
    );
    assert!(house.log("broken").contains("No module named 'nothing_like_this'"), "{}", house.log("broken"));
    let starts = || house.log("broken").matches("INIT_START").count();
    let before = starts();
    // At once after a failed start nothing is started: the answer is the same.
    assert_eq!(value(&house.call("broken", json!({})).await)["errorType"], "Runtime.ImportModuleError");
    assert!(starts() <= before + 1);
    let status = house.functions.status().into_iter().find(|status| status.name == "broken").expect("there");
    assert!(status.init_error.is_some());

    house.functions.put(Function { handler: "app.nothing".into(), ..house.function("broken", "python3.9", "") });
    house.write("broken", "app.py", "");
    assert_eq!(value(&house.call("broken", json!({})).await)["errorType"], "Runtime.HandlerNotFound");
}

async fn limits_on_concurrency(house: &House) {
    let limited = |reserved| Function {
        reserved_concurrency: Some(reserved),
        ..house.function("app", "python3.12", "app.handler")
    };
    house.functions.put(limited(0));
    assert!(matches!(house.try_call("app", json!({})).await, Err(InvokeError::Throttled(_))));
    house.functions.put(limited(1));
    let file = house.dir.path().join("go");
    let functions = house.functions.clone();
    let payload = Bytes::from(json!({ "do": "block", "file": file }).to_string());
    let invocation = Invocation { payload, client_context: None, depth: 0, request_id: None };
    let first = tokio::spawn(async move { functions.invoke("app", invocation).await });
    while !house.functions.status().iter().any(|status| status.name == "app" && status.busy == 1) {
        tokio::task::yield_now().await;
    }
    assert!(matches!(house.try_call("app", json!({})).await, Err(InvokeError::Throttled(_))));
    fs::write(&file, "").expect("writes");
    assert!(first.await.expect("ends").expect("called").error.is_none());
}

#[test]
fn node_handlers_run_by_the_shim_whatever_their_style() {
    run(async {
        let house = House::new(1);
        let check = async |file: &str, text: &str, handler: &str, expected: Value| {
            house.write("node", file, text);
            house.functions.put(house.function("node", "nodejs22.x", handler));
            house.functions.restart("node");
            let outcome = house.call("node", json!({ "n": 20 })).await;
            let mut answer = value(&outcome);
            if let Some(map) = answer.as_object_mut() {
                map.remove("trace");
            }
            assert_eq!(answer, expected, "{handler}: {}", house.log("node"));
        };
        check("a.js", "exports.handler = async (event) => event.n + 1;", "a.handler", json!(21)).await;
        check("b.mjs", "export const run = (event, context, done) => done(null, event.n + 2);", "b.run", json!(22))
            .await;
        check("c.cjs", "exports.deep = { run: (event) => ({ n: event.n }) };", "c.deep.run", json!({ "n": 20 })).await;
        check(
            "d.mjs",
            "export const handler = async () => { throw new TypeError('no'); };",
            "d.handler",
            json!({ "errorType": "TypeError", "errorMessage": "no" }),
        )
        .await;
        check(
            "e.mjs",
            "export const handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('[1,'); \
             stream.end('2]'); });",
            "e.handler",
            json!([1, 2]),
        )
        .await;
        check(
            "f.mjs",
            "export const handler = async (_, c) => c.getRemainingTimeInMillis() > 0;",
            "f.handler",
            json!(true),
        )
        .await;
        house.functions.put(house.function("node", "nodejs22.x", "missing.handler"));
        assert_eq!(value(&house.call("node", json!({})).await)["errorType"], "Runtime.ImportModuleError");
        house.functions.put(house.function("node", "nodejs22.x", "a.nothing"));
        assert_eq!(value(&house.call("node", json!({})).await)["errorType"], "Runtime.HandlerNotFound");
        house.functions.shutdown().await;
    });
}

/// Speaks the Runtime API by itself, answers late and twice.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import http.client, json, os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def call(method, path, body=None, headers={}):
    api.request(method, "/2018-06-01/runtime" + path, body, headers)
    answer = api.getresponse()
    return answer, answer.read()

before = None
while True:
    answer, event = call("GET", "/invocation/next")
    id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    late = None
    if before:
        late = call("POST", f"/invocation/{before}/response", "\"late\"")[0].status
    wrong = call("POST", f"/invocation/{id}/response", "\"wrong\"", {"Lambda-Runtime-Invocation-Id": "another"})[0].status
    body = json.dumps({"event": json.loads(event), "late": late, "wrong": wrong, "handler": os.environ["_HANDLER"]})
    fence = {"Lambda-Runtime-Invocation-Id": answer.headers["Lambda-Runtime-Invocation-Id"]}
    accepted, text = call("POST", f"/invocation/{id}/response", body, fence)
    assert (accepted.status, text) == (202, b'{"status":"OK"}'), (accepted.status, text)
    before = id
"#;

#[test]
fn a_program_of_its_own_runs_and_answers_to_other_calls_are_fenced_off() {
    run(async {
        let house = House::new(1);
        house.write("own", "bootstrap", BOOTSTRAP);
        house.functions.put(house.function("own", "provided.al2023", "anything"));
        let refused = value(&house.call("own", json!({})).await);
        assert_eq!(refused["errorType"], "Runtime.InvalidEntrypoint");
        assert!(refused["errorMessage"].as_str().expect("a text").contains("is not executable: chmod +x it"));
        fs::set_permissions(house.folder("own").join("bootstrap"), fs::Permissions::from_mode(0o755)).expect("sets");
        house.functions.restart("own");
        let first = value(&house.call("own", json!({ "n": 1 })).await);
        assert_eq!(first, json!({ "event": { "n": 1 }, "late": null, "wrong": 400, "handler": "anything" }));
        let second = value(&house.call("own", json!({ "n": 2 })).await);
        assert_eq!(second, json!({ "event": { "n": 2 }, "late": 400, "wrong": 400, "handler": "anything" }));
        house.functions.shutdown().await;
    });
}

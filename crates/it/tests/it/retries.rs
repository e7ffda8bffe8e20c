//! Stock boto3 with its retries on, through a proxy that loses answers, with the server killed in between: each call
//! that adds one changes the item once.

use it::{
    client::Client,
    program::{Program, Run},
    proxy::{Faults, Proxy},
    tools,
    wait::until,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};

/// What the Python side reports of each counter: calls that succeeded, and calls whose outcome it does not know.
type Report = BTreeMap<String, (u64, u64)>;

#[test]
fn a_retried_call_changes_the_item_once() {
    let calls = if it::long() { 6_000 } else { 800 };
    let faults = Faults { drop_before: 20, drop_while: 30, drop_answer: 60, strip_invocation: false };
    let (report, counters, dropped) = run(calls, faults, if it::long() { 20 } else { 4 });
    assert!(dropped > calls / 50, "only {dropped} connections were broken, which proves nothing");
    let succeeded: u64 = report.values().map(|(succeeded, _)| succeeded).sum();
    assert!(succeeded >= calls * 9 / 10, "too few of the calls succeeded: {report:?}");
    for (counter, (succeeded, unknown)) in &report {
        let value = counters.get(counter).copied().unwrap_or_default();
        assert!(
            (*succeeded..=succeeded + unknown).contains(&value),
            "{counter} is {value} after {succeeded} calls that succeeded and {unknown} that may have"
        );
    }
}

/// The test above must be able to fail: without the invocation id, retries do count twice.
#[test]
fn without_the_invocation_id_a_retry_counts_twice() {
    let faults = Faults { drop_before: 0, drop_while: 0, drop_answer: 150, strip_invocation: true };
    let (report, counters, _) = run(200, faults, 0);
    let most: u64 = report.values().map(|(succeeded, unknown)| succeeded + unknown).sum();
    let counted: u64 = counters.values().sum();
    assert!(counted > most, "{counted} of at most {most}: the proxy broke nothing that mattered");
}

/// Runs the calls; answers what the caller thinks, what the table says, and how many connections were broken.
fn run(calls: u64, faults: Faults, kills: usize) -> (Report, BTreeMap<String, u64>, u64) {
    let mut dice = it::dice();
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let mut program = serve(data.path(), 0);
    create_table(&mut Client::new(program.port));
    let port = program.port;
    let proxy = Proxy::start(port, faults, dice.u64(..));
    let mut script = tools::python("python");
    script.arg(tools::root().join("crates/it/python/adder.py"));
    script.args([format!("http://127.0.0.1:{}", proxy.port), calls.to_string()]);
    let script = script.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python starts");
    for _ in 0..kills {
        // In the midst of it: after a random number of further requests.
        let wait = dice.u64(1..calls / kills as u64);
        if (0..wait).any(|_| proxy.forwarded.recv_timeout(Duration::from_secs(60)).is_err()) {
            break;
        }
        program.kill();
        program = serve(data.path(), port);
    }
    let output = script.wait_with_output().expect("python ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "adder.py: {}\n{stderr}", output.status);
    let report: Value = serde_json::from_slice(&output.stdout).expect("adder.py prints JSON");
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let report = report.as_object().into_iter().flatten();
    let report = report.map(|(name, both)| (name.clone(), (number(&both[0]), number(&both[1])))).collect();
    let mut client = Client::new(port);
    let items = client.scan("counters").expect("the counters can be read");
    let count = |item: &Value| item["count"]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or(0);
    let name = |item: &Value| item["id"]["S"].as_str().unwrap_or_default().to_owned();
    (report, items.iter().map(|item| (name(item), count(item))).collect(), proxy.dropped())
}

fn serve(data: &Path, port: u16) -> Program {
    Run::new(&["serve", "--port", &port.to_string(), "--data"]).arg(data).start()
}

fn create_table(client: &mut Client) {
    let table = json!({
        "TableName": "counters",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    client.call("CreateTable", &table).expect("the table can be created");
    until("the table to be active", Duration::from_secs(10), || {
        let table = client.call("DescribeTable", &json!({ "TableName": "counters" })).expect("it can be described");
        (table["Table"]["TableStatus"] == "ACTIVE").then_some(())
    });
}

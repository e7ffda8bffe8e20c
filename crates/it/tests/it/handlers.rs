//! Python handlers fed by triggers: what they answer is heeded record by record, and a bad one stops neither the shard nor
//! the program, and is told in clear words.

use it::{client::Client, folder::Folder, program::Program, wait::until};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// A table and a function that it feeds; the trigger's further properties begin with a comma.
struct Fed<'a> {
    name: &'a str,
    handler: &'a str,
    timeout_s: u32,
    trigger: &'a str,
    metadata: &'a str,
}

impl Fed<'_> {
    fn resources(&self) -> String {
        let Fed { name, handler, timeout_s, trigger, metadata } = self;
        format!(
            "
  Table{name}:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: {name}
      AttributeDefinitions: [{{ AttributeName: id, AttributeType: S }}]
      KeySchema: [{{ AttributeName: id, KeyType: HASH }}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {{ StreamViewType: NEW_IMAGE }}
  Function{name}:
    Type: AWS::Serverless::Function
    Metadata: {{ Streamfold: {{ Triggers: {{ Records: {{ {metadata} }} }} }} }}
    Properties:
      FunctionName: {name}
      CodeUri: {name}/
      Handler: {handler}
      Runtime: python3.12
      Timeout: {timeout_s}
      Events:
        Records:
          Type: DynamoDB
          Properties: {{ Stream: !GetAtt Table{name}.StreamArn, StartingPosition: TRIM_HORIZON{trigger} }}
"
        )
    }
}

const HEAD: &str = "Transform: AWS::Serverless-2016-10-31\nResources:\n";

/// Handlers that note every event they get, and know what is poison until `healed` lies beside them.
const HEEDED: &str = r#"
import json, os


def note(event):
    with open("events.txt", "a") as file:
        file.write(json.dumps(event) + "\n")


def ids(event):
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]


def is_poison(record):
    return "poison" in record["dynamodb"]["NewImage"] and not os.path.exists("healed")


def partial(event, context):
    note(ids(event))
    for record in event["Records"]:
        if is_poison(record):
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}


def window(event, context):
    state = event["state"]
    for record in event["Records"]:
        amount = int(record["dynamodb"]["NewImage"]["amount"]["N"])
        state = {"sum": state.get("sum", 0) + amount, "records": state.get("records", 0) + 1}
    note({name: event[name] for name in ("state", "window", "shardId", "isFinalInvokeForWindow")} | {"then": state})
    return {"state": state}


def quarantine(event, context):
    for record in event["Records"]:
        if is_poison(record):
            raise ValueError("poisoned " + record["dynamodb"]["NewImage"]["text"]["S"])
    note([record["dynamodb"]["NewImage"]["text"]["S"] for record in event["Records"]])
"#;

/// What a handler noted.
fn noted(folder: &Folder, function: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.path().join(function).join("events.txt")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn put(client: &mut Client, table: &str, item: Value) {
    client.call("PutItem", &json!({ "TableName": table, "Item": item })).expect("an item can be written");
}

/// Puts all at once, so that they are one batch.
fn put_together(client: &mut Client, table: &str, items: &[Value]) {
    let puts: Vec<Value> = items.iter().map(|item| json!({ "Put": { "TableName": table, "Item": item } })).collect();
    client.call("TransactWriteItems", &json!({ "TransactItems": puts })).expect("items can be written");
}

/// The trigger of a function as the console shows it.
fn trigger(client: &mut Client, function: &str) -> Value {
    let shown = client.shown("triggers");
    let all = shown["triggers"].as_array().expect("a list").iter();
    all.clone().find(|trigger| trigger["function"] == function).expect("it has a trigger").clone()
}

#[test]
fn answers_of_python_handlers_are_heeded_record_by_record() {
    let folder = Folder::with_python();
    let fed = |name, handler, trigger, metadata| Fed { name, handler, timeout_s: 30, trigger, metadata }.resources();
    let resources = [
        fed("partial", "app.partial", ", FunctionResponseTypes: [ReportBatchItemFailures]", ""),
        fed("window", "app.window", ", TumblingWindowInSeconds: 2", ""),
        fed("quarantine", "app.quarantine", ", MaximumRetryAttempts: 1", "Quarantine: { Records: 10 }"),
    ];
    folder.write("template.yaml", &(HEAD.to_owned() + &resources.concat()));
    for function in ["partial", "window", "quarantine"] {
        folder.write(&format!("{function}/app.py"), HEEDED);
    }
    let program = folder.up("template.yaml");
    let mut client = Client::new(program.port);
    what_was_taken_of_a_batch_does_not_come_again(&folder, &mut client);
    a_window_ends_with_the_sum_of_its_records(&folder, &mut client);
    parked_keys_are_listed_shown_called_retried_and_dropped(&folder, &program, &mut client);
}

fn what_was_taken_of_a_batch_does_not_come_again(folder: &Folder, client: &mut Client) {
    let item = |id: &str| json!({ "id": { "S": id } });
    let poison = json!({ "id": { "S": "c" }, "poison": { "BOOL": true } });
    put_together(client, "partial", &[item("a"), item("b"), poison, item("d")]);
    until("the rest of the batch to come again", PATIENCE, || (noted(folder, "partial").len() >= 3).then_some(()));
    let failing = trigger(client, "partial");
    assert!(failing["lanes"][0]["last_error"].as_str().is_some_and(|why| why.ends_with(" failed")), "{failing}");
    folder.write("partial/healed", "");
    let is_done = |shown: &Value| shown["counts"]["delivered"] == 4;
    until("the whole batch", PATIENCE, || Some(trigger(client, "partial")).filter(is_done));
    let noted = noted(folder, "partial");
    assert_eq!(noted[0], json!(["a", "b", "c", "d"]));
    assert!(noted[1..].iter().all(|ids| *ids == json!(["c", "d"])), "{noted:?}");
}

fn a_window_ends_with_the_sum_of_its_records(folder: &Folder, client: &mut Client) {
    let item = |id: &str, amount: &str| json!({ "id": { "S": id }, "amount": { "N": amount } });
    put_together(client, "window", &[item("a", "1"), item("b", "20"), item("c", "300")]);
    let last = || noted(folder, "window").last().filter(|event| event["isFinalInvokeForWindow"] == true).cloned();
    let last = until("the window's end", PATIENCE, last);
    let noted = noted(folder, "window");
    assert_eq!((&noted[0]["state"], &noted[0]["isFinalInvokeForWindow"]), (&json!({}), &json!(false)));
    assert_eq!(last["state"], json!({ "sum": 321, "records": 3 }));
    assert_eq!(last["window"], noted[0]["window"]);
    assert!(last["shardId"].as_str().is_some_and(|shard| shard.starts_with("shardId-")), "{last}");
}

fn parked_keys_are_listed_shown_called_retried_and_dropped(folder: &Folder, program: &Program, client: &mut Client) {
    let item = |id: &str, text: &str| json!({ "id": { "S": id }, "text": { "S": text } });
    let poison = |id: &str, text: &str| json!({ "id": { "S": id }, "text": { "S": text }, "poison": { "BOOL": true } });
    put(client, "quarantine", poison("a", "a1"));
    put(client, "quarantine", poison("b", "b1"));
    put(client, "quarantine", item("a", "a2"));
    put(client, "quarantine", item("b", "b2"));
    put(client, "quarantine", item("c", "c1"));
    let all = || (trigger(client, "quarantine")["counts"]["parked_now"] == 4).then_some(());
    until("four parked records", PATIENCE, all);
    until("the record of another key", PATIENCE, || (noted(folder, "quarantine") == [json!(["c1"])]).then_some(()));

    // Counted when it is parked, committed a moment later.
    let list = || Some(program.told(&["quarantine", "list"])).filter(|list| list.matches("  2 records  ").count() == 2);
    let listed = until("both keys in the list, each with two records", PATIENCE, list);
    let id = |text: &str| {
        let line = listed.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {listed}"));
        line.split(' ').next().expect("a line has words").to_owned()
    };
    let (a, b) = (id("poisoned a1"), id("poisoned b1"));
    let shown = program.told(&["quarantine", "show", &a]);
    assert!(shown.contains("a1") && shown.contains("a2") && shown.contains("ValueError"), "{shown}");
    let called = program.told(&["invoke", "--from-quarantine", &a]);
    assert!(called.contains("poisoned a1") && called.contains("failed (Unhandled)"), "{called}");
    assert_eq!(program.told(&["quarantine", "list"]), listed, "what was only called is parked as before");

    let said = program.told(&["quarantine", "drop", &b]);
    assert!(said.contains("is dropped"), "{said}");
    until("what waited behind", PATIENCE, || noted(folder, "quarantine").contains(&json!(["b2"])).then_some(()));
    folder.write("quarantine/healed", "");
    let said = program.told(&["quarantine", "retry", &a]);
    assert!(said.contains("is tried again"), "{said}");
    let empty = || (program.told(&["quarantine", "list"]) == "nothing is parked\n").then_some(());
    until("nothing to be parked", PATIENCE, empty);
    let noted = noted(folder, "quarantine");
    assert_eq!(noted, [json!(["c1"]), json!(["b2"]), json!(["a1"]), json!(["a2"])]);
}

/// A handler that goes wrong, what its log says, and what becomes of the record it was called with.
struct Bad {
    name: &'static str,
    handler: &'static str,
    source: &'static str,
    log: &'static str,
    comes_to: ComesTo,
}

/// What becomes of records.
enum ComesTo {
    Taken,
    /// Given up; what the trigger shows begins so.
    GivenUp(&'static str),
    Either,
}
use ComesTo::{Either, GivenUp, Taken};

const BAD: [Bad; 10] = [
    Bad {
        name: "imports",
        handler: "app.handler",
        source: "import nothing_like_this\n",
        log: "Unable to import module 'app': No module named 'nothing_like_this'",
        comes_to: GivenUp(
            "Runtime.ImportModuleError: Unable to import module 'app': No module named 'nothing_like_this'",
        ),
    },
    Bad {
        name: "missing",
        handler: "nowhere.handler",
        source: "",
        log: "Unable to import module 'nowhere': No module named 'nowhere'",
        comes_to: GivenUp("Runtime.ImportModuleError: Unable to import module 'nowhere': No module named 'nowhere'"),
    },
    Bad {
        name: "nameless",
        handler: "app.nothing",
        source: "def handler(event, context): pass\n",
        log: "Handler 'nothing' missing on module 'app'",
        comes_to: GivenUp("Runtime.HandlerNotFound: Handler 'nothing' missing on module 'app'"),
    },
    Bad {
        name: "garbage",
        handler: "app.handler",
        source: "import os\ndef handler(event, context):\n    os.write(1, bytes(range(256)) * 1000 + b'\\nsense\\n')\n",
        log: "sense",
        comes_to: Taken,
    },
    Bad {
        name: "forks",
        handler: "app.handler",
        source: "import subprocess\ndef handler(event, context): print(subprocess.Popen(['sleep', '600']))\n",
        log: "<Popen: returncode: None args: ['sleep', '600']>",
        comes_to: Taken,
    },
    // Both halves answer, and both ask for the next call, on one connection: who gets it is anybody's guess.
    Bad {
        name: "doubles",
        handler: "app.handler",
        source: "import os\ndef handler(event, context):\n    print('child' if os.fork() == 0 else 'parent')\n",
        log: "START RequestId: ",
        comes_to: Either,
    },
    Bad {
        name: "hangs",
        handler: "app.handler",
        source: "def handler(event, context):\n    while True: pass\n",
        log: "Task timed out after 1.00 seconds",
        comes_to: GivenUp("Sandbox.Timedout: RequestId: "),
    },
    Bad {
        name: "exits",
        handler: "app.handler",
        source: "import os\ndef handler(event, context): os._exit(7)\n",
        log: "Runtime exited with error: exit status 7",
        comes_to: GivenUp("Runtime.ExitError: RequestId: "),
    },
    Bad {
        name: "large",
        handler: "app.handler",
        source: "def handler(event, context): return 'x' * 7_000_000\n",
        log: "Response payload size (7000002 bytes) exceeded maximum allowed payload size (6291556 bytes).",
        comes_to: GivenUp("Function.ResponseSizeTooLarge: Response payload size (7000002 bytes)"),
    },
    Bad {
        name: "odd",
        handler: "app.handler",
        source: "def handler(event, context): return {1, 2}\n",
        log: "Object of type set is not JSON serializable",
        comes_to: GivenUp(
            "Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable",
        ),
    },
];

#[test]
fn bad_handlers_are_told_in_clear_words_and_their_shards_go_on() {
    let folder = Folder::with_python();
    let mut template = HEAD.to_owned();
    for Bad { name, handler, source, .. } in &BAD {
        let fed = Fed { name, handler, timeout_s: 1, trigger: ", BatchSize: 1, MaximumRetryAttempts: 0", metadata: "" };
        template += &fed.resources();
        folder.write(&format!("{name}/app.py"), source);
    }
    folder.write("template.yaml", &template);
    let program = folder.up("template.yaml");
    let mut client = Client::new(program.port);
    for bad in &BAD {
        for id in ["a", "b"] {
            put(&mut client, bad.name, json!({ "id": { "S": id } }));
        }
    }
    for bad in &BAD {
        let is_through = |shown: &Value| {
            let count = |name: &str| shown["counts"][name].as_u64().unwrap_or_default();
            count("given_up") + count("delivered") >= 2 && shown["lag_records"] == 0
        };
        let what = format!("the trigger of {} to be through", bad.name);
        let shown = until(&what, PATIENCE, || Some(trigger(&mut client, bad.name)).filter(is_through));
        let error = shown["lanes"][0]["last_error"].as_str();
        let is_as_expected = match bad.comes_to {
            Taken => error.is_none() && shown["counts"]["delivered"] == 2,
            GivenUp(why) => error.is_some_and(|error| error.starts_with(why)) && shown["counts"]["given_up"] == 2,
            Either => true,
        };
        assert!(is_as_expected, "{}: {shown}", bad.name);
        assert_eq!(shown["state"], "Enabled", "{}", bad.name);
        let said = program.told(&["logs", bad.name]);
        assert!(said.contains(bad.log), "{}: {said}", bad.name);
    }
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
    let left = || folder.processes().is_empty().then_some(());
    until("everything that was started to end", PATIENCE, left);
}

/// Writes to the table that feeds it.
const FEEDS_ITSELF: &str = r#"
import boto3

table = boto3.resource("dynamodb").Table("loop")


def handler(event, context):
    for record in event["Records"]:
        table.put_item(Item={"id": record["dynamodb"]["Keys"]["id"]["S"] + "'"})
"#;

#[test]
fn a_function_that_feeds_itself_is_stopped_and_its_shard_goes_on() {
    let folder = Folder::with_python();
    let fed = Fed { name: "loop", handler: "app.handler", timeout_s: 30, trigger: "", metadata: "" };
    folder.write("template.yaml", &(HEAD.to_owned() + &fed.resources()));
    folder.write("loop/app.py", FEEDS_ITSELF);
    let program = folder.up("template.yaml");
    let mut client = Client::new(program.port);
    for (at, id) in ["a", "b"].into_iter().enumerate() {
        put(&mut client, "loop", json!({ "id": { "S": id } }));
        let is_stopped = |shown: &Value| shown["counts"]["given_up"] == at as u64 + 1 && shown["lag_records"] == 0;
        let shown = until("the loop's end", PATIENCE, || Some(trigger(&mut client, "loop")).filter(is_stopped));
        assert_eq!(shown["recursion_depth"], 15, "{shown}");
        assert_eq!(shown["lanes"][0]["gave_up"]["condition"], "RecursionDetected");
    }
    let is_last = |letter: &Value, id: &str| letter.to_string().contains(&format!("{id}{}\\\"", "'".repeat(16)));
    // Counted when it is given up, committed a moment later.
    let letters = || {
        let letters = client.scan("dead_letters").ok()?;
        ["a", "b"].iter().all(|id| letters.iter().any(|letter| is_last(letter, id))).then_some(())
    };
    until("a letter of each loop's last record", PATIENCE, letters);
    let ended = program.stop();
    let warned = "function loop gets records that its own writes have made";
    assert!(ended.stderr.contains(warned), "{}", ended.stderr);
}

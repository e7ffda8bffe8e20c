//! Stock clients over the real program: boto3, PynamoDB, the `aws` command line, and what Node programs use.

use it::{
    program::{Program, Run},
    tools,
};
use serde_json::Value;
use tempfile::TempDir;

/// The project that the Python tests run against: the example's tables, and some more.
fn project() -> (TempDir, Program) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("crates/it/python/project"), folder.path());
    let program = Run::up(folder.path()).start();
    (folder, program)
}

#[test]
fn boto3_and_pynamodb_find_what_they_expect() {
    let (_folder, program) = project();
    let mut pytest = tools::python("pytest");
    pytest.args(["-q", "-p", "no:cacheprovider", "--maxfail=20"]).arg(tools::root().join("crates/it/python"));
    pytest.env("STREAMFOLD_ENDPOINT", program.endpoint()).env("PYTHONDONTWRITEBYTECODE", "1");
    let said = tools::run(&mut pytest);
    eprintln!("{said}");
    assert!(program.stop().status.success());
}

#[test]
fn node_clients_find_what_they_expect() {
    let (_folder, program) = project();
    let clients = tools::root().join("crates/it/node");
    assert!(clients.join("node_modules").is_dir(), "they are not installed: run ./test once, it fetches them");
    let mut node = tools::node();
    node.arg("--test").current_dir(clients).env("STREAMFOLD_ENDPOINT", program.endpoint());
    eprintln!("{}", tools::run(&mut node));
    assert!(program.stop().status.success());
}

/// The `aws` command line at a program; answers what it printed.
fn aws(program: &Program, arguments: &[&str]) -> Value {
    let mut command = tools::python("aws");
    command.args(arguments).args(["--output", "json"]).env("AWS_ENDPOINT_URL", program.endpoint());
    let said = tools::run(&mut command);
    if said.trim().is_empty() { Value::Null } else { serde_json::from_str(&said).expect("it prints JSON") }
}

#[test]
fn the_aws_command_line_finds_what_it_expects() {
    let (_folder, program) = project();
    let aws = |arguments: &[&str]| aws(&program, arguments);
    let tables = aws(&["dynamodb", "list-tables"]);
    assert!(tables["TableNames"].as_array().is_some_and(|names| names.iter().any(|name| name == "votes")), "{tables}");
    let vote = r#"{"id":{"S":"234"},"improvement":{"S":"MORE_TREES"},"region":{"S":"SOUTH"}}"#;
    aws(&["dynamodb", "put-item", "--table-name", "votes", "--item", vote]);
    let got = aws(&["dynamodb", "get-item", "--table-name", "votes", "--key", r#"{"id":{"S":"234"}}"#]);
    assert_eq!(got["Item"]["region"]["S"], "SOUTH");
    let counted = aws(&["dynamodb", "scan", "--table-name", "votes", "--select", "COUNT"]);
    assert_eq!(counted["Count"], 1);
    let total = it::wait::until("the view to count the vote", std::time::Duration::from_secs(20), || {
        let key = r#"{":r":{"S":"SOUTH"}}"#;
        let query = ["dynamodb", "query", "--table-name", "total_votes", "--key-condition-expression", "#r = :r"];
        let names = ["--expression-attribute-names", r##"{"#r":"region"}"##, "--expression-attribute-values", key];
        let found = aws(&[&query[..], &names].concat());
        found["Items"].as_array().and_then(|items| items.first()).map(|item| item["total_votes"]["N"].clone())
    });
    assert_eq!(total, "1");
    let streams = aws(&["dynamodbstreams", "list-streams", "--table-name", "votes"]);
    let arn = streams["Streams"][0]["StreamArn"].as_str().expect("the table has a stream").to_owned();
    let stream = aws(&["dynamodbstreams", "describe-stream", "--stream-arn", &arn]);
    assert_eq!(stream["StreamDescription"]["StreamStatus"], "ENABLED");
    // The waiter polls DescribeTable by itself; deleting and creating are part of everybody's scripts.
    let table = ["dynamodb", "create-table", "--table-name", "scratch", "--billing-mode", "PAY_PER_REQUEST"];
    let key = [
        "--attribute-definitions",
        "AttributeName=id,AttributeType=S",
        "--key-schema",
        "AttributeName=id,KeyType=HASH",
    ];
    aws(&[&table[..], &key].concat());
    aws(&["dynamodb", "wait", "table-exists", "--table-name", "scratch"]);
    aws(&["dynamodb", "delete-table", "--table-name", "scratch"]);
    aws(&["dynamodb", "wait", "table-not-exists", "--table-name", "scratch"]);
}

#[test]
fn the_aws_command_line_reads_indexes_and_writes_transactions() {
    let (_folder, program) = project();
    let dynamodb = |operation: &str, more: &[&str]| aws(&program, &[&["dynamodb", operation][..], more].concat());
    let by_day = "IndexName=by-day,KeySchema=[{AttributeName=day,KeyType=HASH}],Projection={ProjectionType=ALL}";
    let attributes = ["AttributeName=id,AttributeType=S", "AttributeName=day,AttributeType=S"];
    let key = ["--key-schema", "AttributeName=id,KeyType=HASH", "--global-secondary-indexes", by_day];
    let table = ["--table-name", "sales", "--billing-mode", "PAY_PER_REQUEST", "--attribute-definitions"];
    dynamodb("create-table", &[&table[..], &attributes, &key].concat());
    let item = |id: &str, day: &str| format!(r#"{{"id":{{"S":"{id}"}},"day":{{"S":"{day}"}}}}"#);
    let put = |item: String| format!(r#"{{"PutRequest":{{"Item":{item}}}}}"#);
    let puts = format!(r#"{{"sales":[{},{}]}}"#, put(item("1", "monday")), put(item("2", "monday")));
    dynamodb("batch-write-item", &["--request-items", &puts]);
    let on = |day: &str| {
        let value = format!(r#"{{":d":{{"S":"{day}"}}}}"#);
        let query = ["--table-name", "sales", "--index-name", "by-day", "--key-condition-expression", "#d = :d"];
        let names = ["--expression-attribute-names", r##"{"#d":"day"}"##, "--expression-attribute-values", &value];
        dynamodb("query", &[&query[..], &names].concat())["Count"].clone()
    };
    assert_eq!(on("monday"), 2);
    let put = |item: String, more: &str| format!(r#"{{"Put":{{"TableName":"sales","Item":{item}{more}}}}}"#);
    let guard = r#","ConditionExpression":"attribute_exists(id)""#;
    let items = format!("[{},{}]", put(item("1", "tuesday"), guard), put(item("3", "monday"), ""));
    dynamodb("transact-write-items", &["--transact-items", &items]);
    assert_eq!((on("monday"), on("tuesday")), (2.into(), 1.into()));
    let get = r#"[{"Get":{"TableName":"sales","Key":{"id":{"S":"3"}}}}]"#;
    let got = dynamodb("transact-get-items", &["--transact-items", get]);
    assert_eq!(got["Responses"][0]["Item"]["day"]["S"], "monday");
    let live = "Enabled=true,AttributeName=expires";
    dynamodb("update-time-to-live", &["--table-name", "sales", "--time-to-live-specification", live]);
    let described = dynamodb("describe-time-to-live", &["--table-name", "sales"]);
    assert_eq!(described["TimeToLiveDescription"]["TimeToLiveStatus"], "ENABLED");
}

#[test]
fn the_aws_command_line_puts_records_into_streams_and_reads_them() {
    let (_folder, program) = project();
    let kinesis = |operation: &str, more: &[&str]| aws(&program, &[&["kinesis", operation][..], more].concat());
    let name = ["--stream-name", "orders"];
    kinesis("create-stream", &[&name[..], &["--shard-count", "1"]].concat());
    kinesis("wait", &[&["stream-exists"][..], &name].concat());
    kinesis("put-record", &[&name[..], &["--partition-key", "a", "--data", "one"]].concat());
    let records = ["--records", "Data=two,PartitionKey=b", "Data=three,PartitionKey=c"];
    assert_eq!(kinesis("put-records", &[&name[..], &records].concat())["FailedRecordCount"], 0);
    let shard = ["--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON"];
    let place = kinesis("get-shard-iterator", &[&name[..], &shard].concat())["ShardIterator"].clone();
    let page = kinesis("get-records", &["--shard-iterator", place.as_str().expect("an iterator")]);
    let data: Vec<_> = page["Records"].as_array().into_iter().flatten().map(|record| record["Data"].clone()).collect();
    // The command line shows them in base64.
    assert_eq!(data, ["b25l", "dHdv", "dGhyZWU="]);
    // One of them is the template's.
    assert_eq!(kinesis("list-streams", &[])["StreamNames"], serde_json::json!(["clicks", "orders"]));
    kinesis("delete-stream", &name);
    kinesis("wait", &[&["stream-not-exists"][..], &name].concat());
    assert_eq!(kinesis("list-streams", &[])["StreamNames"], serde_json::json!(["clicks"]));
}

#[test]
fn the_aws_command_line_uploads_and_calls_functions_and_keeps_parameters() {
    let (folder, program) = project();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("app.py"), "def handler(event, context):\n    return {'got': event}\n")
        .expect("written");
    tools::run(tools::python("python").args(["-m", "zipfile", "-c", "app.zip", "app.py"]).current_dir(folder.path()));
    let lambda = |operation: &str, more: &[&str]| aws(&program, &[&["lambda", operation][..], more].concat());
    let name = ["--function-name", "count"];
    let settings = ["--runtime", "python3.12", "--handler", "app.handler", "--timeout", "60"];
    let role = ["--role", "arn:aws:iam::000000000000:role/lambda"];
    let zip = format!("fileb://{}", path("app.zip"));
    lambda("create-function", &[&name[..], &settings, &role, &["--zip-file", &zip]].concat());
    lambda("wait", &[&["function-active-v2"][..], &name].concat());
    let called = lambda("invoke", &[&name[..], &["--payload", r#"{"a":1}"#, &path("answer.json")]].concat());
    assert_eq!(called["ExecutedVersion"], "$LATEST");
    let answer = std::fs::read_to_string(path("answer.json")).expect("it wrote the answer");
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    assert_eq!(answer["got"]["a"], 1);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:count";
    let dry = ["--function-name", arn, "--invocation-type", "DryRun", &path("dry.json")];
    assert_eq!(lambda("invoke", &dry)["StatusCode"], 204);
    // The template has one as well.
    let listed = || -> Vec<Value> {
        let page = lambda("list-functions", &[]);
        page["Functions"].as_array().into_iter().flatten().map(|function| function["FunctionArn"].clone()).collect()
    };
    assert!(listed().contains(&arn.into()), "{:?}", listed());
    lambda("delete-function", &name);
    assert!(!listed().contains(&arn.into()), "{:?}", listed());
    let ssm = |operation: &str, more: &[&str]| aws(&program, &[&["ssm", operation][..], more].concat());
    ssm("put-parameter", &["--name", "/votes/limit", "--value", "40", "--type", "String"]);
    let found = ssm("get-parameters-by-path", &["--path", "/votes"]);
    assert_eq!(found["Parameters"][0]["Value"], "40");
}

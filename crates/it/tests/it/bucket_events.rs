//! Events of buckets call a handler in Python: as its template says, across a kill, and as boto3 says it.

use it::{client::Client, folder::Folder, tools, wait::until};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

const PATIENCE: Duration = Duration::from_secs(120);

const TEMPLATE: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Imports: { Type: AWS::S3::Bucket, Properties: { BucketName: imports } }
  Copies: { Type: AWS::S3::Bucket, Properties: { BucketName: copies } }
  Copy:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: copy
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
      Timeout: 60
      Environment: { Variables: { TARGET: !Ref Copies } }
      Events:
        Arrival:
          Type: S3
          Properties:
            Bucket: !Ref Imports
            Events: s3:ObjectCreated:*
            Filter: { S3Key: { Rules: [{ Name: suffix, Value: .txt }] } }
";

const HANDLER: &str = r#"
import os
import urllib.parse

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    for record in event["Records"]:
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        body = s3.get_object(Bucket=record["s3"]["bucket"]["name"], Key=key)["Body"].read()
        assert len(body) == record["s3"]["object"]["size"]
        s3.put_object(Bucket=os.environ["TARGET"], Key=key, Body=body.upper())
"#;

/// The other way to say whom events call.
const CONFIGURE: &str = r#"
import boto3

s3, name = boto3.client("s3"), "copies"
arn = "arn:aws:lambda:us-east-1:000000000000:function:copy"
wanted = [{
    "Id": "removals", "LambdaFunctionArn": arn, "Events": ["s3:ObjectRemoved:*"],
    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "none/"}]}},
}]
s3.put_bucket_notification_configuration(
    Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": wanted})
assert s3.get_bucket_notification_configuration(Bucket=name)["LambdaFunctionConfigurations"] == wanted
for wrong, code in [
    ({"LambdaFunctionArn": arn + "s", "Events": ["s3:ObjectRemoved:*"]}, "InvalidArgument"),
    ({"LambdaFunctionArn": arn, "Events": ["s3:ObjectMade:*"]}, "InvalidArgument"),
]:
    try:
        s3.put_bucket_notification_configuration(
            Bucket=name, NotificationConfiguration={"LambdaFunctionConfigurations": [wrong]})
        raise SystemExit(f"{wrong} is not refused")
    except s3.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
try:
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [queue]})
    raise SystemExit("a queue is not refused")
except s3.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "NotImplemented", error
s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={})
assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket=name)
"#;

fn put(client: &mut Client, key: &str, body: &str) {
    let (status, answer) = client.request("PUT", &format!("/imports/{key}"), &[], body.as_bytes()).expect("it answers");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
}

fn keys(client: &mut Client, bucket: &str) -> BTreeSet<String> {
    let page = client.shown(&format!("buckets/{bucket}/objects?prefix="));
    let keys = page["entries"].as_array().into_iter().flatten().filter_map(|entry| entry["key"].as_str());
    keys.map(str::to_owned).collect()
}

#[test]
fn an_object_that_arrives_calls_a_handler_in_python_across_a_kill() {
    let folder = Folder::with_python();
    folder.write("template.yaml", TEMPLATE);
    folder.write("code/app.py", HANDLER);
    let program = folder.up("template.yaml");
    let mut client = Client::new(program.port);
    put(&mut client, "a%20b.txt", "hello");
    put(&mut client, "not.csv", "hello");
    let copy = until("the copy of the first object", PATIENCE, || {
        client.get("/copies/a%20b.txt").ok().filter(|(status, _)| *status == 200)
    });
    assert_eq!(copy.1, b"HELLO");
    let names: Vec<String> = (0..40).map(|at| format!("{at}.txt")).collect();
    names.iter().for_each(|name| put(&mut client, name, name));
    program.kill();
    let program = folder.up("template.yaml");
    let mut client = Client::new(program.port);
    let mut expected: BTreeSet<String> = names.into_iter().collect();
    expected.insert("a b.txt".to_owned());
    until("the copies of all objects", PATIENCE, || (keys(&mut client, "copies") == expected).then_some(()));
    let bucket = |client: &mut Client| -> Value {
        let buckets = client.shown("buckets");
        let all = buckets["buckets"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|bucket| bucket["name"] == "imports").expect("it is there")
    };
    let imports = bucket(&mut client);
    assert_eq!((&imports["targets"][0]["function"], &imports["trouble"]), (&"copy".into(), &Value::Null));
    let mut configure = tools::python("python");
    configure.args(["-c", CONFIGURE]).env("AWS_ENDPOINT_URL", program.endpoint());
    tools::run(&mut configure);
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!ended.stderr.contains("created"), "the second start creates nothing: {}", ended.stderr);
}

#[test]
fn two_functions_for_the_same_event_are_refused_where_the_template_says_so() {
    let folder = Folder::new();
    let twice = TEMPLATE.to_owned()
        + "        Again: { Type: S3, Properties: { Bucket: !Ref Imports, Events: s3:ObjectCreated:Put } }\n";
    folder.write("template.yaml", &twice);
    folder.write("code/app.py", HANDLER);
    let ended = it::program::Run::new(&["check", "template.yaml"]).folder(folder.path()).to_end();
    assert!(!ended.status.success());
    let said = "Copy.Properties.Events.Again: notification imports: Configurations overlap.";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}

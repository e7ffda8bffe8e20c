//! Who is let in, and what strangers hear.

use super::*;
use crate::{Access, REQUEST_BYTES_MAX};
use db::StreamRead;
use flate2::{Compression, write::GzEncoder};
use item::{Origin, Seq};
use std::io::Write;

fn post(target: &str) -> http::request::Builder {
    Request::post("/").header("x-amz-target", target).header("content-type", "application/x-amz-json-1.0")
}

#[test]
fn answers_carry_the_headers_that_sdks_check() {
    let house = House::new();
    let response = house.send(post("DynamoDB_20120810.ListTables").body(()).expect("a request"), "{}");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
    assert_eq!(response.headers()["server"], "Server");
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 52);
    assert_eq!(response.body(), r#"{"TableNames":[]}"#);
}

#[test]
fn strangers_get_an_answer() {
    let house = House::new();
    let get = house.send(Request::get("/").body(()).expect("a request"), "");
    assert_eq!(get.body(), "healthy: dynamodb.us-east-1.amazonaws.com ");
    let put = house.send(Request::put("/").body(()).expect("a request"), "");
    assert_eq!((put.status().as_u16(), &put.body()[..]), (404, &b"<UnknownOperationException/>\n"[..]));
    let claims = |request: http::request::Builder| Door::claims(&request.body(()).expect("a request").into_parts().0);
    assert!(claims(post("DynamoDB_20120810.ListTables")));
    assert!(claims(Request::post("/").header("content-type", "application/x-amz-json-1.0")));
    assert!(!claims(Request::post("/").header("content-type", "text/plain")));
    assert!(!claims(Request::get("/")));
    for (operation, answer) in [
        ("Nothing", "400 UnknownOperationException: -"),
        ("ExecuteTransaction", "400 UnknownOperationException: ExecuteTransaction does not work here yet"),
    ] {
        assert_eq!(house.ask(operation, "{}"), answer);
    }
}

#[test]
fn a_page_of_another_host_cannot_use_an_unsigned_door() {
    let house = House::new();
    let status = |origin: &str| {
        let request = post("DynamoDB_20120810.ListTables").header("origin", origin).body(()).expect("a request");
        house.send(request, "{}").status().as_u16()
    };
    for origin in ["http://localhost:8000", "http://127.0.0.1:5173", "http://[::1]:8000"] {
        assert_eq!(status(origin), 200, "{origin}");
    }
    for origin in ["http://evil.example", "http://localhost.evil.example:8000", "null", "http://127.0.0.1.evil.example"]
    {
        assert_eq!(status(origin), 400, "{origin}");
    }
}

fn key(id: &str, access: Access) -> AccessKey {
    AccessKey { id: id.into(), secret: "secret".into(), access }
}

#[test]
fn writes_of_functions_say_how_many_functions_they_came_through() {
    let house = House::furnished();
    let key = "'TableName':'votes','Key':{'id':{'S':'1'}}";
    let put = "'TableName':'votes','Item':{'id':{'S':'1'}}";
    let writes = [
        ("PutItem", format!("{{{put}}}")),
        (
            "UpdateItem",
            format!("{{{key},'UpdateExpression':'SET a = :a','ExpressionAttributeValues':{{':a':{{'N':'1'}}}}}}"),
        ),
        ("DeleteItem", format!("{{{key}}}")),
        ("BatchWriteItem", "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'}}}}]}}".to_owned()),
        ("TransactWriteItems", format!("{{'TransactItems':[{{'Delete':{{{key}}}}}]}}")),
    ];
    let trace = "Root=1-6571ab3c-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=3:87bd80c0:0";
    for headers in [&[("x-amzn-trace-id", trace)][..], &[]] {
        for (operation, body) in &writes {
            let answer = house.ask_as(operation, &body.replace('\'', "\""), headers);
            assert!(answer.starts_with('{'), "{operation}: {answer}");
        }
    }
    let table = house.db.table("votes").expect("the table is there");
    let read = StreamRead { table: table.id, shard: None, from: Seq(0), records_max: 100, bytes_max: 1 << 20 };
    let changes = house.db.changes(&read).expect("the log reads").changes;
    let origins: Vec<Origin> = changes.iter().map(|change| change.origin).collect();
    assert_eq!(origins, [[Origin::Function { depth: 3 }; 5], [Origin::Client; 5]].concat());
}

#[test]
fn with_keys_configured_only_signed_requests_pass() {
    let house = House::with_keys(vec![key("dummy", Access::Write)]);
    assert_eq!(
        house.ask("ListTables", "{}"),
        "400 MissingAuthenticationTokenException: Request is missing Authentication Token"
    );
    assert_eq!(house.ask("Nothing", "{}"), "400 UnknownOperationException: -", "as AWS, to strangers too");
}

/// Signs as an SDK would, with the time of the test's clock.
fn signed(house: &House, id: &str, operation: &str, body: &str) -> Request<()> {
    let date = wire::time::basic(house.db.now_ms());
    let scope = format!("{id}/{}/us-east-1/dynamodb/aws4_request", &date[..8]);
    let target = format!("DynamoDB_20120810.{operation}");
    let headers = [("host", "h"), ("x-amz-date", &*date), ("x-amz-target", &*target)];
    let signature = crate::sigv4::sign("secret", &scope, ("POST", "/"), &headers, body);
    Request::post("/")
        .header("host", "h")
        .header("x-amz-date", date)
        .header("x-amz-target", target)
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={signature}"
            ),
        )
        .body(())
        .expect("a request")
}

#[test]
fn a_read_only_key_reads_and_changes_nothing() {
    let house = House::with_keys(vec![key("writer", Access::Write), key("reader", Access::Read)]);
    let ask = |id: &str, operation: &str, body: &str| {
        let body = body.replace('\'', "\"");
        let response = house.send(signed(&house, id, operation, &body), &body);
        String::from_utf8(response.body().to_vec()).expect("UTF-8")
    };
    let put = "{'TableName':'votes','Item':{'id':{'S':'1'}}}";
    assert!(ask("writer", "CreateTable", VOTES).contains("TableDescription"));
    assert_eq!(ask("writer", "PutItem", put), "{}");
    assert_eq!(
        ask("reader", "GetItem", "{'TableName':'votes','Key':{'id':{'S':'1'}}}"),
        r#"{"Item":{"id":{"S":"1"}}}"#
    );
    let answers = [
        ask("reader", "PutItem", put),
        ask("reader", "PutItem", "{'TableName':1}"),
        ask("reader", "BatchWriteItem", "{'RequestItems':{'votes':[{'PutRequest':{'Item':{'id':{'S':'1'}}}}]}}"),
        ask("reader", "TagResource", "{'ResourceArn':'arn:aws:dynamodb:us-east-1:000000000000:table/votes','Tags':[]}"),
        ask("reader", "DeleteTable", "{'TableName':'votes'}"),
        ask("reader", "DeleteTable", "{}"),
    ];
    expect_test::expect![[r#"
        {"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/votes because no identity-based policy allows the dynamodb:PutItem action"}
        {"__type":"com.amazon.coral.service#SerializationException","Message":"NUMBER_VALUE cannot be converted to String"}
        {"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: dynamodb:BatchWriteItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/votes because no identity-based policy allows the dynamodb:BatchWriteItem action"}
        {"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: dynamodb:TagResource on resource: arn:aws:dynamodb:us-east-1:000000000000:table/votes because no identity-based policy allows the dynamodb:TagResource action"}
        {"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: dynamodb:DeleteTable on resource: arn:aws:dynamodb:us-east-1:000000000000:table/votes because no identity-based policy allows the dynamodb:DeleteTable action"}
        {"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: dynamodb:DeleteTable on resource: * because no identity-based policy allows the dynamodb:DeleteTable action"}"#]]
    .assert_eq(&answers.join("\n"));
}

#[test]
fn every_operation_that_changes_something_needs_a_key_that_may_write() {
    let needs_write: Vec<&str> =
        crate::routes::ROUTES.iter().filter(|route| route.needs == Access::Write).map(|route| route.name).collect();
    expect_test::expect!["PutItem UpdateItem DeleteItem BatchWriteItem TransactWriteItems CreateTable DeleteTable UpdateTable UpdateTimeToLive TagResource UntagResource UpdateContinuousBackups lambda:Invoke lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:DeleteFunction lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency lambda:PutFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig lambda:DeleteFunctionEventInvokeConfig lambda:CreateEventSourceMapping lambda:UpdateEventSourceMapping lambda:DeleteEventSourceMapping lambda:TagResource lambda:UntagResource ssm:PutParameter ssm:DeleteParameter ssm:DeleteParameters ssm:AddTagsToResource ssm:RemoveTagsFromResource kinesis:PutRecords kinesis:PutRecord kinesis:CreateStream kinesis:DeleteStream kinesis:IncreaseStreamRetentionPeriod kinesis:DecreaseStreamRetentionPeriod kinesis:UpdateStreamMode kinesis:UpdateMaxRecordSize kinesis:AddTagsToStream kinesis:RemoveTagsFromStream kinesis:TagResource kinesis:UntagResource"].assert_eq(&needs_write.join(" "));
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

#[test]
fn a_compressed_request_is_taken_and_comes_to_no_more_than_any_other() {
    let house = House::furnished();
    let send = |encoding: &str, body: &[u8]| {
        let request = post("DynamoDB_20120810.PutItem").header("content-encoding", encoding);
        let response = house.send(request.body(()).expect("a request"), body);
        format!("{} {}", response.status().as_u16(), String::from_utf8_lossy(response.body()))
    };
    let put = br#"{"TableName":"votes","Item":{"id":{"S":"1"}}}"#;
    let padded = |bytes: usize| [&put[..], &vec![b' '; bytes - put.len()][..]].concat();
    let zipped = gzip(put);
    let answers = [
        send("gzip", &zipped),
        send("identity", put),
        send("gzip", &gzip(&padded(REQUEST_BYTES_MAX))),
        send("gzip", &gzip(&padded(REQUEST_BYTES_MAX + 1))),
        send("gzip", &zipped[..zipped.len() - 1]),
        send("gzip", put),
        send("br", put),
    ];
    expect_test::expect![[r#"
        200 {}
        200 {}
        200 {}
        413 {"__type":"com.amazon.coral.service#RequestEntityTooLargeException","message":"Request size exceeded the maximum of 16777216 bytes"}
        400 {"__type":"com.amazon.coral.service#SerializationException","Message":"The body is no gzip: unexpected end of file"}
        400 {"__type":"com.amazon.coral.service#SerializationException","Message":"The body is no gzip: invalid gzip header"}
        400 {"__type":"com.amazon.coral.service#SerializationException","Message":"Unsupported Content-Encoding: br"}"#]]
    .assert_eq(&answers.join("\n"));
}

#[test]
fn operations_are_counted_with_their_errors() {
    let house = House::furnished();
    house.ask("GetItem", r#"{"TableName":"votes","Key":{"id":{"S":"1"}}}"#);
    house.ask("GetItem", r#"{"TableName":"none","Key":{"id":{"S":"1"}}}"#);
    house.ask("Nothing", "{}");
    let of = |name: &str| {
        let all = house.door.metrics();
        let one = all.iter().find(|one| one.operation == name).expect("an operation");
        (one.count, one.errors, one.nanos > 0)
    };
    assert_eq!([of("GetItem"), of("Other"), of("CreateTable")], [(2, 1, true), (1, 1, true), (2, 0, true)]);
}

#[test]
fn bodies_that_are_no_requests_are_refused_as_aws_does() {
    let house = House::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    house.replay(
        "PutItem",
        &[
            "",
            "{",
            "{} x",
            "[]",
            "'text'",
            &format!("{{'Unknown':{deep}}}"),
            &format!("{{'Item':{deep}}}"),
            "{'TableName':1}",
            "{'TableName':1.5}",
            "{'TableName':true}",
            "{'TableName':[]}",
            "{'TableName':{}}",
            "{'Item':'x'}",
            "{'Item':[]}",
            "{'Item':{'a':'x'}}",
            "{'Item':{'a':[]}}",
            "{'Item':{'a':{'S':1}}}",
            "{'Item':{'a':{'N':1}}}",
            "{'Item':{'a':{'B':'abc'}}}",
            "{'Item':{'a':{'B':'a==='}}}",
            "{'Item':{'a':{'B':true}}}",
            "{'Item':{'a':{'BOOL':'maybe'}}}",
            "{'Item':{'a':{'SS':'x'}}}",
            "{'Item':{'a':{'SS':[1]}}}",
            "{'Item':{'a':{'M':[]}}}",
            "{'Item':{'a':{'L':{}}}}",
            "{'Expected':{'a':1}}",
        ],
        expect_test::expect![[r#"
            400 SerializationException: -
            400 SerializationException: -
            400 SerializationException: -
            400 SerializationException: Unrecognized collection type class com.amazonaws.dynamodb.v20120810.PutItemInput
            400 SerializationException: Unexpected value type in payload
            400 ValidationException: 2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; Value null at 'item' failed to satisfy constraint: Member must not be null
            400 SerializationException: Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>
            400 SerializationException: NUMBER_VALUE cannot be converted to String
            400 SerializationException: DECIMAL_VALUE cannot be converted to String
            400 SerializationException: TRUE_VALUE cannot be converted to String
            400 SerializationException: Unrecognized collection type class java.lang.String
            400 SerializationException: Start of structure or map found where not expected
            400 SerializationException: Unexpected field type
            400 SerializationException: Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>
            400 SerializationException: Unexpected value type in payload
            400 SerializationException: Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue
            400 SerializationException: NUMBER_VALUE cannot be converted to String
            400 SerializationException: NUMBER_VALUE cannot be converted to String
            400 SerializationException: Base64 encoded length is expected a multiple of 4 bytes but found: 3
            400 SerializationException: Invalid last non-pad Base64 character dectected
            400 SerializationException: only base-64-encoded strings are convertible to bytes
            400 SerializationException: Unexpected token received from parser
            400 SerializationException: Unexpected field type
            400 SerializationException: NUMBER_VALUE cannot be converted to String
            400 SerializationException: Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>
            400 SerializationException: Start of structure or map found where not expected
            400 SerializationException: Unexpected value type in payload"#]],
    );
}

#[test]
fn scalars_of_the_wrong_type_are_refused_as_aws_does() {
    let house = House::new();
    house.replay(
        "Query",
        &["{'Limit':'1'}", "{'Limit':true}", "{'ConsistentRead':1}"],
        expect_test::expect![[r#"
        400 SerializationException: STRING_VALUE cannot be converted to Integer
        400 SerializationException: TRUE_VALUE cannot be converted to Integer
        400 SerializationException: NUMBER_VALUE cannot be converted to Boolean"#]],
    );
}

//! Calls of functions: waited for, accepted, only asked about.

use super::{
    functions::{FUNCTIONS, create},
    script::Scripted,
    *,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use control::InvokeError;
use expect_test::expect;

fn invoke(house: &House, name: &str, headers: &[(&str, &str)], payload: &str) -> String {
    house.rest("POST", &format!("{FUNCTIONS}/{name}/invocations"), headers, payload)
}

const EVENT: (&str, &str) = ("x-amz-invocation-type", "Event");

#[test]
fn a_call_answers_what_the_function_made_of_its_payload() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let context = STANDARD.encode("{\"custom\":\n{\"a\":1}}");
    let trace = "Root=1-6571ab3c-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=3:87bd80c0:0";
    let cases = [
        invoke(&house, "count", &[], "{'a':[1]}"),
        invoke(&house, "count", &[], ""),
        invoke(&house, "count:$LATEST", &[], "1"),
        invoke(&house, "count", &[("x-amz-client-context", &context), ("x-amzn-trace-id", trace)], "null"),
        {
            house.script().next(Scripted::Outcome(r#"{"errorMessage":"no"}"#, Some("Unhandled"), b"START\nno\nEND\n"));
            invoke(&house, "count", &[("x-amz-log-type", "Tail")], "{}")
        },
    ];
    expect![[r#"
        200 x-amz-executed-version=$LATEST {"a":[1]}
        200 x-amz-executed-version=$LATEST {}
        200 x-amz-executed-version=$LATEST 1
        200 x-amz-executed-version=$LATEST null
        200 x-amz-function-error=Unhandled x-amz-executed-version=$LATEST x-amz-log-result=U1RBUlQKbm8KRU5ECg== {"errorMessage":"no"}"#]].assert_eq(&cases.join("\n"));
    let shown = |(name, invocation): (String, control::Invocation)| {
        let payload = String::from_utf8_lossy(&invocation.payload).into_owned();
        format!("{name} {payload} depth {} {}", invocation.depth, invocation.client_context.unwrap_or_default())
    };
    let calls: Vec<String> = house.script().calls().into_iter().map(shown).collect();
    expect![[r#"
        count {"a":[1]} depth 0 
        count {} depth 0 
        count 1 depth 0 
        count null depth 3 {"custom":{"a":1}}
        count {} depth 0 "#]]
    .assert_eq(&calls.join("\n"));
    let request = Request::post(format!("{FUNCTIONS}/count/invocations")).body(()).expect("a request");
    assert_eq!(house.send(request, "1").headers()["x-amzn-requestid"], "11111111-2222-4333-8444-555555555555");
}

#[test]
fn calls_that_cannot_be_are_refused_as_lambda_does() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let refused = |error: InvokeError| {
        house.script().next(Scripted::Refused(error));
        invoke(&house, "count", &[], "{}")
    };
    let deep = ("x-amzn-trace-id", "Lineage=16:87bd80c0:0");
    // Its answer is cut: a test that fails must not compare megabytes.
    let large = |bytes: usize, headers: &[(&str, &str)]| {
        let payload = format!("`{}`", "x".repeat(bytes - 2)).replace('`', "\"");
        invoke(&house, "count", headers, &payload).chars().take(200).collect::<String>()
    };
    let cases = [
        invoke(&house, "none", &[], "{}"),
        invoke(&house, "count", &[], "{"),
        invoke(&house, "count", &[], "no"),
        invoke(&house, "count", &[("x-amz-invocation-type", "event"), ("x-amz-log-type", "All")], "{}"),
        invoke(&house, "count", &[("x-amz-client-context", "e30")], "{}"),
        invoke(&house, "count", &[("x-amz-client-context", "W10=")], "{}"),
        invoke(&house, "count", &[deep], "{}"),
        invoke(&house, "count", &[("x-amz-durable-execution-name", "a")], "{}"),
        invoke(&house, "count", &[("x-amz-tenant-id", "a")], "{}"),
        refused(InvokeError::NotFound),
        refused(InvokeError::Throttled("8 processes are busy".to_owned())),
        refused(InvokeError::Closed),
        large(6 << 20, &[])[..3].to_owned(),
        large((6 << 20) + 1, &[]),
        large((6 << 20) + 1, &[EVENT]),
        large(1 << 20, &[EVENT]),
        large((1 << 20) + 1, &[EVENT]),
    ];
    expect![[r#"
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"}
        400 x-amzn-errortype=InvalidRequestContentException {"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: EOF while parsing an object at line 1 column 1"}
        400 x-amzn-errortype=InvalidRequestContentException {"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: expected ident at line 1 column 2"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value 'event' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]; Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"}
        400 x-amzn-errortype=InvalidRequestContentException {"Type":"User","message":"Client context must be a JSON object in Base64, of at most 3583 bytes"}
        400 x-amzn-errortype=InvalidRequestContentException {"Type":"User","message":"Client context must be a JSON object in Base64, of at most 3583 bytes"}
        400 x-amzn-errortype=RecursiveInvocationException {"Type":"User","Message":"This call came through 16 functions; 16 call one another at most"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"The header x-amz-durable-execution-name does not work here: leave it out"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"The header x-amz-tenant-id does not work here: leave it out"}
        404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:count"}
        429 x-amzn-errortype=TooManyRequestsException {"Type":"User","Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded. (8 processes are busy)"}
        500 x-amzn-errortype=ServiceException {"Type":"Service","Message":"shutting down"}
        200
        413 x-amzn-errortype=RequestEntityTooLargeException {"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
        413 x-amzn-errortype=RequestEntityTooLargeException {"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}
        202
        413 x-amzn-errortype=RequestEntityTooLargeException {"message":"1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"}"#]].assert_eq(&cases.join("\n"));
    house.rest("PUT", "/2017-10-31/functions/count/concurrency", &[], "{'ReservedConcurrentExecutions':0}");
    expect![[r#"429 x-amzn-errortype=TooManyRequestsException {"Type":"User","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}"#]].assert_eq(&refused(InvokeError::Throttled("reserved".to_owned())));
}

#[test]
fn an_event_is_accepted_and_its_call_made_later() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let request = Request::post(format!("{FUNCTIONS}/count/invocations")).header(EVENT.0, EVENT.1);
    let response = house.send(request.body(()).expect("a request"), "{\"a\":1}");
    assert_eq!((response.status().as_u16(), response.body().len()), (202, 0));
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    let control = &house.control.as_ref().expect("it has functions").0;
    let made = async {
        while control.events("count").expect("it is there").1 > 0 {
            // The call is made by a task of control's: others run while this one lets them.
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    house.runtime.block_on(async { tokio::time::timeout(patience, made).await }).expect("the call is made");
    let calls = house.script().calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((&*calls[0].0, &calls[0].1.payload[..]), ("count", &b"{\"a\":1}"[..]));
}

#[test]
fn a_dry_run_calls_nothing_and_may_be_asked_by_who_only_reads() {
    let key = |id: &str, access: crate::Access| AccessKey { id: id.into(), secret: "secret".into(), access };
    let house = House::functional(vec![key("reader", crate::Access::Read), key("writer", crate::Access::Write)]);
    let ask = |id: &str, method: &str, path: &str, kind: Option<&str>, body: &str| {
        let (date, body) = (wire::time::basic(house.db.now_ms()), body.replace('\'', "\""));
        let scope = format!("{id}/{}/us-east-1/lambda/aws4_request", &date[..8]);
        let headers = [("host", "h"), ("x-amz-date", &*date)];
        let signature = crate::sigv4::sign("secret", &scope, (method, path), &headers, &body);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}");
        let headers = [headers[0], headers[1], ("authorization", &authorization)];
        let kind = kind.map(|kind| ("x-amz-invocation-type", kind));
        house.rest(method, path, &headers.into_iter().chain(kind).collect::<Vec<_>>(), &body)
    };
    let count = format!("{FUNCTIONS}/count/invocations");
    assert!(ask("writer", "POST", FUNCTIONS, None, &functions::body("count", "")).starts_with("201"));
    let cases = [
        ask("reader", "POST", &count, Some("DryRun"), "{}"),
        ask("reader", "POST", &count, None, "{}"),
        ask("reader", "POST", &count, Some("Event"), "{}"),
        ask("reader", "PUT", "/2015-03-31/functions/count/code", None, "{'DryRun':true}"),
        ask("reader", "GET", "/2019-09-30/functions/count/concurrency", None, ""),
        ask("writer", "POST", &count, None, "{}"),
        ask("stranger", "POST", &count, None, "{}"),
        house.rest("GET", FUNCTIONS, &[], ""),
    ];
    expect![[r#"
        204 x-amz-executed-version=$LATEST
        403 x-amzn-errortype=AccessDeniedException {"Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:count because no identity-based policy allows the lambda:InvokeFunction action"}
        403 x-amzn-errortype=AccessDeniedException {"Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:000000000000:function:count because no identity-based policy allows the lambda:InvokeFunction action"}
        403 x-amzn-errortype=AccessDeniedException {"Message":"User: arn:aws:iam::000000000000:user/reader is not authorized to perform: lambda:UpdateFunctionCode on resource: arn:aws:lambda:us-east-1:000000000000:function:count because no identity-based policy allows the lambda:UpdateFunctionCode action"}
        200 {}
        200 x-amz-executed-version=$LATEST {}
        403 x-amzn-errortype=UnrecognizedClientException {"message":"The security token included in the request is invalid."}
        403 x-amzn-errortype=MissingAuthenticationTokenException {"message":"Request is missing Authentication Token"}"#]].assert_eq(&cases.join("\n"));
    assert_eq!(house.script().calls().len(), 1);
}

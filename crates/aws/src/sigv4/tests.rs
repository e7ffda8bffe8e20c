//! Signatures made by botocore 1.43 and the vector `get-vanilla` of AWS's own suite, at 2015-08-30T12:36:00Z.

use super::*;
use http::Request;

const NOW_MS: u64 = 1_440_938_160_000;
const VOTE: &str = r#"{"TableName":"votes","Item":{"id":{"S":"234"}}}"#;
const VOTE_AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
    Signature=39e6a6c425f0a2a51e069488a126126474ae27509efefc09334525bc11aa45fc";

fn verifier(service: &'static str) -> Verifier {
    let key = AccessKey { id: "AKIDEXAMPLE".into(), secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into() };
    Verifier::new(&[key], service)
}

fn get(uri: &str, signed: &str, signature: &str, header: Option<&'static str>) -> Parts {
    let mut request =
        Request::get(uri).header("host", "example.amazonaws.com").header("x-amz-date", "20150830T123600Z");
    if let Some(value) = header {
        request = request.header("my-header", value);
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={signed}, Signature={signature}"
    );
    request.header("authorization", authorization).body(()).expect("a request").into_parts().0
}

fn vote(authorization: &str) -> Parts {
    Request::post("/")
        .header("host", "localhost:8000")
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-date", "20150830T123600Z")
        .header("authorization", authorization)
        .body(())
        .expect("a request")
        .into_parts()
        .0
}

fn refusal(authorization: &str, body: &str, now_ms: u64) -> String {
    let fault = verifier("dynamodb").verify(&vote(authorization), body.as_bytes(), now_ms).expect_err("refused");
    format!("{:?}: {}", fault.code, fault.message.unwrap_or_default())
}

#[test]
fn signatures_of_other_implementations_are_accepted() {
    let vanilla = get("/", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", None);
    assert_eq!(verifier("service").verify(&vanilla, b"", NOW_MS), Ok("AKIDEXAMPLE"));
    let odd = get(
        "/a%20b/../c?b=2&a=1&a=0",
        "host;my-header;x-amz-date",
        "d8f597cbe9ef5cb0092e455496a14944cfa41841e8437bd2d3a4a5ae897a7bc2",
        Some("  a   b  c "),
    );
    assert_eq!(verifier("service").verify(&odd, b"", NOW_MS), Ok("AKIDEXAMPLE"));
    let verifier = verifier("dynamodb");
    for _ in 0..2 {
        assert_eq!(verifier.verify(&vote(VOTE_AUTHORIZATION), VOTE.as_bytes(), NOW_MS), Ok("AKIDEXAMPLE"));
    }
}

#[test]
fn anything_changed_after_signing_is_refused() {
    assert!(
        refusal(VOTE_AUTHORIZATION, &VOTE.replace("234", "235"), NOW_MS).starts_with("InvalidSignature: The request")
    );
    assert!(refusal(&VOTE_AUTHORIZATION.replace("=39e6", "=39e7"), VOTE, NOW_MS).starts_with("InvalidSignature: The"));
    let mut parts = vote(VOTE_AUTHORIZATION);
    parts.headers.insert("x-amz-target", http::HeaderValue::from_static("DynamoDB_20120810.DeleteItem"));
    assert!(verifier("dynamodb").verify(&parts, VOTE.as_bytes(), NOW_MS).is_err());
}

#[test]
fn refusals_say_what_aws_says() {
    expect_test::expect![[r#"
        InvalidSignature: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)
        InvalidSignature: Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)
        UnrecognizedClient: The security token included in the request is invalid.
        InvalidSignature: Credential should be scoped to correct service: 'dynamodb'.
        IncompleteSignature: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'
        IncompleteSignature: Authorization header requires 'Signature' parameter.
        InvalidSignature: 'Host' must be a 'SignedHeader' in the AWS Authorization.
        IncompleteSignature: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). 
        MissingAuthenticationToken: Request is missing Authentication Token"#]]
    .assert_eq(
        &[
            refusal(VOTE_AUTHORIZATION, VOTE, NOW_MS + SKEW_MS + 1000),
            refusal(VOTE_AUTHORIZATION, VOTE, NOW_MS - SKEW_MS - 1000),
            refusal(&VOTE_AUTHORIZATION.replace("AKID", "AKIX"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("/dynamodb/", "/s3/"), VOTE, NOW_MS),
            refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00", VOTE, NOW_MS),
            refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host", VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace(";host;", ";"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("HMAC-SHA256", "HMAC-SHA1"), VOTE, NOW_MS),
            refusal("Bearer x", VOTE, NOW_MS),
        ]
        .join("\n"),
    );
}

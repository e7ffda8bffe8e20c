//! Signatures made by botocore 1.43 and the vector `get-vanilla` of AWS's own suite, at 2015-08-30T12:36:00Z.

use super::*;
use http::Request;

const NOW_MS: u64 = 1_440_938_160_000;
const VOTE: &str = r#"{"TableName":"votes","Item":{"id":{"S":"234"}}}"#;
const VOTE_AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
    Signature=39e6a6c425f0a2a51e069488a126126474ae27509efefc09334525bc11aa45fc";

fn verifier() -> Verifier {
    let key = AccessKey {
        id: "AKIDEXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        access: Access::Read,
    };
    Verifier::new(&[key], "us-east-1")
}

const CALLER: Caller<'_> = Caller { key: "AKIDEXAMPLE", access: Access::Read };

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
    refusal_of(&vote(authorization), body, now_ms)
}

fn refusal_of(parts: &Parts, body: &str, now_ms: u64) -> String {
    let fault = verifier().verify("dynamodb", parts, body.as_bytes(), now_ms).expect_err("refused");
    format!("{:?}: {}", fault.code, fault.message.unwrap_or_default())
}

/// A vote without its date.
fn undated(authorization: &str) -> Parts {
    let mut parts = vote(authorization);
    parts.headers.remove("x-amz-date");
    parts
}

/// What botocore's `SigV4QueryAuth` makes of a vote: the body is empty, its fields are in the query.
fn presigned(query: &str) -> Parts {
    Request::post(format!("/?TableName=votes&Item=%7B%27id%27%3A%20%7B%27S%27%3A%20%27234%27%7D%7D&{query}"))
        .header("host", "localhost:8000")
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .header("content-type", "application/x-amz-json-1.0")
        .body(())
        .expect("a request")
        .into_parts()
        .0
}

const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fdynamodb%2Faws4_request&X-Amz-Date=20150830T123600Z\
    &X-Amz-Expires=3600&X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-target\
    &X-Amz-Signature=2f8f0260d4efc394a3611af8a65ad1a028774c6d47e7a11456dee82e5b614adc";

#[test]
fn signatures_of_other_implementations_are_accepted() {
    let vanilla = get("/", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", None);
    assert_eq!(verifier().verify("service", &vanilla, b"", NOW_MS), Ok(CALLER));
    let odd = get(
        "/a%20b/../c?b=2&a=1&a=0",
        "host;my-header;x-amz-date",
        "d8f597cbe9ef5cb0092e455496a14944cfa41841e8437bd2d3a4a5ae897a7bc2",
        Some("  a   b  c "),
    );
    assert_eq!(verifier().verify("service", &odd, b"", NOW_MS), Ok(CALLER));
    let verifier = verifier();
    for _ in 0..2 {
        assert_eq!(verifier.verify("dynamodb", &vote(VOTE_AUTHORIZATION), VOTE.as_bytes(), NOW_MS), Ok(CALLER));
    }
}

/// Requests to paths as botocore sends and signs them: what the URL has encoded is encoded once more.
#[test]
fn paths_and_queries_are_signed_as_botocore_does() {
    const FUNCTION: &str = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Acount";
    let request = |method: &str, uri: String, service: &str, signature: &str| {
        let scope = format!("AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request");
        Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "localhost:8000")
            .header("x-amz-date", "20150830T123600Z")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={signature}"),
            )
            .body(())
            .expect("a request")
            .into_parts()
            .0
    };
    let invoke = |qualifier: &str| {
        let uri = format!("/2015-03-31/functions/{FUNCTION}/invocations?Qualifier={qualifier}");
        request("POST", uri, "lambda", "4a384204f1bfc4b28ca2861aedfe5a476a0d0694ae90b2167ae451b03e6e9373")
    };
    let untag = |query: &str| {
        let uri = format!("/2017-03-31/tags/{FUNCTION}?{query}");
        request("DELETE", uri, "lambda", "41edca437208e5a142eac9ca5e7833b892afda2496dcaa9b103cea404e7d8edc")
    };
    let verifier = verifier();
    // What a client leaves unencoded in the query, it signs encoded.
    for qualifier in ["%24LATEST", "$LATEST"] {
        assert_eq!(verifier.verify("lambda", &invoke(qualifier), b"{}", NOW_MS), Ok(CALLER));
    }
    assert_eq!(verifier.verify("lambda", &untag("tagKeys=b&tagKeys=a%20b"), b"", NOW_MS), Ok(CALLER));
    assert!(verifier.verify("lambda", &untag("tagKeys=b&tagKeys=c"), b"", NOW_MS).is_err());
    // On the same day with the same key, each service has a derived key of its own.
    let voted = verifier.verify("dynamodb", &vote(VOTE_AUTHORIZATION), VOTE.as_bytes(), NOW_MS);
    assert_eq!(voted, Ok(CALLER));
    let other = verifier.verify("ssm", &invoke("%24LATEST"), b"{}", NOW_MS).expect_err("it is for Lambda");
    assert_eq!(other.message.as_deref(), Some("Credential should be scoped to correct service: 'ssm'."));
}

#[test]
fn anything_changed_after_signing_is_refused() {
    assert!(
        refusal(VOTE_AUTHORIZATION, &VOTE.replace("234", "235"), NOW_MS).starts_with("InvalidSignature: The request")
    );
    assert!(refusal(&VOTE_AUTHORIZATION.replace("=39e6", "=39e7"), VOTE, NOW_MS).starts_with("InvalidSignature: The"));
    let mut parts = vote(VOTE_AUTHORIZATION);
    parts.headers.insert("x-amz-target", http::HeaderValue::from_static("DynamoDB_20120810.DeleteItem"));
    assert!(verifier().verify("dynamodb", &parts, VOTE.as_bytes(), NOW_MS).is_err());
}

#[test]
fn a_presigned_request_is_good_for_as_long_as_it_says() {
    let verifier = verifier();
    for after_s in [0, 3600] {
        assert_eq!(verifier.verify("dynamodb", &presigned(PRESIGNED), b"", NOW_MS + after_s * 1000), Ok(CALLER));
    }
    expect_test::expect![[r#"
        InvalidSignature: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)
        InvalidSignature: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.
        IncompleteSignature: X-Amz-Expires must be a number of seconds from 1 to 604800.
        IncompleteSignature: AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.
        InvalidSignature: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."#]]
    .assert_eq(
        &[
            refusal_of(&presigned(PRESIGNED), "", NOW_MS + 3_601_000),
            refusal_of(&presigned(&PRESIGNED.replace("3600&", "7200&")), "", NOW_MS),
            refusal_of(&presigned(&PRESIGNED.replace("3600&", "604801&")), "", NOW_MS),
            refusal_of(&presigned("X-Amz-Algorithm"), "", NOW_MS),
            refusal_of(&{
                let mut both = presigned(PRESIGNED);
                both.headers.insert(AUTHORIZATION, http::HeaderValue::from_static(VOTE_AUTHORIZATION));
                both
            }, "", NOW_MS),
        ]
        .join("\n"),
    );
}

#[test]
fn a_session_token_is_taken() {
    let mut parts = vote(&VOTE_AUTHORIZATION.replace("x-amz-date;", "x-amz-date;x-amz-security-token;").replace(
        "39e6a6c425f0a2a51e069488a126126474ae27509efefc09334525bc11aa45fc",
        "d9a2d6d3a10f8921069d2797b1233d1b0bf8d357eb79da8fd87360986d06b082",
    ));
    parts.headers.insert("x-amz-security-token", http::HeaderValue::from_static("session/token=="));
    assert_eq!(verifier().verify("dynamodb", &parts, VOTE.as_bytes(), NOW_MS), Ok(CALLER));
}

#[test]
fn of_a_parameter_given_twice_the_first_counts() {
    for again in ["Credential=", "Credential=a/b", "Signature="] {
        let parts = vote(&format!("{VOTE_AUTHORIZATION}, {again}"));
        assert_eq!(verifier().verify("dynamodb", &parts, VOTE.as_bytes(), NOW_MS), Ok(CALLER));
    }
}

#[test]
fn a_request_longer_than_is_hashed_at_once_is_accepted() {
    let long = "x".repeat(3 * CANONICAL_BYTES);
    let headers = [("host", "localhost:8000"), ("my-header", &*long), ("x-amz-date", "20150830T123600Z")];
    let scope = "AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request";
    let signature = sign("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope, ("POST", "/"), &headers, VOTE);
    let mut parts = vote(&format!(
        "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;my-header;x-amz-date, Signature={signature}"
    ));
    parts.headers.insert("my-header", http::HeaderValue::from_str(&long).expect("a header's value"));
    assert_eq!(verifier().verify("dynamodb", &parts, VOTE.as_bytes(), NOW_MS), Ok(CALLER));
}

#[test]
fn refusals_say_what_aws_says() {
    expect_test::expect![[r#"
        InvalidSignature: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)
        InvalidSignature: Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)
        UnrecognizedClient: The security token included in the request is invalid.
        InvalidSignature: Credential should be scoped to correct service: 'dynamodb'.
        InvalidSignature: Credential should be scoped to a valid region, not 'eu-west-1'.
        InvalidSignature: Credential should be scoped to a valid region, not 'c'. Credential should be scoped to correct service: 'dynamodb'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e_request'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20150830', from '20150830T123600Z'.
        IncompleteSignature: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'
        IncompleteSignature: Authorization header requires 'Signature' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=uWudRZf/bm+3FsufYJK2krR/516Q+e8/DxRGA3g5FEk=
        IncompleteSignature: 'SignedHeaders' not a valid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '9KFyyp9jK+zPlbpAoIRMKPwpDaz9lzWHoM2l18OtojY='.
        IncompleteSignature: Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization=JYgSZISbb+IceCTPYFPItoz618G3XCO+tvXHRyzn7Bo=
        InvalidSignature: 'Host' must be a 'SignedHeader' in the AWS Authorization.
        IncompleteSignature: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). 
        MissingAuthenticationToken: Request is missing Authentication Token
        MissingAuthenticationToken: Request is missing Authentication Token
        IncompleteSignature: Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601"#]]
    .assert_eq(
        &[
            refusal(VOTE_AUTHORIZATION, VOTE, NOW_MS + SKEW_MS + 1000),
            refusal(VOTE_AUTHORIZATION, VOTE, NOW_MS - SKEW_MS - 1000),
            refusal(&VOTE_AUTHORIZATION.replace("AKID", "AKIX"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("/dynamodb/", "/s3/"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("/us-east-1/", "/eu-west-1/"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("/20150830/us-east-1/dynamodb/aws4", "/b/c/d/e"), VOTE, NOW_MS),
            refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00", VOTE, NOW_MS),
            refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host", VOTE, NOW_MS),
            refusal("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders", VOTE, NOW_MS),
            refusal_of(&undated("AWS4-"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace(";host;", ";"), VOTE, NOW_MS),
            refusal(&VOTE_AUTHORIZATION.replace("HMAC-SHA256", "HMAC-SHA1"), VOTE, NOW_MS),
            refusal("Bearer x", VOTE, NOW_MS),
            refusal("AWS4", VOTE, NOW_MS),
            refusal_of(
                &{
                    let mut odd = undated(VOTE_AUTHORIZATION);
                    odd.headers.insert("date", http::HeaderValue::from_static("201"));
                    odd
                },
                VOTE,
                NOW_MS,
            ),
        ]
        .join("\n"),
    );
}

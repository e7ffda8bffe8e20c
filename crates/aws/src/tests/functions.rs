//! Functions: defined, changed, looked at, deleted, tagged.

use super::*;
use base64::{Engine, engine::general_purpose::STANDARD};
use expect_test::expect;

pub const FUNCTIONS: &str = "/2015-03-31/functions";
/// A zip archive with `app.py`: `def handler(event, context): return event`.
const ZIP: &str = include_str!("app.zip.base64");
const ROLE: &str = "arn:aws:iam::000000000000:role/lambda";

/// The body of a CreateFunction.
pub fn body(name: &str, more: &str) -> String {
    let code = format!("'Code':{{'ZipFile':'{}'}}", ZIP.trim());
    format!("{{'FunctionName':'{name}','Runtime':'python3.12','Handler':'app.handler','Role':'{ROLE}',{code}{more}}}")
}

/// Creates a function.
pub fn create(house: &House, name: &str) {
    let created = house.rest("POST", FUNCTIONS, &[], &body(name, ""));
    assert!(created.starts_with("201 {"), "{created}");
}

#[test]
fn a_function_is_created_shown_changed_and_deleted() {
    let house = House::functional(Vec::new());
    let more = ",'Description':'counts','Timeout':5,'MemorySize':256,'Environment':{'Variables':{'TABLE':'votes'}},\
                'Tags':{'team':'green'},'Architectures':['arm64'],'DeadLetterConfig':{'TargetArn':'arn:aws:sqs:::q'}";
    let created = house.rest("POST", FUNCTIONS, &[], &body("count", more));
    expect![[r#"201 {"FunctionName":"count","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/lambda","Handler":"app.handler","CodeSize":153,"Description":"counts","Timeout":5,"MemorySize":256,"LastModified":"2023-11-14T22:13:20.000+0000","CodeSha256":"5ctSHmnVXqMuWf+kPmLUPzUQm4AHiOL+8NTBNv7MhFE=","Version":"$LATEST","PackageType":"Zip","RevisionId":"3e885d6f-d0c0-fcdf-26b1-ff7e24588acc","Architectures":["arm64"],"DeadLetterConfig":{"TargetArn":"arn:aws:sqs:::q"},"Environment":{"Variables":{"TABLE":"votes"}},"TracingConfig":{"Mode":"PassThrough"},"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/count"},"State":"Active","LastUpdateStatus":"Successful"}"#]].assert_eq(&created);
    let running = house.script().function("count").expect("it runs");
    assert_eq!((running.timeout.as_secs(), running.memory_mb, &*running.handler), (5, 256, "app.handler"));
    assert_eq!(std::fs::read_to_string(running.folder.join("app.py")).expect("its code is there").lines().count(), 2);
    let folder = running.folder.display().to_string();
    let get = house.rest("GET", &format!("{FUNCTIONS}/count"), &[], "").replace(&folder, "FOLDER");
    let (_, rest) = get.split_once("\"Code\":").expect("it shows where the code is");
    expect![[r#"{"RepositoryType":"file","Location":"file://FOLDER"},"Tags":{"team":"green"}}"#]].assert_eq(rest);
    house.world.advance_ms(1000);
    house.replay_rest(
        &[
            (
                "PUT",
                "/2015-03-31/functions/function:count/configuration",
                "{'Timeout':900,'Environment':{'Variables':{}},'DeadLetterConfig':{'TargetArn':''}}",
            ),
            ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Acount/configuration?Qualifier=%24LATEST", ""),
            ("GET", "/2015-03-31/functions/count/versions", ""),
            ("DELETE", "/2015-03-31/functions/count", ""),
            ("GET", "/2015-03-31/functions/count", ""),
            ("DELETE", "/2015-03-31/functions/count", ""),
        ],
        expect![[r#"
            200 {"FunctionName":"count","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/lambda","Handler":"app.handler","CodeSize":153,"Description":"counts","Timeout":900,"MemorySize":256,"LastModified":"2023-11-14T22:13:21.000+0000","CodeSha256":"5ctSHmnVXqMuWf+kPmLUPzUQm4AHiOL+8NTBNv7MhFE=","Version":"$LATEST","PackageType":"Zip","RevisionId":"ebd1214e-2071-c7f7-2dc7-29ac3fb6509f","Architectures":["arm64"],"TracingConfig":{"Mode":"PassThrough"},"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/count"},"State":"Active","LastUpdateStatus":"Successful"}
            200 {"FunctionName":"count","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/lambda","Handler":"app.handler","CodeSize":153,"Description":"counts","Timeout":900,"MemorySize":256,"LastModified":"2023-11-14T22:13:21.000+0000","CodeSha256":"5ctSHmnVXqMuWf+kPmLUPzUQm4AHiOL+8NTBNv7MhFE=","Version":"$LATEST","PackageType":"Zip","RevisionId":"ebd1214e-2071-c7f7-2dc7-29ac3fb6509f","Architectures":["arm64"],"TracingConfig":{"Mode":"PassThrough"},"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/count"},"State":"Active","LastUpdateStatus":"Successful"}
            200 {"Versions":[{"FunctionName":"count","FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/lambda","Handler":"app.handler","CodeSize":153,"Description":"counts","Timeout":900,"MemorySize":256,"LastModified":"2023-11-14T22:13:21.000+0000","CodeSha256":"5ctSHmnVXqMuWf+kPmLUPzUQm4AHiOL+8NTBNv7MhFE=","Version":"$LATEST","PackageType":"Zip","RevisionId":"ebd1214e-2071-c7f7-2dc7-29ac3fb6509f","Architectures":["arm64"],"TracingConfig":{"Mode":"PassThrough"},"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/count"}}]}
            204
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:count"}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:count"}"#]],
    );
    assert!(house.script().function("count").is_none());
}

#[test]
fn a_functions_code_is_replaced_for_the_revision_that_was_meant() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let before = house.script().function("count").expect("it runs");
    let shown: serde_json::Value =
        serde_json::from_str(&house.rest("GET", &format!("{FUNCTIONS}/count/configuration"), &[], "")[4..])
            .expect("JSON");
    let revision = shown["RevisionId"].as_str().expect("a revision");
    // Another archive: the same file and a comment at the end.
    let mut archive = STANDARD.decode(ZIP.trim()).expect("Base64");
    let end = archive.len() - 2;
    archive[end..].copy_from_slice(&[1, 0]);
    archive.push(b'!');
    let zip = STANDARD.encode(&archive);
    let update = |more: &str| {
        let answer =
            house.rest("PUT", &format!("{FUNCTIONS}/count/code"), &[], &format!("{{'ZipFile':'{zip}'{more}}}"));
        let hash = answer.split("\"CodeSha256\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        (answer[..3].to_owned(), hash)
    };
    let dry = update(",'DryRun':true");
    assert_eq!(dry, ("200".to_owned(), shown["CodeSha256"].as_str().map(str::to_owned)));
    assert_eq!(house.script().function("count"), Some(before.clone()));
    assert_eq!(update(",'RevisionId':'00000000-0000-0000-0000-000000000000'").0, "412");
    let (status, hash) = update(&format!(",'RevisionId':'{revision}'"));
    assert_eq!(status, "200");
    assert_ne!(hash.as_deref(), shown["CodeSha256"].as_str());
    let after = house.script().function("count").expect("it runs");
    assert_ne!((&after.folder, &after.version), (&before.folder, &before.version));
    assert!(!before.folder.exists(), "nobody needs it any more");
    assert_eq!(update(&format!(",'RevisionId':'{revision}'")).0, "412", "it is another revision by now");
    house.replay_rest(
        &[
            ("PUT", "/2015-03-31/functions/count/code", "{}"),
            ("PUT", "/2015-03-31/functions/count/configuration", "{'RevisionId':'x'}"),
            ("PUT", "/2015-03-31/functions/none/code", "{'ZipFile':''}"),
            ("PUT", "/2015-03-31/functions/count/code", "{'ZipFile':'','Publish':true}"),
        ],
        expect![[r#""#]],
    );
}

#[test]
fn functions_that_cannot_be_are_refused_as_lambda_does() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let long = "x".repeat(65);
    let with = |more: &str| house.rest("POST", FUNCTIONS, &[], &body("other", more));
    let cases = [
        house.rest("POST", FUNCTIONS, &[], "{"),
        house.rest("POST", FUNCTIONS, &[], "[]"),
        house.rest("POST", FUNCTIONS, &[], "{}"),
        house.rest("POST", FUNCTIONS, &[], &body("count", "")),
        house.rest("POST", FUNCTIONS, &[], &body(&long, "")),
        house.rest("POST", FUNCTIONS, &[], &body("a b", "")),
        with(",'Timeout':0,'MemorySize':127,'Architectures':['riscv']"),
        with(",'Timeout':901,'MemorySize':10241"),
        with(",'Role':'r','Handler':'a b'"),
        with(",'PackageType':'Jar'"),
        with(",'PackageType':'Image'"),
        with(",'Code':{}"),
        with(",'Code':{'ZipFile':'!'}"),
        with(",'Code':{'ZipFile':'AAAA'}"),
        with(",'Code':{'S3Bucket':'code','S3Key':'app.zip'}"),
        with(",'Code':{'ImageUri':'repository:latest'}"),
        with(",'Handler':null"),
        with(",'Runtime':'java21'"),
        with(",'Publish':true"),
        with(",'Layers':['arn:aws:lambda:us-east-1:000000000000:layer:l:1']"),
        with(",'Layers':[],'FileSystemConfigs':[{}]"),
        with(",'ImageConfig':{}"),
        with(",'Environment':{'Variables':{'AWS_REGION':'x'}}"),
        with(",'VpcConfig':{},'TracingConfig':{'Mode':'Active'},'KMSKeyArn':''")[..5].to_owned(),
    ];
    expect![[r#""#]].assert_eq(&cases.join("\n"));
}

#[test]
fn functions_are_listed_in_pages() {
    let house = House::functional(Vec::new());
    for name in ["c", "a", "b"] {
        create(&house, name);
    }
    let list = |query: &str| {
        let answer = house.rest("GET", &format!("{FUNCTIONS}/?{query}"), &[], "");
        let page: serde_json::Value = serde_json::from_str(&answer[4..]).expect("JSON");
        let functions = page["Functions"].as_array().expect("a list");
        assert!(functions.iter().all(|function| function.get("State").is_none()));
        let arns: Vec<&str> = functions.iter().filter_map(|function| function["FunctionArn"].as_str()).collect();
        let arns = arns.iter().map(|arn| arn.split(":function:").nth(1).unwrap_or_default()).collect::<Vec<_>>();
        (arns.join(" "), page["NextMarker"].as_str().map(str::to_owned))
    };
    assert_eq!(list(""), ("a b c".into(), None));
    assert_eq!(list("FunctionVersion=ALL&MasterRegion=ALL"), ("a:$LATEST b:$LATEST c:$LATEST".into(), None));
    let (first, marker) = list("MaxItems=2");
    assert_eq!(first, "a b");
    assert_eq!(list(&format!("MaxItems=2&Marker={}", marker.expect("there is more"))), ("c".into(), None));
    house.replay_rest(
        &[
            ("GET", "/2015-03-31/functions?MaxItems=0", ""),
            ("GET", "/2015-03-31/functions?FunctionVersion=1", ""),
            ("GET", "/2015-03-31/functions?Marker=%20", ""),
        ],
        expect![[r#""#]],
    );
}

#[test]
fn concurrency_is_reserved_shown_and_given_back() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    house.replay_rest(
        &[
            ("GET", "/2019-09-30/functions/count/concurrency", ""),
            ("PUT", "/2017-10-31/functions/count/concurrency", "{'ReservedConcurrentExecutions':7}"),
            ("GET", "/2019-09-30/functions/count/concurrency", ""),
            ("GET", "/2016-08-19/account-settings/", ""),
            ("PUT", "/2017-10-31/functions/count/concurrency", "{'ReservedConcurrentExecutions':-1}"),
            ("PUT", "/2017-10-31/functions/count/concurrency", "{}"),
            ("PUT", "/2017-10-31/functions/count/concurrency", "{'ReservedConcurrentExecutions':1001}"),
            ("PUT", "/2017-10-31/functions/count:$LATEST/concurrency", "{'ReservedConcurrentExecutions':1}"),
            ("PUT", "/2017-10-31/functions/none/concurrency", "{'ReservedConcurrentExecutions':1}"),
        ],
        expect![[r#""#]],
    );
    assert_eq!(house.script().function("count").expect("it runs").reserved_concurrency, Some(7));
    assert!(
        house
            .rest("GET", &format!("{FUNCTIONS}/count"), &[], "")
            .ends_with(r#""Concurrency":{"ReservedConcurrentExecutions":7}}"#)
    );
    assert_eq!(house.rest("DELETE", "/2017-10-31/functions/count/concurrency", &[], ""), "204");
    assert_eq!(house.script().function("count").expect("it runs").reserved_concurrency, None);
}

#[test]
fn functions_are_tagged_by_their_arn() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    let tags = |resource: &str| format!("/2017-03-31/tags/{resource}");
    let of = |resource: &str| tags(&format!("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3A{resource}"));
    let many: Vec<String> = (0..51).map(|n| format!("'{n}':''")).collect();
    house.replay_rest(
        &[
            ("GET", &of("function%3Acount"), ""),
            ("POST", &of("function%3Acount"), "{'Tags':{'a b':'1','c':'2','d':'3'}}"),
            ("DELETE", &format!("{}?tagKeys=a%20b&tagKeys=d", of("function%3Acount")), ""),
            ("GET", &of("function%3Acount"), ""),
            ("POST", &of("function%3Acount"), "{'Tags':{}}"),
            ("POST", &of("function%3Acount"), "{}"),
            ("POST", &of("function%3Acount"), &format!("{{'Tags':{{{}}}}}", many.join(","))),
            ("POST", &of("function%3Acount%3A1"), "{'Tags':{'a':'b'}}"),
            ("POST", &of("function%3Anone"), "{'Tags':{'a':'b'}}"),
            ("DELETE", &of("function%3Acount"), ""),
            ("GET", &of("event-source-mapping%3A4b4f0f4c-6a5e-4e4a-9d3c-0a1b2c3d4e5f"), ""),
            ("GET", &tags("count"), ""),
        ],
        expect![[r#""#]],
    );
}

#[test]
fn paths_that_lead_nowhere_say_so() {
    let house = House::functional(Vec::new());
    create(&house, "count");
    house.replay_rest(
        &[
            ("POST", "/2015-03-31/functions/count/versions", "{}"),
            ("PATCH", "/2015-03-31/functions/count", "{}"),
            ("GET", "/2018-10-31/layers", ""),
            ("GET", "/2015-03-31/functions/a%20b", ""),
            ("GET", "/2015-03-31/functions/count?Qualifier=live", ""),
            ("DELETE", "/2015-03-31/functions/count?Qualifier=%24LATEST", ""),
        ],
        expect![[r#""#]],
    );
    let bare = House::new();
    bare.replay_rest(&[("GET", FUNCTIONS, "")], expect![[r#""#]]);
}

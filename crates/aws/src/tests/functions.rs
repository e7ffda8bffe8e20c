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
    assert_eq!(update(",'Architectures':['arm64']").0, "200");
    assert!(house.rest("GET", &format!("{FUNCTIONS}/count/configuration"), &[], "").contains(r#"["arm64"]"#));
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
        expect![[r#"
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Please provide a source for function code."}
            412 x-amzn-errortype=PreconditionFailedException {"Type":"User","message":"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Versions cannot be published here: leave Publish out; functions run as $LATEST"}"#]],
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
        with(",'CapacityProviderConfig':{}"),
        with(",'DurableConfig':{}"),
        with(",'TenancyConfig':{}"),
        with(",'RuntimeConfig':{}"),
        with(",'AcceleratorConfig':{}"),
        with(",'PublishTo':'LATEST_PUBLISHED'"),
    ];
    expect![[r#"
        400 x-amzn-errortype=SerializationException {}
        400 x-amzn-errortype=SerializationException {"message":"Start of list found where not expected"}
        400 x-amzn-errortype=ValidationException {"message":"3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be null; Value null at 'role' failed to satisfy constraint: Member must not be null; Value null at 'code' failed to satisfy constraint: Member must not be null"}
        409 x-amzn-errortype=ResourceConflictException {"Type":"User","message":"Function already exist: count"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"1 validation error detected: Value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"}
        400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"}
        400 x-amzn-errortype=ValidationException {"message":"3 validation errors detected: Value 'riscv' at 'architectures' failed to satisfy constraint: Member must satisfy enum value set: [x86_64, arm64]; Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240"}
        400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+; Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\\s]+"}
        400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value 'Jar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"PackageType Image: container images do not run here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Please provide a source for function code."}
        400 x-amzn-errortype=SerializationException {"message":"ZipFile is no Base64: Invalid symbol 33, offset 0."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Could not unzip uploaded file. Please check your file, then try to upload again. (invalid Zip archive: Could not find EOCD)"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Packages cannot be fetched from buckets here yet: send the package instead of naming code, as ZipFile"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Container images do not run here: send the code of repository:latest as ZipFile"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Runtime and Handler are mandatory parameters for functions created with deployment packages."}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Runtime java21 does not run here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Versions cannot be published here: leave Publish out; functions run as $LATEST"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Layers do not work here: put their contents into the function's package, or its folder"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"FileSystemConfigs does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"ImageConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"CapacityProviderConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"DurableConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"TenancyConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"RuntimeConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"AcceleratorConfig does not work here"}
        400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Versions cannot be published here: leave Publish out; functions run as $LATEST"}"#]].assert_eq(&cases.join("\n"));
}

#[test]
fn settings_without_a_meaning_here_change_nothing() {
    let house = House::functional(Vec::new());
    let settings = "'VpcConfig':{'SubnetIds':['subnet-1']},'TracingConfig':{'Mode':'Active'},'KMSKeyArn':'',\
                    'EphemeralStorage':{'Size':1024},'SnapStart':{'ApplyOn':'None'},'LoggingConfig':{'LogFormat':'JSON'}";
    let more = format!(",'CodeSigningConfigArn':'',{settings}");
    assert!(house.rest("POST", FUNCTIONS, &[], &body("count", &more)).starts_with("201 "));
    let of_create = house.script().function("count");
    let path = format!("{FUNCTIONS}/count/configuration");
    assert!(house.rest("PUT", &path, &[], &format!("{{{settings}}}")).starts_with("200 "));
    assert_eq!(house.script().function("count"), of_create);
    let zip = ZIP.trim();
    let code = format!("{{'ZipFile':'{zip}','SourceKMSKeyArn':'','S3ObjectStorageMode':'COPY','S3ObjectVersion':'1'}}");
    assert!(house.rest("PUT", &format!("{FUNCTIONS}/count/code"), &[], &code).starts_with("200 "));
    assert_eq!(house.script().function("count"), of_create);
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
        expect![[r#"
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value '1' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Invalid marker"}"#]],
    );
}

#[test]
fn settings_of_events_are_put_changed_shown_listed_and_deleted() {
    const EVENTS: &str = "/2019-09-25/functions/count/event-invoke-config";
    let house = House::functional(Vec::new());
    create(&house, "count");
    let told = "{'DestinationConfig':{'OnSuccess':{'Destination':'arn:aws:sns:us-east-1:000000000000:done'}}}";
    let function =
        "{'DestinationConfig':{'OnFailure':{'Destination':'arn:aws:lambda:us-east-1:000000000000:function:f'}}}";
    let bucket = "{'DestinationConfig':{'OnSuccess':{'Destination':'arn:aws:s3:::done'}}}";
    let missing = "{'DestinationConfig':{'OnFailure':{'Destination':'arn:aws:s3:::nowhere'}}}";
    house.replay_rest(
        &[
            ("GET", EVENTS, ""),
            ("POST", EVENTS, "{'MaximumRetryAttempts':1}"),
            ("GET", &format!("{EVENTS}/list"), ""),
            ("PUT", EVENTS, "{'MaximumRetryAttempts':1,'MaximumEventAgeInSeconds':60}"),
            ("POST", &format!("{EVENTS}?Qualifier=$LATEST"), told),
            ("GET", EVENTS, ""),
            ("GET", &format!("{EVENTS}/list?MaxItems=1"), ""),
            ("PUT", EVENTS, "{'MaximumRetryAttempts':0}"),
            ("PUT", EVENTS, "{}"),
            ("PUT", EVENTS, "{'MaximumRetryAttempts':3,'MaximumEventAgeInSeconds':59}"),
            ("PUT", EVENTS, function),
            ("PUT", EVENTS, bucket),
            ("PUT", EVENTS, missing),
            ("PUT", EVENTS, "{'DestinationConfig':{'OnFailure':{'Destination':'here'}}}"),
            ("PUT", "/2019-09-25/functions/none/event-invoke-config", "{'MaximumRetryAttempts':1}"),
            ("DELETE", EVENTS, ""),
            ("DELETE", EVENTS, ""),
            ("GET", "/2019-09-25/functions/none/event-invoke-config", ""),
        ],
        expect![[r#"
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The function arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST doesn't have an EventInvokeConfig"}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The function arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST doesn't have an EventInvokeConfig"}
            200 {"FunctionEventInvokeConfigs":[]}
            200 {"LastModified":1700000000.000,"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}
            200 {"LastModified":1700000000.000,"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sns:us-east-1:000000000000:done"},"OnFailure":{}}}
            200 {"LastModified":1700000000.000,"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sns:us-east-1:000000000000:done"},"OnFailure":{}}}
            200 {"FunctionEventInvokeConfigs":[{"LastModified":1700000000.000,"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{"Destination":"arn:aws:sns:us-east-1:000000000000:done"},"OnFailure":{}}}]}
            200 {"LastModified":1700000000.000,"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST","MaximumRetryAttempts":0,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"You must specify at least one of error handling or destination setting."}
            400 x-amzn-errortype=ValidationException {"message":"2 validation errors detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2; Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"The destination arn:aws:lambda:us-east-1:000000000000:function:f is not told of anything here: name a queue or a topic, for which the table dead_letters stands, or for failures a bucket"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"S3 buckets are supported only for on-failure destinations. To retain records of successful invocations, use another destination type."}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"the on-failure destination is the bucket nowhere, which does not exist"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"The destination ARN here is invalid."}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The function doesn't exist."}
            204
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The function arn:aws:lambda:us-east-1:000000000000:function:count:$LATEST doesn't have an EventInvokeConfig"}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"The function arn:aws:lambda:us-east-1:000000000000:function:none:$LATEST doesn't have an EventInvokeConfig"}"#]],
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
        expect![[r#"
            200 {}
            200 {"ReservedConcurrentExecutions":7}
            200 {"ReservedConcurrentExecutions":7}
            200 {"AccountLimit":{"TotalCodeSize":80530636800,"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":993},"AccountUsage":{"TotalCodeSize":153,"FunctionCount":1}}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0"}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"reservedConcurrentExecutions is 1001, not within 0 to 1000 calls"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN."}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"}"#]],
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
        expect![[r#"
            200 {"Tags":{}}
            204
            204
            200 {"Tags":{"c":"2"}}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"An error occurred and the request cannot be processed."}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Number of tags exceeds resource tag limit."}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Tags on function aliases and versions are not supported. Please specify a function ARN."}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:none"}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"Tags of event-source-mappings do not work here"}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value 'count' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"}"#]],
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
        expect![[r#"
            404 x-amzn-errortype=UnknownOperationException {"message":"POST /2015-03-31/functions/count/versions does not work here"}
            404 x-amzn-errortype=UnknownOperationException {"message":"PATCH /2015-03-31/functions/count does not work here"}
            404 x-amzn-errortype=UnknownOperationException {"message":"GET /2018-10-31/layers does not work here"}
            400 x-amzn-errortype=ValidationException {"message":"1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"}
            404 x-amzn-errortype=ResourceNotFoundException {"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:count:live"}
            400 x-amzn-errortype=InvalidParameterValueException {"Type":"User","message":"$LATEST version cannot be deleted without deleting the function."}"#]],
    );
    let bare = House::new();
    bare.replay_rest(&[("GET", FUNCTIONS, "")], expect![[r#"404 x-amzn-errortype=UnknownOperationException {"message":"Functions and parameters do not work on this server"}"#]]);
}

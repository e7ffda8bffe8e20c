//! Parameters: put, read one by one and by path, listed, tagged, deleted.

use super::*;
use expect_test::expect;

#[test]
fn a_parameter_is_put_read_and_deleted() {
    let house = House::functional(Vec::new());
    house.replay_ssm(
        &[
            ("PutParameter", "{'Name':'/votes/limit','Value':'40','Type':'String','Description':'how many','Tags':[{'Key':'team','Value':'green'}]}"),
            ("GetParameter", "{'Name':'/votes/limit'}"),
            ("PutParameter", "{'Name':'/votes/limit','Value':'41'}"),
            ("PutParameter", "{'Name':'/votes/limit','Value':'41','Overwrite':true}"),
            ("GetParameter", "{'Name':'arn:aws:ssm:us-east-1:000000000000:parameter/votes/limit:2'}"),
            ("GetParameter", "{'Name':'/votes/limit:1'}"),
            ("PutParameter", "{'Name':'plain','Value':'a,b','Type':'StringList','Tier':'Advanced'}"),
            ("GetParameters", "{'Names':['/votes/limit','none','plain:1','plain:9']}"),
            ("DeleteParameter", "{'Name':'/votes/limit'}"),
            ("GetParameter", "{'Name':'/votes/limit'}"),
            ("DeleteParameter", "{'Name':'/votes/limit'}"),
            ("DeleteParameters", "{'Names':['plain','none']}"),
        ],
        expect![[r#"
            {"Version":1,"Tier":"Standard"}
            {"Parameter":{"Name":"/votes/limit","Type":"String","Value":"40","Version":1,"LastModifiedDate":1700000000.000,"ARN":"arn:aws:ssm:us-east-1:000000000000:parameter/votes/limit","DataType":"text"}}
            400 {"__type":"ParameterAlreadyExists","message":"The parameter already exists. To overwrite this value, set the overwrite option in the request to true."}
            {"Version":2,"Tier":"Standard"}
            {"Parameter":{"Name":"/votes/limit","Type":"String","Value":"41","Version":2,"Selector":":2","LastModifiedDate":1700000000.000,"ARN":"arn:aws:ssm:us-east-1:000000000000:parameter/votes/limit","DataType":"text"}}
            400 {"__type":"ParameterVersionNotFound","message":"Systems Manager could not find version 1 of /votes/limit. Verify the version and try again."}
            {"Version":1,"Tier":"Advanced"}
            {"Parameters":[{"Name":"/votes/limit","Type":"String","Value":"41","Version":2,"LastModifiedDate":1700000000.000,"ARN":"arn:aws:ssm:us-east-1:000000000000:parameter/votes/limit","DataType":"text"},{"Name":"plain","Type":"StringList","Value":"a,b","Version":1,"Selector":":1","LastModifiedDate":1700000000.000,"ARN":"arn:aws:ssm:us-east-1:000000000000:parameter/plain","DataType":"text"}],"InvalidParameters":["none","plain:9"]}
            {}
            400 {"__type":"ParameterNotFound"}
            400 {"__type":"ParameterNotFound"}
            {"DeletedParameters":["plain"],"InvalidParameters":["none"]}"#]],
    );
}

#[test]
fn a_secret_is_read_by_who_asks_to_have_it_decrypted() {
    let house = House::functional(Vec::new());
    house.ssm("PutParameter", "{'Name':'secret','Value':'word','Type':'SecureString','KeyId':'alias/mine'}");
    let value = |decrypted: &str| {
        let answer = house.ssm("GetParameter", &format!("{{'Name':'secret'{decrypted}}}"));
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        answer["Parameter"]["Value"].as_str().expect("a value").to_owned()
    };
    assert_eq!(value(",'WithDecryption':true"), "word");
    assert!(!value("").contains("word"));
    assert_eq!(value(""), value(",'WithDecryption':false"));
}

#[test]
fn parameters_are_read_by_path_and_in_pages() {
    let house = House::functional(Vec::new());
    for (name, kind) in [
        ("/a", "String"),
        ("/a/b", "String"),
        ("/a/c", "StringList"),
        ("/a/b/d", "String"),
        ("/ab/e", "String"),
        ("f", "String"),
    ] {
        house.ssm("PutParameter", &format!("{{'Name':'{name}','Value':'{name}','Type':'{kind}'}}"));
    }
    house.ssm(
        "AddTagsToResource",
        "{'ResourceType':'Parameter','ResourceId':'/a/b','Tags':[{'Key':'team','Value':'green'}]}",
    );
    let page = |operation: &str, body: &str| {
        let answer = house.ssm(operation, body);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
        let parameters = answer["Parameters"].as_array().expect("a list");
        let names: Vec<&str> = parameters.iter().filter_map(|parameter| parameter["Name"].as_str()).collect();
        (names.join(" "), answer["NextToken"].as_str().map(str::to_owned))
    };
    let path = |body: &str| page("GetParametersByPath", body).0;
    assert_eq!(path("{'Path':'/a'}"), "/a/b /a/c");
    assert_eq!(path("{'Path':'/a/','Recursive':true}"), "/a/b /a/b/d /a/c");
    assert_eq!(path("{'Path':'/'}"), "/a f");
    assert_eq!(path("{'Path':'/','Recursive':true}"), "/a /a/b /a/b/d /a/c /ab/e f");
    assert_eq!(path("{'Path':'/a','ParameterFilters':[{'Key':'Type','Values':['StringList']}]}"), "/a/c");
    let (first, token) = page("GetParametersByPath", "{'Path':'/a','Recursive':true,'MaxResults':2}");
    assert_eq!(first, "/a/b /a/b/d");
    let rest =
        format!("{{'Path':'/a','Recursive':true,'MaxResults':2,'NextToken':'{}'}}", token.expect("there is more"));
    assert_eq!(page("GetParametersByPath", &rest), ("/a/c".to_owned(), None));
    let listed = |filters: &str| page("DescribeParameters", &format!("{{{filters}}}")).0;
    let with = |key: &str, option: &str, value: &str| {
        listed(&format!("'ParameterFilters':[{{'Key':'{key}','Option':'{option}','Values':['{value}']}}]"))
    };
    assert_eq!(listed(""), "/a /a/b /a/b/d /a/c /ab/e f");
    assert_eq!(with("Name", "BeginsWith", "/a/"), "/a/b /a/b/d /a/c");
    assert_eq!(with("Name", "Contains", "b"), "/a/b /a/b/d /ab/e");
    assert_eq!(with("Name", "Equals", "a"), "/a");
    assert_eq!(with("Path", "OneLevel", "/a"), "/a/b /a/c");
    assert_eq!(with("Path", "Recursive", "/a"), "/a/b /a/b/d /a/c");
    assert_eq!(with("tag:team", "Equals", "green"), "/a/b");
    assert_eq!(with("Tier", "Equals", "Advanced"), "");
    house.ssm("PutParameter", "{'Name':'z','Value':'1','Type':'SecureString'}");
    assert_eq!(with("KeyId", "BeginsWith", "alias/"), "z");
    house.ssm("DeleteParameter", "{'Name':'z'}");
    assert_eq!(with("DataType", "Equals", "text"), "/a /a/b /a/b/d /a/c /ab/e f");
    assert_eq!(listed("'ParameterFilters':[{'Key':'tag:team'}]"), "/a/b");
    assert_eq!(listed("'Filters':[{'Key':'Name','Values':['/a/']},{'Key':'Type','Values':['String']}]"), "/a/b /a/b/d");
    assert_eq!(listed("'Shared':true"), "");
    let (first, token) = page("DescribeParameters", "{'MaxResults':5}");
    assert_eq!(first, "/a /a/b /a/b/d /a/c /ab/e");
    let rest = format!("{{'NextToken':'{}'}}", token.expect("there is more"));
    assert_eq!(page("DescribeParameters", &rest), ("f".to_owned(), None));
}

#[test]
fn parameters_are_listed_with_all_but_their_value() {
    let house = House::functional(Vec::new());
    house.ssm(
        "PutParameter",
        "{'Name':'a','Value':'1','Type':'SecureString','Description':'d','AllowedPattern':'[0-9]','Tier':'Intelligent-Tiering'}",
    );
    house.replay_ssm(&[("DescribeParameters", "{}")], expect![[r#"{"Parameters":[{"Name":"a","ARN":"arn:aws:ssm:us-east-1:000000000000:parameter/a","Type":"SecureString","KeyId":"alias/aws/ssm","LastModifiedDate":1700000000.000,"Description":"d","AllowedPattern":"[0-9]","Version":1,"Tier":"Standard","Policies":[],"DataType":"text"}]}"#]]);
}

#[test]
fn a_parameter_is_tagged_and_untagged() {
    let house = House::functional(Vec::new());
    house.ssm("PutParameter", "{'Name':'a','Value':'1','Type':'String'}");
    let many: Vec<String> = (0..51).map(|n| format!("{{'Key':'{n}','Value':''}}")).collect();
    let resource = "'ResourceType':'Parameter','ResourceId':'a'";
    house.replay_ssm(
        &[
            (
                "AddTagsToResource",
                &format!("{{{resource},'Tags':[{{'Key':'b','Value':'1'}},{{'Key':'c','Value':'2'}}]}}"),
            ),
            ("RemoveTagsFromResource", &format!("{{{resource},'TagKeys':['b','x']}}")),
            ("ListTagsForResource", &format!("{{{resource}}}")),
            ("AddTagsToResource", &format!("{{{resource},'Tags':[{}]}}", many.join(","))),
            ("AddTagsToResource", &format!("{{{resource},'Tags':[{{'Key':'b'}}]}}")),
            ("ListTagsForResource", "{'ResourceType':'Parameter','ResourceId':'none'}"),
            ("ListTagsForResource", "{'ResourceType':'Document','ResourceId':'a'}"),
            ("ListTagsForResource", "{'ResourceType':'Table','ResourceId':'a'}"),
        ],
        expect![[r#"
            {}
            {}
            {"TagList":[{"Key":"c","Value":"2"}]}
            400 {"__type":"TooManyTagsError"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"InvalidResourceId"}
            400 {"__type":"InvalidResourceType","message":"Only parameters have tags here"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value 'Table' at 'resourceType' failed to satisfy constraint: Member must satisfy enum value set: [Association, Automation, CloudConnector, Document, MaintenanceWindow, ManagedInstance, OpsItem, OpsMetadata, Parameter, PatchBaseline]"}"#]],
    );
}

#[test]
fn parameters_that_cannot_be_are_refused_as_ssm_does() {
    let house = House::functional(Vec::new());
    house.ssm("PutParameter", "{'Name':'a','Value':'1','Type':'String'}");
    let long = "x".repeat(4097);
    house.replay_ssm(
        &[
            ("Nothing", "{}"),
            ("GetParameter", ""),
            ("GetParameter", "{"),
            ("GetParameter", "{}"),
            ("GetParameter", "{'Name':1}"),
            ("GetParameters", "{'Names':['a','b','c','d','e','f','g','h','i','j','k']}"),
            ("PutParameter", "{'Name':'b'}"),
            ("PutParameter", "{'Name':'b','Value':'1'}"),
            ("PutParameter", "{'Name':'b','Value':'1','Type':'Number','Tier':'Free'}"),
            ("PutParameter", "{'Name':'b','Value':'','Type':'String'}"),
            ("PutParameter", &format!("{{'Name':'b','Value':'{long}','Type':'String'}}")),
            ("PutParameter", "{'Name':'b','Value':'x','Type':'String','AllowedPattern':'[0-9]+'}"),
            ("PutParameter", "{'Name':'b','Value':'x','Type':'String','AllowedPattern':'['}"),
            ("PutParameter", "{'Name':'a','Value':'2','Overwrite':true,'Tags':[{'Key':'k','Value':'v'}]}"),
            ("PutParameter", "{'Name':'b','Value':'1','Type':'String','Policies':'[{}]'}"),
            ("PutParameter", "{'Name':'aws/b','Value':'1','Type':'String'}"),
            ("GetParametersByPath", "{'Path':'a'}"),
            ("GetParametersByPath", "{'Path':'/a','MaxResults':11}"),
            ("GetParametersByPath", "{'Path':'/a','NextToken':'!'}"),
            ("GetParametersByPath", "{'Path':'/a','ParameterFilters':[{'Key':'Name','Values':['a']}]}"),
            ("DescribeParameters", "{'ParameterFilters':[{'Key':'Type','Option':'Recursive','Values':['a']}]}"),
            ("DescribeParameters", "{'ParameterFilters':[{'Key':'Type'}]}"),
            ("DescribeParameters", "{'ParameterFilters':[],'Filters':[]}"),
        ],
        expect![[r#"
            400 {"__type":"UnknownOperationException","message":"Nothing does not work here"}
            400 {"__type":"SerializationException"}
            400 {"__type":"SerializationException"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"SerializationException","Message":"NUMBER_VALUE cannot be converted to String"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value '[a, b, c, d, e, f, g, h, i, j, k]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10"}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'value' failed to satisfy constraint: Member must not be null"}
            400 {"__type":"ValidationException","message":"A parameter type is required when you create a parameter."}
            400 {"__type":"ValidationException","message":"2 validation errors detected: Value 'Number' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, String]; Value 'Free' at 'tier' failed to satisfy constraint: Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]"}
            400 {"__type":"ValidationException","message":"Parameter value cannot be empty."}
            400 {"__type":"ValidationException","message":"Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."}
            400 {"__type":"ParameterPatternMismatchException","message":"Parameter value, cannot be validated against allowedPattern: [0-9]+"}
            400 {"__type":"InvalidAllowedPatternException","message":"The pattern [ is invalid: non-empty character class has no closing bracket"}
            400 {"__type":"ValidationException","message":"Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."}
            400 {"__type":"ValidationException","message":"Parameter policies do not work here: leave Policies out"}
            400 {"__type":"ValidationException","message":"Parameter name must be a fully qualified name."}
            400 {"__type":"ValidationException","message":"The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_."}
            400 {"__type":"ValidationException","message":"1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10"}
            400 {"__type":"InvalidNextToken","message":"The specified token isn't valid."}
            400 {"__type":"InvalidFilterKey","message":"The following filter key is not valid: Name. Valid filter keys include: [Type, KeyId, DataType, tag:]."}
            400 {"__type":"InvalidFilterOption","message":"The filter option Recursive does not go with the key Type."}
            400 {"__type":"InvalidFilterValue","message":"The filter Type has no values."}
            400 {"__type":"ValidationException","message":"You can use either Filters or ParameterFilters in a single request."}"#]],
    );
}

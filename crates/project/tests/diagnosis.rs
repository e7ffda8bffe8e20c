//! Templates in, diagnostics out, word for word. Uses the public face of the crate only, with real files.

use std::path::Path;

use expect_test::{Expect, expect};
use project::{Options, Project, Severity, load};

const SQL: &str = "SELECT region, improvement, COUNT(*) AS total_votes\nFROM votes\nGROUP BY region, improvement\n";

/// A correct table; a case adds what it is about.
const VOTES: &str = "  Votes:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: votes
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: { StreamViewType: NEW_AND_OLD_IMAGES }
";

fn in_folder<T>(
    text: &str,
    options: &Options,
    see: impl FnOnce(Result<Project, Vec<project::Diagnostic>>, &Path) -> T,
) -> T {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let folder = outer.path().join("shop");
    std::fs::create_dir_all(folder.join("views")).expect("a folder");
    std::fs::write(folder.join("views/total_votes.sql"), SQL).expect("a view");
    std::fs::write(folder.join("template.yaml"), text).expect("a template");
    see(load(&folder, options), &folder)
}

/// Compares everything that is said about `text`, rendered.
fn check(text: &str, expected: Expect) {
    check_with(text, &Options::default(), expected);
}

fn check_with(text: &str, options: &Options, expected: Expect) {
    let said = in_folder(text, options, |result, folder| {
        let found = match result {
            Ok(project) => project.notes,
            Err(found) => {
                assert!(found.iter().any(|one| one.severity == Severity::Error), "refused without an error");
                found
            }
        };
        let rendered: Vec<String> = found.iter().map(|diagnostic| diagnostic.render(false)).collect();
        rendered.join("\n").replace(&format!("{}/", folder.display()), "")
    });
    expected.assert_eq(&said);
}

/// A template of resources only.
fn resources(text: &str) -> String {
    format!("Resources:\n{text}")
}

/// Loads a template that has nothing wrong with it.
fn loaded(text: &str, options: &Options) -> Project {
    in_folder(text, options, |result, _| result.expect("the template is correct"))
}

fn parameters(given: &[(&str, &str)]) -> Options {
    let parameters = given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Options { parameters, ..Options::default() }
}

#[test]
fn the_example_loads_and_nothing_is_said_about_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/votes");
    let project = load(&folder, &Options::default()).expect("the example is correct");
    assert_eq!(project.notes, []);
    let stream = |table: &str| Some(format!("arn of {table}"));
    let mut said = String::new();
    for table in &project.tables {
        let key: Vec<String> =
            table.key.iter().map(|k| format!("{} {:?} {:?}", k.name, k.key_type, k.attr_type)).collect();
        let sources = table.view.as_ref().map(|view| &view.sources);
        said += &format!("{} {} [{}] {:?} {:?}\n", table.logical_id, table.name, key.join(", "), table.stream, sources);
    }
    said += &format!("{:#?}\n{:#?}", project.dashboards, project.outputs_with(stream));
    expect![[r#"
        Votes votes [id Hash S] Some(NewAndOldImages) None
        TotalVotes total_votes [region Hash S, improvement Range S] Some(NewAndOldImages) Some([("votes", "votes")])
        [
            Dashboard {
                name: "votes",
                title: "Votes as they are cast",
                recent: Some(
                    Recent {
                        table: "votes",
                        columns: [
                            "id",
                            "region",
                            "improvement",
                        ],
                        limit: 12,
                    },
                ),
                charts: [
                    Chart {
                        title: "Votes per region",
                        table: "total_votes",
                        group: "region",
                        value: "total_votes",
                    },
                    Chart {
                        title: "Votes per improvement",
                        table: "total_votes",
                        group: "improvement",
                        value: "total_votes",
                    },
                ],
                rate: Some(
                    Rate {
                        table: "votes",
                    },
                ),
            },
        ]
        [
            (
                "VotesTable",
                "votes",
            ),
            (
                "VotesStream",
                "arn of votes",
            ),
            (
                "TotalVotesTable",
                "total_votes",
            ),
        ]"#]].assert_eq(&said);
}

#[test]
fn text_that_is_not_yaml_is_explained() {
    check("", expect![[r#"
        error: the file is empty
         --> template.yaml:1:1
          |
        1 | 
          | ^
    "#]]);
    check("Resources:\n\tVotes:\n\t\tType: x\n", expect![[r#"
        error: a tab is used for indentation
         --> template.yaml:2:1
          |
        2 |  Votes:
          | ^
          = help: YAML indents with spaces only
    "#]]);
    check("Resources:\n  Votes:\n     Type: a\n    Properties: {}\n", expect![[r#"
        error: not valid YAML: while parsing a block mapping, did not find expected key
         --> template.yaml:4:5
          |
        4 |     Properties: {}
          |     ^
          = help: compare the indentation of this line with the lines around it
    "#]]);
    check("Resources: { Votes: [ }\n", expect![[r#"
        error: not valid YAML: while parsing a node, did not find expected node content
         --> template.yaml:1:23
          |
        1 | Resources: { Votes: [ }
          |                       ^
    "#]]);
    check("Resources:\n  A: \"not closed\n", expect![[r#"
        error: not valid YAML: while scanning a quoted scalar, found unexpected end of stream
         --> template.yaml:2:6
          |
        2 |   A: "not closed
          |      ^
          = help: a quote is opened and not closed
    "#]]);
    check("Resources: *nobody\n", expect![[r#"
        error: not valid YAML: while parsing node, found unknown anchor
         --> template.yaml:1:12
          |
        1 | Resources: *nobody
          |            ^
          = help: an alias `*name` needs an anchor `&name` above it; quote the text if it is no alias
    "#]]);
    check("a: 1\n---\nb: 2\n", expect![[r#"
        error: a second document begins here
         --> template.yaml:2:1
          |
        2 | ---
          | ^^^
          = help: a template is one document: remove the `---`
    "#]]);
    check("Resources:\n  [a, b]: 1\n", expect![[r#"
        error: a key must be text, not a list or a map
         --> template.yaml:2:3
          |
        2 |   [a, b]: 1
          |   ^
    "#]]);
    check("just text\n", expect![[r#"
        error: expected a map of names to values, found `just text`
         --> template.yaml:1:1
          |
        1 | just text
          | ^^^^^^^^^
    "#]]);
}

#[test]
fn a_key_given_twice_is_refused_and_so_are_small_files_of_great_size() {
    check(&format!("{}  Votes:\n    Type: A\n", resources(VOTES)), expect![[r#"
        error: `Votes` is given twice
          --> template.yaml:10:3
           |
        10 |   Votes:
           |   ^^^^^
           = help: the first one is on line 2
    "#]]);
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..20 {
        let one = format!("*a{}", i - 1);
        laughs += &format!("a{i}: &a{i} [{}]\n", vec![one; 10].join(", "));
    }
    check(&laughs, expect![[r#"
        error: the template holds more than 400000 values
         --> template.yaml:6:15
          |
        6 | a5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]
          |               ^^^
          = help: every alias counts as a copy of what it names
    "#]]);
    check(&format!("a: {}", "[".repeat(200)), expect![[r#"
        error: nested more than 64 deep
         --> template.yaml:1:67
          |
        1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
          |                                                             ^
    "#]]);
    check(&format!("a: {}", "- ".repeat(100_000)), expect![[r#"
        error: not valid YAML: block sequence entries are not allowed in this context
         --> template.yaml:1:4
          |
        1 | a: - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -
          |    ^
    "#]]);
}

#[test]
fn sections_and_attributes_are_checked_for_their_names() {
    check("Resource:\n  A: 1\n", expect![[r#"
        error: Resource: `Resource` is not known here
         --> template.yaml:1:1
          |
        1 | Resource:
          | ^^^^^^^^
          = help: did you mean Resources?

        error: `Resources` is missing
         --> template.yaml:1:1
          |
        1 | Resource:
          | ^
          = help: a template has at least one resource
    "#]]);
    check("Resources:\n", expect![[r#"
        error: Resources: expected a map of names to values, found nothing
         --> template.yaml:1:1
          |
        1 | Resources:
          | ^^^^^^^^^
          = help: give it a value or leave it out
    "#]]);
    check("Resources: {}\n", expect![[r#"
        error: Resources: a template has at least one resource
         --> template.yaml:1:1
          |
        1 | Resources: {}
          | ^^^^^^^^^
    "#]]);
    check(
        "AWSTemplateFormatVersion: 2010-09-10\nTransform: AWS::Serverless-2016-10-13\nResources:\n  Votes:\n    Typ: AWS::DynamoDB::Table\n    TableName: votes\n",
        expect![[r#"
            error: AWSTemplateFormatVersion: `2010-09-10` is not a value it can have
             --> template.yaml:1:27
              |
            1 | AWSTemplateFormatVersion: 2010-09-10
              |                           ^^^^^^^^^^
              = help: did you mean 2010-09-09?

            error: Transform: there is no transform `AWS::Serverless-2016-10-13`
             --> template.yaml:2:12
              |
            2 | Transform: AWS::Serverless-2016-10-13
              |            ^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: did you mean AWS::Serverless-2016-10-31?

            error: Votes: `Type` is missing
             --> template.yaml:4:3
              |
            4 |   Votes:
              |   ^^^^^

            error: Votes.Typ: `Typ` is not known here
             --> template.yaml:5:5
              |
            5 |     Typ: AWS::DynamoDB::Table
              |     ^^^
              = help: did you mean Type?

            error: Votes.TableName: `TableName` is not known here
             --> template.yaml:6:5
              |
            6 |     TableName: votes
              |     ^^^^^^^^^
              = help: it stands under Properties
        "#]],
    );
    check(
        "Globals:\n  Funktion: {}\n  Function: { Runtme: python3.13 }\nResources:\n  A-b: { Type: 'AWS::Serverless::SimpleTable' }\n",
        expect![[r#"
            error: Globals: Globals belong to SAM
             --> template.yaml:1:1
              |
            1 | Globals:
              | ^^^^^^^
              = help: add `Transform: AWS::Serverless-2016-10-31` at the top

            error: Globals.Funktion: `Funktion` is not known here
             --> template.yaml:2:3
              |
            2 |   Funktion: {}
              |   ^^^^^^^^
              = help: did you mean Function?

            error: Globals.Function.Runtme: `Runtme` is not known here
             --> template.yaml:3:15
              |
            3 |   Function: { Runtme: python3.13 }
              |               ^^^^^^
              = help: did you mean Runtime?

            error: A-b: a logical id has letters and digits only, at most 255
             --> template.yaml:5:3
              |
            5 |   A-b: { Type: 'AWS::Serverless::SimpleTable' }
              |   ^^^

            error: A-b.Type: AWS::Serverless::SimpleTable belongs to SAM
             --> template.yaml:5:16
              |
            5 |   A-b: { Type: 'AWS::Serverless::SimpleTable' }
              |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: add `Transform: AWS::Serverless-2016-10-31` at the top of the template
        "#]],
    );
}

#[test]
fn types_of_resources_are_sorted_into_created_not_needed_not_run_and_unknown() {
    check(
        &resources(&format!(
            "{VOTES}  Role: {{ Type: AWS::IAM::Role }}
  Code: {{ Type: AWS::Lambda::Function, Properties: {{ Role: !GetAtt Role.Arn, Handler: !Ref Nobody }} }}
  Logs: {{ Type: AWS::Logs::LogGroup }}
  Odd: {{ Type: AWS::Lambda::Funktion }}
  New: {{ Type: AWS::Quantum::Circuit }}
  Mine: {{ Type: Custom::Thing, Metadata: {{ Streamfold: {{ View: x }} }} }}
"
        )),
        expect![[r#"
            note: not needed here: Role (AWS::IAM::Role), Logs (AWS::Logs::LogGroup)

            warning: Code: not run here yet: AWS::Lambda::Function
              --> template.yaml:11:3
               |
            11 |   Code: { Type: AWS::Lambda::Function, Properties: { Role: !GetAtt Role.Arn, Handler: !Ref Nobody } }
               |   ^^^^

            warning: Code.Properties.Handler: `Nobody` is neither a parameter nor a resource of this template
              --> template.yaml:11:87
               |
            11 |   Code: { Type: AWS::Lambda::Function, Properties: { Role: !GetAtt Role.Arn, Handler: !Ref Nobody } }
               |                                                                                       ^^^^^^^^^^^

            warning: Odd.Type: not run here: `AWS::Lambda::Funktion` is not known
              --> template.yaml:13:16
               |
            13 |   Odd: { Type: AWS::Lambda::Funktion }
               |                ^^^^^^^^^^^^^^^^^^^^^
               = help: did you mean AWS::Lambda::Function?

            warning: New.Type: not run here: `AWS::Quantum::Circuit` is not known
              --> template.yaml:14:16
               |
            14 |   New: { Type: AWS::Quantum::Circuit }
               |                ^^^^^^^^^^^^^^^^^^^^^

            warning: Mine: not run here yet: Custom::Thing
              --> template.yaml:15:3
               |
            15 |   Mine: { Type: Custom::Thing, Metadata: { Streamfold: { View: x } } }
               |   ^^^^

            warning: Mine.Metadata.Streamfold: this mark means nothing on Custom::Thing yet
              --> template.yaml:15:44
               |
            15 |   Mine: { Type: Custom::Thing, Metadata: { Streamfold: { View: x } } }
               |                                            ^^^^^^^^^^
        "#]],
    );
    check(
        &resources(
            "  A: { Type: AWS::DynamoDB::Tabel }\n  B: { Type: Table }\n  C: { Type: 'AWS::Serverless::SimpleTable' }\n  D: {}\n",
        ),
        expect![[r#"
            error: A.Type: `AWS::DynamoDB::Tabel` is not a resource type
             --> template.yaml:2:14
              |
            2 |   A: { Type: AWS::DynamoDB::Tabel }
              |              ^^^^^^^^^^^^^^^^^^^^
              = help: did you mean AWS::DynamoDB::Table?

            error: B.Type: `Table` is not a resource type
             --> template.yaml:3:14
              |
            3 |   B: { Type: Table }
              |              ^^^^^
              = help: for instance: AWS::DynamoDB::Table

            error: C.Type: AWS::Serverless::SimpleTable belongs to SAM
             --> template.yaml:4:14
              |
            4 |   C: { Type: 'AWS::Serverless::SimpleTable' }
              |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: add `Transform: AWS::Serverless-2016-10-31` at the top of the template

            error: D: `Type` is missing
             --> template.yaml:5:3
              |
            5 |   D: {}
              |   ^
        "#]],
    );
}

#[test]
fn a_table_is_checked_as_cloudformation_checks_it() {
    check(
        &resources(
            "  Votes:
    Type: AWS::DynamoDB::Table
    Properties:
      TableNam: votes
      AttributeDefinitions:
        - { AttributeName: id, AttributeType: String }
        - { AttributeName: regoin, AttributeType: S }
      KeySchmea:
        - { AttributeName: id, KeyType: HASH }
      StreamSpecification: { StreamEnabled: true, StreamViewTyp: NEW_IMAGES }
",
        ),
        expect![[r#"
            error: Votes.Properties: `KeySchema` is missing
             --> template.yaml:4:5
              |
            4 |     Properties:
              |     ^^^^^^^^^^

            error: Votes.Properties: a table with provisioned capacity needs ProvisionedThroughput
             --> template.yaml:4:5
              |
            4 |     Properties:
              |     ^^^^^^^^^^
              = help: add `BillingMode: PAY_PER_REQUEST` to pay for what is used; PROVISIONED is what AWS assumes

            error: Votes.Properties.TableNam: `TableNam` is not known here
             --> template.yaml:5:7
              |
            5 |       TableNam: votes
              |       ^^^^^^^^
              = help: did you mean TableName?

            error: Votes.Properties.AttributeDefinitions[0].AttributeType: `String` is not a type of a key attribute
             --> template.yaml:7:47
              |
            7 |         - { AttributeName: id, AttributeType: String }
              |                                               ^^^^^^
              = help: S, for a string

            error: Votes.Properties.KeySchmea: `KeySchmea` is not known here
             --> template.yaml:9:7
              |
            9 |       KeySchmea:
              |       ^^^^^^^^^
              = help: did you mean KeySchema?

            error: Votes.Properties.StreamSpecification: `StreamViewType` is missing
              --> template.yaml:11:7
               |
            11 |       StreamSpecification: { StreamEnabled: true, StreamViewTyp: NEW_IMAGES }
               |       ^^^^^^^^^^^^^^^^^^^

            error: Votes.Properties.StreamSpecification.StreamEnabled: `StreamEnabled` is not known here
              --> template.yaml:11:30
               |
            11 |       StreamSpecification: { StreamEnabled: true, StreamViewTyp: NEW_IMAGES }
               |                              ^^^^^^^^^^^^^
               = help: leave it out: in a template, StreamViewType turns the stream on

            error: Votes.Properties.StreamSpecification.StreamViewTyp: `StreamViewTyp` is not known here
              --> template.yaml:11:51
               |
            11 |       StreamSpecification: { StreamEnabled: true, StreamViewTyp: NEW_IMAGES }
               |                                                   ^^^^^^^^^^^^^
               = help: did you mean StreamViewType?
        "#]],
    );
    check(
        &resources(
            "  A:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: a!
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: { AttributeName: id, AttributeType: S }
      KeySchema:
        - { AttributeName: id, KeyType: RANGE }
      StreamSpecification: { StreamViewType: NEW_IMAGES }
      DeletionProtectionEnabled: maybe
      Tags: [{ Key: aws:x, Value: 1 }, { Key: a }]
      TimeToLiveSpecification: { Enabled: true }
      SSESpecification: { Enabled: true }
  B:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: five }
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: []
      StreamSpecification: {}
  C:
    Type: AWS::DynamoDB::Table
  D:
    Type: AWS::DynamoDB::Table
    Properties:
",
        ),
        expect![[r#"
            error: A.Properties.TableName: `a!` cannot be a name
             --> template.yaml:5:18
              |
            5 |       TableName: a!
              |                  ^^
              = help: 3 to 255 characters of a-z, A-Z, 0-9, _, - and .

            error: A.Properties.AttributeDefinitions: expected a list, found a map
             --> template.yaml:7:7
              |
            7 |       AttributeDefinitions: { AttributeName: id, AttributeType: S }
              |       ^^^^^^^^^^^^^^^^^^^^

            error: A.Properties.KeySchema: the first key attribute has KeyType HASH
             --> template.yaml:8:7
              |
            8 |       KeySchema:
              |       ^^^^^^^^^
              = help: the partition key comes first, then the sort key

            error: A.Properties.KeySchema[0].AttributeName: key attribute `id` is not in AttributeDefinitions
             --> template.yaml:9:28
              |
            9 |         - { AttributeName: id, KeyType: RANGE }
              |                            ^^
              = help: add `AttributeName: id` with its type there

            error: A.Properties.StreamSpecification.StreamViewType: `NEW_IMAGES` is not a value it can have
              --> template.yaml:10:46
               |
            10 |       StreamSpecification: { StreamViewType: NEW_IMAGES }
               |                                              ^^^^^^^^^^
               = help: did you mean NEW_IMAGE?

            error: A.Properties.DeletionProtectionEnabled: expected true or false, found `maybe`
              --> template.yaml:11:34
               |
            11 |       DeletionProtectionEnabled: maybe
               |                                  ^^^^^

            error: A.Properties.Tags[0].Key: tags that begin with `aws:` belong to AWS
              --> template.yaml:12:21
               |
            12 |       Tags: [{ Key: aws:x, Value: 1 }, { Key: a }]
               |                     ^^^^^

            error: A.Properties.Tags[1]: `Value` is missing
              --> template.yaml:12:40
               |
            12 |       Tags: [{ Key: aws:x, Value: 1 }, { Key: a }]
               |                                        ^

            error: A.Properties.TimeToLiveSpecification: `AttributeName` is missing
              --> template.yaml:13:7
               |
            13 |       TimeToLiveSpecification: { Enabled: true }
               |       ^^^^^^^^^^^^^^^^^^^^^^^

            error: A.Properties.SSESpecification.Enabled: `Enabled` is not known here
              --> template.yaml:14:27
               |
            14 |       SSESpecification: { Enabled: true }
               |                           ^^^^^^^
               = help: one of: KMSMasterKeyId, SSEEnabled, SSEType

            error: B.Properties.ProvisionedThroughput: a table with BillingMode PAY_PER_REQUEST has no ProvisionedThroughput
              --> template.yaml:19:7
               |
            19 |       ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: five }
               |       ^^^^^^^^^^^^^^^^^^^^^
               = help: leave one of them out

            error: B.Properties.ProvisionedThroughput.ReadCapacityUnits: expected a whole number from 1 to 1099511627776, found `0`
              --> template.yaml:19:51
               |
            19 |       ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: five }
               |                                                   ^

            error: B.Properties.ProvisionedThroughput.WriteCapacityUnits: expected a whole number from 1 to 1099511627776, found `five`
              --> template.yaml:19:74
               |
            19 |       ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: five }
               |                                                                          ^^^^

            error: B.Properties.KeySchema: a key has at least a partition key: KeyType HASH
              --> template.yaml:21:7
               |
            21 |       KeySchema: []
               |       ^^^^^^^^^

            error: B.Properties.StreamSpecification: `StreamViewType` is missing
              --> template.yaml:22:7
               |
            22 |       StreamSpecification: {}
               |       ^^^^^^^^^^^^^^^^^^^

            error: C: `Properties` is missing
              --> template.yaml:23:3
               |
            23 |   C:
               |   ^

            error: D.Properties: expected a map of names to values, found nothing
              --> template.yaml:27:5
               |
            27 |     Properties:
               |     ^^^^^^^^^^
               = help: give it a value or leave it out
        "#]],
    );
}

#[test]
fn keys_and_attribute_definitions_match_both_ways() {
    let table = |attributes: &str, key: &str| {
        resources(&format!(
            "  Votes:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
{attributes}      KeySchema:
{key}"
        ))
    };
    let region = "        - { AttributeName: region, AttributeType: S }\n";
    let improvement = "        - { AttributeName: improvement, AttributeType: S }\n";
    let hash = "        - { AttributeName: region, KeyType: HASH }\n";
    let range = "        - { AttributeName: improvment, KeyType: RANGE }\n";
    check(&table(&format!("{region}{improvement}"), &format!("{hash}{range}")), expect![[r#"
        error: Votes.Properties.KeySchema[1].AttributeName: key attribute `improvment` is not in AttributeDefinitions
          --> template.yaml:11:28
           |
        11 |         - { AttributeName: improvment, KeyType: RANGE }
           |                            ^^^^^^^^^^
           = help: did you mean improvement?
    "#]]);
    check(&table(&format!("{region}{improvement}"), hash), expect![[r#"
        error: Votes.Properties.AttributeDefinitions[1].AttributeName: `improvement` is in AttributeDefinitions, but in no key
         --> template.yaml:8:28
          |
        8 |         - { AttributeName: improvement, AttributeType: S }
          |                            ^^^^^^^^^^^
          = help: leave it out: only attributes of keys are defined, items may have any others
    "#]]);
    check(&table(region, &format!("{hash}{range}")), expect![[r#"
        error: Votes.Properties.KeySchema[1].AttributeName: key attribute `improvment` is not in AttributeDefinitions
          --> template.yaml:10:28
           |
        10 |         - { AttributeName: improvment, KeyType: RANGE }
           |                            ^^^^^^^^^^
           = help: add `AttributeName: improvment` with its type there
    "#]]);
    check(&table(region, &format!("{hash}{hash}")), expect![[r#"
        error: Votes.Properties.KeySchema[1].AttributeName: `region` is in the key twice
          --> template.yaml:10:28
           |
        10 |         - { AttributeName: region, KeyType: HASH }
           |                            ^^^^^^
    "#]]);
    check(&table(region, &hash.replace("HASH", "RANGE")), expect![[r#"
        error: Votes.Properties.KeySchema: the first key attribute has KeyType HASH
         --> template.yaml:8:7
          |
        8 |       KeySchema:
          |       ^^^^^^^^^
          = help: the partition key comes first, then the sort key
    "#]]);
}

#[test]
fn indexes_are_checked_and_not_run_yet() {
    let with = |indexes: &str| {
        resources(&format!(
            "  Messages:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: messages
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {{ AttributeName: pk, AttributeType: S }}
        - {{ AttributeName: sk, AttributeType: S }}
        - {{ AttributeName: group, AttributeType: S }}
      KeySchema:
        - {{ AttributeName: pk, KeyType: HASH }}
        - {{ AttributeName: sk, KeyType: RANGE }}
{indexes}"
        ))
    };
    check(
        &with(
            "      GlobalSecondaryIndexes:
        - IndexName: message-group-sk-index
          KeySchema: [{ AttributeName: group, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
          Projection: { ProjectionType: ALL }
",
        ),
        expect![[r#"
            warning: Messages.Properties.GlobalSecondaryIndexes: not run here yet: GlobalSecondaryIndexes
              --> template.yaml:14:7
               |
            14 |       GlobalSecondaryIndexes:
               |       ^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
    check(
        &with(
            "      LocalSecondaryIndexes:
        - IndexName: by-group
          KeySchema: [{ AttributeName: group, KeyType: HASH }]
          Projection: { ProjectionType: INCLUDE }
        - IndexName: by-group
          KeySchema: [{ AttributeName: group, KeyType: HASH }]
          Projection: { ProjectionType: SOME }
",
        ),
        expect![[r#"
            warning: Messages.Properties.LocalSecondaryIndexes: not run here yet: LocalSecondaryIndexes
              --> template.yaml:14:7
               |
            14 |       LocalSecondaryIndexes:
               |       ^^^^^^^^^^^^^^^^^^^^^

            error: Messages.Properties.LocalSecondaryIndexes[0].Projection: a projection of type INCLUDE names its NonKeyAttributes
              --> template.yaml:17:11
               |
            17 |           Projection: { ProjectionType: INCLUDE }
               |           ^^^^^^^^^^

            error: Messages.Properties.LocalSecondaryIndexes[1].Projection.ProjectionType: `SOME` is not a value it can have
              --> template.yaml:20:41
               |
            20 |           Projection: { ProjectionType: SOME }
               |                                         ^^^^
               = help: one of: ALL, KEYS_ONLY, INCLUDE
        "#]],
    );
    check(
        &with(
            "      LocalSecondaryIndexes:
        - IndexName: by-group
          KeySchema: [{ AttributeName: group, KeyType: HASH }]
          Projection: { ProjectionType: KEYS_ONLY }
",
        ),
        expect![[r#"
            warning: Messages.Properties.LocalSecondaryIndexes: not run here yet: LocalSecondaryIndexes
              --> template.yaml:14:7
               |
            14 |       LocalSecondaryIndexes:
               |       ^^^^^^^^^^^^^^^^^^^^^

            error: Messages.Properties.LocalSecondaryIndexes[0]: a local index has the table's partition key and a sort key of its own
              --> template.yaml:15:11
               |
            15 |         - IndexName: by-group
               |           ^
        "#]],
    );
}

#[test]
fn names_of_tables_are_unique_and_made_up_when_left_open() {
    check(&resources(&format!("{VOTES}{}", VOTES.replace("Votes:", "Again:"))), expect![[r#"
        error: Again.Properties.TableName: `votes` is the name of Votes too, on line 2
          --> template.yaml:13:18
           |
        13 |       TableName: votes
           |                  ^^^^^
    "#]]);
    let open = VOTES.replace("      TableName: votes\n", "");
    let project = loaded(&resources(&open), &Options::default());
    expect!["shop-Votes-ZNF3WLNVUU9D"].assert_eq(&project.tables[0].name);
}

#[test]
fn parameters_are_checked_against_their_rules() {
    let text = |rest: &str| format!("Parameters:\n{rest}{}", resources(VOTES));
    check(
        &text(
            "  Stage: { Type: String }\n  Size: { Type: Number, Default: many }\n  Odd: { Type: Strin, Defalt: 1 }\n",
        ),
        expect![[r#"
            error: Parameters.Stage: parameter `Stage` has no value
             --> template.yaml:2:3
              |
            2 |   Stage: { Type: String }
              |   ^^^^^
              = help: give it with `--parameter Stage=VALUE`, or add a Default

            error: Parameters.Size.Type: the default: `many` is not a number
             --> template.yaml:3:17
              |
            3 |   Size: { Type: Number, Default: many }
              |                 ^^^^^^

            error: Parameters.Odd.Type: `Strin` is not a parameter type
             --> template.yaml:4:16
              |
            4 |   Odd: { Type: Strin, Defalt: 1 }
              |                ^^^^^
              = help: did you mean String?

            error: Parameters.Odd.Defalt: `Defalt` is not known here
             --> template.yaml:4:23
              |
            4 |   Odd: { Type: Strin, Defalt: 1 }
              |                       ^^^^^^
              = help: did you mean Default?
        "#]],
    );
    let rules = text(
        "  Stage: { Type: String, AllowedValues: [dev, prod] }
  Name: { Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: small letters only }
  Count: { Type: Number, MinValue: 1, MaxValue: 10 }
  Secret: { Type: String, NoEcho: true, MinLength: 8 }
",
    );
    let given = [("Stage", "test"), ("Name", "Abc"), ("Count", "11"), ("Secret", "hunter2"), ("Stge", "dev")];
    check_with(&rules, &parameters(&given), expect![[r#"
        error: `--parameter Stge=...`: the template has no such parameter
         = help: did you mean Stage?

        error: Parameters.Stage.AllowedValues: from the command line: `test` is not one of: dev, prod
         --> template.yaml:2:26
          |
        2 |   Stage: { Type: String, AllowedValues: [dev, prod] }
          |                          ^^^^^^^^^^^^^

        error: Parameters.Name.AllowedPattern: from the command line: `Abc` does not match [a-z]+
         --> template.yaml:3:41
          |
        3 |   Name: { Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: small letters only }
          |                                         ^^^^^^^^
          = help: small letters only

        error: Parameters.Count.MaxValue: from the command line: `11` is against MaxValue 10
         --> template.yaml:4:49
          |
        4 |   Count: { Type: Number, MinValue: 1, MaxValue: 10 }
          |                                                 ^^

        error: Parameters.Secret.MinLength: from the command line: the value is against MinLength 8
         --> template.yaml:5:52
          |
        5 |   Secret: { Type: String, NoEcho: true, MinLength: 8 }
          |                                                    ^
    "#]]);
    check_with(
        &rules,
        &parameters(&[("Stage", "dev"), ("Name", "abc"), ("Count", "10"), ("Secret", "longer than that")]),
        expect![],
    );
}

#[test]
fn functions_come_to_what_cloudformation_makes_of_them() {
    let text = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
  Zones: { Type: CommaDelimitedList, Default: "a, b,c" }
Mappings:
  Sizes:
    dev: { Read: 1, Names: [x, y] }
    prod: { Read: 100 }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Either: !Or [{ Condition: IsProd }, !And [!Condition IsDev, "Fn::Equals": [a, a]]]
Resources:
  Votes:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: !Sub "${AWS::StackName}-${Stage}-votes"
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      ProvisionedThroughput:
        ReadCapacityUnits: !FindInMap [Sizes, !Ref Stage, Read]
        WriteCapacityUnits: !If [IsProd, 100, 2]
      StreamSpecification: !If [IsDev, { StreamViewType: NEW_IMAGE }, !Ref AWS::NoValue]
      TimeToLiveSpecification: !If [IsProd, { AttributeName: ttl, Enabled: true }, !Ref "AWS::NoValue"]
      Tags:
        - { Key: table, Value: !Ref Small }
        - Fn::If: [IsProd, { Key: a, Value: b }, { Ref: AWS::NoValue }]
  Small:
    Type: AWS::Serverless::SimpleTable
    Properties: { PrimaryKey: { Name: n, Type: Number }, Tags: { team: "000000000000" } }
  Never:
    Type: AWS::DynamoDB::Table
    Condition: IsProd
    DependsOn: Votes
Outputs:
  Name: { Value: !Ref Votes }
  Arn: { Value: !GetAtt Votes.Arn }
  Small: { Value: !GetAtt [Small, Arn] }
  Stream: { Value: !Sub ["${S}${!kept}|${Zone}", { S: !GetAtt Votes.StreamArn, Zone: !Select [1, !Ref Zones] }] }
  Join: { Value: !Join ["-", !Split [",", "a,b,c"]] }
  Encoded: { Value: { "Fn::Base64": !Sub "hello ${Stage}" } }
  Mapped: { Value: !Select [1, !FindInMap [Sizes, dev, Names]] }
  Either: { Value: shown, Condition: Either }
  Hidden: { Value: !GetAtt Never.Arn, Condition: IsProd }
  Account: { Value: !Sub "${AWS::AccountId} ${AWS::Partition} ${AWS::URLSuffix} ${AWS::Region}" }
"#;
    let project = loaded(text, &Options { region: "cn-north-1".into(), ..Options::default() });
    assert_eq!(project.notes, []);
    let votes = &project.tables[0];
    assert_eq!((votes.name.as_str(), votes.provisioned, votes.ttl.as_deref()), ("shop-dev-votes", Some((1, 2)), None));
    assert_eq!(votes.tags, [("table".to_string(), project.tables[1].name.clone())]);
    assert_eq!(project.tables[1].tags, [("team".to_string(), "000000000000".to_string())]);
    let outputs: Vec<String> = project.outputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    expect![[r#"
        Name = shop-dev-votes
        Arn = arn:aws-cn:dynamodb:cn-north-1:000000000000:table/shop-dev-votes
        Small = arn:aws-cn:dynamodb:cn-north-1:000000000000:table/shop-Small-4L2CZ5HB18P5
        Stream = {stream-arn:shop-dev-votes}${kept}|b
        Join = a-b-c
        Encoded = aGVsbG8gZGV2
        Mapped = y
        Either = shown
        Account = 000000000000 aws-cn amazonaws.com.cn cn-north-1"#]].assert_eq(&outputs.join("\n"));
    let filled = project.outputs_with(|_| Some("ARN".into()));
    assert!(filled.iter().any(|(name, value)| name == "Stream" && value == "ARN${kept}|b"), "{filled:?}");
}

#[test]
fn functions_that_cannot_be_worked_out_say_why() {
    check(
        &format!(
            "Mappings:
  Sizes: {{ dev: {{ Read: 1 }} }}
Conditions:
  A: !Condition B
  B: !Not [!Condition A]
  C: !Equals [!Ref Votes, x]
  D: !Equals [one]
  E: !Sub x
{}Outputs:
  Import: {{ Value: !ImportValue other-stack-table }}
  Cidr: {{ Value: !Cidr [10.0.0.0/16, 2, 8] }}
  Reff: {{ Value: !Reff Votes }}
  Nobody: {{ Value: !Ref Vote }}
  Attribute: {{ Value: !GetAtt Votes.StreamARN }}
  Pseudo: {{ Value: !Ref AWS::Regoin }}
  Map: {{ Value: !FindInMap [Sizes, dve, Read] }}
  Select: {{ Value: !Select [3, [a, b]] }}
  Join: {{ Value: !Join [a] }}
  If: {{ Value: !If [Nope, a, b] }}
  Sub: {{ Value: !Sub 'a ${{b' }}
  Secret: {{ Value: '{{{{resolve:ssm:name}}}}' }}
  List: {{ Value: [a] }}
",
            resources(VOTES)
        ),
        expect![[r#"
            error: Conditions.A: condition `A` depends on itself
             --> template.yaml:4:6
              |
            4 |   A: !Condition B
              |      ^^^^^^^^^^^^

            error: Conditions.C[0]: `Votes` is a resource; conditions know parameters only
             --> template.yaml:6:15
              |
            6 |   C: !Equals [!Ref Votes, x]
              |               ^^^^^^^^^^

            error: Conditions.D: Fn::Equals takes two values
             --> template.yaml:7:3
              |
            7 |   D: !Equals [one]
              |   ^

            error: Conditions.E: Fn::Sub does not come to true or false
             --> template.yaml:8:6
              |
            8 |   E: !Sub x
              |      ^^^^^^

            error: Outputs.Import.Value: Fn::ImportValue reads what another stack exported, and there are no other stacks here
              --> template.yaml:19:20
               |
            19 |   Import: { Value: !ImportValue other-stack-table }
               |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               = help: make it a parameter, and give it with `--parameter`

            error: Outputs.Cidr.Value: Fn::Cidr is not worked out here
              --> template.yaml:20:11
               |
            20 |   Cidr: { Value: !Cidr [10.0.0.0/16, 2, 8] }
               |           ^^^^^

            error: Outputs.Reff.Value: Fn::Reff is not worked out here
              --> template.yaml:21:18
               |
            21 |   Reff: { Value: !Reff Votes }
               |                  ^^^^^^^^^^^

            error: Outputs.Nobody.Value: `Vote` is neither a parameter nor a resource of this template
              --> template.yaml:22:20
               |
            22 |   Nobody: { Value: !Ref Vote }
               |                    ^^^^^^^^^
               = help: did you mean Votes?

            error: Outputs.Attribute.Value: AWS::DynamoDB::Table has no attribute `StreamARN`
              --> template.yaml:23:23
               |
            23 |   Attribute: { Value: !GetAtt Votes.StreamARN }
               |                       ^^^^^^^^^^^^^^^^^^^^^^^
               = help: did you mean StreamArn?

            error: Outputs.Pseudo.Value: `AWS::Regoin` is not a pseudo parameter
              --> template.yaml:24:20
               |
            24 |   Pseudo: { Value: !Ref AWS::Regoin }
               |                    ^^^^^^^^^^^^^^^^
               = help: did you mean AWS::Region?

            error: Outputs.Map.Value: Fn::FindInMap: Mappings.Sizes has no `dve`
              --> template.yaml:25:10
               |
            25 |   Map: { Value: !FindInMap [Sizes, dve, Read] }
               |          ^^^^^
               = help: did you mean dev?

            error: Outputs.Select.Value: Fn::Select: `3` is not an index of a list of 2
              --> template.yaml:26:13
               |
            26 |   Select: { Value: !Select [3, [a, b]] }
               |             ^^^^^

            error: Outputs.Join.Value: Fn::Join takes a separator and a list
              --> template.yaml:27:11
               |
            27 |   Join: { Value: !Join [a] }
               |           ^^^^^

            error: Outputs.If.Value[0]: there is no condition `Nope`
              --> template.yaml:28:21
               |
            28 |   If: { Value: !If [Nope, a, b] }
               |                     ^^^^

            error: Outputs.Sub.Value: a `${` is opened and not closed
              --> template.yaml:29:17
               |
            29 |   Sub: { Value: !Sub 'a ${b' }
               |                 ^^^^^^^^^^^^^

            error: Outputs.Secret.Value: a dynamic reference is resolved by AWS only
              --> template.yaml:30:20
               |
            30 |   Secret: { Value: '{{resolve:ssm:name}}' }
               |                    ^^^^^^^^^^^^^^^^^^^^^^^
               = help: give the value itself, for instance through a parameter

            error: Outputs.List.Value: expected a string, found a list
              --> template.yaml:31:11
               |
            31 |   List: { Value: [a] }
               |           ^^^^^
        "#]],
    );
}

#[test]
fn references_are_checked_in_both_branches_and_circles_are_refused() {
    let text = format!(
        "Parameters:
  Stage: {{ Type: String, Default: dev }}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
{}  Prod:
    Type: AWS::DynamoDB::Table
    Condition: IsProd
    DependsOn: Vote
    Properties: {{}}
  A:
    Type: AWS::DynamoDB::Table
    DependsOn: B
    Properties:
      TableName: !If [IsProd, !Ref Nobody, !Sub '${{B}}-a']
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{ AttributeName: id, AttributeType: S }}]
      KeySchema: [{{ AttributeName: id, KeyType: HASH }}]
  B:
    Type: AWS::DynamoDB::Table
    Condition: IsPord
    Properties:
      TableName: !Sub '${{A}}-${{Prod}}'
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{ AttributeName: id, AttributeType: S }}]
      KeySchema: [{{ AttributeName: id, KeyType: HASH }}]
",
        resources(VOTES)
    );
    check(&text, expect![[r#"
        error: Prod.DependsOn: `Vote` is not a resource of this template
          --> template.yaml:17:16
           |
        17 |     DependsOn: Vote
           |                ^^^^
           = help: did you mean Votes?

        error: A.Properties.TableName[1]: `Nobody` is neither a parameter nor a resource of this template
          --> template.yaml:23:31
           |
        23 |       TableName: !If [IsProd, !Ref Nobody, !Sub '${B}-a']
           |                               ^^^^^^^^^^^

        error: B.Condition: there is no condition `IsPord`
          --> template.yaml:29:16
           |
        29 |     Condition: IsPord
           |                ^^^^^^
           = help: did you mean IsProd?

        error: B.Properties.TableName: `Prod` is left out by its condition, but referred to here
          --> template.yaml:31:18
           |
        31 |       TableName: !Sub '${A}-${Prod}'
           |                  ^^^^^^^^^^^^^^^^^^^

        error: B.Properties.TableName: resources depend on one another in a circle: A -> B -> A
          --> template.yaml:31:18
           |
        31 |       TableName: !Sub '${A}-${Prod}'
           |                  ^^^^^^^^^^^^^^^^^^^
           = help: take one of the references out; DependsOn counts as one
    "#]]);
}

#[test]
fn outputs_that_need_what_is_not_run_are_left_out_with_a_note() {
    let text = format!(
        "{}  Code: {{ Type: AWS::Lambda::Function, Properties: {{ Handler: a.b }} }}
Outputs:
  Code: {{ Value: !GetAtt Code.Arn }}
  Table: {{ Value: !Ref Votes }}
",
        resources(VOTES)
    );
    check(&text, expect![[r#"
        warning: Code: not run here yet: AWS::Lambda::Function
          --> template.yaml:10:3
           |
        10 |   Code: { Type: AWS::Lambda::Function, Properties: { Handler: a.b } }
           |   ^^^^

        note: Outputs.Code.Value: output Code is left out: `Code` (AWS::Lambda::Function) is not run here, so it has no Arn
          --> template.yaml:12:18
           |
        12 |   Code: { Value: !GetAtt Code.Arn }
           |                  ^^^^^^^^^^^^^^^^
    "#]]);
    assert_eq!(loaded(&text, &Options::default()).outputs, [("Table".to_string(), "votes".to_string())]);
}

/// A view of `file` called `total_votes`.
fn total_votes(mark: &str) -> String {
    format!(
        "  TotalVotes:
    Type: AWS::DynamoDB::Table
    Metadata:
      Streamfold: {mark}
    Properties:
      TableName: total_votes
      AttributeDefinitions: [{{ AttributeName: region, AttributeType: S }}, {{ AttributeName: improvement, AttributeType: S }}]
      KeySchema: [{{ AttributeName: region, KeyType: HASH }}, {{ AttributeName: improvement, KeyType: RANGE }}]
      BillingMode: PAY_PER_REQUEST
"
    )
}

#[test]
fn views_name_a_file_and_read_tables_of_the_template() {
    check(&resources(&format!("{VOTES}{}", total_votes("{ View: views/totl_votes.sql }"))), expect![[r#"
        error: TotalVotes.Metadata.Streamfold.View: the view's file cannot be read: views/totl_votes.sql: no such file
          --> template.yaml:13:27
           |
        13 |       Streamfold: { View: views/totl_votes.sql }
           |                           ^^^^^^^^^^^^^^^^^^^^
           = help: did you mean total_votes.sql?
    "#]]);
    check(&resources(&format!("{VOTES}{}", total_votes("{ Veiw: views/total_votes.sql, Shards: 0 }"))), expect![[r#"
        error: TotalVotes.Metadata.Streamfold.Veiw: `Veiw` is not known here
          --> template.yaml:13:21
           |
        13 |       Streamfold: { Veiw: views/total_votes.sql, Shards: 0 }
           |                     ^^^^
           = help: did you mean View?

        error: TotalVotes.Metadata.Streamfold.Shards: expected a whole number from 1 to 1024, found `0`
          --> template.yaml:13:58
           |
        13 |       Streamfold: { Veiw: views/total_votes.sql, Shards: 0 }
           |                                                          ^
    "#]]);
    let renamed = VOTES.replace("votes\n", "ballots\n").replace("Votes:", "Ballots:");
    check(&resources(&format!("{renamed}{}", total_votes("{ View: views/total_votes.sql, Shards: 4 }"))), expect![[r#"
        error: there is no table `votes` in the template
         --> views/total_votes.sql:2:6
          |
        2 | FROM votes
          |      ^^^^^
    "#]]);
    check(&resources(&total_votes("{ View: views/total_votes.sql }").replace("total_votes\n", "votes\n")), expect![[r#"
        error: TotalVotes.Metadata.Streamfold.View: views read one another in a circle: votes <- votes
         --> template.yaml:5:27
          |
        5 |       Streamfold: { View: views/total_votes.sql }
          |                           ^^^^^
    "#]]);
}

#[test]
fn dashboards_name_tables_and_columns_that_exist() {
    let dashboard = |body: &str| {
        format!(
            "Metadata:
  Streamfold:
    Dashboards:
{body}{}{}",
            resources(VOTES),
            total_votes("{ View: views/total_votes.sql }")
        )
    };
    check(
        &dashboard(
            "      the votes:
        Titel: Votes
        Recent: { Table: Voters, Limit: 0 }
        Charts:
          - { Table: TotalVotes, Group: regoin, Value: total_votes }
          - { Table: total_votes, Group: region }
        Rate: { Table: Votes, Window: 5 }
      empty: { Title: Nothing }
",
        ),
        expect![[r#"
            error: Metadata.Streamfold.Dashboards.the votes: `the votes` cannot be the name of a dashboard
             --> template.yaml:4:7
              |
            4 |       the votes:
              |       ^^^^^^^^^
              = help: 1 to 64 characters of a-z, A-Z, 0-9, _ and -: it is part of the dashboard's address

            error: Metadata.Streamfold.Dashboards.the votes.Titel: `Titel` is not known here
             --> template.yaml:5:9
              |
            5 |         Titel: Votes
              |         ^^^^^
              = help: did you mean Title?

            error: Metadata.Streamfold.Dashboards.the votes.Recent.Table: there is no table `Voters` in the template
             --> template.yaml:6:26
              |
            6 |         Recent: { Table: Voters, Limit: 0 }
              |                          ^^^^^^
              = help: did you mean Votes?

            error: Metadata.Streamfold.Dashboards.the votes.Recent.Limit: expected a whole number from 1 to 100, found `0`
             --> template.yaml:6:41
              |
            6 |         Recent: { Table: Voters, Limit: 0 }
              |                                         ^

            error: Metadata.Streamfold.Dashboards.the votes.Charts[0].Group: view `total_votes` has no column `regoin`
             --> template.yaml:8:41
              |
            8 |           - { Table: TotalVotes, Group: regoin, Value: total_votes }
              |                                         ^^^^^^
              = help: did you mean region?

            error: Metadata.Streamfold.Dashboards.the votes.Charts[1]: `Value` is missing
             --> template.yaml:9:13
              |
            9 |           - { Table: total_votes, Group: region }
              |             ^

            error: Metadata.Streamfold.Dashboards.the votes.Rate.Window: `Window` is not known here
              --> template.yaml:10:31
               |
            10 |         Rate: { Table: Votes, Window: 5 }
               |                               ^^^^^^
               = help: one of: Table

            error: Metadata.Streamfold.Dashboards.empty: a dashboard shows something: Recent, Charts or Rate
              --> template.yaml:11:7
               |
            11 |       empty: { Title: Nothing }
               |       ^^^^^
        "#]],
    );
    check(&dashboard("      votes: { Title: !Ref AWS::StackName, Rate: { Table: !Ref Votes } }\n"), expect![[r#"
        error: Metadata.Streamfold.Dashboards.votes.Title: Ref cannot stand in the template's Metadata
         --> template.yaml:4:23
          |
        4 |       votes: { Title: !Ref AWS::StackName, Rate: { Table: !Ref Votes } }
          |                       ^^^^^^^^^^^^^^^^^^^
          = help: CloudFormation works out no functions there: write the value itself, for a table its logical id

        error: Metadata.Streamfold.Dashboards.votes.Rate.Table: Ref cannot stand in the template's Metadata
         --> template.yaml:4:59
          |
        4 |       votes: { Title: !Ref AWS::StackName, Rate: { Table: !Ref Votes } }
          |                                                           ^^^^^^^^^^
          = help: CloudFormation works out no functions there: write the value itself, for a table its logical id
    "#]]);
}

#[test]
fn one_line_says_it_all_for_logs() {
    let text = resources(&VOTES.replace("KeySchema", "KeySchmea"));
    let lines = in_folder(&text, &Options::default(), |result, folder| {
        let found = result.expect_err("misspelled");
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        lines.join("\n").replace(&format!("{}/", folder.display()), "")
    });
    expect![[r#"
        template.yaml:4:5: error: Votes.Properties: `KeySchema` is missing
        template.yaml:7:7: error: Votes.Properties.KeySchmea: `KeySchmea` is not known here (did you mean KeySchema?)"#]].assert_eq(&lines);
}

#[test]
fn a_template_may_be_json() {
    let text = "{\n\t\"Resources\": {\n\t\t\"Votes\": {\n\t\t\t\"Type\": \"AWS::Serverless::SimpleTable\",\n\t\t\t\"Properties\": {\"TableName\": {\"Fn::Sub\": \"${AWS::StackName}\\/votes\"}}\n\t\t}\n\t},\n\t\"Transform\": \"AWS::Serverless-2016-10-31\"\n}\n";
    check(text, expect![[r#"
        error: Votes.Properties.TableName: `shop/votes` cannot be a name
         --> template.yaml:5:32
          |
        5 |    "Properties": {"TableName": {"Fn::Sub": "${AWS::StackName}\/votes"}}
          |                                ^
          = help: 3 to 255 characters of a-z, A-Z, 0-9, _, - and .
    "#]]);
    let right = text.replace("\\/", "_");
    assert_eq!(loaded(&right, &Options::default()).tables[0].name, "shop_votes");
}

#[test]
fn yaml_anchors_and_merges_are_followed() {
    let text = "Resources:
  Votes:
    Type: AWS::DynamoDB::Table
    Properties: &table
      TableName: votes
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      BillingMode: PAY_PER_REQUEST
  Copy:
    Type: AWS::DynamoDB::Table
    Properties:
      <<: *table
      TableName: copy
";
    let project = loaded(text, &Options::default());
    let names: Vec<&str> = project.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["votes", "copy"]);
}

#[test]
fn a_missing_template_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = |path: &Path| {
        let found = load(path, &Options::default()).expect_err("nothing is there");
        found[0].to_string().replace(&folder.path().display().to_string(), "here")
    };
    expect!["error: no template in here: looked for template.yaml, template.yml, template.json"].assert_eq(&said(folder.path()));
    expect!["error: the template here/template.yaml cannot be read: no such file"].assert_eq(&said(&folder.path().join("template.yaml")));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    /// Whatever a text holds, it is answered: no panic, no endless work.
    #[test]
    fn any_damaged_template_is_answered(at in 0usize..3000, cut in 0usize..40, put in "[ \\n\\t:\\[\\]{}&*!|>'\"#,\\-a-zRef\\$]{0,12}") {
        let whole = include_str!("../../../examples/votes/template.yaml");
        let mut chars: Vec<char> = whole.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, put.chars());
        let text: String = chars.into_iter().collect();
        in_folder(&text, &Options::default(), |result, _| {
            for diagnostic in result.err().unwrap_or_default() {
                diagnostic.render(true);
            }
        });
    }
}

//! Functions as a person runs them: an unmodified handler fed by a table, killed in the middle, looked at and called.

use it::{client::Client, folder::Folder, votes, wait::until};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait; the first start makes a Python environment.
const PATIENCE: Duration = Duration::from_secs(120);

fn vote(client: &mut Client, id: u32) {
    let region = ["NORTH", "SOUTH", "EAST"][id as usize % 3];
    let item = json!({ "id": { "S": id.to_string() }, "region": { "S": region }, "improvement": { "S": "TREES" } });
    client.call("PutItem", &json!({ "TableName": "votes", "Item": item })).expect("a vote can be written");
}

/// What the function counted, over all regions.
fn counted(client: &mut Client) -> u64 {
    let number = |item: &Value| item["total_votes"]["N"].as_str().and_then(|number| number.parse::<u64>().ok());
    client.scan("counted_votes").expect("the table can be read").iter().filter_map(number).sum()
}

const HANGS: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Hangs:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: hangs, CodeUri: hangs/, Handler: none, Runtime: provided.al2023, Timeout: 900 }
";

#[test]
fn no_process_of_a_function_outlives_the_program() {
    let folder = Folder::new();
    folder.write("template.yaml", HANGS);
    // One that would ask us for a call could end by itself once we are gone; this one does nothing of the kind.
    folder.write_program("hangs/bootstrap", "#!/bin/sh\nexec sleep 900\n");
    let program = folder.up("template.yaml");
    assert_eq!(Client::new(program.port).invoke("hangs", "Event", &json!({})).0, 202);
    let of_the_function = || folder.processes().into_iter().find(|id| *id != program.pid());
    until("the function's process", PATIENCE, of_the_function);
    program.kill();
    until("its end with the program's", PATIENCE, || folder.processes().is_empty().then_some(()));
}

#[test]
fn what_a_function_started_ends_when_the_program_starts_again() {
    let folder = Folder::new();
    folder.write("template.yaml", HANGS);
    folder.write_program("hangs/bootstrap", "#!/bin/sh\nsleep 900 &\nexec sleep 900\n");
    let program = folder.up("template.yaml");
    assert_eq!(Client::new(program.port).invoke("hangs", "Event", &json!({})).0, 202);
    let both = || (folder.processes().len() == 3).then_some(());
    until("the function's processes", PATIENCE, both);
    program.kill();
    // Nothing of the function runs by then, though the event that called it is still there.
    folder.write_program("hangs/bootstrap", "#!/bin/sh\nexit 1\n");
    let program = folder.up("template.yaml");
    until("their end", PATIENCE, || (folder.processes() == [program.pid()]).then_some(()));
}

const RUST: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Records:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: records
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: { StreamViewType: NEW_IMAGE }
  Notes:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: notes
      CodeUri: notes/
      Handler: bootstrap
      Runtime: provided.al2023
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: { OnFailure: { Type: SQS, Destination: 'arn:aws:sqs:us-east-1:000000000000:failed' } }
      Events:
        Records:
          Type: DynamoDB
          Properties: { Stream: !GetAtt Records.StreamArn, StartingPosition: TRIM_HORIZON }
";

#[test]
fn a_function_in_rust_is_called_and_fed() {
    let folder = Folder::new();
    folder.write("template.yaml", RUST);
    folder.add_bootstrap("notes");
    let program = folder.up("template.yaml");
    for line in ["Functions  notes  (provided.al2023, bootstrap)", "Triggers   records -> notes  (at most 100 records)"]
    {
        assert!(program.banner.contains(line), "{}", program.banner);
    }
    let mut client = Client::new(program.port);
    assert_eq!(client.invoke("notes", "RequestResponse", &json!({})), (200, json!({ "function": "notes" })));
    let (_, error) = client.invoke("notes", "RequestResponse", &json!({ "Records": [{}] }));
    assert!(error["errorMessage"].as_str().is_some_and(|why| why.starts_with("not a record of ours")), "{error}");
    let item = json!({ "id": { "S": "a" }, "n": { "N": "1" } });
    client.call("PutItem", &json!({ "TableName": "records", "Item": item })).expect("written");
    let taken =
        || std::fs::read_to_string(folder.path().join("notes/effects.txt")).ok().filter(|text| !text.is_empty());
    assert!(until("the record", PATIENCE, taken).starts_with("a 1 "));
    let said = program.told(&["logs", "notes"]);
    assert!(said.contains("REPORT RequestId: ") && said.contains("not a record of ours"), "{said}");
    an_event_that_it_fails_goes_where_the_template_says(&mut client);
}

fn an_event_that_it_fails_goes_where_the_template_says(client: &mut Client) {
    assert_eq!(client.invoke("notes", "Event", &json!({ "Records": [{ "wrong": 1 }] })).0, 202);
    // Tried once, as the template has it: a second try would come after a minute.
    let letter = || client.scan("dead_letters").ok()?.first().cloned();
    let letter = until("the letter", Duration::from_secs(30), letter);
    assert_eq!(letter["destination"]["S"], "arn:aws:sqs:us-east-1:000000000000:failed");
    assert_eq!((&letter["function"]["S"], &letter["attempts"]["N"]), (&json!("notes"), &json!("1")));
    assert!(letter["message"]["S"].as_str().is_some_and(|message| message.contains("wrong")), "{letter}");
}

/// One test, since all of it uses one Python environment, which the first start makes.
#[test]
fn examples_with_functions_run_as_their_readmes_say() {
    an_unmodified_handler_counts_votes_across_a_kill_and_is_called_and_watched_from_the_command_line();
    groups_follow_their_messages();
}

/// What the groups of a conversation say: time and text of its last message.
fn groups(client: &mut Client) -> Vec<(String, String)> {
    let items = client.scan("cruddur-messages").expect("the table can be read");
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let groups = items.iter().filter(|item| text(item, "pk").starts_with("GRP#"));
    groups.map(|item| (text(item, "sk"), text(item, "message"))).collect()
}

fn groups_follow_their_messages() {
    let folder = Folder::example("messages");
    let program = folder.up("groups.yaml");
    let mut client = Client::new(program.port);
    let mut put = |pk: &str, sk: &str, message: &str| {
        let item = json!({
            "pk": { "S": pk }, "sk": { "S": sk }, "message": { "S": message }, "message_group_uuid": { "S": "g1" },
        });
        client.call("PutItem", &json!({ "TableName": "cruddur-messages", "Item": item })).expect("written");
    };
    put("GRP#andrew", "2026-01-01T10:00:00", "Hello");
    put("GRP#bayko", "2026-01-01T10:00:00", "Hello");
    put("MSG#g1", "2026-01-01T10:00:00", "Hello");
    put("MSG#g1", "2026-01-01T10:00:07", "How are you?");
    let both = vec![("2026-01-01T10:00:07".to_owned(), "How are you?".to_owned()); 2];
    let mut client = Client::new(program.port);
    until("the groups' last message", PATIENCE, || (groups(&mut client) == both).then_some(()));
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
}

fn an_unmodified_handler_counts_votes_across_a_kill_and_is_called_and_watched_from_the_command_line() {
    let folder = Folder::example("votes");
    let program = folder.up("handler.yaml");
    let mut client = Client::new(program.port);
    (0..50).for_each(|id| vote(&mut client, id));
    // A record that is no vote is skipped by the handler.
    client.call("PutItem", &json!({ "TableName": "votes", "Item": { "id": { "S": "no vote" } } })).expect("written");
    until("the handler's count", PATIENCE, || (counted(&mut client) == 50).then_some(()));

    // Killed with batches under way: none is lost, and those under way may count again.
    (50..400).for_each(|id| vote(&mut client, id));
    program.kill();
    let program = folder.up("handler.yaml");
    let mut client = Client::new(program.port);
    until("the rest of the count", PATIENCE, || (counted(&mut client) >= 400).then_some(()));
    let view: u64 = votes::totals(&mut client).values().sum();
    assert_eq!(view, 400, "the view counts each vote once, whatever the handler does");

    let event = json!({ "Records": [] }).to_string();
    let said = program.told(&["invoke", "vote-counter", "--payload", &event]);
    assert!(said.starts_with("null\n") && said.contains("REPORT RequestId: "), "{said}");
    let said = program.told(&["invoke", "vote-counter", "--payload", "{}"]);
    assert!(said.contains("KeyError") && said.contains("function vote-counter failed (Unhandled)"), "{said}");
    let said = program.told(&["logs", "vote-counter"]);
    assert!(said.contains("START RequestId: ") && said.contains("KeyError"), "{said}");
    assert!(program.told(&["invoke", "nobody"]).contains("there is no function"), "a name that is wrong");
    assert_eq!(program.told(&["quarantine", "list"]), "nothing is parked\n");
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
}

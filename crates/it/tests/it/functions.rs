//! Functions as a person runs them: an unmodified handler fed by a table, killed in the middle, looked at and called.

use it::{
    client::Client,
    program::{Program, Run},
    tools, votes,
    wait::until,
};
use serde_json::{Value, json};
use std::{path::Path, process::Command, time::Duration};
use tempfile::TempDir;

/// Longest wait; the first start makes a Python environment.
const PATIENCE: Duration = Duration::from_secs(120);

/// The example in a folder of its own, with Python environments that stay for the next run.
fn example(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples").join(name), folder.path());
    let pythons = tools::root().join("target/it-python");
    let functions = folder.path().join(".streamfold/functions");
    for dir in [&pythons, &functions] {
        std::fs::create_dir_all(dir).expect("a folder can be made");
    }
    std::os::unix::fs::symlink(pythons, functions.join("python")).expect("a link can be made");
    folder
}

fn up(folder: &Path, template: &str) -> Program {
    // From its own folder, as a person would: every path is relative then.
    Run::new(&["up", "--port", "0"]).arg(template).folder(folder).start()
}

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

/// Runs the command line against the server; answers what it printed on either side.
fn streamfold(program: &Program, arguments: &[&str]) -> String {
    let mut command = Command::new(it::program::binary());
    let output = command.args(arguments).args(["--url", &program.endpoint()]).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
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
    let folder = example("messages");
    let program = up(folder.path(), "groups.yaml");
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
    let folder = example("votes");
    let program = up(folder.path(), "handler.yaml");
    let mut client = Client::new(program.port);
    (0..50).for_each(|id| vote(&mut client, id));
    // A record that is no vote is skipped by the handler.
    client.call("PutItem", &json!({ "TableName": "votes", "Item": { "id": { "S": "no vote" } } })).expect("written");
    until("the handler's count", PATIENCE, || (counted(&mut client) == 50).then_some(()));

    // Killed with batches under way: none is lost, and those under way may count again.
    (50..400).for_each(|id| vote(&mut client, id));
    program.kill();
    let program = up(folder.path(), "handler.yaml");
    let mut client = Client::new(program.port);
    until("the rest of the count", PATIENCE, || (counted(&mut client) >= 400).then_some(()));
    let view: u64 = votes::totals(&mut client).values().sum();
    assert_eq!(view, 400, "the view counts each vote once, whatever the handler does");

    let event = json!({ "Records": [] }).to_string();
    let said = streamfold(&program, &["invoke", "vote-counter", "--payload", &event]);
    assert!(said.starts_with("null\n") && said.contains("REPORT RequestId: "), "{said}");
    let said = streamfold(&program, &["invoke", "vote-counter", "--payload", "{}"]);
    assert!(said.contains("KeyError") && said.contains("function vote-counter failed (Unhandled)"), "{said}");
    let said = streamfold(&program, &["logs", "vote-counter"]);
    assert!(said.contains("START RequestId: ") && said.contains("KeyError"), "{said}");
    assert!(streamfold(&program, &["invoke", "nobody"]).contains("there is no function"), "a name that is wrong");
    assert_eq!(streamfold(&program, &["quarantine", "list"]), "nothing is parked\n");
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
}

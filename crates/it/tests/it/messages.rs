//! The example of messages as a person runs it: the commands of its README word for word, and indexes that come and go
//! with the template.

use it::{
    client::{Client, Failed},
    program::{Program, Run},
    tools, wait,
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command, time::Duration};
use tempfile::TempDir;

const TABLE: &str = "cruddur-messages";
const INDEX: &str = "message-group-sk-index";

fn example() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/messages"), folder.path());
    folder
}

fn stop(program: Program) {
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
}

/// The commands of the README's patterns by their letters, in the order of the text.
fn patterns() -> Vec<(String, String)> {
    let path = tools::root().join("examples/messages/README.md");
    let text = fs::read_to_string(path).expect("the example has a README");
    let pattern = |part: &str| {
        let command = part.split("```sh\n").nth(1)?.split("```").next()?;
        Some((part.chars().next()?.to_string(), command.to_owned()))
    };
    text.split("\n**").skip(1).filter_map(pattern).collect()
}

/// Runs a command of the README in a shell, with `aws` pointed at the program.
fn run(program: &Program, command: &str) -> Value {
    let mut shell = Command::new("sh");
    let aws = tools::python("aws");
    shell.args(["-euc", command]).env("AWS_ENDPOINT_URL", program.endpoint()).env("AWS_DEFAULT_OUTPUT", "json");
    for (name, value) in aws.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let folder = Path::new(aws.get_program()).parent().expect("a program lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", folder.display()));
    let said = tools::run(&mut shell);
    if said.trim().is_empty() { Value::Null } else { serde_json::from_str(&said).expect("it prints JSON") }
}

/// One attribute of all items that were found.
fn each<'a>(found: &'a Value, name: &str) -> Vec<&'a str> {
    let items = found["Items"].as_array().into_iter().flatten();
    items.filter_map(|item| item[name]["S"].as_str()).collect()
}

#[test]
fn the_readmes_patterns_do_what_they_say() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let created = format!("table {TABLE} created, with index {INDEX}");
    assert!(program.banner.contains(&created), "{}", program.banner);
    let patterns = patterns();
    let letters: String = patterns.iter().map(|(letter, _)| letter.as_str()).collect();
    assert_eq!(letters, "CDABE");
    for (letter, command) in &patterns {
        let found = run(&program, command);
        match letter.as_str() {
            "C" => assert_eq!(found["UnprocessedItems"], json!({})),
            "A" => assert_eq!(each(&found, "message"), ["Hello Andrew", "Hello Bayko"], "newest first"),
            "B" => assert_eq!(each(&found, "user_handle"), ["andrewbrown"], "the other member"),
            "E" => {
                let mut keys = each(&found, "pk");
                keys.sort_unstable();
                assert_eq!(keys, ["GRP#andrew", "GRP#bayko", "MSG#g1", "MSG#g1"], "whatever the keys are");
            }
            _ => {}
        }
    }
    stop(program);
    let program = Run::up(folder.path()).start();
    assert!(program.banner.contains("0 created, 0 updated, 1 unchanged"), "{}", program.banner);
}

/// The index as the console describes it; `None`: there is none such.
fn index(client: &mut Client, name: &str) -> Option<Value> {
    let (status, overview) = client.get("/api/overview").expect("the console answers");
    assert_eq!(status, 200);
    let overview: Value = serde_json::from_slice(&overview).expect("it is JSON");
    let table = overview["tables"].as_array()?.iter().find(|table| table["name"] == TABLE)?;
    table["indexes"].as_array()?.iter().find(|index| index["name"] == name).cloned()
}

/// Puts messages into a table of its own, as fast as batches go.
fn write_messages(client: &mut Client, count: usize) -> Result<(), Failed> {
    let messages: Vec<usize> = (0..count).collect();
    for batch in messages.chunks(25) {
        let put = |at: &usize| {
            let item = json!({
                "pk": { "S": format!("MSG#{}", at % 10) }, "sk": { "S": format!("2026-{at:06}") },
                "message_group_uuid": { "S": format!("{}", at % 10) }, "user_uuid": { "S": format!("user{}", at % 3) },
            });
            json!({ "PutRequest": { "Item": item } })
        };
        let puts: Vec<Value> = batch.iter().map(put).collect();
        client.call("BatchWriteItem", &json!({ "RequestItems": { TABLE: puts } }))?;
    }
    Ok(())
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("template.yaml");
    let text = fs::read_to_string(&path).expect("the example has a template");
    assert!(text.contains(from), "`{from}` is not in the template");
    fs::write(&path, text.replace(from, to)).expect("a file can be written");
}

#[test]
fn an_index_that_the_template_gains_is_filled_and_one_that_it_loses_is_removed() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    write_messages(&mut Client::new(program.port), 3_000).expect("messages can be written");
    stop(program);
    // Another key needs another name; the attribute definition changes with it.
    edit(folder.path(), "message_group_uuid, ", "user_uuid, ");
    let refused = Run::new(&["up", "--port", "0"]).arg(folder.path()).to_end();
    let template = folder.path().join("template.yaml").display().to_string();
    assert!(!refused.status.success());
    for words in ["Messages.Properties.GlobalSecondaryIndexes[0]", "exists with another key", &template] {
        assert!(refused.stderr.contains(words), "`{words}` is not in:\n{}", refused.stderr);
    }
    edit(folder.path(), INDEX, "by-user");
    let program = Run::up(folder.path()).start();
    let changes = format!("{TABLE}: index {INDEX} removed, index by-user added");
    assert!(program.banner.contains(&changes), "{}", program.banner);
    let mut client = Client::new(program.port);
    let filled = wait::until("the index to be filled", Duration::from_secs(60), || {
        index(&mut client, "by-user").filter(|index| index["fill"].is_null())
    });
    assert_eq!((&filled["items"], &filled["local"]), (&json!(3_000), &json!(false)));
    assert!(index(&mut client, INDEX).is_none());
    let (status, page) = client.get(&format!("/api/tables/{TABLE}/items?index=by-user")).expect("the console answers");
    let page: Value = serde_json::from_slice(&page).expect("it is JSON");
    assert_eq!((status, &page["columns"]), (200, &json!(["user_uuid", "sk", "pk", "message_group_uuid"])));
    stop(program);
    let program = Run::up(folder.path()).start();
    assert!(program.banner.contains("0 created, 0 updated, 1 unchanged"), "{}", program.banner);
}

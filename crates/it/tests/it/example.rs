//! The example as a person runs it: `up`, votes that come, change and go, `up` again, a view that came later.

use it::{
    client::Client,
    program::{Program, Run},
    tools,
    votes::{self, Writer},
};
use serde_json::json;
use std::{fs, path::Path, process::Command, time::Duration};
use tempfile::TempDir;

fn example() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    folder
}

fn stop(program: Program) {
    let ended = program.stop();
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn up_says_where_everything_is_and_twice_changes_nothing() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let banner = program.banner.clone();
    let data = folder.path().join(".streamfold").display().to_string();
    let dashboard = format!("{}/dashboards/votes", program.endpoint());
    for words in ["2 created, 0 updated, 0 unchanged", "AWS_ENDPOINT_URL=", "taken as given", &data, &dashboard] {
        assert!(banner.contains(words), "`{words}` is not in:\n{banner}");
    }
    assert!(!banner.contains('\u{1b}'), "colors are for terminals");
    let (status, page) = Client::new(program.port).get("/dashboards/votes").expect("the page is there");
    assert!(status == 200 && String::from_utf8_lossy(&page).contains("<html"), "{status}");
    let described = |program: &Program| {
        let describe = json!({ "TableName": "votes" });
        Client::new(program.port).call("DescribeTable", &describe).expect("the table is there")["Table"].clone()
    };
    let before = described(&program);
    stop(program);
    let program = Run::up(folder.path()).start();
    assert!(program.banner.contains("0 created, 0 updated, 2 unchanged"), "{}", program.banner);
    assert_eq!(described(&program), before, "the same table, its ids and stream included");
}

#[test]
fn the_folder_is_the_default_and_so_is_the_environment() {
    let folder = example();
    let run = Run::new(&["up"]).folder(folder.path()).env("STREAMFOLD_PORT", "0");
    let program = run.env("STREAMFOLD_DATA", folder.path().join("elsewhere")).start();
    assert!(folder.path().join("elsewhere").is_dir() && !folder.path().join(".streamfold").exists());
    stop(program);
}

/// Writes a while, without crashes; answers what stands.
fn vote_a_while(program: &Program, name: &str) -> std::collections::BTreeMap<String, votes::Vote> {
    let mut client = Client::new(program.port);
    let mut writer = Writer::new(name, fastrand::Rng::with_seed(7));
    for _ in 0..300 {
        writer.step(&mut client).expect("a vote can be written");
    }
    let table = votes::standing(&mut client);
    writer.settle(&table);
    table
}

#[test]
fn totals_follow_votes_that_are_put_changed_and_deleted() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let table = vote_a_while(&program, "first");
    votes::check_totals(&mut Client::new(program.port), &table);
    stop(program);
    let program = Run::up(folder.path()).start();
    votes::check_totals(&mut Client::new(program.port), &table);
    let table = vote_a_while(&program, "second");
    votes::check_totals(&mut Client::new(program.port), &table);
}

fn replace(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("the example has this file");
    assert!(text.contains(from), "`{from}` is not in {file}");
    fs::write(&path, text.replacen(from, to, 1)).expect("a file can be written");
}

#[test]
fn a_view_counts_votes_that_were_cast_before_it_existed() {
    let folder = example();
    // The example without its view: whatever the template says from there on.
    let path = folder.path().join("template.yaml");
    let whole = fs::read_to_string(&path).expect("the example has a template");
    let first = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  Votes:\n    Type: AWS::DynamoDB::Table\n    \
                 Properties:\n      TableName: votes\n      \
                 AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]\n      \
                 KeySchema: [{ AttributeName: id, KeyType: HASH }]\n      BillingMode: PAY_PER_REQUEST\n";
    fs::write(&path, first).expect("a file can be written");
    let program = Run::up(folder.path()).start();
    let table = vote_a_while(&program, "early");
    stop(program);
    fs::write(&path, whole).expect("a file can be written");
    let program = Run::up(folder.path()).start();
    assert!(program.banner.contains("1 created, 1 updated, 0 unchanged"), "{}", program.banner);
    votes::check_totals(&mut Client::new(program.port), &table);
    stop(program);
}

#[test]
fn a_changed_query_rebuilds_its_view() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let table = vote_a_while(&program, "only");
    votes::check_totals(&mut Client::new(program.port), &table);
    stop(program);
    replace(folder.path(), "views/total_votes.sql", "FROM votes", "FROM votes WHERE region <> 'SOUTH'");
    let program = Run::up(folder.path()).start();
    assert!(program.banner.contains("rebuilt"), "{}", program.banner);
    let north = table.into_iter().filter(|(_, (region, _))| region != "SOUTH").collect();
    votes::check_totals(&mut Client::new(program.port), &north);
    stop(program);
}

#[test]
fn votes_are_cast_by_the_examples_own_command() {
    let binary = it::program::binary().with_file_name("cast-votes");
    assert!(binary.is_file(), "there is no {}: `cargo build -p cast-votes` first", binary.display());
    let folder = example();
    let program = Run::up(folder.path()).start();
    let mut cast = Command::new(&binary);
    cast.args([
        "--rate",
        "0",
        "--count",
        "500",
        "--changes",
        "10%",
        "--deletes",
        "5%",
        "--endpoint",
        &program.endpoint(),
    ]);
    let said = tools::run(&mut cast);
    assert!(said.contains(" 0 errors; "), "{said}");
    let mut client = Client::new(program.port);
    let table = votes::standing(&mut client);
    assert!(table.len() > 350, "{} of 500 votes stand", table.len());
    votes::check_totals(&mut client, &table);
    let endpoint = program.endpoint();
    stop(program);
    let nobody = Command::new(&binary).args(["--count", "1", "--endpoint", &endpoint]).output().expect("it starts");
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert!(nobody.status.code() == Some(1) && said.starts_with("error: no server at "), "{said}");
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_quickly_though_feeds_are_open() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let mut feed = std::net::TcpStream::connect(("127.0.0.1", program.port)).expect("the server listens");
    feed.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out can be set");
    let request = format!("GET /dashboards/votes/feed HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", program.port);
    std::io::Write::write_all(&mut feed, request.as_bytes()).expect("a request can be sent");
    let mut first = [0; 64];
    std::io::Read::read_exact(&mut feed, &mut first).expect("the feed begins");
    assert!(first.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&first));
    let deadline = it::wait::Deadline::after(Duration::from_secs(4));
    stop(program);
    assert!(!deadline.left().is_zero(), "an open feed held the server up");
}

//! Transactions across kill -9: whole or not at all, once for each token.

use it::{
    client::{Client, Failed},
    program::{Program, Run},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

/// Each transaction adds one to each of them.
const ITEMS: usize = 5;
const WRITERS: u64 = 4;

#[test]
fn a_transaction_is_whole_and_once_for_its_token_when_the_process_is_killed() {
    let mut dice = it::dice();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut program = serve(folder.path());
    create_table(&mut Client::new(program.port));
    let (mut done, mut unknown) = (0, 0);
    let rounds = if it::long() { 60 } else { 6 };
    for round in 0..rounds {
        let tokens = round_until_killed(program, round, dice.u64(20..400));
        program = serve(folder.path());
        let mut client = Client::new(program.port);
        let before = counts(&mut client);
        assert!(before.iter().all(|count| *count == before[0]), "half a transaction: {before:?}");
        done += tokens.done.len() as u64;
        // What was answered stays done; what was not may have happened, and once only: now it has.
        for token in tokens.done.iter().chain(&tokens.unknown) {
            client.call("TransactWriteItems", &transaction(token)).expect("a repeat is answered");
        }
        unknown += tokens.unknown.len() as u64;
        let after = counts(&mut client);
        assert_eq!(after, [done + unknown; ITEMS], "{before:?} before the repeats");
        let other = json!({ "ClientRequestToken": tokens.done[0], "TransactItems": [add(0)] });
        match client.call("TransactWriteItems", &other) {
            Err(Failed::Refused { code, .. }) => assert_eq!(code, "IdempotentParameterMismatchException"),
            answer => panic!("the token was used for something else: {answer:?}"),
        }
    }
    eprintln!("{rounds} rounds, {done} transactions answered, {unknown} not");
    assert!(done > rounds * 20, "the rounds were too short to mean anything: {done}");
    assert!(program.stop().status.success());
}

/// Tokens of transactions that were answered, and of those that were under way when the program was killed.
#[derive(Default)]
struct Tokens {
    done: Vec<String>,
    unknown: Vec<String>,
}

fn round_until_killed(program: Program, round: u64, enough: u64) -> Tokens {
    let port = program.port;
    let (answered, killed) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let write = |writer: u64| {
            let (answered, killed) = (&answered, &killed);
            move || {
                let mut client = Client::new(port);
                let mut tokens = Tokens::default();
                for number in 0.. {
                    let token = format!("r{round}-w{writer}-{number}");
                    match client.call("TransactWriteItems", &transaction(&token)) {
                        Ok(_) => tokens.done.push(token),
                        Err(Failed::Broken(_)) if killed.load(SeqCst) => {
                            tokens.unknown.push(token);
                            break;
                        }
                        Err(error) => panic!("a transaction failed though nothing was killed: {error}"),
                    }
                    answered.fetch_add(1, SeqCst);
                }
                tokens
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        it::wait::until("enough transactions", Duration::from_secs(60), || {
            (answered.load(SeqCst) >= enough).then_some(())
        });
        killed.store(true, SeqCst);
        program.kill();
        let mut all = Tokens::default();
        for writer in writers {
            let tokens = writer.join().expect("a writer does not panic");
            all.done.extend(tokens.done);
            all.unknown.extend(tokens.unknown);
        }
        all
    })
}

fn serve(data: &Path) -> Program {
    Run::new(&["serve", "--port", "0", "--data"]).arg(data).start()
}

fn create_table(client: &mut Client) {
    let table = json!({
        "TableName": "counters",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    client.call("CreateTable", &table).expect("the table can be created");
}

fn add(item: usize) -> Value {
    json!({ "Update": {
        "TableName": "counters",
        "Key": { "id": { "S": item.to_string() } },
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": { ":one": { "N": "1" } },
    } })
}

fn transaction(token: &str) -> Value {
    json!({ "ClientRequestToken": token, "TransactItems": (0..ITEMS).map(add).collect::<Vec<_>>() })
}

/// What each item counts.
fn counts(client: &mut Client) -> Vec<u64> {
    let gets: Vec<Value> = (0..ITEMS)
        .map(|item| json!({ "Get": { "TableName": "counters", "Key": { "id": { "S": item.to_string() } } } }))
        .collect();
    let read = client.call("TransactGetItems", &json!({ "TransactItems": gets })).expect("the items can be read");
    let count = |one: &Value| one["Item"]["n"]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or(0);
    read["Responses"].as_array().into_iter().flatten().map(count).collect()
}

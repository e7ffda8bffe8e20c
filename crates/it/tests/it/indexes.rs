//! Indexes across kill -9: whatever was being written, made or filled, an index equals its table's items.

use it::{
    client::{Client, Failed},
    killed,
    program::{Program, Run},
    wait::until,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::atomic::AtomicBool, time::Duration};

const WRITERS: usize = 4;
/// So many that filling an index takes a number of steps.
const FILLING: usize = 3_000;
const COLOURS: [&str; 3] = ["red", "green", "blue"];

#[test]
fn an_index_equals_its_table_whenever_the_process_is_killed() {
    let mut dice = it::dice();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut program = serve(folder.path());
    let mut client = Client::new(program.port);
    create_table(&mut client);
    fill(&mut client);
    let mut interrupted = 0;
    let rounds = if it::long() { 60 } else { 6 };
    for _ in 0..rounds {
        round_until_killed(program, &mut dice);
        program = serve(folder.path());
        let mut client = Client::new(program.port);
        interrupted += usize::from(statuses(&mut client).iter().any(|(_, status)| status == "CREATING"));
        let indexes = until("the indexes to be filled", Duration::from_secs(60), || {
            let indexes = statuses(&mut client);
            indexes.iter().all(|(_, status)| status == "ACTIVE").then_some(indexes)
        });
        let items = client.scan("things").expect("the table can be read");
        assert!(items.len() >= FILLING);
        for (index, _) in indexes {
            check(&mut client, &index, &items);
        }
    }
    eprintln!("{rounds} rounds, {interrupted} of them killed while an index was filled");
    assert!(program.stop().status.success());
}

/// Writes from all sides, makes or deletes an index meanwhile, and kills the program in the midst of it.
fn round_until_killed(program: Program, dice: &mut fastrand::Rng) {
    let (port, enough) = (program.port, dice.u64(50..400));
    let mut writers: Vec<fastrand::Rng> = (0..WRITERS).map(|_| dice.fork()).collect();
    let last = || change_index(&mut Client::new(port));
    let step = |dice: &mut fastrand::Rng, client: &mut Client| step(client, dice);
    killed::in_the_midst(program, &AtomicBool::new(false), &mut writers, enough, step, last);
}

fn step(client: &mut Client, dice: &mut fastrand::Rng) -> Result<(), Failed> {
    let id = format!("t{}", dice.usize(0..FILLING + 200));
    let (operation, request) = match dice.u32(0..10) {
        0..5 => ("PutItem", json!({ "TableName": "things", "Item": item(&id, dice) })),
        5..8 => {
            let (expression, colour) = ("SET colour = :c ADD n :one", COLOURS[dice.usize(0..COLOURS.len())]);
            let values = json!({ ":c": { "S": colour }, ":one": { "N": "1" } });
            let key = json!({ "id": { "S": id } });
            let update = json!({ "TableName": "things", "Key": key, "UpdateExpression": expression, "ExpressionAttributeValues": values });
            ("UpdateItem", update)
        }
        // Of the first ones only, so that the table stays large.
        _ => {
            let key = json!({ "id": { "S": format!("t{}", FILLING + dice.usize(0..200)) } });
            ("DeleteItem", json!({ "TableName": "things", "Key": key }))
        }
    };
    client.call(operation, &request).map(drop)
}

/// Some have no colour, and so no place in the indexes.
fn item(id: &str, dice: &mut fastrand::Rng) -> Value {
    let n = dice.u32(0..10).to_string();
    match dice.usize(0..COLOURS.len() + 1) {
        colour if colour < COLOURS.len() => {
            json!({ "id": { "S": id }, "n": { "N": n }, "colour": { "S": COLOURS[colour] }, "other": { "S": "x" } })
        }
        _ => json!({ "id": { "S": id }, "n": { "N": n } }),
    }
}

fn serve(data: &Path) -> Program {
    Run::new(&["serve", "--port", "0", "--data"]).arg(data).start()
}

fn index(name: &str, projection: &Value) -> Value {
    let key = json!([{ "AttributeName": "colour", "KeyType": "HASH" }, { "AttributeName": "n", "KeyType": "RANGE" }]);
    json!({ "IndexName": name, "KeySchema": key, "Projection": projection })
}

fn attributes() -> Value {
    let attribute = |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    json!([attribute("id", "S"), attribute("colour", "S"), attribute("n", "N")])
}

fn create_table(client: &mut Client) {
    let table = json!({
        "TableName": "things",
        "AttributeDefinitions": attributes(),
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "GlobalSecondaryIndexes": [index("always", &json!({ "ProjectionType": "ALL" }))],
        "BillingMode": "PAY_PER_REQUEST",
    });
    client.call("CreateTable", &table).expect("the table can be created");
}

fn fill(client: &mut Client) {
    let mut dice = fastrand::Rng::with_seed(1);
    let ids: Vec<usize> = (0..FILLING).collect();
    for chunk in ids.chunks(25) {
        let puts: Vec<Value> =
            chunk.iter().map(|n| json!({ "PutRequest": { "Item": item(&format!("t{n}"), &mut dice) } })).collect();
        let request = json!({ "RequestItems": { "things": puts } });
        client.call("BatchWriteItem", &request).expect("the table can be filled");
    }
}

/// Makes the second index, or deletes it where it is there.
fn change_index(client: &mut Client) {
    let there = statuses(client).iter().any(|(name, _)| name == "sometimes");
    let update = match there {
        true => json!({ "Delete": { "IndexName": "sometimes" } }),
        false => json!({ "Create": index("sometimes", &json!({ "ProjectionType": "KEYS_ONLY" })) }),
    };
    let request = json!({
        "TableName": "things",
        "AttributeDefinitions": attributes(),
        "GlobalSecondaryIndexUpdates": [update],
    });
    client.call("UpdateTable", &request).expect("the index can be changed");
}

/// Names of the indexes and where they are.
fn statuses(client: &mut Client) -> Vec<(String, String)> {
    let described = client.call("DescribeTable", &json!({ "TableName": "things" })).expect("it can be described");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let indexes = described["Table"]["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
    indexes.map(|index| (text(&index["IndexName"]), text(&index["IndexStatus"]))).collect()
}

/// The index holds what the table's items are, read as a whole and by partition, and says how many.
fn check(client: &mut Client, index: &str, items: &[Value]) {
    let shown = |item: &Value| match index {
        "always" => item.clone(),
        _ => json!({ "id": item["id"], "colour": item["colour"], "n": item["n"] }),
    };
    let id = |item: &Value| item["id"]["S"].as_str().unwrap_or_default().to_owned();
    let coloured = items.iter().filter(|item| item.get("colour").is_some());
    let wanted: BTreeMap<String, Value> = coloured.map(|item| (id(item), shown(item))).collect();
    let found = read(client, "Scan", &json!({ "TableName": "things", "IndexName": index, "Limit": 400 }));
    assert_eq!(found.len(), wanted.len(), "{index} has an entry for each item");
    assert_eq!(found.iter().map(|item| (id(item), item.clone())).collect::<BTreeMap<_, _>>(), wanted, "{index}");
    let mut queried = 0;
    for colour in COLOURS {
        let request = json!({
            "TableName": "things",
            "IndexName": index,
            "KeyConditionExpression": "colour = :c",
            "ExpressionAttributeValues": { ":c": { "S": colour } },
            "ScanIndexForward": false,
        });
        let page = read(client, "Query", &request);
        let number = |item: &Value| item["n"]["N"].as_str().and_then(|n| n.parse::<i64>().ok()).expect("a number");
        assert!(page.windows(2).all(|pair| number(&pair[0]) >= number(&pair[1])), "{index} is in order");
        queried += page.len();
    }
    assert_eq!(queried, wanted.len(), "{index} by partition");
    let described = client.call("DescribeTable", &json!({ "TableName": "things" })).expect("it can be described");
    let indexes = described["Table"]["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
    let counted = indexes.filter(|other| other["IndexName"] == index).map(|index| index["ItemCount"].as_u64());
    assert_eq!(counted.collect::<Vec<_>>(), [Some(wanted.len() as u64)], "{index} says how many it has");
}

/// All pages.
fn read(client: &mut Client, operation: &str, request: &Value) -> Vec<Value> {
    let mut request = request.clone();
    let mut items = Vec::new();
    loop {
        let mut page = client.call(operation, &request).expect("an index can be read");
        items.append(page["Items"].as_array_mut().expect("a page has items"));
        match page["LastEvaluatedKey"].take() {
            Value::Null => return items,
            key => request["ExclusiveStartKey"] = key,
        }
    }
}

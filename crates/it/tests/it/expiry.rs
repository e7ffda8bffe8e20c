//! Time to live across kill -9, and at another pace.

use it::{
    client::Client,
    program::{Program, Run},
    wait::until,
};
use serde_json::json;
use std::{path::Path, time::Duration};

const ITEMS: usize = 300;

#[test]
fn items_expire_after_a_kill_and_only_when_the_delay_says() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    // Nobody deletes anything for two days.
    let program = serve(folder.path(), "48h");
    let mut client = Client::new(program.port);
    create_table(&mut client);
    for item in 0..ITEMS {
        // Every other one expired long ago, the others do not in this century; half before the setting, half after.
        if item == ITEMS / 2 {
            let specification = json!({ "AttributeName": "expires", "Enabled": true });
            let update = json!({ "TableName": "sessions", "TimeToLiveSpecification": specification });
            client.call("UpdateTimeToLive", &update).expect("time to live can be turned on");
        }
        let seconds = if item % 2 == 0 { now() - 3600 } else { 4_000_000_000 };
        let item = json!({ "id": { "S": item.to_string() }, "expires": { "N": seconds.to_string() } });
        client.call("PutItem", &json!({ "TableName": "sessions", "Item": item })).expect("an item can be put");
    }
    until("the setting to be in force", Duration::from_secs(20), || {
        let described = client.call("DescribeTimeToLive", &json!({ "TableName": "sessions" })).expect("it is known");
        (described["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED").then_some(())
    });
    program.kill();
    let program = serve(folder.path(), "48h");
    assert_eq!(left(&program), ITEMS, "the delay is not over");
    program.kill();
    let program = serve(folder.path(), "0");
    until("the expired items to go", Duration::from_secs(20), || (left(&program) == ITEMS / 2).then_some(()));
    program.kill();
    let program = serve(folder.path(), "0");
    assert_eq!(left(&program), ITEMS / 2, "what was deleted is back");
    assert!(program.stop().status.success());
}

fn serve(data: &Path, delay: &str) -> Program {
    Run::new(&["serve", "--port", "0", "--ttl-delay", delay, "--data"]).arg(data).start()
}

fn left(program: &Program) -> usize {
    Client::new(program.port).scan("sessions").expect("the items can be read").len()
}

#[expect(clippy::disallowed_methods, reason = "the program under test lives by the real clock")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn create_table(client: &mut Client) {
    let table = json!({
        "TableName": "sessions",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    client.call("CreateTable", &table).expect("the table can be created");
}

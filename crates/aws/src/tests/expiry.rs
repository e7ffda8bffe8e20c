//! Time to live: the setting, and what becomes of items.

use super::*;
use db::{Op, TableUpdate, ViewSpec, Write};
use item::{Item, Number, Origin, Value};

#[test]
fn time_to_live_is_turned_on_and_off() {
    let house = House::furnished();
    let set = |name: &str, enabled: bool| {
        format!("{{'TableName':'votes','TimeToLiveSpecification':{{'AttributeName':'{name}','Enabled':{enabled}}}}}")
    };
    house.replay(
        "UpdateTimeToLive",
        &[
            &set("expires", false),
            &set("expires", true),
            &set("expires", true),
            &set("other", true),
            &set("other", false),
            &set("expires", false),
            &set("expires", false),
            &set("expires", true),
            "{'TableName':'votes'}",
            &set("", true),
            &set("expires", true).replace("votes", "none"),
        ],
        expect_test::expect![[r#"
            400 ValidationException: TimeToLive is already disabled
            {"TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true}}
            400 ValidationException: TimeToLive is already enabled
            400 ValidationException: TimeToLive is active on a different AttributeName: current AttributeName is expires
            400 ValidationException: TimeToLive is active on a different AttributeName: current AttributeName is expires
            {"TimeToLiveSpecification":{"AttributeName":"expires","Enabled":false}}
            400 ValidationException: TimeToLive is already disabled
            {"TimeToLiveSpecification":{"AttributeName":"expires","Enabled":true}}
            400 ValidationException: 1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member must not be null
            400 ValidationException: 1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: Member must have length greater than or equal to 1
            400 ResourceNotFoundException: Requested resource not found: Table: none not found"#]],
    );
    house.db.chores(false).expect("the chores are done");
    house.replay(
        "DescribeTimeToLive",
        &["{'TableName':'votes'}", "{'TableName':'totals'}", "{'TableName':'none'}"],
        expect_test::expect![[r#"
            {"TimeToLiveDescription":{"AttributeName":"expires","TimeToLiveStatus":"ENABLED"}}
            {"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}
            400 ResourceNotFoundException: Requested resource not found: Table: none not found"#]],
    );
}

/// What the clock of a house shows at first, seconds.
const NOW: i64 = 1_700_000_000;

#[test]
fn items_are_deleted_when_their_time_has_come() {
    let house = House::new();
    let stream = r#""StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"},"#;
    house.ok("CreateTable", &VOTES.replacen('{', &format!("{{{stream}"), 1));
    let put = |id: &str, expires: &str| {
        let item = format!(r#"{{"id":{{"S":"{id}"}},"expires":{expires}}}"#);
        house.ok("PutItem", &format!(r#"{{"TableName":"votes","Item":{item}}}"#));
    };
    // Found by the fill, and by the writes after it.
    put("old", &format!(r#"{{"N":"{}"}}"#, NOW - 10));
    house.ok("UpdateTimeToLive", &TTL.replace('\'', "\""));
    let year = 365 * 24 * 60 * 60;
    put("a fraction of a second ago", &format!(r#"{{"N":"{}.9"}}"#, NOW - 1));
    put("in ten seconds", &format!(r#"{{"N":"{}"}}"#, NOW + 10));
    put("almost five years ago", &format!(r#"{{"N":"{}"}}"#, NOW - 5 * year + 60));
    put("more than five years ago", &format!(r#"{{"N":"{}"}}"#, NOW - 5 * year - 60));
    put("not a number", &format!(r#"{{"S":"{}"}}"#, NOW - 10));
    put("moved", &format!(r#"{{"N":"{}"}}"#, NOW + 5));
    let left = |house: &House| {
        house.db.chores(false).expect("the chores are done");
        let all = house.json("Scan", r#"{"TableName":"votes"}"#)["Items"].clone();
        let mut ids: Vec<String> =
            all.as_array().expect("items").iter().map(|item| item["id"]["S"].as_str().expect("an id").into()).collect();
        ids.sort();
        ids
    };
    assert_eq!(left(&house), ["in ten seconds", "more than five years ago", "moved", "not a number"]);
    put("moved", &format!(r#"{{"N":"{}"}}"#, NOW + 1000));
    house.world.advance_ms(9_000);
    assert_eq!(left(&house).len(), 4);
    house.world.advance_ms(1_000);
    assert_eq!(left(&house), ["more than five years ago", "moved", "not a number"]);
    house.ok("DeleteItem", r#"{"TableName":"votes","Key":{"id":{"S":"moved"}}}"#);

    // The stream says who deleted what.
    let stream = house.json("ListStreams", r#"{"TableName":"votes"}"#)["Streams"][0]["StreamArn"].clone();
    let shards = house.json("DescribeStream", &format!(r#"{{"StreamArn":{stream}}}"#));
    let shard = &shards["StreamDescription"]["Shards"][0]["ShardId"];
    let start = format!(r#"{{"StreamArn":{stream},"ShardId":{shard},"ShardIteratorType":"TRIM_HORIZON"}}"#);
    let iterator = house.json("GetShardIterator", &start)["ShardIterator"].clone();
    let records = house.json("GetRecords", &format!(r#"{{"ShardIterator":{iterator}}}"#))["Records"].clone();
    let removed = records.as_array().expect("records").iter().filter(|record| record["eventName"] == "REMOVE");
    let mut removed: Vec<String> =
        removed.map(|record| format!("{} {}", record["dynamodb"]["Keys"]["id"]["S"], record["userIdentity"])).collect();
    removed.sort();
    expect_test::expect![[r#"
        "a fraction of a second ago" {"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}
        "almost five years ago" {"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}
        "in ten seconds" {"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}
        "moved" null
        "old" {"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}"#]]
    .assert_eq(&removed.join("\n"));
}

#[test]
fn expired_items_stay_as_long_as_the_delay_says() {
    let house = House::build(
        |_| {},
        |options, env| Db::open_stepped(Options { expiry_delay_ms: 60_000, ..options }, env, &SimStore::new()),
    );
    let expires = Value::N(Number::from(NOW));
    put_expiring(&house, Item::from_iter([("id", Value::S("1".into())), ("expires", expires)]));
    for (ahead_ms, count) in [(0, 1), (59_000, 1), (1_000, 0)] {
        house.world.advance_ms(ahead_ms);
        house.db.chores(false).expect("the chores are done");
        while !house.db.is_idle() {
            house.db.step();
        }
        assert_eq!(house.json("Scan", r#"{"TableName":"votes"}"#)["Count"], count, "{ahead_ms} ms ahead");
    }
}

#[test]
fn the_status_says_when_all_items_are_known() {
    let house = House::stepped();
    put_expiring(&house, Item::from_iter([("id", Value::S("1".into()))]));
    let status = || house.json("DescribeTimeToLive", r#"{"TableName":"votes"}"#)["TimeToLiveDescription"].to_string();
    assert_eq!(status(), r#"{"AttributeName":"expires","TimeToLiveStatus":"ENABLING"}"#);
    house.db.chores(false).expect("the chores are done");
    assert_eq!(status(), r#"{"AttributeName":"expires","TimeToLiveStatus":"ENABLED"}"#);
}

/// A table of votes with this one, whose items expire from then on; in a house whose database is stepped.
fn put_expiring(house: &House, item: Item) {
    let schema =
        item::KeySchema { partition: item::KeyAttribute { name: "id".into(), kind: item::KeyKind::S }, sort: None };
    let table = house.db.create_table(db::TableSpec::new("votes", schema)).wait().expect("it is created");
    let key = table.spec.key.key_of(&item).expect("a key");
    let write = Write { table: table.id, key, op: Op::Put(item), condition: None, origin: Origin::Client };
    house.db.write(write, None).wait().expect("it is written");
    let update = TableUpdate { ttl: Some(Some("expires".into())), ..TableUpdate::default() };
    house.db.update_table("votes", update).wait().expect("it is changed");
}

#[test]
fn a_view_has_no_time_to_live_of_its_own() {
    let house = House::furnished();
    let mut spec = house.db.table("totals").expect("it is there").spec.clone();
    spec.name = "view".into();
    spec.view = Some(ViewSpec { sql: "SELECT 1".into(), sources: Vec::new() });
    house.db.create_table(spec).wait().expect("it is created");
    house.replay("UpdateTimeToLive", &[&TTL.replace("votes", "view")], expect_test::expect!["400 ValidationException: Table view is kept by a view: set TimeToLive on the tables that the view reads, whose expired items leave the view as any deleted item does"]);
}

const TTL: &str = "{'TableName':'votes','TimeToLiveSpecification':{'AttributeName':'expires','Enabled':true}}";

//! Exports on the console, over made-up ones: what programs get, what the pages' frames hold, what people decide.

use crate::made_up::{Stage, locked};
use bytes::Bytes;
use console::{Config, Console};
use db::{Db, Options, SimStore, env::sim::World};
use expect_test::expect;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value as Json;
use std::sync::Arc;

const T: u64 = 1_795_000_000_000;
const HELD: &str = "tenant/test_table/20210102_V0004";

struct Rig {
    console: Console,
    stage: Arc<Stage>,
}

impl Rig {
    fn new(change: impl FnOnce(Config) -> Config) -> Rig {
        let world = World::new(1);
        let db = Db::open_stepped(Options::new("db"), world.env(), &SimStore::new()).expect("a new database opens");
        let stage = Stage::new(T);
        Rig { console: Console::new(db, change(stage.config())), stage }
    }

    async fn ask(&self, method: Method, path: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("host", "localhost:8000");
        let request = request.header("origin", "http://localhost:8000").header("content-type", "application/json");
        let (parts, ()) = request.body(()).expect("a valid request").into_parts();
        let response = self.console.handle(parts, Bytes::from_static(b"{}")).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a body cannot fail").to_bytes();
        (status, String::from_utf8(bytes.into()).expect("UTF-8"))
    }

    async fn json(&self, path: &str) -> Json {
        let (status, text) = self.ask(Method::GET, path).await;
        assert_eq!(status, StatusCode::OK.as_u16(), "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    async fn post(&self, path: &str) -> String {
        let (status, text) = self.ask(Method::POST, path).await;
        format!("{status} {text}\n")
    }
}

#[tokio::test]
async fn programs_get_executions_newest_first_of_one_table_or_of_all() {
    let rig = Rig::new(|config| config);
    let names = |answer: &Json| -> Vec<String> {
        let rows = answer["executions"].as_array().into_iter().flatten();
        rows.map(|row| format!("{} {}", row["name"].as_str().unwrap_or(""), row["status"].as_str().unwrap_or("")))
            .collect()
    };
    let all = rig.json("/api/exports").await;
    assert_eq!(names(&all).len(), 4);
    assert_eq!(all["bindings"][0]["name"], "imports/");
    let of_one = rig.json("/api/exports?table=tenant%2Ftest_table&most=1").await;
    assert_eq!(names(&of_one), [format!("{HELD} HELD")]);
    assert_eq!(rig.ask(Method::GET, "/api/exports?most=0").await.0, 400);
    let one = rig.json(&format!("/api/exports/{HELD}")).await;
    assert_eq!(one["execution"]["hold"]["sample"].as_array().map(Vec::len), Some(8));
    assert_eq!(rig.ask(Method::GET, "/api/exports/tenant/test_table/never").await.0, 404);
}

#[tokio::test]
async fn what_waits_for_a_person_is_an_alarm_on_the_overview() {
    let rig = Rig::new(|config| config);
    let alarms = rig.json("/api/overview").await["alarms"]["shown"].to_string();
    for said in [
        "The export 20210102_V0004 of tenant/test_table is held",
        "The export 20210101_V0003 of acme/prices has failed",
    ] {
        assert!(alarms.contains(said), "{said}: {alarms}");
    }
    assert!(alarms.contains(&format!("/exports/{HELD}")));
    let calm = Rig::new(|config| config);
    locked(&calm.stage.exports).tables.clear();
    assert!(!calm.json("/api/overview").await["alarms"]["shown"].to_string().contains("export"));
}

#[tokio::test]
async fn a_person_decides_once_and_only_where_pages_may_act() {
    let rig = Rig::new(|config| config);
    let mut said = rig.post(&format!("/api/exports/{HELD}/release")).await;
    said += &rig.post(&format!("/api/exports/{HELD}/release")).await;
    said += &rig.post("/api/exports/acme/prices/20210101_V0003/retry").await;
    said += &rig.post("/api/exports/acme/prices/20210101_V0003/reject").await;
    said += &rig.post("/api/exports/acme/prices/never/reject").await;
    said += &rig.post("/api/exports/acme/prices/20210101_V0003/burn").await;
    let bound = Rig::new(|config| Config { hands: None, ..config });
    said += &bound.post(&format!("/api/exports/{HELD}/release")).await;
    assert!(locked(&bound.stage.asked).is_empty(), "nobody was asked");
    expect![[r#"
        200 {"done":"tenant/test_table 20210102_V0004: queued"}
        409 {"error":"tenant/test_table 20210102_V0004 is QUEUED"}
        200 {"done":"acme/prices 20210101_V0003: queued"}
        200 {"done":"acme/prices 20210101_V0003: rejected"}
        404 {"error":"there is no execution of acme/prices never"}
        405 only GET, HEAD is answered here

        403 {"error":"this console only shows: whoever started it did not let pages act"}
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn metrics_tell_how_many_how_long_and_how_late() {
    let rig = Rig::new(|config| config);
    let (_, text) = rig.ask(Method::GET, "/metrics").await;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("streamfold_export")).collect();
    let of = |name: &str| lines.iter().filter(|line| line.contains(name)).copied().collect::<Vec<_>>().join("\n");
    expect![[r#"
        streamfold_export_executions_total{status="succeeded"} 11
        streamfold_export_executions_total{status="failed"} 1
        streamfold_export_executions_total{status="held"} 1
        streamfold_export_executions_total{status="rejected"} 0
        streamfold_export_executions_total{status="refused"} 2
        streamfold_export_published_operations_total 1240500
        streamfold_export_executions{table="tenant/test_table",status="waiting"} 0
        streamfold_export_executions{table="tenant/test_table",status="queued"} 1
        streamfold_export_executions{table="tenant/test_table",status="running"} 0
        streamfold_export_executions{table="tenant/test_table",status="held"} 1
        streamfold_export_executions{table="tenant/test_table",status="failed"} 0
        streamfold_export_last_duration_seconds{table="acme/prices"} 2.340
    "#]]
    .assert_eq(
        &[
            of("executions_total"),
            of("published"),
            of("export_executions{table=\"tenant"),
            of("last_duration_seconds{table=\"acme/prices"),
        ]
        .map(|part| part + "\n")
        .concat(),
    );
    assert_eq!(of("lag_seconds").lines().count(), 3);
    let none = Rig::new(|config| Config { exports: Box::new(console::ExportsRow::default), ..config });
    assert!(!none.ask(Method::GET, "/metrics").await.1.contains("streamfold_export"));
}

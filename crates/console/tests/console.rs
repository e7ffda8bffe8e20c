//! The console over a real database: pages, the feed and its bounds, seen the way a server and a browser see them.

use bytes::Bytes;
use console::{Body, Chart, Config, Console, Dashboard, Phase, Rate, Recent, RequestRow, Skipped, ViewRow};
use db::{
    Billing, Db, Env, IndexSpec, IndexUpdate, Op, Options, Projected, SimStore, StreamViewType, Table, TableSpec,
    TableUpdate, Write, env::sim::World,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use item::{IndexSchema, Item, Key, KeyAttribute, KeyKind, KeySchema, KeyValue, Number, Origin, Value};
use serde_json::Value as Json;
use std::{sync::Arc, time::Duration};

struct Rig {
    db: Db,
    console: Console,
    _dir: tempfile::TempDir,
}

fn attribute(name: &str) -> KeyAttribute {
    KeyAttribute { name: name.into(), kind: KeyKind::S }
}

fn config() -> Config {
    let chart = |group: &str| Chart {
        title: format!("Votes per {group}"),
        table: "totals".into(),
        group: group.into(),
        value: "total".into(),
    };
    let votes = Dashboard {
        name: "votes".into(),
        title: "Votes <live>".into(),
        recent: Some(Recent { table: "votes".into(), columns: vec!["id".into(), "region".into()], limit: 5 }),
        charts: vec![chart("region"), chart("improvement")],
        rate: None,
    };
    let rated = Dashboard { name: "rated".into(), rate: Some(Rate { table: "votes".into() }), ..votes.clone() };
    let view = || ViewRow {
        table: "totals".into(),
        source: "votes".into(),
        sql: "SELECT 1".into(),
        phase: Phase::Live,
        cursor: None,
        lag: 7,
        lag_ms: 1500,
        groups: 2,
        skipped: vec![Skipped { reason: "no region".into(), count: 3 }],
        samples: Vec::new(),
        folded: 11,
    };
    Config {
        dashboards: vec![votes, rated],
        version: "1.2.3".into(),
        views: Box::new(move || vec![view()]),
        requests: Box::new(|| vec![RequestRow { operation: "PutItem".into(), count: 5, errors: 1 }]),
        ..Config::default()
    }
}

impl Rig {
    fn new() -> Rig {
        Rig::on(Env::real())
    }

    fn on(env: Env) -> Rig {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = Db::open(Options::new(dir.path()), env).expect("a new database opens");
        Rig::with(db, dir)
    }

    /// Nothing goes on beside what the test does: indexes are filled by [`Db::chores`].
    fn stepped() -> Rig {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let env = World::new(1).env();
        let db = Db::open_stepped(Options::new("db"), env, &SimStore::new()).expect("a new database opens");
        Rig::with(db, dir)
    }

    fn with(db: Db, dir: tempfile::TempDir) -> Rig {
        let rig = Rig { console: Console::new(db.clone(), config()), db, _dir: dir };
        rig.create("votes", "id", None);
        rig.create("totals", "region", Some("improvement"));
        rig
    }

    fn create(&self, name: &str, partition: &str, sort: Option<&str>) -> Arc<Table> {
        let key = KeySchema { partition: attribute(partition), sort: sort.map(attribute) };
        let spec = TableSpec { stream: Some(StreamViewType::KeysOnly), ..TableSpec::new(name, key) };
        self.db.create_table(spec).wait().expect("the table is new")
    }

    fn write(&self, table: &str, key: Key, op: Op) {
        let table = self.db.table(table).expect("the table is there").id;
        let write = Write { table, key, op, condition: None, origin: Origin::Client };
        drop(self.db.write(write, None).wait().expect("the write is taken"));
    }

    fn vote(&self, id: &str, region: &str) {
        let item: Item =
            [("id", id), ("region", region)].map(|(name, text)| (name, Value::S(text.into()))).into_iter().collect();
        self.write("votes", Key { partition: KeyValue::S(id.into()), sort: None }, Op::Put(item));
    }

    /// A view's row; none: the group is gone.
    fn total(&self, region: &str, improvement: &str, total: Option<u64>) {
        let key = Key { partition: KeyValue::S(region.into()), sort: Some(KeyValue::S(improvement.into())) };
        let row = total.map(|total| {
            let mut row: Item = [("region", region), ("improvement", improvement)]
                .map(|(name, text)| (name, Value::S(text.into())))
                .into_iter()
                .collect();
            row.insert("total", Value::N(Number::from(total)));
            row
        });
        self.write("totals", key, row.map_or(Op::Delete, Op::Put));
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.ask(Method::GET, path, headers).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:8000");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.console.handle(request.body(()).expect("a valid request").into_parts().0, Bytes::new()).await
    }

    async fn json(&self, path: &str) -> Json {
        let response = self.get(path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_str(&text(response).await).expect("JSON")
    }

    async fn watch(&self, path: &str) -> Feed {
        let response = self.get(path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Feed(response.into_body())
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body cannot fail").to_bytes();
    String::from_utf8(bytes.into()).expect("UTF-8")
}

/// What a browser's EventSource makes of a feed.
struct Feed(Body);

impl Feed {
    /// The next frame; none when the feed ended.
    async fn next(&mut self) -> Option<Json> {
        // Beats are not frames: the patience is for a frame.
        tokio::time::timeout(Duration::from_secs(30), self.frame()).await.expect("a frame comes")
    }

    async fn frame(&mut self) -> Option<Json> {
        loop {
            let bytes = self.0.frame().await?.expect("a body cannot fail").into_data().expect("data");
            let event = String::from_utf8(bytes.into()).expect("UTF-8");
            if let Some(data) = event.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// Frames until one whose bars are these; every frame is whole, so that it does not matter how many there were.
    async fn until(&mut self, region: &[(&str, &str)]) -> Json {
        loop {
            let frame = self.next().await.expect("the feed goes on");
            if bars(&frame) == region {
                return frame;
            }
        }
    }
}

/// The first chart's labels and values.
fn bars(frame: &Json) -> Vec<(&str, &str)> {
    let rows = frame["charts"][0]["rows"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((row["label"].as_str()?, row["value"].as_str()?))).collect()
}

fn recent(frame: &Json) -> Vec<(&str, &str)> {
    let rows = frame["recent"]["rows"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((row["kind"].as_str()?, row["cells"][0].as_str()?))).collect()
}

#[tokio::test]
async fn the_dashboard_shows_what_is_there_and_then_every_change_exactly() {
    let rig = Rig::new();
    rig.vote("1", "SOUTH");
    rig.total("SOUTH", "TREES", Some(2));
    rig.total("SOUTH", "LIGHTS", Some(1));
    let mut feed = rig.watch("/dashboards/votes/feed").await;
    let first = feed.next().await.expect("a first frame at once");
    assert_eq!(bars(&first), [("SOUTH", "3")]);
    assert_eq!(recent(&first), [("new", "1")]);
    assert_eq!((&first["charts"][1]["total"], &first["views"][0]["lag_ms"]), (&Json::from("3"), &Json::from(1000)));

    rig.total("NORTH", "TREES", Some(5));
    feed.until(&[("NORTH", "5"), ("SOUTH", "3")]).await;
    // A vote moves: one group down, another up.
    rig.vote("1", "NORTH");
    rig.total("SOUTH", "TREES", Some(1));
    rig.total("NORTH", "TREES", Some(6));
    let moved = feed.until(&[("NORTH", "6"), ("SOUTH", "2")]).await;
    assert_eq!(recent(&moved), [("changed", "1")]);
    assert_eq!(moved["recent"]["rows"][0]["was"], serde_json::json!([null, "SOUTH"]));
    // Groups that are taken back disappear.
    rig.total("SOUTH", "TREES", None);
    rig.total("SOUTH", "LIGHTS", None);
    feed.until(&[("NORTH", "6")]).await;
}

#[tokio::test]
async fn watchers_share_frames_and_a_quiet_database_sends_none() {
    let rig = Rig::new();
    rig.total("SOUTH", "TREES", Some(1));
    let mut one = rig.watch("/dashboards/votes/feed").await;
    assert_eq!(bars(&one.next().await.expect("a frame")), [("SOUTH", "1")]);
    let mut other = rig.watch("/dashboards/votes/feed").await;
    let shared = other.next().await.expect("the frame that is there already");
    assert_eq!(bars(&shared), [("SOUTH", "1")]);
    let quiet = tokio::time::timeout(Duration::from_millis(300), one.next()).await;
    assert!(quiet.is_err(), "nothing happened, and yet: {quiet:?}");
    // What the dashboard does not show makes no frame, either.
    rig.create("elsewhere", "region", Some("improvement"));
    let quiet = tokio::time::timeout(Duration::from_millis(300), one.next()).await;
    assert!(quiet.is_err(), "another table changed, and yet: {quiet:?}");
    rig.total("SOUTH", "TREES", Some(2));
    let (seen, also) = (one.until(&[("SOUTH", "2")]).await, other.until(&[("SOUTH", "2")]).await);
    assert_eq!(seen["at"], also["at"], "the same frame");
}

#[tokio::test]
async fn a_watcher_that_does_not_read_skips_to_the_newest_frame() {
    let rig = Rig::new();
    let mut slow = rig.watch("/dashboards/votes/feed").await;
    let mut quick = rig.watch("/dashboards/votes/feed").await;
    for total in 1..=200 {
        rig.total("SOUTH", "TREES", Some(total));
    }
    quick.until(&[("SOUTH", "200")]).await;
    assert_eq!(bars(&slow.next().await.expect("a frame")), [("SOUTH", "200")]);
}

#[tokio::test]
async fn a_table_made_anew_is_read_anew() {
    let rig = Rig::new();
    rig.total("SOUTH", "TREES", Some(9));
    let mut feed = rig.watch("/dashboards/votes/feed").await;
    feed.until(&[("SOUTH", "9")]).await;
    drop(rig.db.delete_table("totals").wait().expect("the table is there"));
    feed.until(&[]).await;
    rig.create("totals", "region", Some("improvement"));
    rig.total("EAST", "TREES", Some(1));
    feed.until(&[("EAST", "1")]).await;
}

#[tokio::test]
async fn the_rate_counts_votes_from_before_the_first_watcher() {
    let rig = Rig::new();
    for id in 0..40 {
        rig.vote(&id.to_string(), "SOUTH");
    }
    let mut feed = rig.watch("/dashboards/rated/feed").await;
    let counted =
        |frame: &Json| frame["rate"]["counts"].as_array().into_iter().flatten().filter_map(Json::as_u64).sum::<u64>();
    // Whole steps only: the last one is counted when it is over, and frames follow until it is.
    loop {
        let frame = feed.next().await.expect("the feed goes on");
        if counted(&frame) == 40 {
            assert!(
                frame["rate"]["known_ms"].as_u64() < frame["at"].as_u64().map(|at| at - 200_000),
                "the history is known"
            );
            break;
        }
    }
}

#[tokio::test]
async fn watchers_are_limited_and_a_place_is_free_again_when_one_leaves() {
    let rig = Rig::new();
    let mut watching = Vec::new();
    for _ in 0..256 {
        watching.push(rig.watch("/feed").await);
    }
    assert_eq!(rig.get("/feed", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    watching.pop();
    drop(rig.watch("/feed").await);
}

#[tokio::test]
async fn feeds_end_when_the_console_closes() {
    let rig = Rig::new();
    let mut feed = rig.watch("/dashboards/votes/feed").await;
    feed.next().await.expect("a frame");
    rig.console.close();
    while feed.next().await.is_some() {}
}

#[tokio::test]
async fn pages_carry_their_policy_and_are_not_sent_twice() {
    let rig = Rig::new();
    for path in ["/", "/dashboards/votes", "/tables/votes", "/assets/dashboard.js", "/assets/favicon.svg"] {
        let response = rig.get(path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers().clone();
        assert!(headers["content-security-policy"].to_str().expect("text").contains("default-src 'none'"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let etag = headers["etag"].to_str().expect("text");
        assert_eq!(rig.get(path, &[("if-none-match", etag)]).await.status(), StatusCode::NOT_MODIFIED);
        let head = rig.ask(Method::HEAD, path, &[]).await;
        assert_eq!(head.headers()["content-length"], headers["content-length"]);
        assert_eq!(text(head).await, "");
    }
    let page = text(rig.get("/dashboards/votes", &[]).await).await;
    assert!(page.contains("<h1>Votes &lt;live&gt;</h1>"), "{page}");
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said_plainly() {
    let rig = Rig::new();
    let evil = [("host", "rebound.example:8000")];
    let origin = [("origin", "http://elsewhere.example")];
    type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], u16);
    let cases: [Case; 10] = [
        (Method::GET, "/nowhere", &[], 404),
        (Method::GET, "/dashboards/nope", &[], 404),
        (Method::GET, "/dashboards/nope/feed", &[], 404),
        (Method::GET, "/tables/nope", &[], 404),
        (Method::GET, "/api/tables/nope/items", &[], 404),
        (Method::GET, "/api/tables/votes/items?start=zz", &[], 400),
        (Method::POST, "/", &[], 405),
        (Method::GET, "/", &evil, 403),
        (Method::GET, "/dashboards/votes/feed", &origin, 403),
        (Method::GET, "/health", &evil, 200),
    ];
    for (method, path, headers, status) in cases {
        let response = rig.ask(method, path, headers).await;
        assert_eq!(response.status(), status, "{path} {headers:?}");
        if status == 403 {
            assert_eq!(text(response).await.lines().count(), 1);
        }
    }
}

#[tokio::test]
async fn the_items_of_a_table_are_browsed_page_by_page() {
    let rig = Rig::new();
    for id in 0..60 {
        rig.vote(&id.to_string(), "SOUTH");
    }
    let (mut seen, mut start, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = rig.json(&format!("/api/tables/votes/items{start}")).await;
        assert_eq!(page["columns"], serde_json::json!(["id", "region"]));
        seen.extend(
            page["rows"].as_array().into_iter().flatten().filter_map(|row| row[0][1].as_str().map(str::to_owned)),
        );
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        start = format!("?start={next}");
    }
    seen.sort_by_key(|id| id.parse::<u32>().ok());
    assert_eq!(seen, (0..60).map(|id| id.to_string()).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}

/// Indexes the votes by region, and lets them expire.
fn indexed() -> TableUpdate {
    let by_region = IndexSpec {
        name: "by-region".into(),
        local: false,
        key: IndexSchema { partition: vec![attribute("region")], sort: vec![attribute("id")] },
        projected: Projected::KeysOnly,
        billing: Billing::OnDemand,
    };
    TableUpdate {
        indexes: vec![IndexUpdate::Create(by_region)],
        ttl: Some(Some("expires".into())),
        ..TableUpdate::default()
    }
}

#[tokio::test]
async fn a_new_index_is_shown_while_it_fills_and_once_it_is_complete() {
    let rig = Rig::stepped();
    for id in 0..60 {
        rig.vote(&id.to_string(), "SOUTH");
    }
    let mut feed = rig.watch("/tables/votes/feed").await;
    assert_eq!(feed.next().await.expect("a frame")["tables"][0]["indexes"], serde_json::json!([]));
    drop(rig.db.update_table("votes", indexed()).wait().expect("the index is new"));
    let fill = serde_json::json!({ "done": 0, "total": 60 });
    let votes = |overview: Json| overview["tables"][1].clone();
    let shown = votes(rig.json("/api/overview").await);
    let index = &shown["indexes"][0];
    assert_eq!((&shown["name"], &index["name"], &index["items"]), (&"votes".into(), &"by-region".into(), &0.into()));
    assert_eq!((&index["fill"], &shown["expiry"]["fill"]), (&fill, &fill));
    let unfilled = "streamfold_index_filled_ratio{table=\"votes\",index=\"by-region\"} 0";
    let metrics = text(rig.get("/metrics", &[]).await).await;
    assert!(metrics.lines().any(|line| line == unfilled), "{metrics}");

    rig.db.chores(false).expect("the simulated disk works");
    let full = loop {
        let frame = feed.next().await.expect("the feed goes on");
        if frame["tables"][0]["indexes"][0]["fill"].is_null() && frame["tables"][0]["expiry"]["fill"].is_null() {
            break frame["tables"][0].clone();
        }
    };
    assert_eq!((&full["indexes"][0]["items"], &full["expiry"]["items"]), (&60.into(), &0.into()));
    let metrics = text(rig.get("/metrics", &[]).await).await;
    for line in [
        "streamfold_index_items{table=\"votes\",index=\"by-region\"} 60",
        "streamfold_index_filled_ratio{table=\"votes\",index=\"by-region\"} 1",
        "streamfold_table_expiring_items{table=\"votes\"} 0",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn the_entries_of_an_index_are_browsed_page_by_page() {
    let rig = Rig::stepped();
    drop(rig.db.update_table("votes", indexed()).wait().expect("the index is new"));
    rig.db.chores(false).expect("the simulated disk works");
    for id in 0..60 {
        rig.vote(&format!("{id:02}"), ["SOUTH", "NORTH"][id % 2]);
    }
    let (mut seen, mut start, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = rig.json(&format!("/api/tables/votes/items?index=by-region{start}")).await;
        assert_eq!(page["columns"], serde_json::json!(["region", "id"]), "the index's key first");
        let cell = |row: &Json, at: usize| row[at][1].as_str().map(str::to_owned);
        seen.extend(
            page["rows"].as_array().into_iter().flatten().filter_map(|row| Some((cell(row, 0)?, cell(row, 1)?))),
        );
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        start = format!("&start={next}");
    }
    assert_eq!((seen.len(), pages), (60, 3));
    assert!(seen.chunk_by(|one, other| one.0 == other.0).all(|part| part.len() == 30 && part.is_sorted()), "{seen:?}");
    assert_eq!(rig.get("/api/tables/votes/items?index=nope", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_overview_and_the_metrics_agree_with_the_database() {
    let rig = Rig::new();
    rig.vote("1", "SOUTH");
    let overview = rig.json("/api/overview").await;
    let votes =
        overview["tables"].as_array().into_iter().flatten().find(|table| table["name"] == "votes").expect("votes");
    let stats = rig.db.stats(rig.db.table("votes").expect("votes").id);
    assert_eq!(
        (votes["items"].as_u64(), votes["fingerprint"].as_str()),
        (Some(1), Some(stats.fingerprint.to_string().as_str()))
    );
    assert!(votes["changed_ms"].as_u64().is_some_and(|ms| ms <= rig.db.now_ms()));
    assert_eq!(overview["engine"]["head"], rig.db.head().to_string());
    assert_eq!(rig.json("/api/tables/votes").await["stream"]["type"], "keys only");
    let metrics = text(rig.get("/metrics", &[]).await).await;
    for line in [
        "streamfold_table_items{table=\"votes\"} 1",
        "streamfold_view_lag_positions{view=\"totals\"} 7",
        "streamfold_view_lag_seconds{view=\"totals\"} 1.5",
        "streamfold_view_skipped_records_total{view=\"totals\",reason=\"no region\"} 3",
        "streamfold_requests_total{operation=\"PutItem\"} 5",
        "streamfold_poisoned 0",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_poisoned_database_is_unhealthy_and_every_page_says_so() {
    let world = World::new(1);
    let rig = Rig::on(Env { disk: world.env().disk, ..Env::real() });
    let mut feed = rig.watch("/dashboards/votes/feed").await;
    feed.next().await.expect("a frame");
    world.fail_sync_in(0);
    let table = rig.db.table("votes").expect("votes").id;
    let key = Key { partition: KeyValue::S("1".into()), sort: None };
    let item: Item = [("id", Value::S("1".into()))].into_iter().collect();
    let write = Write { table, key, op: Op::Put(item), condition: None, origin: Origin::Client };
    assert!(rig.db.write(write, None).wait().is_err(), "the disk failed");
    assert_eq!(rig.get("/health", &[]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(rig.json("/api/overview").await["engine"]["poisoned"].is_string());
    while !feed.next().await.expect("the feed goes on")["poisoned"].is_string() {}
}

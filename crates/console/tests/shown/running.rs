//! Functions, triggers and schedules on the console, over made-up ones: frames, logs, what programs get and what people
//! may do, and from where.

use crate::made_up::{COUNTING, INDEXING, MOVING, Stage, locked};
use bytes::Bytes;
use console::{Body, Config, Console, LanePhase};
use db::{Db, Options, SimStore, env::sim::World};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const T: u64 = 1_795_000_000_000;

struct Rig {
    console: Console,
    stage: Arc<Stage>,
    world: Arc<World>,
}

type Headers<'a> = &'a [(&'a str, &'a str)];

/// What a page sends along with a post.
const PAGE: Headers = &[("origin", "http://localhost:8000"), ("content-type", "application/json")];

impl Rig {
    fn new() -> Rig {
        Rig::with(|config| config)
    }

    fn with(change: impl FnOnce(Config) -> Config) -> Rig {
        let world = World::new(1);
        let db = Db::open_stepped(Options::new("db"), world.env(), &SimStore::new()).expect("a new database opens");
        let stage = Stage::new(T);
        let console = Console::new(db, change(stage.config()));
        Rig { console, stage, world: Arc::new(world) }
    }

    async fn ask(&self, method: Method, path: &str, headers: Headers<'_>, body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a valid request").into_parts();
        // As a server does: a body that is not asked for is not read.
        let read = body.len().min(self.console.body_bytes_max(&parts));
        self.console.handle(parts, Bytes::copy_from_slice(&body.as_bytes()[..read])).await
    }

    async fn get(&self, path: &str) -> Response<Body> {
        self.ask(Method::GET, path, &[], "").await
    }

    async fn json(&self, path: &str) -> Json {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_str(&text(response).await).expect("JSON")
    }

    /// The status and the answer to a page's post.
    async fn post(&self, path: &str, body: &str) -> (u16, Json) {
        let response = self.ask(Method::POST, path, PAGE, body).await;
        (response.status().as_u16(), serde_json::from_str(&text(response).await).expect("JSON"))
    }

    async fn watch(&self, path: &str, headers: Headers<'_>) -> Feed {
        let response = self.ask(Method::GET, path, headers, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        Feed(response.into_body())
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body cannot fail").to_bytes();
    String::from_utf8(bytes.into()).expect("UTF-8")
}

/// What a browser's `EventSource` makes of a feed.
struct Feed(Body);

/// An event: its name, its id and its data.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Json,
}

impl Feed {
    /// The next event that carries something; none when the feed ended.
    async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(Duration::from_secs(30), self.event()).await.expect("an event comes")
    }

    async fn event(&mut self) -> Option<Event> {
        loop {
            let bytes = self.0.frame().await?.expect("a body cannot fail").into_data().expect("data");
            let text = String::from_utf8(bytes.into()).expect("UTF-8");
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or("").to_owned()
            };
            if let Ok(data) = serde_json::from_str(&field("data:")) {
                return Some(Event { name: field("event:"), id: field("id:"), data });
            }
        }
    }

    /// The next frame of the page.
    async fn frame(&mut self) -> Json {
        loop {
            let event = self.next().await.expect("the feed goes on");
            if event.name.is_empty() {
                return event.data;
            }
        }
    }

    /// The next lines of the log, with the position after them.
    async fn lines(&mut self) -> (Vec<String>, String) {
        loop {
            let event = self.next().await.expect("the feed goes on");
            if event.name == "log" {
                return (lines(&event.data), event.id);
            }
        }
    }
}

fn lines(page: &Json) -> Vec<String> {
    let lines = page["lines"].as_array().into_iter().flatten();
    lines
        .map(|line| format!("{}: {}", line["kind"].as_str().unwrap_or(""), line["text"].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_function_is_followed_as_it_runs_and_a_quiet_one_sends_nothing() {
    let rig = Rig::new();
    for row in locked(&rig.stage.triggers).iter_mut() {
        row.lanes.truncate(1);
    }
    let mut feed = rig.watch("/functions/count-votes/feed", &[]).await;
    let first = feed.frame().await;
    assert_eq!((&first["function"]["invocations"], &first["hands"]), (&json!(48_210), &json!(true)));
    assert_eq!(first["triggers"][0]["lanes"][0]["phase"], json!({ "name": "calling", "records": 120 }));
    let quiet = tokio::time::timeout(Duration::from_millis(1_200), feed.next()).await;
    assert!(quiet.is_err(), "nothing happened, and yet: {quiet:?}");
    locked(&rig.stage.functions)[0].invocations += 1;
    assert_eq!(feed.frame().await["function"]["invocations"], 48_211);
    locked(&rig.stage.functions).remove(0);
    assert_eq!(feed.frame().await["gone"], true);
    assert_eq!(rig.get("/functions/count-votes").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_at_functions_for_pages_that_nobody_watches() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let rig = Rig::with(|mut config| {
        let functions = std::mem::replace(&mut config.functions, Box::new(Vec::new));
        config.functions = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            functions()
        });
        config
    });
    let mut feed = rig.watch("/feed/functions", &[]).await;
    feed.frame().await;
    tokio::time::timeout(Duration::from_millis(1_300), feed.next()).await.expect_err("nothing changes");
    let watched = looks.load(Ordering::Relaxed);
    assert!(watched >= 3, "a page that is watched looks twice a second: {watched}");
    drop(feed);
    // The producer notices within one look; afterwards only samples are taken, one in five seconds.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let left = looks.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let later = looks.load(Ordering::Relaxed) - left;
    assert!((11..=13).contains(&later), "one sample in five seconds, and nothing else: {later}");
}

#[tokio::test(start_paused = true)]
async fn a_chart_shows_what_happened_before_its_page_was_opened() {
    let rig = Rig::new();
    assert_eq!(rig.json("/api/functions/count-votes").await["history"], Json::Null);
    for _ in 0..4 {
        locked(&rig.stage.functions)[0].invocations += 10;
        rig.world.advance_ms(5_000);
        tokio::time::sleep(Duration::from_millis(5_001)).await;
    }
    let history = &rig.json("/api/functions/count-votes").await["history"];
    let invocations = history["invocations"].as_array().expect("points");
    assert_eq!(invocations[invocations.len() - 3..], [json!(10), json!(10), json!(10)]);
    assert_eq!(history["age_ms"].as_array().and_then(|ages| ages.last()), Some(&json!(140)));
}

#[tokio::test]
async fn a_log_comes_with_the_page_and_goes_on_where_a_browser_left_it() {
    let rig = Rig::new();
    rig.stage.write(T, "START RequestId: a Version: $LATEST");
    rig.stage.write(T + 1, "counted");
    let mut feed = rig.watch("/functions/count-votes/feed", &[]).await;
    let (shown, position) = feed.lines().await;
    assert_eq!(shown, ["start: START RequestId: a Version: $LATEST", "output: counted"]);
    rig.stage.write(T + 2, "END RequestId: a");
    assert_eq!(feed.lines().await.0, ["end: END RequestId: a"]);
    drop(feed);
    rig.stage.write(T + 3, "two\nlines");
    let mut again = rig.watch("/functions/count-votes/feed", &[("last-event-id", &position)]).await;
    assert_eq!(again.lines().await.0, ["end: END RequestId: a", "output: two\nlines"]);
    let mut asked = rig.watch("/functions/count-votes/feed?after=3", &[]).await;
    assert_eq!(asked.lines().await.0, ["output: two\nlines"]);
    rig.console.close();
    while again.next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_program_that_follows_a_log_waits_for_lines_and_no_longer_than_it_said() {
    let rig = Rig::new();
    rig.stage.write(T, "one");
    let path = "/api/functions/count-votes/logs";
    let first = rig.json(path).await;
    assert_eq!((lines(&first), &first["next"]), (vec!["output: one".to_owned()], &json!("1")));
    let waiting = rig.json("/api/functions/count-votes/logs?after=1&wait=20");
    let writing = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        rig.stage.write(T, "two");
    };
    let (second, ()) = tokio::join!(waiting, writing);
    assert_eq!((lines(&second), &second["next"]), (vec!["output: two".to_owned()], &json!("2")));
    for (wait, seconds) in [(3, 3), (3_600, 20), (0, 0)] {
        let start = tokio::time::Instant::now();
        let nothing = rig.json(&format!("{path}?after=2&wait={wait}")).await;
        assert_eq!((lines(&nothing), &nothing["next"]), (Vec::new(), &json!("2")));
        assert_eq!(start.elapsed().as_secs(), seconds, "asked to wait {wait} s");
    }
    let waiting = rig.get("/api/functions/count-votes/logs?after=2&wait=20");
    let closing = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.console.close();
    };
    let start = tokio::time::Instant::now();
    tokio::join!(waiting, closing);
    assert_eq!(start.elapsed().as_secs(), 1, "a console that closes keeps nobody waiting");
    for (path, status) in [("nope/logs", 404), ("count-votes/logs?after=x", 400), ("count-votes/logs?wait=-1", 400)] {
        assert_eq!(rig.get(&format!("/api/functions/{path}")).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn only_the_consoles_own_pages_may_change_something() {
    let rig = Rig::new();
    let pause = format!("/api/triggers/{COUNTING}/pause");
    let own = ("origin", "http://localhost:8000");
    let json = ("content-type", "application/json");
    let cases: [(&str, Headers, u16); 8] = [
        ("another site", &[("origin", "http://evil.example"), json], 403),
        ("another port", &[("origin", "http://localhost:3000"), json], 403),
        ("a sandbox", &[("origin", "null"), json], 403),
        ("no origin", &[json], 403),
        ("a form", &[own, ("content-type", "application/x-www-form-urlencoded")], 415),
        ("a form of text", &[own, ("content-type", "text/plain")], 415),
        ("no type", &[own], 415),
        ("another site, through a browser that tells", &[own, json, ("sec-fetch-site", "cross-site")], 403),
    ];
    for (who, headers, status) in cases {
        let response = rig.ask(Method::POST, &pause, headers, "{}").await;
        assert_eq!(response.status(), status, "{who}");
        assert!(text(response).await.starts_with("{\"error\":"), "{who}");
    }
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
        assert_eq!(rig.ask(method, &pause, PAGE, "{}").await.status(), 405);
    }
    assert_eq!(rig.get(&pause).await.status(), 405);
    assert_eq!(rig.ask(Method::POST, "/functions", PAGE, "{}").await.status(), 405);
    assert_eq!(*locked(&rig.stage.asked), [""; 0], "nothing was done");
    assert_eq!(rig.post(&pause, "{}").await, (200, json!({ "done": "Paused: its position is kept." })));
}

#[tokio::test]
async fn bodies_of_strangers_are_not_read() {
    let rig = Rig::new();
    let invoke = "/api/functions/count-votes/invoke";
    let stranger: Headers = &[("origin", "http://evil.example"), ("content-type", "application/json")];
    for (method, path, headers, bytes_max) in [
        (Method::POST, invoke, PAGE, console::REQUEST_BYTES_MAX),
        (Method::POST, invoke, stranger, 0),
        (Method::POST, "/functions/count-votes", PAGE, 0),
        (Method::PUT, invoke, PAGE, 0),
        (Method::GET, "/api/functions", PAGE, 0),
    ] {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a valid request").into_parts();
        assert_eq!(rig.console.body_bytes_max(&parts), bytes_max, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn what_was_begun_is_done_although_its_page_was_closed() {
    let (begun, going) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (done, mut seen) = tokio::sync::watch::channel(false);
    let act = {
        let (begun, going, done) = (Arc::clone(&begun), Arc::clone(&going), Arc::new(done));
        move |_| -> console::Later<Result<String, console::Refused>> {
            let (begun, going, done) = (Arc::clone(&begun), Arc::clone(&going), Arc::clone(&done));
            Box::pin(async move {
                begun.notify_one();
                going.notified().await;
                done.send_replace(true);
                Ok(String::new())
            })
        }
    };
    let rig = Rig::with(|mut config| {
        config.hands.as_mut().expect("there are hands").act = Box::new(act);
        config
    });
    let path = format!("/api/triggers/{COUNTING}/pause");
    tokio::select! {
        answer = rig.post(&path, "{}") => panic!("it is not done yet: {answer:?}"),
        () = begun.notified() => {}
    }
    going.notify_one();
    let waited = tokio::time::timeout(Duration::from_secs(30), seen.wait_for(|done| *done)).await;
    assert!(waited.is_ok_and(|done| done.is_ok()), "it went to its end");
}

#[tokio::test]
async fn what_is_asked_for_is_done_or_refused_with_its_reason() {
    let rig = Rig::new();
    let trigger = |rest: &str| format!("/api/triggers/{INDEXING}/{rest}");
    let asked = [
        (trigger("pause"), 200),
        (trigger("pause"), 409),
        (trigger("resume"), 200),
        (trigger("quarantine/lane-0-4711/retry"), 200),
        (trigger("quarantine/lane-0-5120/drop"), 200),
        (trigger("quarantine/nope/drop"), 404),
        ("/api/triggers/nope/pause".to_owned(), 404),
        ("/api/schedules/rule%2Fpull-events%2Ftarget/run".to_owned(), 200),
        ("/api/schedules/nope/run".to_owned(), 404),
        ("/api/functions/nope/invoke".to_owned(), 404),
    ];
    for (path, status) in asked {
        let (got, answer) = rig.post(&path, "{}").await;
        assert_eq!(got, status, "{path}: {answer}");
        assert!(answer[if status == 200 { "done" } else { "error" }].is_string(), "{path}: {answer}");
    }
    let expected = [
        format!("Pause {{ trigger: \"{INDEXING}\" }}"),
        format!("Pause {{ trigger: \"{INDEXING}\" }}"),
        format!("Resume {{ trigger: \"{INDEXING}\" }}"),
        format!("Retry {{ trigger: \"{INDEXING}\", id: \"lane-0-4711\" }}"),
        format!("Drop {{ trigger: \"{INDEXING}\", id: \"lane-0-5120\" }}"),
        format!("Drop {{ trigger: \"{INDEXING}\", id: \"nope\" }}"),
        "Run { schedule: \"rule/pull-events/target\" }".to_owned(),
    ];
    assert_eq!(*locked(&rig.stage.asked), expected);
}

#[tokio::test]
async fn a_function_is_invoked_with_the_payload_as_it_came() {
    let rig = Rig::new();
    let invoke = "/api/functions/count-votes/invoke";
    let payload = r#"{"n": 12345678901234567890.10,  "text": "é"}"#;
    let (status, answer) = rig.post(invoke, payload).await;
    assert_eq!((status, &answer["payload"]), (200, &json!(r#"{"statusCode":200,"counted":12345678901234567890}"#)));
    assert_eq!(
        (&answer["duration_ms"], &answer["init_ms"], &answer["error"]),
        (&json!(12.34), &json!(212.0), &Json::Null)
    );
    assert_eq!(rig.post(invoke, r#""fail""#).await.1["error"], "Unhandled");
    assert_eq!(rig.post(invoke, "").await.0, 200);
    let (status, answer) = rig.post(invoke, "{").await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().is_some_and(|why| why.starts_with("the payload is not JSON: ")), "{answer}");
    let expected = [payload, r#""fail""#, "{}"].map(|payload| format!("invoke count-votes with {payload}"));
    assert_eq!(*locked(&rig.stage.asked), expected);
}

#[tokio::test]
async fn a_console_without_hands_only_shows() {
    let rig = Rig::with(|config| Config { hands: None, ..config });
    for path in ["functions/count-votes/invoke".to_owned(), format!("triggers/{COUNTING}/pause")] {
        assert_eq!(rig.post(&format!("/api/{path}"), "{}").await.0, 403, "{path}");
    }
    assert_eq!(rig.json(&format!("/api/triggers/{COUNTING}")).await["hands"], false);
    assert_eq!(*locked(&rig.stage.asked), [""; 0]);
}

#[tokio::test]
async fn programs_get_functions_triggers_schedules_and_what_is_parked() {
    let rig = Rig::new();
    let functions = rig.json("/api/functions").await;
    let names: Vec<&str> =
        functions["functions"].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["count-votes", "index-documents", "move-conversations", "nightly-report", "pull-events"]);
    let counting = &functions["functions"][0];
    assert_eq!((&counting["duration_ms"]["p50"], &counting["processes"]["busy"]), (&json!(9.4), &json!(2)));
    let triggers = rig.json("/api/triggers").await;
    let of = |uuid: &str| {
        triggers["triggers"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|row| row["uuid"] == uuid)
            .expect("the trigger")
            .clone()
    };
    assert_eq!((&of(MOVING)["doing"], &of(MOVING)["quarantine_full"]), (&json!("stopped"), &json!(true)));
    assert_eq!(
        (&of(INDEXING)["doing"], &of(INDEXING)["settings"]["retry_attempts"]),
        (&json!("backing off"), &json!(4))
    );
    let schedules = rig.json("/api/schedules").await;
    assert_eq!(schedules["schedules"][0]["last"]["outcome"], "will try again");
    let parked = format!("/api/triggers/{INDEXING}/quarantine");
    let first = rig.json(&parked).await;
    assert_eq!((&first["next"], &first["keys"][0]["records"][2]["seq"]), (&json!("lane-0-4802"), &json!("2400410")));
    let rest = rig.json(&format!("{parked}?after=lane-0-4802")).await;
    assert_eq!((&rest["next"], &rest["keys"][0]["id"]), (&Json::Null, &json!("lane-0-5120")));
    assert_eq!(rig.get("/api/triggers/nope/quarantine").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_are_found_by_name_whatever_the_name_is() {
    let rig = Rig::new();
    locked(&rig.stage.functions)[4].name = "feed".to_owned();
    for path in
        ["/functions", "/functions/count-votes", "/functions/feed", "/schedules", &format!("/triggers/{MOVING}")]
    {
        let response = rig.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{path}");
    }
    let page = text(rig.get(&format!("/triggers/{MOVING}")).await).await;
    assert!(page.contains("<title>cruddur-messages → move-conversations · Streamfold</title>"), "{page}");
    let feeds = ["/feed/functions", "/feed/schedules", "/functions/feed/feed"];
    for path in feeds {
        rig.watch(path, &[]).await.frame().await;
    }
    for path in ["/functions/nope", "/triggers/nope", "/functions/nope/feed", "/feed/nope", "/api/functions/nope"] {
        assert_eq!(rig.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_overview_tells_what_stands_still() {
    let rig = Rig::new();
    let overview = rig.json("/api/overview").await;
    let alarms: Vec<&str> = overview["alarms"]["shown"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|alarm| alarm["href"].as_str())
        .collect();
    let moving = format!("/triggers/{MOVING}");
    let exports = ["/exports/acme/prices/20210101_V0003", "/exports/tenant/test_table/20210102_V0004"];
    assert_eq!(alarms, ["/functions/pull-events", &moving, &moving, &moving, exports[0], exports[1]]);
    assert_eq!(
        (&overview["functions_count"], &overview["triggers_count"], &overview["schedules_count"]),
        (&json!(5), &json!(3), &json!(3))
    );
    // A paused trigger stands still because somebody wanted it.
    locked(&rig.stage.triggers)[2].enabled = false;
    locked(&rig.stage.triggers)[1].lanes[0].phase = LanePhase::Stopped("the function is gone".to_owned());
    let mut feed = rig.watch("/feed", &[]).await;
    loop {
        let frame = feed.frame().await;
        let said = frame["alarms"]["shown"][1]["text"].as_str().expect("an alarm");
        if said == "A lane of DocumentsTable → index-documents has stopped: the function is gone" {
            break;
        }
    }
}

#[tokio::test]
async fn the_metrics_tell_of_functions_triggers_and_schedules() {
    let rig = Rig::new();
    let metrics = text(rig.get("/metrics").await).await;
    let counting = format!("{{trigger=\"{COUNTING}\",function=\"count-votes\"}}");
    let moving = format!("{{trigger=\"{MOVING}\",function=\"move-conversations\"}}");
    let lines = [
        "streamfold_function_invocations_total{function=\"count-votes\"} 48210".to_owned(),
        "streamfold_function_errors_total{function=\"count-votes\"} 37".to_owned(),
        "streamfold_function_throttles_total{function=\"count-votes\"} 5".to_owned(),
        "streamfold_function_timeouts_total{function=\"count-votes\"} 2".to_owned(),
        "streamfold_function_duration_seconds_sum{function=\"count-votes\"} 590".to_owned(),
        "streamfold_function_duration_seconds_count{function=\"count-votes\"} 48210".to_owned(),
        "streamfold_function_duration_seconds{function=\"count-votes\",quantile=\"0.5\"} 0.0094".to_owned(),
        "streamfold_function_processes{function=\"index-documents\",state=\"starting\"} 1".to_owned(),
        "streamfold_function_broken{function=\"pull-events\"} 1".to_owned(),
        format!("streamfold_trigger_iterator_age_seconds{counting} 0.14"),
        format!("streamfold_trigger_lag_records{counting} 212"),
        format!("streamfold_trigger_records_total{counting} 1204118"),
        format!("streamfold_trigger_calls_total{counting} 48190"),
        format!("streamfold_trigger_errors_total{counting} 35"),
        format!("streamfold_trigger_filtered_total{counting} 802"),
        format!("streamfold_trigger_given_up_total{counting} 0"),
        format!("streamfold_trigger_parked_records{moving} 40"),
        format!("streamfold_trigger_dead_letters_total{moving} 0"),
        format!("streamfold_trigger_lanes_stopped{moving} 1"),
        "streamfold_schedule_runs_total{schedule=\"rule/pull-events/target\",outcome=\"given_up\"} 1".to_owned(),
        format!(
            "streamfold_schedule_next_run_timestamp_seconds{{schedule=\"rule/pull-events/target\"}} {}.000",
            T / 1000 + 134
        ),
    ];
    for line in lines {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("next_run_timestamp_seconds{schedule=\"schedule/default/recount\"}"), "it is disabled");
}

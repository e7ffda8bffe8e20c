//! Serves the console's pages with made-up functions that seem to work, to look at the pages while one works on them:
//! `cargo run -p console --example made_up`, then <http://127.0.0.1:8100>, or another port that is named after `--`. An
//! hour seems to have passed when it starts. A browser test watches it, too.

#[path = "../tests/made_up/mod.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod made_up;

use console::{Config, Console, LanePhase};
use db::{Db, Env, Options, TableSpec, env::sim::World};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use item::{KeyAttribute, KeyKind, KeySchema};
use made_up::{Stage, locked};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};

/// Steps of five seconds before the first look.
const STEPS_BEFORE: u64 = 720;

/// The machine's clock, behind by what is still to be made up.
struct Clock {
    real: Arc<dyn db::env::Clock>,
    behind_ms: AtomicU64,
}

impl db::env::Clock for Clock {
    fn now_ms(&self) -> u64 {
        self.real.now_ms() - self.behind_ms.load(Ordering::Relaxed)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime can be started").block_on(serve());
}

async fn serve() {
    let clock = Arc::new(Clock { real: Env::real().clock, behind_ms: AtomicU64::new(STEPS_BEFORE * 5_000) });
    let env =
        Env { clock: Arc::clone(&clock) as Arc<dyn db::env::Clock>, disk: World::new(1).env().disk, ..Env::real() };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let db = Db::open(Options::new(folder.path()), env).expect("a new database opens");
    for table in ["votes", "DocumentsTable", "cruddur-messages"] {
        let id = KeyAttribute { name: "id".into(), kind: KeyKind::S };
        drop(db.create_table(TableSpec::new(table, KeySchema { partition: id, sort: None })).wait());
    }
    let stage = Stage::new(clock.real.now_ms());
    let console = Console::new(db.clone(), Config { version: "0.1.0".to_owned(), ..stage.config() });
    for step in 0..STEPS_BEFORE {
        pretend(&stage, db.now_ms(), step * 20, 20);
        // Nothing else is to be done, so that the time jumps; the sampler's first.
        sleep(Duration::from_millis(5_001)).await;
        clock.behind_ms.fetch_sub(5_000, Ordering::Relaxed);
    }
    tokio::time::resume();
    let port = std::env::args().nth(1).map_or(8100, |port| port.parse().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("http://{}", listener.local_addr().expect("a socket has an address"));
    let mut beat = STEPS_BEFORE * 20;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connect(console.clone(), TokioIo::new(stream));
                }
            }
            () = sleep(Duration::from_millis(250)) => {
                beat += 1;
                pretend(&stage, db.now_ms(), beat, 1);
            }
        }
    }
}

fn connect(console: Console, stream: TokioIo<tokio::net::TcpStream>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let console = console.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = match console.body_bytes_max(&parts) {
                0 => bytes::Bytes::new(),
                _ => body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
            };
            Ok::<Response<console::Body>, Infallible>(console.handle(parts, body).await)
        }
    });
    tokio::spawn(async move { drop(http1::Builder::new().serve_connection(stream, service).await) });
}

/// What happened within so many quarters of a second.
fn pretend(stage: &Stage, now_ms: u64, beat: u64, beats: u64) {
    let wave = |period: f64| (beat as f64 / period).sin() * 0.5 + 0.5;
    let chance = |of: u64| (beat / beats).wrapping_mul(2_654_435_761).is_multiple_of(of);
    let load = 1.0 + 6.0 * wave(900.0) + 3.0 * wave(131.0) + if beat % 3000 > 2500 { 7.0 } else { 0.0 };
    let slow = 1.0 + wave(611.0) + if beat % 4000 > 3700 { 2.0 } else { 0.0 };
    // Halves add up from beat to beat.
    let ran = ((beat + beats) as f64 * load / 2.0) as u64 - (beat as f64 * load / 2.0) as u64;
    {
        let mut functions = locked(&stage.functions);
        let failed = u64::from(chance(41));
        let took = Duration::from_micros((9_000.0 * slow) as u64);
        for (at, (ran, failed, took)) in
            [(ran, failed, took), (ran / 4, u64::from(chance(11)), took * 9), (ran / 9, 0, took / 14)]
                .into_iter()
                .enumerate()
        {
            let row = &mut functions[at];
            row.invocations += ran;
            row.errors += failed.min(ran);
            row.durations.count += ran;
            row.durations.sum += took * u32::try_from(ran).unwrap_or(0);
            row.durations.p50 = took;
            row.durations.p99 = took.mul_f64(2.6 + 2.0 * wave(47.0));
            row.processes.busy = (load / 4.0) as u32;
        }
        if failed > 0
            && let Some(error) = functions[0].last_error.as_mut()
        {
            error.at_ms = now_ms;
        }
    }
    pretend_triggers(stage, now_ms, beat, ran, slow);
    pretend_exports(stage, beat);
    if beats == 1 && beat.is_multiple_of(3) || beats > 1 && beat >= 717 * 20 {
        pretend_log(stage, now_ms, beat, beat.is_multiple_of(21));
    }
}

fn pretend_triggers(stage: &Stage, now_ms: u64, beat: u64, ran: u64, slow: f64) {
    let mut triggers = locked(&stage.triggers);
    let counting = &mut triggers[0];
    if counting.enabled {
        counting.counts.delivered += ran * 25;
        counting.counts.calls += ran;
        counting.iterator_age_ms = (60.0 * slow * slow * slow) as u64;
        counting.lanes[0].position.0 += ran * 12;
        counting.lanes[0].age_ms = counting.iterator_age_ms;
        counting.lanes[2].phase = LanePhase::Gathering { until_ms: now_ms / 1000 * 1000 + 1000 };
        counting.lanes[1].position.0 += ran * 13;
    }
    let indexing = &mut triggers[1];
    indexing.counts.delivered += ran / 2;
    indexing.iterator_age_ms = (beat / 2 * 250) % 60_000;
    indexing.lanes[0].age_ms = indexing.iterator_age_ms;
    indexing.lanes[0].phase = LanePhase::BackingOff { until_ms: now_ms / 30_000 * 30_000 + 30_000 };
    triggers[2].iterator_age_ms += 250;
    triggers[2].lanes[0].age_ms += 250;
}

fn pretend_exports(stage: &Stage, beat: u64) {
    let done = beat % 80 * 250;
    if let Some(progress) = locked(&stage.exports).tables[0].running.as_mut().and_then(|row| row.progress.as_mut()) {
        progress.done = done;
    }
    locked(&stage.executions)[0].published = done;
}

fn pretend_log(stage: &Stage, now_ms: u64, beat: u64, fails: bool) {
    let request = format!("{:08x}-2f8b-4f2a-9a74-{:012x}", beat.wrapping_mul(2_654_435_761) as u32, beat);
    if beat.is_multiple_of(60) {
        stage.write(now_ms, "INIT_START Runtime Version: python:3.12, Streamfold's own");
    }
    stage.write(now_ms, &format!("START RequestId: {request} Version: $LATEST"));
    if fails {
        stage.write(now_ms, "[ERROR] KeyError: 'region'");
        stage.write(now_ms, "Traceback (most recent call last):\n  File \"/srv/project/functions/count-votes/app.py\", line 12, in lambda_handler\n    region = vote[\"region\"]");
    } else {
        stage
            .write(now_ms, &format!("counted {} votes for NORTH, SOUTH and {} more regions", 12 + beat % 90, beat % 4));
    }
    stage.write(now_ms, &format!("END RequestId: {request}"));
    let took = 6 + beat % 13;
    stage.write(now_ms, &format!("REPORT RequestId: {request}\tDuration: {took}.{:02} ms\tBilled Duration: {} ms\tMemory Size: 128 MB\tMax Memory Used: {} MB\t", beat % 97, took + 1, 41 + beat % 3));
}

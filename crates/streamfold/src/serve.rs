//! From a data directory and perhaps a project to a running server, and back down. The order is the point: nothing is
//! created before everything is checked, nobody can connect before everything is there.

use crate::{
    banner::Banner,
    bindings,
    cli::{Durability, Place, Server},
    failure::Failure,
    fills,
    plan::{self, Plan},
    processes, refused, say, server, show,
    shown::Running,
    wanted, watch, wiring,
};
use control::{Control, Step};
use db::Db;
use exports::Exports;
use functions::Functions;
use kinesis::Streams;
use pipeline::Views;
use project::Project;
use s3::Buckets;
use std::{
    collections::HashSet,
    io,
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Threads that serve HTTP are one a core up to this, unless told otherwise. Two on two cores, which they share with the
/// sequencer and the clients, answer a quarter more gets and queries than one and as many puts; see `bench/`.
const THREADS_MAX: usize = 8;
/// Between two signs of life while the database opens.
const PATIENCE: Duration = Duration::from_secs(3);
/// Executions of exports together may take this part of the memory, besides what the database takes.
const EXPORTS_MEMORY_PART: usize = 4;
/// How often it is looked at whether the database still takes writes.
const HEALTH_EVERY: Duration = Duration::from_secs(2);

/// Runs until SIGINT or SIGTERM.
pub fn serve(
    server: &Server,
    place: &Place,
    data: &Path,
    project: Option<&Project>,
    watch: bool,
) -> Result<(), Failure> {
    check_keys(server)?;
    let address = address(server)?;
    let claim = server::Claim::new(address).map_err(|error| Failure::listen(address, &error))?;
    let address = claim.address().map_err(|error| Failure::listen(address, &error))?;
    let db = open(server, data)?;
    let outcome = run(server, place, data, (project, watch), &db, (claim, address));
    let closed = db.close().map_err(|error| Failure::database("closing the database", &error));
    outcome.and(closed)
}

/// Opens the database, and says so every few seconds where a long log is replayed.
fn open(server: &Server, data: &Path) -> Result<Db, Failure> {
    let (opened, waiting) = mpsc::channel::<()>();
    let shown = data.display().to_string();
    let patience = thread::spawn(move || {
        while waiting.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::info!("still opening {shown}: its log is replayed");
        }
    });
    let db = Db::open(options(server, data), db::Env::real()).map_err(|error| Failure::open(data, &error));
    drop(opened);
    patience.join().expect("saying so does not panic");
    db
}

/// Everything between opening the database and closing it.
fn run(
    server: &Server,
    place: &Place,
    data: &Path,
    (project, watch): (Option<&Project>, bool),
    db: &Db,
    (claim, address): (server::Claim, SocketAddr),
) -> Result<(), Failure> {
    let buckets = Buckets::open(db.clone(), &db::Env::real(), data, &place.region);
    let buckets = buckets.map_err(|error| Failure::new(format!("the buckets cannot be opened: {error}")))?;
    let streams = Streams::new(db.clone(), wiring::wire_place(place));
    let plan = project.map(|project| prepare(project, db, &streams, &buckets)).transpose()?;
    let _sweeping = buckets.start().map_err(|error| Failure::new(format!("no threads: {error}")))?;
    let views = Arc::new(Views::start(db.clone()));
    let dashboards = project.map_or(&[][..], |project| &project.dashboards);
    if server.inject_conflicts > 0 {
        tracing::warn!("{} % of transactions are cancelled on purpose (--inject-conflicts)", server.inject_conflicts);
    }
    let threads = server.threads.unwrap_or_else(threads);
    let runtime = server::runtime(threads).map_err(|error| Failure::new(format!("no threads: {error}")))?;
    let banner = Banner {
        address,
        region: &place.region,
        data,
        durability: server.durability,
        memory: server.memory,
        keys: server.all_keys().map(|(id, _, read_only)| (id, read_only)).collect(),
        buckets: buckets.buckets().into_iter().map(|bucket| bucket.name).collect(),
        project: project.zip(plan.as_ref()),
        outputs: project
            .map(|project| project.outputs_with(|table| wiring::open_stream_arn(db, place, table)))
            .unwrap_or_default(),
    };
    let outcome = runtime.block_on(async {
        let signals = StopSignals::catch().map_err(|error| Failure::new(format!("signals: {error}")))?;
        // Handlers that start at once may call before anybody is answered; they wait in the kernel's queue.
        let listener = claim.listen().map_err(|error| Failure::listen(address, &error))?;
        let functions = processes::start(server, place, data, db, address)
            .map_err(|error| Failure::new(format!("functions cannot be run: {error}")))?;
        let control = define(place, data, project, (db, &buckets), &functions).await?;
        let exports = Arc::new(start_exports(server, data, project, db, (&buckets, &streams))?);
        let _watching = project.filter(|_| watch).map(|project| watch::start(project, &control)).transpose()?;
        say(&banner.render());
        tokio::spawn(watch_health(db.clone()));
        tokio::spawn(fills::watch(db.clone()));
        let aws = wiring::aws(db, server, place, control.clone());
        let s3 = wiring::s3(buckets.clone(), server, place, control.clone());
        let running = Running {
            control: control.clone(),
            functions: functions.clone(),
            exports: exports.clone(),
            buckets: buckets.clone(),
            open: server.all_keys().next().is_none(),
            place: wiring::wire_place(place),
        };
        let doors = wiring::doors(db, (aws, s3), server, dashboards, &views, &running);
        server::serve(listener, doors, server.connections as usize, signals.stop()).await;
        control.stop().await;
        functions.shutdown().await;
        Ok(exports)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    // What is under way goes on with the next start.
    let outcome = outcome.map(|exports: Arc<Exports>| exports.stop());
    views.stop();
    tracing::info!("stopped");
    outcome
}

fn threads() -> u16 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(cores.min(THREADS_MAX)).expect("the most is small")
}

/// Takes up executions of exports where they were, by what the project's marks ask for.
fn start_exports(
    server: &Server,
    data: &Path,
    project: Option<&Project>,
    db: &Db,
    (buckets, streams): (&Buckets, &Streams),
) -> Result<Exports, Failure> {
    let settings = exports::Settings { memory: server.memory / EXPORTS_MEMORY_PART, ..exports::Settings::new(data) };
    let refuse = |error: exports::Error| Failure::new(format!("exports cannot be run: {error}"));
    let exports = Exports::start(db.clone(), buckets.clone(), streams.clone(), settings).map_err(refuse)?;
    if let Some(project) = project {
        exports.bind(bindings::bindings(project)).map_err(refuse)?;
    }
    Ok(exports)
}

/// Checks the whole project against the database, then creates what is missing.
fn prepare(project: &Project, db: &Db, streams: &Streams, buckets: &Buckets) -> Result<Plan, Failure> {
    let existing = db.tables().iter().map(|table| (table.spec.name.clone(), plan::existing(table))).collect();
    let found = streams.list().into_iter().map(|stream| (stream.name().to_owned(), stream.definition)).collect();
    let plan = plan::plan(project, &existing, &found).map_err(|found| refused(&found))?;
    let wrong = bindings::check(project, db, streams);
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    show(&project.notes);
    show(&plan.notes);
    for spec in &plan.create {
        let doing = format!("creating table {}", spec.name);
        db.create_table(spec.clone()).wait().map_err(|error| Failure::database(&doing, &error))?;
    }
    for update in &plan.update {
        let doing = format!("changing table {}", update.table);
        let done = db.update_table(&update.table, update.update.clone()).wait();
        done.map_err(|error| Failure::database(&doing, &error))?;
    }
    plan.streams.iter().try_for_each(|step| prepare_stream(step, streams))?;
    project.buckets.iter().try_for_each(|bucket| prepare_bucket(&bucket.name, buckets))?;
    Ok(plan)
}

fn prepare_bucket(name: &str, buckets: &Buckets) -> Result<(), Failure> {
    match buckets.create(name, None) {
        Ok(_) => tracing::info!("bucket {name}: created"),
        Err(s3::Error::BucketExists(_)) => {}
        Err(error) => return Err(Failure::new(format!("bucket {name} cannot be created: {error}"))),
    }
    Ok(())
}

fn prepare_stream(step: &plan::StreamStep, streams: &Streams) -> Result<(), Failure> {
    let name = &step.wanted.name;
    let stream = streams.ensure(&step.wanted);
    stream.map_err(|error| Failure::new(format!("stream {name} cannot be as the template wants it: {error}")))?;
    match &step.changes {
        None => tracing::info!("stream {name}: created"),
        Some(changes) => tracing::info!("stream {name}: {} changed", changes.join(", ")),
    }
    Ok(())
}

/// Takes up what is defined besides tables, and defines what the project asks for.
async fn define(
    place: &Place,
    data: &Path,
    project: Option<&Project>,
    (db, buckets): (&Db, &Buckets),
    functions: &Functions,
) -> Result<Control, Failure> {
    let runner = Arc::new(functions.clone());
    let (place_of_wire, settings) = (wiring::wire_place(place), control::Settings::new(data));
    let started = Control::start(db.clone(), buckets.clone(), runner, place_of_wire, settings).await;
    let control = started.map_err(|error| Failure::new(format!("what is defined cannot be taken up: {error}")))?;
    if let Some(project) = project {
        let wanted = wanted::wanted(project, &|table| wiring::open_stream_arn(db, place, table));
        let done = control.apply(wanted).await;
        let refuse = |found: Vec<control::Refused>| {
            refused(&found.iter().map(|one| wanted::refusal(project, one)).collect::<Vec<_>>())
        };
        for planned in done.map_err(refuse)? {
            report(&planned);
        }
    }
    Ok(control)
}

fn report(planned: &control::Planned) {
    let control::Planned { kind, name, step } = planned;
    match step {
        Step::Create => tracing::info!("{kind} {name}: created"),
        Step::Update(changes) => tracing::info!("{kind} {name}: {} changed", changes.join(", ")),
        Step::Left => tracing::info!("{kind} {name}: not in the template any more; it stays"),
        Step::Unchanged => {}
    }
}

/// An id is one key: which secret and which access it has would depend on the order otherwise.
fn check_keys(server: &Server) -> Result<(), Failure> {
    let mut ids = HashSet::new();
    match server.all_keys().find(|(id, ..)| !ids.insert(*id)) {
        Some((id, ..)) => Err(Failure::new(format!("the access key {id} is given twice"))),
        None => Ok(()),
    }
}

/// Where to listen. Beyond loopback there must be a key: whoever reaches the port could write otherwise.
fn address(server: &Server) -> Result<SocketAddr, Failure> {
    let host = server.host.trim_start_matches('[').trim_end_matches(']');
    let mut found = (host, server.port)
        .to_socket_addrs()
        .map_err(|error| Failure::new(format!("--host {}: {error}", server.host)))?;
    let address = found.next().ok_or_else(|| Failure::new(format!("--host {} is no address", server.host)))?;
    if !address.ip().is_loopback() && server.all_keys().next().is_none() {
        return Err(Failure::new(format!("--host {} can be reached by others, so a key is required", server.host))
            .with_help(format!(
                "--host {} --key ID:SECRET, and clients sign with it; dummy:dummy will do",
                server.host
            )));
    }
    Ok(address)
}

fn options(server: &Server, data: &Path) -> db::Options {
    db::Options {
        memory: server.memory,
        durability: match server.durability {
            Durability::Durable => db::Durability::Durable,
            Durability::Relaxed => db::Durability::Relaxed,
        },
        retention_ms: server.retention,
        segment_bytes: server.segment_bytes as u64,
        expiry_delay_ms: server.ttl_delay,
        ..db::Options::new(data)
    }
}

/// What asks the process to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// From here on, signals are caught. Inside a runtime.
    fn catch() -> io::Result<StopSignals> {
        Ok(StopSignals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Ready when the process is asked to stop. Asked again while it finishes, it goes at once, as in a crash.
    async fn stop(mut self) {
        self.next().await;
        tracing::info!("stopping");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}

/// Says once that the database takes no more writes, which clients see as errors.
async fn watch_health(db: Db) {
    let mut ticks = tokio::time::interval(HEALTH_EVERY);
    loop {
        ticks.tick().await;
        if let Some(reason) = db.status().poisoned {
            tracing::error!("no more writes are taken until a restart: {reason}");
            return;
        }
    }
}

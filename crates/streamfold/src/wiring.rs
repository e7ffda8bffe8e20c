//! Puts the rooms together: what one shows of another passes through here, so that they need not know each other.

use crate::{
    cli::{Place, Server},
    intake::Intake,
    server::Doors,
    shown::Running,
};
use console::{Config, Console, Hands};
use control::Control;
use db::Db;
use pipeline::Views;
use std::sync::Arc;

/// The door of AWS's protocols.
pub fn aws(db: &Db, server: &Server, place: &Place, control: Control) -> aws::Door {
    let keys = server.all_keys().map(|(id, secret, read_only)| aws::AccessKey {
        id: id.to_owned(),
        secret: secret.to_owned(),
        access: if read_only { aws::Access::Read } else { aws::Access::Write },
    });
    let config = aws::Config {
        place: wire_place(place),
        keys: keys.collect(),
        stream_retention_ms: server.retention,
        conflicts_percent: server.inject_conflicts,
    };
    aws::Door::with_control(db.clone(), config, control)
}

/// The door to buckets, whose events call the functions of `control`.
pub fn s3(buckets: s3::Buckets, server: &Server, place: &Place, control: Control) -> s3::Door {
    let keys = server.all_keys().map(|(id, secret, read_only)| s3::AccessKey {
        id: id.to_owned(),
        secret: secret.to_owned(),
        access: if read_only { s3::Access::Read } else { s3::Access::Write },
    });
    let config = s3::Config {
        place: wire_place(place),
        keys: keys.collect(),
        others: &console::SEGMENTS,
        hosts: page_hosts(server),
    };
    s3::Door::new(buckets, config, Some(Arc::new(control)))
}

/// Where AWS would be, as ARNs say it.
pub fn wire_place(place: &Place) -> aws::Place {
    aws::Place { region: place.region.clone(), account: place.account.clone() }
}

/// All doors. Call it inside the runtime.
pub fn doors(
    db: &Db,
    (aws, s3): (aws::Door, s3::Door),
    server: &Server,
    dashboards: &[project::Dashboard],
    views: &Arc<Views>,
    running: &Running,
) -> Doors {
    let config = Config {
        dashboards: dashboards.iter().map(dashboard).collect(),
        allowed_hosts: page_hosts(server),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        views: Box::new({
            let views = Arc::clone(views);
            move || views.status().iter().map(view_row).collect()
        }),
        requests: Box::new({
            let aws = aws.clone();
            move || aws.metrics().iter().map(request_row).collect()
        }),
        stream_arn: Box::new({
            let aws = aws.clone();
            move |stream| aws.stream_arn(stream)
        }),
        functions: Box::new(shared(running, Running::functions)),
        triggers: Box::new(shared(running, Running::triggers)),
        schedules: Box::new(shared(running, Running::schedules)),
        logs: Box::new({
            let running = running.clone();
            move |name, after, bytes_max| running.logs(name, after, bytes_max)
        }),
        logs_past: Box::new({
            let running = running.clone();
            move |name, position| running.logs_past(name, position)
        }),
        quarantine: Box::new({
            let running = running.clone();
            move |uuid, after| running.quarantine(uuid, after)
        }),
        buckets: Box::new(shared(running, Running::buckets)),
        bucket_traffic: Box::new({
            let s3 = s3.clone();
            move || crate::objects::traffic(&s3)
        }),
        objects: Box::new({
            let running = running.clone();
            move |bucket, prefix, after| running.objects(bucket, prefix, after)
        }),
        exports: Box::new(shared(running, Running::exports)),
        executions: Box::new({
            let running = running.clone();
            move |table, most| running.executions(table, most)
        }),
        execution: Box::new({
            let running = running.clone();
            move |table, version| running.execution(table, version)
        }),
        hands: hands(server, running),
    };
    let intake = Arc::new(Intake::new(server.memory, aws::REQUEST_BYTES_MAX));
    Doors { aws, s3, console: Console::new(db.clone(), config), intake }
}

/// What a closure of the console asks of `running`.
fn shared<T: 'static>(running: &Running, ask: fn(&Running) -> T) -> impl Fn() -> T + Send + Sync + 'static {
    let running = running.clone();
    move || ask(&running)
}

/// The buttons, where only this machine can press them: pages ask for no key.
fn hands(server: &Server, running: &Running) -> Option<Hands> {
    let is_loopback = ["127.0.0.1", "localhost", "::1", "[::1]"].contains(&server.host.as_str());
    let (act, invoke) = (running.clone(), running.clone());
    is_loopback.then(|| Hands {
        act: Box::new(move |action| act.act(action)),
        invoke: Box::new(move |name, payload| invoke.invoke(name, payload)),
    })
}

/// Names under which browsers may open the pages.
fn page_hosts(server: &Server) -> Vec<String> {
    let mut hosts = Config::default().allowed_hosts;
    hosts.push(server.host.clone());
    hosts.extend(server.page_hosts.iter().cloned());
    hosts
}

fn dashboard(dashboard: &project::Dashboard) -> console::Dashboard {
    console::Dashboard {
        name: dashboard.name.clone(),
        title: dashboard.title.clone(),
        recent: dashboard.recent.as_ref().map(|recent| console::Recent {
            table: recent.table.clone(),
            columns: recent.columns.clone(),
            limit: recent.limit,
        }),
        charts: dashboard
            .charts
            .iter()
            .map(|chart| console::Chart {
                title: chart.title.clone(),
                table: chart.table.clone(),
                group: chart.group.clone(),
                value: chart.value.clone(),
            })
            .collect(),
        rate: dashboard.rate.as_ref().map(|rate| console::Rate { table: rate.table.clone() }),
    }
}

fn request_row(row: &aws::OperationMetrics) -> console::RequestRow {
    console::RequestRow { operation: row.operation.to_owned(), count: row.count, errors: row.errors }
}

fn view_row(status: &pipeline::ViewStatus) -> console::ViewRow {
    let skipped = |(reason, count): &(String, u64)| console::Skipped { reason: reason.clone(), count: *count };
    let sample = |skip: &pipeline::Skip| console::SkipSample {
        key: skip.key.clone(),
        reason: skip.reason.clone(),
        seq: Some(skip.seq),
    };
    console::ViewRow {
        table: status.table.clone(),
        source: status.source.clone(),
        sql: status.sql.clone(),
        phase: match &status.phase {
            pipeline::Phase::Clearing => console::Phase::Backfill { done: 0, total: 0 },
            pipeline::Phase::Backfilling { done, total } => console::Phase::Backfill { done: *done, total: *total },
            pipeline::Phase::Live => console::Phase::Live,
            pipeline::Phase::Stopped { reason } => console::Phase::Stopped(reason.clone()),
        },
        cursor: Some(status.cursor),
        lag: status.lag_changes,
        lag_ms: status.lag_ms,
        groups: status.groups,
        skipped: status.skipped.iter().map(skipped).collect(),
        samples: status.samples.iter().map(sample).collect(),
        folded: status.folded_total,
    }
}

/// The ARN of a table's open stream, as its clients see it.
pub fn open_stream_arn(db: &Db, place: &Place, table: &str) -> Option<String> {
    let open = db.streams().into_iter().find(|stream| stream.closed.is_none() && stream.table_name == table);
    open.map(|stream| wire_place(place).stream_arn(&stream))
}

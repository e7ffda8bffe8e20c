//! What `up` and `serve` say once they run: where everything is, and what to type next.

use crate::{cli::Durability, plan::Plan};
use project::{Function, Project, Schedule, Source, Trigger};
use std::{fmt::Write, net::SocketAddr, path::Path};

/// Buckets that are named.
const NAMES_SHOWN: usize = 8;

/// What the banner tells.
pub struct Banner<'a> {
    pub address: SocketAddr,
    pub region: &'a str,
    pub data: &'a Path,
    pub durability: Durability,
    pub memory: usize,
    /// Access key ids that requests must be signed with, and whether each may only read.
    pub keys: Vec<(&'a str, bool)>,
    /// Names of the buckets that there are.
    pub buckets: Vec<String>,
    /// The project, and what was done about it.
    pub project: Option<(&'a Project, &'a Plan)>,
    /// The template's outputs, filled in.
    pub outputs: Vec<(String, String)>,
}

impl Banner<'_> {
    pub fn render(&self) -> String {
        let mut out = format!("Streamfold {}\n\n", env!("CARGO_PKG_VERSION"));
        let url = url(self.address);
        line(&mut out, "API", &format!("{url}  (DynamoDB, DynamoDB Streams, Kinesis, Lambda, SSM, S3)"));
        line(&mut out, "Console", &format!("{url}/"));
        if let Some((project, _)) = self.project {
            for dashboard in &project.dashboards {
                line(&mut out, "Dashboard", &format!("{url}/dashboards/{}", dashboard.name));
            }
        }
        let exports = self.project.map_or(&[][..], |(project, _)| &project.exports);
        for (at, export) in exports.iter().enumerate() {
            let (name, page) = if at == 0 { ("Exports", format!("{url}/exports  ")) } else { ("", String::new()) };
            let place = format!("{page}(s3://{}/{}TENANT/TABLE/VERSION/FILE.gz)", export.bucket, export.prefix);
            line(&mut out, name, &place);
        }
        if !self.buckets.is_empty() {
            line(&mut out, "Buckets", &format!("{url}  ({})", first(&self.buckets)));
        }
        let durability = match self.durability {
            Durability::Durable => "every write on disk before it is answered",
            Durability::Relaxed => "relaxed: a power loss may take the last 50 ms",
        };
        let data = self.data.display();
        line(&mut out, "Data", &format!("{data}  ({durability}; {} of memory)", size(self.memory)));
        if let Some((project, plan)) = self.project {
            line(&mut out, "Project", &format!("{}: {}", project.path.display(), summary(plan)));
            for done in steps(plan) {
                line(&mut out, "", &done);
            }
            running(&mut out, project);
        }
        for (index, (name, value)) in self.outputs.iter().enumerate() {
            line(&mut out, if index == 0 { "Outputs" } else { "" }, &format!("{name} = {value}"));
        }
        out.push('\n');
        self.keys_and_recipe(&mut out, &url);
        out
    }

    fn key_names(&self) -> Vec<String> {
        let name = |(id, read_only): &(&str, bool)| format!("{id}{}", if *read_only { " (read-only)" } else { "" });
        self.keys.iter().map(name).collect()
    }

    fn keys_and_recipe(&self, out: &mut String, url: &str) {
        let (id, secret) = match self.keys.first() {
            Some((id, _)) => (*id, "..."),
            None => ("local", "local"),
        };
        let signatures = match self.keys.is_empty() {
            true => "No --key given: signatures are taken as given; loopback only.".to_owned(),
            false => format!("Requests must be signed with {}.", self.key_names().join(" or ")),
        };
        writeln!(out, "{signatures} Point aws and boto3 here with\n").expect("a String takes any text");
        writeln!(
            out,
            "  export AWS_ENDPOINT_URL={url} AWS_REGION={} AWS_DEFAULT_REGION={} \\\n         \
             AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}\n",
            self.region, self.region
        )
        .expect("a String takes any text");
        out.push_str("Ctrl-C stops it.\n");
    }
}

/// How a client on this machine reaches the server.
fn url(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://localhost:{}", address.port()),
        _ => format!("http://{address}"),
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    writeln!(out, "  {name:<10} {value}").expect("a String takes any text");
}

/// What runs beside the tables: functions, what feeds them, what calls them by the clock.
fn running(out: &mut String, project: &Project) {
    let mut lines = |name: &str, values: Vec<String>| {
        for (index, value) in values.iter().enumerate() {
            line(out, if index == 0 { name } else { "" }, value);
        }
    };
    let function =
        |function: &Function| format!("{}  ({}, {})", function.name, function.runtime.name, function.handler);
    lines("Functions", project.functions.iter().map(function).collect());
    let trigger = |trigger: &Trigger| match &trigger.source {
        Source::Table(table) => {
            let off = if trigger.settings.enabled { "" } else { ", disabled" };
            let records = count(trigger.settings.batch_size as usize, "record");
            Some(format!("{table} -> {}  (at most {records}{off})", trigger.function))
        }
        Source::Kinesis(_) => None,
    };
    lines("Triggers", project.triggers.iter().filter_map(trigger).collect());
    let schedule = |schedule: &Schedule| {
        let Schedule { name, function, timetable, enabled, .. } = schedule;
        let off = if *enabled { "" } else { ", disabled" };
        let zone = timetable.zone.name();
        let zone = if zone == "UTC" { String::new() } else { format!(", {zone}") };
        format!("{name} -> {function}  ({}{zone}{off})", timetable.expression)
    };
    lines("Schedules", project.schedules.iter().map(schedule).collect());
}

/// `2 created, 0 updated, 3 unchanged`.
fn summary(plan: &Plan) -> String {
    format!("{} created, {} updated, {} unchanged", plan.create.len(), plan.update.len(), plan.unchanged.len())
}

fn steps(plan: &Plan) -> Vec<String> {
    let created = plan.create.iter().map(|spec| {
        let kind = if spec.view.is_some() { "view" } else { "table" };
        let indexes: Vec<&str> = spec.indexes.iter().map(|index| index.name.as_str()).collect();
        match &indexes[..] {
            [] => format!("{kind} {} created", spec.name),
            [one] => format!("{kind} {} created, with index {one}", spec.name),
            several => format!("{kind} {} created, with indexes {}", spec.name, several.join(", ")),
        }
    });
    let updated = plan.update.iter().map(|update| format!("{}: {}", update.table, update.changes.join(", ")));
    created.chain(updated).collect()
}

/// The first names of several.
fn first(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// `1 table`, `2 tables`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `1 GiB`, `256 MiB`.
fn size(bytes: usize) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    let (number, unit) = if mib >= 1024.0 { (mib / 1024.0, "GiB") } else { (mib, "MiB") };
    let text = format!("{number:.1}");
    format!("{} {unit}", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_banner_says_where_everything_is() {
        let banner = Banner {
            address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            region: "us-east-1",
            data: Path::new("votes/.streamfold"),
            durability: Durability::Durable,
            memory: 1 << 30,
            keys: Vec::new(),
            buckets: vec!["imports".into()],
            project: None,
            outputs: vec![("Stream".into(), "arn".into())],
        };
        expect![[r#"
            Streamfold 0.1.0

              API        http://127.0.0.1:8000  (DynamoDB, DynamoDB Streams, Kinesis, Lambda, SSM, S3)
              Console    http://127.0.0.1:8000/
              Buckets    http://127.0.0.1:8000  (imports)
              Data       votes/.streamfold  (every write on disk before it is answered; 1 GiB of memory)
              Outputs    Stream = arn

            No --key given: signatures are taken as given; loopback only. Point aws and boto3 here with

              export AWS_ENDPOINT_URL=http://127.0.0.1:8000 AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \
                     AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local

            Ctrl-C stops it.
        "#]]
        .assert_eq(&banner.render());
    }
}

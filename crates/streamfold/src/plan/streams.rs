//! What `up` would do about a template's Kinesis streams. As of tables: what is to change is changed, what cannot is
//! refused, and what the template leaves open stays as it is.

use kinesis::{Definition, Mode};
use project::{Diagnostic, KinesisStream, Project, Severity, StreamMode};
use std::collections::BTreeMap;

/// What is to be done about one stream.
#[derive(Debug, PartialEq)]
pub struct StreamStep {
    pub wanted: Definition,
    /// What changes, for people; `None`: the stream is missing.
    pub changes: Option<Vec<&'static str>>,
}

/// Compares a project with the streams that exist, by name.
///
/// # Errors
/// Streams that exist with another number of shards.
pub fn plan(project: &Project, existing: &BTreeMap<String, Definition>) -> Result<Vec<StreamStep>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut steps = Vec::new();
    for stream in &project.streams {
        match existing.get(&stream.name) {
            None => steps.push(StreamStep { wanted: laid_over(stream, &new(stream)), changes: None }),
            Some(found) => {
                errors.extend(contradiction(stream, found));
                let wanted = laid_over(stream, found);
                let changes = changes(&wanted, found);
                if !changes.is_empty() {
                    steps.push(StreamStep { wanted, changes: Some(changes) });
                }
            }
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors) }
}

/// A stream before the template's settings are laid over it.
fn new(stream: &KinesisStream) -> Definition {
    let plain = Definition::new(&stream.name);
    // What AWS assumes where a number of shards is given and no mode.
    let mode = if stream.shards.is_some() { Mode::Provisioned } else { plain.mode };
    Definition { mode, shards: stream.shards.unwrap_or(plain.shards), ..plain }
}

/// What exists, with the template's settings laid over it.
fn laid_over(stream: &KinesisStream, found: &Definition) -> Definition {
    let mode = stream.mode.map(|mode| match mode {
        StreamMode::OnDemand => Mode::OnDemand,
        StreamMode::Provisioned => Mode::Provisioned,
    });
    let mut wanted = found.clone();
    wanted.mode = mode.unwrap_or(found.mode);
    wanted.retention_hours = stream.retention_hours.unwrap_or(found.retention_hours);
    wanted.record_kib = stream.record_kib.unwrap_or(found.record_kib);
    wanted.tags.extend(stream.tags.iter().cloned());
    wanted
}

fn changes(wanted: &Definition, found: &Definition) -> Vec<&'static str> {
    let differs = [
        ("mode", wanted.mode != found.mode),
        ("retention", wanted.retention_hours != found.retention_hours),
        ("largest record", wanted.record_kib != found.record_kib),
        ("tags", wanted.tags != found.tags),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

fn contradiction(stream: &KinesisStream, found: &Definition) -> Option<Diagnostic> {
    let shards = stream.shards.filter(|shards| *shards != found.shards)?;
    let message = format!("stream `{}` exists with {} shards, not {shards}", stream.name, found.shards);
    let help = "give the stream another name, or delete it and run `up` again";
    Some(stream.origin.diagnostic(Severity::Error, "ShardCount", message).with_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const TEMPLATE: &str = "
Resources:
  Orders:
    Type: AWS::Kinesis::Stream
    Properties: { Name: orders, ShardCount: 2, RetentionPeriodHours: 48, Tags: [{ Key: team, Value: green }] }
  Clicks:
    Type: AWS::Kinesis::Stream
    Properties: { Name: clicks, StreamModeDetails: { StreamMode: ON_DEMAND } }
";

    fn check(change: impl FnOnce(&mut BTreeMap<String, Definition>), expected: &Expect) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("template.yaml"), TEMPLATE).expect("a file can be written");
        let project = project::load(folder.path(), &project::Options::default()).expect("the template is right");
        let created = plan(&project, &BTreeMap::new()).expect("nothing is there to contradict");
        let mut existing = created.into_iter().map(|step| (step.wanted.name.clone(), step.wanted)).collect();
        change(&mut existing);
        let text = match plan(&project, &existing) {
            Ok(steps) => steps
                .iter()
                .map(|step| match &step.changes {
                    None => format!("create {:?}", step.wanted),
                    Some(changes) => format!("{}: {}", step.wanted.name, changes.join(", ")),
                })
                .collect::<Vec<_>>(),
            Err(found) => found.iter().map(|one| one.render(false)).collect(),
        };
        expected.assert_eq(&text.join("\n").replace(&format!("{}/", folder.path().display()), ""));
    }

    #[test]
    fn what_is_missing_is_created_and_what_is_there_stays() {
        check(|_| {}, &expect![""]);
        check(
            BTreeMap::clear,
            &expect![[r#"
            create Definition { name: "orders", mode: Provisioned, shards: 2, retention_hours: 48, record_kib: 1024, tags: {"team": "green"} }
            create Definition { name: "clicks", mode: OnDemand, shards: 4, retention_hours: 24, record_kib: 1024, tags: {} }"#]],
        );
    }

    #[test]
    fn settings_follow_the_template_and_what_it_leaves_open_stays() {
        let change = |existing: &mut BTreeMap<String, Definition>| {
            let orders = existing.get_mut("orders").expect("it is there");
            orders.retention_hours = 24;
            orders.tags = [("stage".to_owned(), "test".to_owned())].into();
            orders.record_kib = 10_240;
            let clicks = existing.get_mut("clicks").expect("it is there");
            (clicks.mode, clicks.shards, clicks.retention_hours) = (Mode::Provisioned, 7, 99);
        };
        check(
            change,
            &expect![[r#"
            orders: retention, tags
            clicks: mode"#]],
        );
    }

    #[test]
    fn another_number_of_shards_is_refused() {
        let change = |existing: &mut BTreeMap<String, Definition>| {
            existing.get_mut("orders").expect("it is there").shards = 3;
        };
        check(
            change,
            &expect![[r#"
            error: Orders.Properties.ShardCount: stream `orders` exists with 3 shards, not 2
             --> template.yaml:5:33
              |
            5 |     Properties: { Name: orders, ShardCount: 2, RetentionPeriodHours: 48, Tags: [{ Key: team, Value: green }] }
              |                                 ^^^^^^^^^^
              = help: give the stream another name, or delete it and run `up` again
        "#]],
        );
    }
}

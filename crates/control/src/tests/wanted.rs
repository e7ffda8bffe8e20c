//! What a template wants against what exists.

use super::{Life, World, definitions::function};
use crate::{
    Origin, Package, ParameterDefinition, ParameterType, Planned, Refused, ScheduleDefinition, Service, Step, Wanted,
    WantedSource, WantedTrigger,
};
use db::{StreamViewType, TableSpec};
use expect_test::{Expect, expect};
use item::{KeyAttribute, KeyKind, KeySchema};
use std::path::PathBuf;
use triggers::StartingPosition;

fn wanted() -> Wanted {
    let inline = |name: &str, text: &str| (function(name), Package::Inline(text.to_owned()));
    Wanted {
        functions: vec![inline("count", "one"), (function("send"), Package::Folder(std::env::temp_dir()))],
        schedules: vec![ScheduleDefinition::new(Service::Scheduler, "nightly", "cron(0 3 * * ? *)", "count")],
        parameters: vec![ParameterDefinition::new("/limit", ParameterType::String, "40")],
        triggers: vec![WantedTrigger {
            function: "count".to_owned(),
            source: WantedSource::Table("votes".to_owned()),
            starting: StartingPosition::TrimHorizon,
            settings: triggers::Settings::default(),
            enabled: true,
        }],
        notifications: Vec::new(),
    }
}

fn show(planned: &[Planned]) -> String {
    let step = |planned: &Planned| match &planned.step {
        Step::Create => "create".to_owned(),
        Step::Update(changes) => format!("update {}", changes.join(", ")),
        Step::Unchanged => "unchanged".to_owned(),
        Step::Left => "left alone".to_owned(),
    };
    let lines = planned.iter().map(|planned| format!("{} {}: {}", planned.kind, planned.name, step(planned)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A table with a stream.
async fn table(life: &Life, name: &str) {
    let partition = KeyAttribute { name: "id".to_owned(), kind: KeyKind::S };
    let mut spec = TableSpec::new(name, KeySchema { partition, sort: None });
    spec.stream = Some(StreamViewType::NewImage);
    life.db.create_table(spec).await.expect("created");
}

async fn apply(life: &Life, wanted: Wanted, expected: Expect) {
    expected.assert_eq(&show(&life.control.plan(&wanted).expect("nothing is refused")));
    expected.assert_eq(&show(&life.control.apply(wanted).await.expect("nothing is refused")));
}

#[test]
fn a_template_creates_then_changes_nothing_then_what_it_changes_and_leaves_what_it_no_longer_names() {
    let world = World::new();
    world.live(async |life| {
        let mine = Package::Folder(std::env::temp_dir());
        life.control.create_function(function("mine"), mine).await.expect("created");
        // A template's tables come first.
        assert_eq!(life.control.plan(&wanted()).expect("nothing is refused").len(), 5);
        table(&life, "votes").await;
        let all = expect![[r"
            parameter /limit: create
            function count: create
            function send: create
            trigger count from votes: create
            schedule schedule/default/nightly: create"]];
        apply(&life, wanted(), all).await;
        assert_eq!(life.script.take(), ["put mine", "put count", "put send"]);
    });
    world.live(async |life| {
        life.script.take();
        let head = life.db.head();
        let none = expect![[r"
            parameter /limit: unchanged
            function count: unchanged
            function send: unchanged
            trigger count from votes: unchanged
            schedule schedule/default/nightly: unchanged"]];
        apply(&life, wanted(), none).await;
        assert_eq!((life.db.head(), life.script.take()), (head, Vec::new()));

        let mut next = wanted();
        next.functions[0].1 = Package::Inline("two".to_owned());
        next.functions[0].0.timeout_s = 30;
        next.functions.remove(1);
        next.functions.push((function("mine"), Package::Folder(PathBuf::from("/"))));
        next.schedules[0].enabled = false;
        next.triggers.push(WantedTrigger { function: "mine".to_owned(), ..next.triggers[0].clone() });
        (next.triggers[0].enabled, next.triggers[0].settings.batch_size) = (false, 10);
        next.parameters[0].value = "41".to_owned();
        let some = expect![[r"
            parameter /limit: update value
            function count: update code, timeout_s
            function mine: update code, origin
            trigger count from votes: update batch_size, enabled
            trigger mine from votes: create
            schedule schedule/default/nightly: update enabled
            function send: left alone"]];
        apply(&life, next, some).await;
        assert_eq!(life.script.take(), ["put count", "put mine"]);
        assert_eq!(life.control.parameter("/limit").expect("it exists").version, 2);
        assert_eq!(life.control.function("mine").expect("it exists").definition.origin, Origin::Template);
    });
}

#[test]
fn a_table_made_anew_gets_a_trigger_of_its_own_and_that_of_the_old_one_is_left_alone() {
    let world = World::new();
    world.live(async |life| {
        table(&life, "votes").await;
        life.control.apply(wanted()).await.expect("nothing is refused");
        let uuid = life.control.triggers().status()[0].mapping.uuid.clone();
        life.db.delete_table("votes").await.expect("deleted");
        table(&life, "votes").await;
        let planned = life.control.apply(wanted()).await.expect("nothing is refused");
        let expected = expect![[r#"
            parameter /limit: unchanged
            function count: unchanged
            function send: unchanged
            trigger count from votes: create
            schedule schedule/default/nightly: unchanged
            trigger count from votes (UUID): left alone"#]];
        expected.assert_eq(&show(&planned).replace(&uuid, "UUID"));
        assert_eq!(life.control.triggers().status().len(), 2);
    });
}

#[test]
fn all_that_is_refused_is_said_before_anything_changes() {
    let world = World::new();
    world.live(async |life| {
        let mut wanted = wanted();
        wanted.functions[0].0.runtime = "ruby3.3".to_owned();
        wanted.functions[1].1 = Package::Folder(PathBuf::from("/nowhere"));
        wanted.schedules[0].expression = "rate(0 minutes)".to_owned();
        wanted.parameters.push(wanted.parameters[0].clone());
        wanted.triggers.push(WantedTrigger { function: "nobody".to_owned(), ..wanted.triggers[0].clone() });
        wanted.triggers[0].settings.batch_size = 0;
        let refused = life.control.apply(wanted).await.expect_err("all but one are refused");
        let line = |refused: &Refused| format!("{} {}: {}", refused.kind, refused.name, refused.error);
        let expected = expect![[r#"
            parameter /limit: parameter /limit is named twice
            function count: runtime ruby3.3 is not run here
            function send: the code folder /nowhere does not exist
            trigger count from votes: the batch size must be from 1 to 10000, not 0
            trigger nobody from votes: function nobody does not exist
            schedule schedule/default/nightly: Invalid Schedule Expression rate(0 minutes) (a rate is at least 1)"#]];
        expected.assert_eq(&refused.iter().map(line).collect::<Vec<_>>().join("\n"));
        assert!(life.control.parameter("/limit").is_err());
    });
}

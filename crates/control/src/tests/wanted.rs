//! What a template wants against what exists.

use super::{Life, World, definitions::function};
use crate::{
    Origin, Package, ParameterDefinition, ParameterType, Planned, Refused, ScheduleDefinition, Service, Step, Wanted,
};
use expect_test::{Expect, expect};
use std::path::PathBuf;

fn wanted() -> Wanted {
    let inline = |name: &str, text: &str| (function(name), Package::Inline(text.to_owned()));
    Wanted {
        functions: vec![inline("count", "one"), (function("send"), Package::Folder(std::env::temp_dir()))],
        schedules: vec![ScheduleDefinition::new(Service::Scheduler, "nightly", "cron(0 3 * * ? *)", "count")],
        parameters: vec![ParameterDefinition::new("/limit", ParameterType::String, "40")],
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
        let all = expect![[r"
            parameter /limit: create
            function count: create
            function send: create
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
            schedule schedule/default/nightly: unchanged"]];
        apply(&life, wanted(), none).await;
        assert_eq!((life.db.head(), life.script.take()), (head, Vec::new()));

        let mut next = wanted();
        next.functions[0].1 = Package::Inline("two".to_owned());
        next.functions[0].0.timeout_s = 30;
        next.functions.remove(1);
        next.functions.push((function("mine"), Package::Folder(PathBuf::from("/"))));
        next.schedules[0].enabled = false;
        next.parameters[0].value = "41".to_owned();
        let some = expect![[r"
            parameter /limit: update value
            function count: update code, timeout_s
            function mine: update code, origin
            schedule schedule/default/nightly: update enabled
            function send: left alone"]];
        apply(&life, next, some).await;
        assert_eq!(life.script.take(), ["put count", "put mine"]);
        assert_eq!(life.control.parameter("/limit").expect("it exists").version, 2);
        assert_eq!(life.control.function("mine").expect("it exists").definition.origin, Origin::Template);
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
        let refused = life.control.apply(wanted).await.expect_err("all but one are refused");
        let line = |refused: &Refused| format!("{} {}: {}", refused.kind, refused.name, refused.error);
        let expected = expect![[r"
            parameter /limit: parameter /limit is named twice
            function count: runtime ruby3.3 is not run here
            function send: the code folder /nowhere does not exist
            schedule schedule/default/nightly: Invalid Schedule Expression rate(0 minutes) (a rate is at least 1)"]];
        expected.assert_eq(&refused.iter().map(line).collect::<Vec<_>>().join("\n"));
        assert!(life.control.parameter("/limit").is_err());
    });
}

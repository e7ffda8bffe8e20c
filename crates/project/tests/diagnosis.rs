//! Templates in, what is read or said out, word for word. Each `cases/NAME.yaml` is a template, `cases/NAME.txt` what
//! comes of it; `UPDATE_EXPECT=1` writes the latter. Lines `# --parameter K=V` and `# --region R` at a template's top
//! are its options. Uses the public face of the crate only.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use expect_test::{expect, expect_file};
use project::{
    BucketTrigger, Code, Events, Export, Function, KinesisStream, Missed, Options, Project, RetryPolicy, Schedule,
    Severity, SsmParameter, Table, Trigger, TriggerSettings, fill_stream_arns, load,
};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn options(text: &str) -> Options {
    let mut options = Options::default();
    for line in text.lines() {
        if let Some((name, value)) = line.strip_prefix("# --parameter ").and_then(|given| given.split_once('=')) {
            options.parameters.insert(name.into(), value.into());
        } else if let Some(region) = line.strip_prefix("# --region ") {
            options.region = region.into();
        }
    }
    options
}

fn describe_table(table: &Table) -> String {
    let key: Vec<String> = table.key.iter().map(|k| format!("{} {:?} {:?}", k.name, k.key_type, k.attr_type)).collect();
    let mut said = format!("table {} = {}: {}, {:?}", table.logical_id, table.name, key.join(", "), table.billing);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(said, ", {name} {value}").expect("a String takes any text");
        }
    };
    add("capacity", table.provisioned.map(|units| format!("{units:?}")));
    add("stream", table.stream.map(|kind| kind.as_str().into()));
    add("ttl", table.ttl.clone());
    add("tags", (!table.tags.is_empty()).then(|| format!("{:?}", table.tags)));
    add("protected", table.deletion_protection.then(String::new));
    add("shards", (table.shards > 1).then(|| table.shards.to_string()));
    add("view of", table.view.as_ref().map(|view| format!("{:?}", view.sources)));
    for index in table.global_indexes.iter().chain(&table.local_indexes) {
        let names: Vec<&str> = index.key.iter().map(|element| element.name.as_str()).collect();
        add("index", Some(format!("{} on {} with {:?}", index.name, names.join(", "), index.projection)));
    }
    said
}

fn describe_function(function: &Function, root: &Path) -> String {
    let code = match &function.code {
        Code::Folder(folder) => match folder.strip_prefix(root) {
            Ok(below) => format!("folder `{}`", below.display()),
            Err(_) => panic!("{} is not below the template", folder.display()),
        },
        Code::Inline(text) => format!("{text:?}"),
    };
    let mut said = format!(
        "function {} = {}: {} {} in {code}, {} s, {} MB",
        function.origin.logical_id,
        function.name,
        function.runtime.name,
        function.handler,
        function.timeout_seconds,
        function.memory_mb
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(said, ", {name} {value}").expect("a String takes any text");
        }
    };
    add("at once", function.reserved_concurrency.map(|most| most.to_string()));
    add("environment", (!function.environment.is_empty()).then(|| format!("{:?}", function.environment)));
    add("description", (!function.description.is_empty()).then(|| format!("{:?}", function.description)));
    add("tags", (!function.tags.is_empty()).then(|| format!("{:?}", function.tags)));
    let Events { dead_letter, invoke } = &function.events;
    add("dead letters", dead_letter.clone());
    add("events", invoke.as_ref().map(|invoke| format!("{invoke:?}")));
    said
}

/// The defaults of a trigger are left out.
fn describe_trigger(trigger: &Trigger) -> String {
    let TriggerSettings {
        enabled,
        batch_size,
        batching_window_seconds,
        parallelization_factor,
        starting_position,
        retry_attempts_max,
        record_age_seconds_max,
        bisect_on_error,
        report_item_failures,
        on_failure,
        tumbling_window_seconds,
        filters,
        quarantine,
    } = &trigger.settings;
    let mut said = format!("trigger {}: {:?} from {starting_position:?}", trigger.name, trigger.source);
    let mut add = |differs: bool, text: String| {
        if differs {
            write!(said, ", {text}").expect("a String takes any text");
        }
    };
    add(!enabled, "off".into());
    add(*batch_size != 100, format!("batch {batch_size}"));
    add(*batching_window_seconds != 0, format!("window {batching_window_seconds} s"));
    add(*parallelization_factor != 1, format!("in parallel {parallelization_factor}"));
    add(retry_attempts_max.is_some(), format!("retries {retry_attempts_max:?}"));
    add(record_age_seconds_max.is_some(), format!("age {record_age_seconds_max:?}"));
    add(*bisect_on_error, "bisect".into());
    add(*report_item_failures, "item failures".into());
    add(on_failure.is_some(), format!("on failure {on_failure:?}"));
    add(*tumbling_window_seconds != 0, format!("tumbling {tumbling_window_seconds} s"));
    add(!filters.is_empty(), format!("filters {filters:?}"));
    add(quarantine.is_some(), format!("{quarantine:?}"));
    said + " -> " + &trigger.function
}

fn describe_schedule(schedule: &Schedule) -> String {
    let timetable = &schedule.timetable;
    let mut said = format!("schedule {} ({:?}): {}", schedule.name, schedule.kind, timetable.expression);
    let mut add = |differs: bool, text: String| {
        if differs {
            write!(said, ", {text}").expect("a String takes any text");
        }
    };
    add(timetable.zone.name() != "UTC", timetable.zone.name().into());
    add(timetable.start_ms.is_some(), format!("from {:?}", timetable.start_ms));
    add(timetable.end_ms.is_some(), format!("until {:?}", timetable.end_ms));
    add(!schedule.enabled, "off".into());
    add(schedule.input.is_some(), format!("input {:?}", schedule.input));
    add(!schedule.description.is_empty(), format!("description {:?}", schedule.description));
    add(schedule.retry != RetryPolicy::default(), format!("{:?}", schedule.retry));
    add(schedule.dead_letter.is_some(), format!("dead letters {:?}", schedule.dead_letter));
    add(schedule.flexible_minutes.is_some(), format!("within {:?} minutes", schedule.flexible_minutes));
    add(schedule.missed != Missed::Run, format!("missed: {:?}", schedule.missed));
    said + " -> " + &schedule.function
}

fn describe_export(export: &Export) -> String {
    let Export { origin, bucket, prefix, key, stream, target, numbers, empty, registry, brake, complete } = export;
    let from = format!("export {}: {bucket}/{prefix} key {key:?}", origin.logical_id);
    let to = format!(
        "to {stream:?} and {target:?} with numbers {numbers:?} and empty fields {empty:?}, shown in {registry}"
    );
    format!("{from} {to}, {brake:?}, {complete:?}")
}

fn describe(project: &Project) -> String {
    let mut lines: Vec<String> = project.tables.iter().map(describe_table).collect();
    lines.extend(project.streams.iter().map(|stream| {
        let KinesisStream { name, mode, shards, retention_hours, record_kib, tags, .. } = stream;
        format!("stream {name}: {mode:?}, {shards:?} shards, {retention_hours:?} h, {record_kib:?} KiB, {tags:?}")
    }));
    lines.extend(project.buckets.iter().map(|bucket| format!("bucket {} = {}", bucket.origin.logical_id, bucket.name)));
    lines.extend(project.functions.iter().map(|function| describe_function(function, &project.root)));
    lines.extend(project.triggers.iter().map(describe_trigger));
    lines.extend(project.bucket_triggers.iter().map(|trigger| {
        let BucketTrigger { name, function, bucket, changes, prefix, suffix, .. } = trigger;
        format!("bucket trigger {name}: {bucket} {changes:?} {prefix:?} {suffix:?} -> {function}")
    }));
    lines.extend(project.exports.iter().map(describe_export));
    lines.extend(project.schedules.iter().map(describe_schedule));
    lines.extend(project.parameters.iter().map(|parameter| {
        let SsmParameter { name, kind, value, tier, allowed_pattern, description, tags, .. } = parameter;
        format!("parameter {name} = {value}: {kind:?}, {tier}, {allowed_pattern:?}, {description:?}, {tags:?}")
    }));
    lines.extend(project.dashboards.iter().map(|dashboard| format!("{dashboard:#?}")));
    lines.extend(project.outputs.iter().map(|(name, value)| format!("output {name} = {value}")));
    lines.join("\n") + "\n"
}

/// Everything that comes of the template at `path`.
fn outcome(path: &Path, options: &Options) -> String {
    let (read, found) = match load(path, options) {
        Ok(project) => (vec![describe(&project)], project.notes),
        Err(found) => {
            assert!(found.iter().any(|one| one.severity == Severity::Error), "refused without an error");
            (Vec::new(), found)
        }
    };
    let said = found.iter().map(|diagnostic| diagnostic.render(false));
    let folder = path.parent().expect("a file is in a folder");
    read.into_iter().chain(said).collect::<Vec<_>>().join("\n").replace(&format!("{}/", folder.display()), "")
}

#[test]
fn each_template_comes_to_what_is_written_beside_it() {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(cases()).expect("there are cases").flatten().map(|entry| entry.path()).collect();
    names.sort();
    let templates = names.iter().filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let mut count = 0;
    for path in templates {
        let text = std::fs::read_to_string(path).expect("a case is text");
        expect_file![path.with_extension("txt")].assert_eq(&outcome(path, &options(&text)));
        count += 1;
    }
    assert!(count > 40, "only {count} cases were found");
}

#[test]
fn the_examples_load_and_nothing_is_said_about_them() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let example = |name: &str| load(&examples.join(name), &Options::default()).expect("the example is correct");
    let (project, messages, exports) = (example("votes"), example("messages"), example("exports"));
    for found in [&project, &messages, &exports] {
        assert_eq!(found.notes, []);
    }
    let stream = |table: &str| Some(format!("arn of {table}"));
    let outputs = project.outputs_with(stream);
    assert_eq!(outputs[1], ("VotesStream".to_string(), "arn of votes".to_string()));
    expect_file!["example.txt"].assert_eq(&[&project, &messages, &exports].map(describe).concat());
}

#[test]
fn the_arn_of_a_stream_is_filled_in_wherever_it_stands_and_an_unknown_one_stays() {
    let arn = |table: &str| (table == "votes").then(|| "arn of {votes}".to_string());
    expect!["arn of {votes},{stream-arn:other} {stream-arn:arn of {votes}, {stream-arn:"].assert_eq(&fill_stream_arns(
        "{stream-arn:votes},{stream-arn:other} {stream-arn:{stream-arn:votes}, {stream-arn:",
        arn,
    ));
}

#[test]
fn what_others_find_about_an_event_or_a_resource_is_placed_at_its_property() {
    let loaded = |case: &str| load(&cases().join(case), &Options::default()).expect("the case is correct");
    let (events, mappings) = (loaded("triggers.yaml"), loaded("lambda-cloudformation.yaml"));
    let found = [
        events.triggers[0].origin.error("BatchSize", "at a property"),
        events.triggers[1].origin.error("BatchSize", "at one that is left open"),
        events.triggers[1].origin.error("", "at the event"),
        events.function(&events.triggers[0].function).expect("it is there").origin.error("Runtime", "at a global one"),
        mappings.triggers[0].origin.error("FunctionName", "at a property of a resource"),
        mappings.triggers[0].origin.error("", "at a resource"),
    ];
    let folder = format!("{}/", cases().display());
    expect![[r#"
        triggers.yaml:25:13: error: Count.Properties.Events.Changes.Properties.BatchSize: at a property
        triggers.yaml:47:9: error: Open.Properties.Events.Changes.Properties.BatchSize: at one that is left open
        triggers.yaml:47:9: error: Open.Properties.Events.Changes: at the event
        triggers.yaml:3:24: error: Count.Properties.Runtime: at a global one
        lambda-cloudformation.yaml:45:7: error: ByName.Properties.FunctionName: at a property of a resource
        lambda-cloudformation.yaml:40:3: error: ByName: at a resource"#]]
    .assert_eq(&found.map(|one| one.to_string().replace(&folder, "")).join("\n"));
}

#[test]
fn a_diagnostic_fits_one_line_for_logs_and_colors_do_not_change_its_words() {
    let found = load(&cases().join("sections-misspelled.yaml"), &Options::default()).expect_err("misspelled");
    let line = found[0].to_string().replace(&format!("{}/", cases().display()), "");
    expect!["sections-misspelled.yaml:1:1: error: Resource: `Resource` is not known here (did you mean Resources?)"]
        .assert_eq(&line);
    let colored = found[0].render(true);
    let plain = colored.split('\x1b').map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    assert_eq!(plain.collect::<String>(), found[0].render(false));
}

#[test]
fn a_missing_template_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = |path: &Path| {
        let found = load(path, &Options::default()).expect_err("nothing is there");
        found[0].to_string().replace(&folder.path().display().to_string(), "here")
    };
    expect!["error: no template in here: looked for template.yaml, template.yml, template.json"]
        .assert_eq(&said(folder.path()));
    expect!["error: the template here/template.yaml cannot be read: no such file"]
        .assert_eq(&said(&folder.path().join("template.yaml")));
}

/// A template of so many functions that share an environment and have the same events.
fn sam(environment: &str, events: &str, functions: usize) -> String {
    let function =
        |i| format!("  F{i}: {{ Type: AWS::Serverless::Function, Properties: {{ Events: {{ {events} }} }} }}\n");
    let functions: String = (0..functions).map(function).collect();
    let globals = format!("Globals: {{ Function: {{ Environment: {{ {environment} }} }} }}");
    format!("Transform: AWS::Serverless-2016-10-31\n{globals}\nResources:\n{functions}")
}

#[test]
fn a_long_template_full_of_faults_is_answered_shortly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unknown: String = (0..50_000).map(|i| format!("${{unknown{i}}}")).collect();
    let templates = [
        "- ".repeat(100_000),
        "{".repeat(100_000),
        "a: 1\n".repeat(50_000),
        format!(
            "Resources: {{ A: {{ Type: 'AWS::DynamoDB::Table', Properties: {{ TableName: !Sub '{unknown}' }} }} }}"
        ),
        sam(&format!("Variables: {{ {} }}", (0..900).map(|i| format!("V{i}: v, ")).collect::<String>()), "", 150),
        sam(
            "",
            &(0..499).map(|i| format!("E{i}: {{ Type: DynamoDB, Properties: {{ Stream: x }} }}, ")).collect::<String>(),
            60,
        ),
    ];
    for text in templates {
        let path = folder.path().join("template.yaml");
        std::fs::write(&path, text).expect("a template");
        let said = outcome(&path, &Options::default());
        assert!(said.len() < 300_000, "{} bytes: {}", said.len(), &said[..1000]);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Whatever a text holds, it is answered: no panic, no endless work.
    #[test]
    fn any_damaged_template_is_answered(
        which in 0usize..100,
        at in 0usize..5000,
        cut in 0usize..40,
        put in "[ \\n\\t:\\[\\]{}&*!|>'\"#,\\-a-zRef\\$]{0,12}",
    ) {
        let wholes = [
            include_str!("../../../examples/votes/template.yaml"),
            include_str!("cases/functions.yaml"),
            include_str!("cases/view-ring.yaml"),
            include_str!("cases/sample-website.yaml"),
            include_str!("cases/schedules.yaml"),
            include_str!("cases/triggers-wrong-values.yaml"),
            include_str!("cases/parameters-of-programs.yaml"),
        ];
        let mut chars: Vec<char> = wholes[which % wholes.len()].chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, put.chars());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("template.yaml");
        std::fs::write(&path, chars.into_iter().collect::<String>()).expect("a template");
        outcome(&path, &Options::default());
    }
}

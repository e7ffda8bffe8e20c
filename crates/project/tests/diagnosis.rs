//! Templates in, what is read or said out, word for word. Each `cases/NAME.yaml` is a template, `cases/NAME.txt` what
//! comes of it; `UPDATE_EXPECT=1` writes the latter. Lines `# --parameter K=V` and `# --region R` at a template's top
//! are its options. Uses the public face of the crate only.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use expect_test::{expect, expect_file};
use project::{Options, Project, Severity, Table, load};

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

fn describe(project: &Project) -> String {
    let mut lines: Vec<String> = project.tables.iter().map(describe_table).collect();
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
    let (project, messages) = (example("votes"), example("messages"));
    assert_eq!((project.notes.as_slice(), messages.notes.as_slice()), (&[][..], &[][..]));
    let stream = |table: &str| Some(format!("arn of {table}"));
    let outputs = project.outputs_with(stream);
    assert_eq!(outputs[1], ("VotesStream".to_string(), "arn of votes".to_string()));
    expect_file!["example.txt"].assert_eq(&(describe(&project) + &describe(&messages)));
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
        at in 0usize..3000,
        cut in 0usize..40,
        put in "[ \\n\\t:\\[\\]{}&*!|>'\"#,\\-a-zRef\\$]{0,12}",
    ) {
        let wholes = [
            include_str!("../../../examples/votes/template.yaml"),
            include_str!("cases/functions.yaml"),
            include_str!("cases/view-ring.yaml"),
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

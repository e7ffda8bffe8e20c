//! Exports as a person meets them: the example with its made exports, the `aws` command line and boto3, the program's own
//! commands, the console's addresses.

use it::{
    client::Client,
    program::{Program, Run, binary},
    tools,
    wait::until,
};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const TABLE: &str = "tenant/test_table";
/// As `make-exports` names them: three that change, and one that lost half its rows.
const VERSIONS: [&str; 4] = ["20201230_V0001", "20201231_V0002", "20210101_V0003", "20210102_V0004"];

struct Example {
    folder: TempDir,
    program: Program,
}

impl Example {
    fn up() -> Example {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let example = tools::root().join("examples/exports");
        std::fs::copy(example.join("template.yaml"), folder.path().join("template.yaml")).expect("it can be copied");
        make(&folder.path().join("made"));
        let program = Run::up(folder.path()).start();
        Example { folder, program }
    }

    /// A made export.
    fn made(&self, version: &str) -> PathBuf {
        self.folder.path().join("made").join(TABLE).join(version).join("export.csv.gz")
    }

    /// Uploads a made export as a version.
    fn upload(&self, made: &str, version: &str) {
        let to = format!("s3://imports/{TABLE}/{version}/");
        tools::run(self.client_tool("aws").args(["s3", "cp"]).arg(self.made(made)).arg(to));
    }

    fn client_tool(&self, program: &str) -> Command {
        let mut command = tools::python(program);
        command.env("AWS_ENDPOINT_URL", self.program.endpoint());
        command
    }

    /// Waits until an execution is where it stands still.
    fn comes_to(&self, version: &str, status: &str) -> Value {
        let mut client = Client::new(self.program.port);
        let name = format!("{TABLE}/{version}");
        until(&format!("{version} to be {status}"), PATIENCE, || {
            client.execution(&name).filter(|execution| execution["status"] == status)
        })
    }

    /// `streamfold exports ...`; what it printed.
    fn exports(&self, arguments: &[&str]) -> String {
        let ended = Run::new(&["exports"]).args(arguments).args(&["--url", &self.program.endpoint()]).to_end();
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// What a consumer written with boto3 finds, who compares stream and target with an export.
    fn follows(&self, made: &str) -> String {
        let script = tools::root().join("crates/it/python/exports/follow.py");
        let mut python = self.client_tool("python");
        tools::run(python.arg(script).arg(self.made(made)).args(["changes", "test_table"]))
    }
}

fn make(folder: &Path) {
    let binary = binary().with_file_name("make-exports");
    assert!(binary.is_file(), "there is no {}: `cargo build -p make-exports` first", binary.display());
    tools::run(Command::new(binary).arg(folder));
}

#[test]
fn what_changed_leaves_once_and_an_export_that_lost_half_waits_for_a_person() {
    let example = Example::up();
    for version in &VERSIONS[..3] {
        example.upload(version, version);
    }
    example.comes_to(VERSIONS[2], "SUCCEEDED");
    assert_eq!(example.follows(VERSIONS[2]), "20201230_V0001 200\n20201231_V0002 20\n20210101_V0003 20\n");

    // Nothing of it leaves while it is held, nor after it is rejected.
    example.upload(VERSIONS[3], VERSIONS[3]);
    let held = example.comes_to(VERSIONS[3], "HELD");
    assert_eq!(held["statistics"]["deletes"], 102);
    assert!(held["hold"]["reasons"][0].as_str().is_some_and(|why| why.contains("102 of 204 rows")), "{held}");
    example.follows(VERSIONS[2]);
    let name = format!("{TABLE}/{}", VERSIONS[3]);
    assert!(example.exports(&["reject", &name]).contains("is rejected"));
    example.follows(VERSIONS[2]);

    // The same file as a later version, and this time it is what was meant.
    example.upload(VERSIONS[3], "20210103_V0005");
    example.comes_to("20210103_V0005", "HELD");
    assert!(example.exports(&["release", &format!("{TABLE}/20210103_V0005")]).contains("is released"));
    example.comes_to("20210103_V0005", "SUCCEEDED");
    let seen = example.follows(VERSIONS[3]);
    assert!(seen.ends_with("20210103_V0005 102\n"), "{seen}");

    // One that comes too late is refused by a rule, and the registry says so to whoever asks DynamoDB.
    example.upload(VERSIONS[3], "20210101_V0003a");
    let key = r#"{"table":{"S":"tenant/test_table"},"execution":{"S":"20210101_V0003a#refused/export.csv.gz"}}"#;
    let refused = until("the registry to tell of the refusal", PATIENCE, || {
        let mut aws = example.client_tool("aws");
        aws.args(["dynamodb", "get-item", "--table-name", "registry", "--key", key, "--output", "json"]);
        let said = tools::run(&mut aws);
        serde_json::from_str::<Value>(&said).ok().filter(|answer| answer["Item"].is_object())
    });
    let why = refused["Item"]["error"]["S"].as_str().unwrap_or_default();
    assert!(why.contains("out of order"), "{refused}");
    example.follows(VERSIONS[3]);
}

#[test]
fn a_terminal_shows_executions_and_programs_get_them_as_json() {
    let example = Example::up();
    assert_eq!(example.exports(&["list"]), "no export has arrived\n");
    example.upload(VERSIONS[0], VERSIONS[0]);
    let name = format!("{TABLE}/{}", VERSIONS[0]);
    example.comes_to(VERSIONS[0], "SUCCEEDED");
    let followed = example.exports(&["show", &name, "--follow"]);
    assert!(followed.contains("SUCCEEDED  release") && followed.contains("200 operations"), "{followed}");
    let listed = example.exports(&["list", TABLE]);
    assert!(listed.starts_with("EXECUTION") && listed.contains(&format!("{name}  SUCCEEDED")), "{listed}");
    let json: Value = serde_json::from_str(&example.exports(&["list", "--json"])).expect("it prints JSON");
    assert_eq!(
        (&json[0]["name"], &json[0]["published"], &json[0]["applied"]),
        (&name.into(), &200.into(), &200.into())
    );

    let ended =
        Run::new(&["exports", "release", "tenant/test_table/never", "--url", &example.program.endpoint()]).to_end();
    assert!(!ended.status.success() && ended.stderr.contains("has no version never"), "{ended:?}");
    let ended = Run::new(&["exports", "show", "test_table", "--url", &example.program.endpoint()]).to_end();
    assert!(ended.stderr.contains("is not like TENANT/TABLE/VERSION"), "{ended:?}");
}

#[test]
fn what_the_mark_asks_for_stays_when_the_program_starts_again() {
    let Example { folder, program } = Example::up();
    let page = format!("{}/exports", program.endpoint());
    assert!(program.banner.contains(&page), "{}", program.banner);
    let mut client = Client::new(program.port);
    let made = std::fs::read(folder.path().join("made").join(TABLE).join(VERSIONS[0]).join("export.csv.gz"));
    let made = made.expect("it was made");
    client.put_object("imports", &format!("{TABLE}/{}/export.csv.gz", VERSIONS[0]), &made);
    client.put_object("imports", "readme.txt", b"not an export");
    let example = Example { folder, program };
    example.comes_to(VERSIONS[0], "SUCCEEDED");
    let misplaced = r#"{":t":{"S":"misplaced"}}"#;
    let query = ["dynamodb", "query", "--table-name", "registry", "--key-condition-expression", "#t = :t"];
    let names = ["--expression-attribute-names", r##"{"#t":"table"}"##, "--expression-attribute-values", misplaced];
    let said = tools::run(example.client_tool("aws").args(query).args(names));
    assert!(said.contains("imports/readme.txt"), "{said}");
    let Example { folder, program } = example;
    assert!(program.stop().status.success());

    // Without the template, too.
    let data = folder.path().join(".streamfold");
    let program = Run::new(&["serve", "--port", "0", "--data"]).arg(data).start();
    let example = Example { folder, program };
    example.upload(VERSIONS[0], VERSIONS[0]);
    example.upload(VERSIONS[1], VERSIONS[1]);
    example.comes_to(VERSIONS[1], "SUCCEEDED");
    assert_eq!(example.follows(VERSIONS[1]), "20201230_V0001 200\n20201231_V0002 20\n");
    let mut client = Client::new(example.program.port);
    assert_eq!(client.shown("exports")["bindings"][0]["target"], "test_table");
}

//! A real browser on the console's pages: `crates/it/browser` watches them move without a reload, and presses their
//! buttons.

use it::{folder::Folder, program::Run, tools};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Runs a file of browser tests against a server.
fn browse(tests: &str, url: &str) {
    browse_with(tests, url, &[]);
}

fn browse_with(tests: &str, url: &str, settings: &[(&str, &Path)]) {
    let browser = tools::root().join("crates/it/browser");
    assert!(browser.join("node_modules").is_dir(), "its modules are missing: run ./test once, it fetches them");
    let mut node = Command::new("node");
    node.args(["--test", tests]).current_dir(browser).env("STREAMFOLD_URL", url);
    node.envs(settings.iter().copied());
    eprintln!("{}", tools::run(&mut node));
}

#[test]
fn a_number_on_the_dashboard_changes_after_a_put() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    let program = Run::up(folder.path()).start();
    browse("dashboard.mjs", &program.endpoint());
}

#[test]
fn the_pages_of_a_real_function_move_after_a_put() {
    let folder = Folder::example("votes");
    let program = folder.up("handler.yaml");
    browse("running.mjs", &program.endpoint());
}

#[test]
fn the_pages_of_buckets_move_after_a_put_and_go_through_folders() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let program = Run::new(&["serve", "--port", "0", "--data"]).arg(folder.path()).start();
    browse("buckets.mjs", &program.endpoint());
}

#[test]
fn the_pages_of_exports_follow_executions_and_a_person_decides_there() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let example = tools::root().join("examples/exports");
    std::fs::copy(example.join("template.yaml"), folder.path().join("template.yaml")).expect("it can be copied");
    let make = it::program::binary().with_file_name("make-exports");
    tools::run(Command::new(make).arg(folder.path().join("made")));
    let program = Run::up(folder.path()).start();
    let made = folder.path().join("made/tenant/test_table");
    browse_with("exports.mjs", &program.endpoint(), &[("MADE", made.as_path())]);
}

/// The console's example, which ends with the test.
struct MadeUp(Child);

impl Drop for MadeUp {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_pages_of_functions_move_and_their_buttons_do_what_they_say() {
    let example = tools::root().join("target/debug/examples/made_up");
    let missing = "run ./test, or `cargo build -p console --example made_up` first";
    assert!(example.is_file(), "there is no {}: {missing}", example.display());
    let child = Command::new(example).arg("0").stdout(Stdio::piped()).spawn().expect("the example starts");
    let mut made_up = MadeUp(child);
    let mut url = String::new();
    let stdout = made_up.0.stdout.take().expect("its output is piped");
    BufReader::new(stdout).read_line(&mut url).expect("the example says where it listens");
    browse("functions.mjs", url.trim());
}

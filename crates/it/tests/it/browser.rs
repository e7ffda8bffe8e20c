//! A real browser on the dashboard of the example: `crates/it/browser` watches numbers move without a reload.

use it::{program::Run, tools};
use std::process::Command;

#[test]
fn a_number_on_the_dashboard_changes_after_a_put() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    let program = Run::up(folder.path()).start();
    let browser = tools::root().join("crates/it/browser");
    assert!(browser.join("node_modules").is_dir(), "its modules are missing: run ./test once, it fetches them");
    let mut node = Command::new("node");
    node.args(["--test", "dashboard.mjs"]).current_dir(browser).env("STREAMFOLD_URL", program.endpoint());
    eprintln!("{}", tools::run(&mut node));
}

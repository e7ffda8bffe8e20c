//! A text read as a template: a project, or diagnostics that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{fs, path::PathBuf, sync::OnceLock};
use tempfile::TempDir;

/// A folder of this process with the view that the seeds name; the template in it is written anew for each input.
fn template() -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sql = "SELECT region, improvement, COUNT(*) AS total_votes FROM votes GROUP BY region, improvement";
        fs::create_dir(folder.path().join("views")).expect("a folder can be made");
        fs::write(folder.path().join("views/total_votes.sql"), sql).expect("a file can be written");
        folder
    });
    folder.path().join("template.yaml")
}

fuzz_target!(|data: &[u8]| {
    let file = template();
    fs::write(&file, data).expect("a file can be written");
    match project::load(&file, &project::Options::default()) {
        Ok(project) => drop(project.outputs_with(|_| None)),
        Err(found) => {
            assert!(found.iter().any(|diagnostic| diagnostic.severity == project::Severity::Error));
            found.iter().for_each(|diagnostic| drop(diagnostic.render(true)));
        }
    }
});

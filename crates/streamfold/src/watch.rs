//! `up --watch`: a function whose files change is restarted.

use crate::failure::Failure;
use control::Control;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use project::{Code, Project};
use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Files that are written one after the other are one change.
const GATHER: Duration = Duration::from_millis(150);
/// Changes that may wait; more of them say no more.
const WAITING_MAX: usize = 256;

/// Watches the folders of a project's functions for as long as the answer lives.
pub fn start(project: &Project, control: &Control) -> Result<RecommendedWatcher, Failure> {
    let failed = |error: notify::Error| Failure::new(format!("--watch: {error}"));
    let folders: Vec<(String, PathBuf)> = project
        .functions
        .iter()
        .filter_map(|function| match &function.code {
            Code::Folder(folder) => Some((function.name.clone(), folder.canonicalize().ok()?)),
            Code::Inline(_) => None,
        })
        .collect();
    let (changed, changes) = mpsc::sync_channel(WAITING_MAX);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        for path in event.into_iter().filter(|event| !matches!(event.kind, EventKind::Access(_))).flat_map(|e| e.paths)
        {
            // Full: a restart is due anyhow.
            let _ = changed.try_send(path);
        }
    })
    .map_err(failed)?;
    for (_, folder) in &folders {
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
    }
    let control = control.clone();
    thread::Builder::new()
        .name("watch".to_owned())
        .spawn(move || restart_changed(&control, &folders, &changes))
        .map_err(|error| Failure::new(format!("--watch: {error}")))?;
    Ok(watcher)
}

fn restart_changed(control: &Control, folders: &[(String, PathBuf)], changes: &mpsc::Receiver<PathBuf>) {
    while let Ok(first) = changes.recv() {
        let mut paths = vec![first];
        while let Ok(path) = changes.recv_timeout(GATHER) {
            paths.push(path);
        }
        let is_changed = |folder: &Path| paths.iter().any(|path| path.starts_with(folder) && is_code(path));
        for (function, _) in folders.iter().filter(|(_, folder)| is_changed(folder)) {
            match control.restart_function(function) {
                Ok(()) => tracing::info!("function {function}: its code changed; it is restarted"),
                Err(error) => tracing::warn!("function {function}: its code changed: {error}"),
            }
        }
    }
}

/// Python writes its caches beside the code.
fn is_code(path: &Path) -> bool {
    !path.components().any(|part| part.as_os_str() == "__pycache__") && path.extension().is_none_or(|end| end != "pyc")
}

//! Virtual environments for Python handlers: awslambdaric, boto3 and a function's own requirements, installed once for
//! each set of them.

use crate::model::{Function, Settings};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};
use tokio::sync::Mutex;
use xxhash_rust::xxh3::xxh3_128;

/// What every environment has: AWS's client of the Runtime API, and what AWS's Python runtimes bring along.
const ALWAYS: [&str; 2] = ["awslambdaric", "boto3"];
/// Left in an environment that is complete.
const COMPLETE: &str = "complete";

/// The environments, by name; whoever needs one that is being made waits for it.
#[derive(Default)]
pub(crate) struct Pythons {
    version: tokio::sync::OnceCell<String>,
    making: std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Pythons {
    /// The interpreter of the environment that a function needs; made if it is not there.
    ///
    /// # Errors
    /// What went wrong, for people.
    pub async fn interpreter(&self, settings: &Settings, function: &Function) -> Result<PathBuf, String> {
        let version = self.version.get_or_try_init(|| version(settings)).await?;
        let requirements = function.folder.join("requirements.txt");
        let wanted = fs::read(&requirements).unwrap_or_default();
        let name = format!("{:032x}", xxh3_128(&[version.as_bytes(), &wanted].concat()));
        let dir = settings.dir.join("python").join(&name);
        let turn = self.making.lock().expect("no holder panics").entry(name).or_default().clone();
        let _making = turn.lock().await;
        if !dir.join(COMPLETE).exists() {
            let requirements = (!wanted.is_empty()).then_some(requirements.as_path());
            make(settings, &function.name, &dir, requirements).await?;
        }
        Ok(dir.join("bin").join("python"))
    }
}

async fn version(settings: &Settings) -> Result<String, String> {
    let python = settings.python.as_os_str();
    let said = run(python, [OsStr::new("-c"), OsStr::new("import sys; print(sys.version.split()[0])")]).await?;
    let version = said.trim().to_owned();
    tracing::info!("functions of every python3.x run on {} {version}", settings.python.display());
    Ok(version)
}

async fn make(settings: &Settings, function: &str, dir: &Path, requirements: Option<&Path>) -> Result<(), String> {
    tracing::info!("function {function}: making its Python environment, once; this may take a minute");
    let text = |error: std::io::Error| format!("{}: {error}", dir.display());
    if dir.exists() {
        // Somebody was interrupted.
        fs::remove_dir_all(dir).map_err(text)?;
    }
    fs::create_dir_all(dir).map_err(text)?;
    let venv = ["-m", "venv", "--system-site-packages"].map(OsStr::new);
    let made = run(settings.python.as_os_str(), venv.into_iter().chain([dir.as_os_str()])).await;
    made.map_err(|why| format!("{why} (on Debian: apt install python3-venv)"))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    let mut arguments: Vec<&OsStr> = pip.into_iter().chain(ALWAYS).map(OsStr::new).collect();
    if let Some(file) = requirements {
        arguments.extend([OsStr::new("-r"), file.as_os_str()]);
    }
    run(dir.join("bin").join("python").as_os_str(), arguments).await?;
    fs::write(dir.join(COMPLETE), []).map_err(text)?;
    tracing::info!("function {function}: its Python environment is complete");
    Ok(())
}

/// Runs a program to its end; answers what it printed, or its last words.
async fn run<'a>(program: &OsStr, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String, String> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let shown = format!("{:?}", command.as_std());
    let output = command.output().await.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let mut last: Vec<&str> = words.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
    last.reverse();
    Err(format!("{shown} failed: {}", last.join("; ")))
}

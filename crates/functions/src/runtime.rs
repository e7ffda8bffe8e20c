//! Commands and environments: what AWS's runtimes find around them.

use crate::model::{Function, Runtime, Settings};
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Runs Node.js handlers against the Runtime API.
const NODE_SHIM: &str = include_str!("node.mjs");

/// Variables of ours that handlers may need; nothing else of our environment is theirs.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE"];

/// Writes the shim where Node.js can run it.
pub(crate) fn write_shim(dir: &Path) -> io::Result<()> {
    fs::write(shim(dir), NODE_SHIM)
}

fn shim(dir: &Path) -> PathBuf {
    dir.join("node.mjs")
}

/// The command of a function's process; `python` is the interpreter of its environment, where it is a Python function.
///
/// # Errors
/// What is missing, for people.
pub(crate) fn command(
    settings: &Settings,
    function: &Function,
    python: Option<&Path>,
    port: u16,
) -> Result<Command, String> {
    if !function.folder.is_dir() {
        return Err(format!("the code's folder {} does not exist", function.folder.display()));
    }
    let mut command = match &function.runtime {
        Runtime::Python(_) => {
            let mut command = Command::new(python.unwrap_or(&settings.python));
            command.args(["-m", "awslambdaric", &function.handler]);
            command
        }
        Runtime::Node(_) => {
            let mut command = Command::new(&settings.node);
            command.arg(shim(&settings.dir)).arg(&function.handler);
            command
        }
        Runtime::Provided(_) => Command::new(bootstrap(&function.folder)?),
    };
    command.current_dir(&function.folder).env_clear();
    let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.envs(inherited);
    command.envs(environment(settings, function, port));
    command.envs(&function.environment);
    if matches!(function.runtime, Runtime::Python(_)) {
        command.env("PYTHONPATH", python_path(function));
    }
    Ok(command)
}

fn bootstrap(folder: &Path) -> Result<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("bootstrap");
    let metadata = fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("{} is not executable: chmod +x it", file.display()));
    }
    // Relative to the folder that it is run in, it would be looked for in ours.
    file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))
}

fn python_path(function: &Function) -> OsString {
    let mut path = OsString::from(&function.folder);
    if let Some(given) = function.environment.get("PYTHONPATH") {
        path.push(":");
        path.push(given);
    }
    path
}

/// AWS's own variables, and where AWS is here.
fn environment(settings: &Settings, function: &Function, port: u16) -> Vec<(&'static str, String)> {
    let (id, secret) = settings.key.clone().unwrap_or_else(|| ("streamfold".to_owned(), "streamfold".to_owned()));
    let folder = function.folder.display().to_string();
    vec![
        ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}")),
        ("_HANDLER", function.handler.clone()),
        ("LAMBDA_TASK_ROOT", folder.clone()),
        ("LAMBDA_RUNTIME_DIR", folder),
        ("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", function.runtime)),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{port}")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("AWS_ACCOUNT_ID", settings.account.clone()),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT_URL", settings.endpoint.clone()),
        ("TZ", ":UTC".to_owned()),
    ]
}

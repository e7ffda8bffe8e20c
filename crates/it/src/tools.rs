//! Where the repository and the other languages' tools are, and how they are run.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two folders deep").to_path_buf()
}

/// A program of the Python environment that `./test` makes.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn python(program: &str) -> Command {
    let path = root().join(".venv/bin").join(program);
    assert!(path.is_file(), "there is no {}: run ./test once, it makes it", path.display());
    with_credentials(Command::new(path))
}

/// The function in Rust of `crates/it/bootstrap`, built: some forty seconds of work the first time.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn bootstrap() -> PathBuf {
    let target = root().join("target/bootstrap");
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(root().join("crates/it/bootstrap/Cargo.toml"));
    run(cargo.arg("--target-dir").arg(&target));
    target.join("debug/bootstrap")
}

/// Node, for clients of the API.
#[must_use]
pub fn node() -> Command {
    with_credentials(Command::new("node"))
}

fn with_credentials(mut command: Command) -> Command {
    command.envs(CREDENTIALS);
    command
}

/// Credentials and settings for clients that insist on some; nothing of the person's own is read.
const CREDENTIALS: [(&str, &str); 8] = [
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_PAGER", ""),
];

/// A shim of `crates/it/faults` to be preloaded, compiled into a folder.
///
/// # Panics
/// When it does not compile.
#[must_use]
pub fn preload(name: &str, folder: &Path) -> PathBuf {
    let (shim, source) = (folder.join(format!("{name}.so")), root().join("crates/it/faults").join(format!("{name}.c")));
    run(Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&shim).arg(source));
    shim
}

/// Runs a tool to its end and answers its stdout.
///
/// # Panics
/// When it fails, with everything it said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Copies a folder without its `.streamfold`, so that a test runs an example as a person would, in its own place.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        let kind = entry.file_type().expect("an entry has a type");
        let target = to.join(entry.file_name());
        if kind.is_dir() && entry.file_name() != ".streamfold" {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

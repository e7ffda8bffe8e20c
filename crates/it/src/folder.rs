//! A project in a folder of its own, whose Python environments stay for the next run.

use crate::{
    client::Client,
    program::{Program, Run},
    tools,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A project whose one function is in Python and needs nothing.
const PYTHON: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  First:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: first
      InlineCode: 'def handler(event, context): return 1'
      Handler: index.handler
      Runtime: python3.12
      Timeout: 60
";

/// A folder with a project. It vanishes with this value.
pub struct Folder(TempDir);

impl Folder {
    /// With nothing in it but what its functions will find.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let pythons = tools::root().join("target/it-python");
        let functions = folder.path().join(".streamfold/functions");
        for dir in [&pythons, &functions] {
            fs::create_dir_all(dir).expect("a folder can be made");
        }
        std::os::unix::fs::symlink(pythons, functions.join("python")).expect("a link can be made");
        Folder(folder)
    }

    /// The same for functions in Python: the first test that needs their environment makes it, the others wait.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn with_python() -> Folder {
        let folder = Folder::new();
        let lock = File::create(tools::root().join("target/it-python.lock")).expect("a file can be made");
        lock.lock().expect("a file can be locked");
        let pythons = fs::read_dir(tools::root().join("target/it-python")).expect("it was made").flatten();
        if !pythons.into_iter().any(|python| python.path().join("complete").exists()) {
            folder.write("first.yaml", PYTHON);
            let program = folder.up("first.yaml");
            let (_, answer) = Client::new(program.port).invoke("first", "RequestResponse", &Value::Null);
            assert_eq!(answer, 1, "the function in Python answers");
            drop(program);
            return Folder::new();
        }
        folder
    }

    /// A copy of an example.
    #[must_use]
    pub fn example(name: &str) -> Folder {
        let folder = Folder::with_python();
        tools::copy_folder(&tools::root().join("examples").join(name), folder.path());
        folder
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders it is to lie in.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The same, for a program.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_program(&self, file: &str, text: &str) {
        let path = self.write(file, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file can be made executable");
    }

    /// Makes the folder of a function in Rust, which notes the records that it is given: `crates/it/bootstrap`.
    ///
    /// # Panics
    /// When it cannot be built or copied.
    pub fn add_bootstrap(&self, folder: &str) {
        let folder = self.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::copy(tools::bootstrap(), folder.join("bootstrap")).expect("a program can be copied");
    }

    /// `streamfold up TEMPLATE`, from its own folder, as a person would: every path is relative then.
    #[must_use]
    pub fn run(&self, template: &str) -> Run {
        Run::new(&["up", "--port", "0"]).arg(template).folder(self.path())
    }

    /// The same, started.
    #[must_use]
    pub fn up(&self, template: &str) -> Program {
        self.run(template).start()
    }

    /// Processes that work in this folder, or were told of it.
    ///
    /// # Panics
    /// When there is no `/proc`.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").expect("the kernel lists its processes").flatten();
        let numbered = processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        numbered.filter(|(_, process)| self.is_of(process)).map(|(id, _)| id).collect()
    }

    /// What has ended, and waits for its parent to notice, has neither.
    fn is_of(&self, process: &Path) -> bool {
        let works_here = fs::read_link(process.join("cwd")).is_ok_and(|dir| dir.starts_with(self.path()));
        let name = self.path().as_os_str().as_encoded_bytes();
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        works_here || environment.windows(name.len()).any(|part| part == name)
    }
}

impl Default for Folder {
    fn default() -> Folder {
        Folder::new()
    }
}

//! The real program as a child process in a group of its own: started, asked to stop, or killed.

use crate::{tools, wait::Deadline};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long the program may take to come up or to go down.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program to test: `STREAMFOLD_BIN`, or what `cargo build` left in the target directory.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn binary() -> PathBuf {
    let given = std::env::var_os("STREAMFOLD_BIN").map(PathBuf::from);
    let binary = given.unwrap_or_else(|| tools::root().join("target/debug/streamfold"));
    assert!(binary.is_file(), "there is no {}: run ./test, or `cargo build -p streamfold` first", binary.display());
    binary
}

/// How to start the program. Its environment has no `STREAMFOLD_*` but what is set here.
pub struct Run(Command);

/// What a program that ended had to say.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Pipes, an environment without settings, a process group to be killed as a whole.
fn prepare(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STREAMFOLD_")) {
        command.env_remove(name);
    }
    command.process_group(0);
}

impl Run {
    /// `streamfold ARGUMENTS...`
    #[must_use]
    pub fn new(arguments: &[&str]) -> Run {
        let mut command = Command::new(binary());
        prepare(command.args(arguments));
        Run(command)
    }

    /// `streamfold up FOLDER` on a free port.
    #[must_use]
    pub fn up(folder: &Path) -> Run {
        Run::new(&["up", "--port", "0"]).arg(folder)
    }

    /// The same in a mount namespace of its own, with a disk of some megabytes at `folder`. From outside it is seen
    /// through [`Program::sees`], as long as the program runs.
    #[must_use]
    pub fn on_a_disk_of(self, megabytes: u32, folder: &Path) -> Run {
        const SCRIPT: &str = "mount -t tmpfs -o size=$0m none \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, &megabytes.to_string()]).arg(folder);
        command.arg(self.0.get_program()).args(self.0.get_args());
        prepare(&mut command);
        Run(command)
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Run {
        self.0.arg(argument.into());
        self
    }

    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Run {
        self.0.args(arguments);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Run {
        self.0.env(name, value.into());
        self
    }

    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Run {
        self.0.current_dir(folder);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn to_end(mut self) -> Ended {
        let child = self.0.spawn().expect("the program starts");
        let mut program = Program::adopt(child);
        let status = program.wait();
        program.ended(status)
    }

    /// Starts it and waits until it says where it listens.
    ///
    /// # Panics
    /// When it ends instead, with what it said.
    pub fn start(mut self) -> Program {
        let child = self.0.spawn().expect("the program starts");
        let mut program = Program::adopt(child);
        let deadline = Deadline::after(PATIENCE);
        while program.port == 0 {
            match program.lines.recv_timeout(deadline.left()) {
                Ok(line) => program.read_banner(line),
                Err(_) => {
                    let status = program.kill_and_wait();
                    panic!("the program did not come up: {:?}", program.ended(status));
                }
            }
        }
        program
    }
}

/// A running program. Dropped, it is killed.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub port: u16,
    /// What it said on stdout until it was up.
    pub banner: String,
    lines: Receiver<String>,
    readers: Option<(JoinHandle<()>, JoinHandle<String>)>,
}

impl Program {
    fn adopt(mut child: Child) -> Program {
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (sender, lines) = mpsc::channel();
        let out = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens once the program is up; it must be able to speak nevertheless.
                drop(sender.send(line));
            }
        });
        let err = thread::spawn(move || {
            let mut text = Vec::new();
            // What could be read is what is shown.
            drop(stderr.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Program { child, port: 0, banner: String::new(), lines, readers: Some((out, err)) }
    }

    fn read_banner(&mut self, line: String) {
        self.banner += &line;
        self.banner.push('\n');
        if line == "Ctrl-C stops it." {
            let api = self.banner.lines().find(|line| line.trim_start().starts_with("API")).expect("it says where");
            let port = api.split("http://").nth(1).and_then(|rest| rest.split([' ', '/']).next());
            let port = port.and_then(|address| address.rsplit(':').next()).expect("an address has a port");
            self.port = port.parse().expect("a port is a number");
        }
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `streamfold ARGUMENTS... --url ...` against it: what that printed, on either side.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn told(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary());
        let output = command.args(arguments).args(["--url", &self.endpoint()]).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Its process id, for who looks at its memory.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A path as the program sees it, where it has mounts of its own.
    #[must_use]
    pub fn sees(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("the path is absolute");
        Path::new("/proc").join(self.pid().to_string()).join("root").join(inside)
    }

    /// As a power cut for this process: SIGKILL to its whole group, then waits until it is gone.
    pub fn kill(mut self) {
        self.kill_and_wait();
    }

    /// Asks it to stop, as a service manager does, and waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(mut self) -> Ended {
        self.signal(Signal::TERM);
        let status = self.wait();
        self.ended(status)
    }

    /// Waits for an end that something else brings about.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn gone(mut self) -> Ended {
        let status = self.wait();
        self.ended(status)
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        // It may be gone already.
        let _gone = kill_process_group(group, signal);
    }

    fn kill_and_wait(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.child.wait().expect("a child can be waited for")
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Deadline::after(PATIENCE);
        // Its stdout ends when it does, which can be waited for with a deadline.
        while !deadline.left().is_zero() {
            match self.lines.recv_timeout(deadline.left()) {
                Ok(line) => {
                    self.banner += &line;
                    self.banner.push('\n');
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return self.child.wait().expect("a child can be waited for");
                }
                Err(mpsc::RecvTimeoutError::Timeout) => break,
            }
        }
        let status = self.kill_and_wait();
        panic!("the program did not end in {} s: {:?}", PATIENCE.as_secs(), self.ended(status));
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        let (out, err) = self.readers.take().expect("a program ends once");
        out.join().expect("reading stdout does not panic");
        for line in self.lines.try_iter() {
            self.banner += &line;
            self.banner.push('\n');
        }
        let stderr = err.join().expect("reading stderr does not panic");
        Ended { status, stdout: std::mem::take(&mut self.banner), stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_and_wait();
        }
    }
}

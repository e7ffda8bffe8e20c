//! The processes under test: started, waited for, measured from outside, killed. Each gets a folder and a port.

use crate::{load::Client, request};
use std::{
    io::{Error, Result},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running server; killed when dropped.
pub struct Server {
    pub name: &'static str,
    pub addr: SocketAddr,
    child: Child,
    /// From the start of the process to its first answer.
    pub started: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(name: &'static str, port: u16, command: &mut Command, log: &Path) -> Result<Server> {
        let output = std::fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let begin = Instant::now();
        let child = command.spawn().map_err(|error| Error::other(format!("{name}: {error}")))?;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Server { name, addr, child, started: Duration::ZERO };
        loop {
            if Client::connect(addr).and_then(|mut client| client.call(request::LIST_TABLES, "{}").map(|_| ())).is_ok()
            {
                server.started = begin.elapsed();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(Error::other(format!("{name} ended with {status}:\n{said}")));
            }
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(Error::other(format!("{name} does not answer; see {}", log.display())));
            }
            std::thread::park_timeout(Duration::from_micros(500));
        }
    }

    /// Resident memory now, MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
    }

    /// Time that the process has spent on the processors so far, the kernel's for it included. Counted in ticks of ten
    /// milliseconds.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // After the name, which may hold spaces: state, then ten numbers, then user and system time.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn client(&self) -> Result<Client> {
        Client::connect(self.addr)
    }

    fn signal(&self, signal: &str) -> Result<()> {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().map(|_| ())
    }

    /// Runs something while the process stands still, with all that it does in the background.
    pub fn while_paused<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.signal("-STOP")?;
        let outcome = run();
        self.signal("-CONT")?;
        outcome
    }

    /// Asks the process to end and waits for it: a clean shutdown.
    pub fn stop(mut self) -> Result<()> {
        self.signal("-TERM")?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(Error::other(format!("{} does not end", self.name)));
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// How to start the servers, and where their files go.
pub struct Bench {
    pub dir: PathBuf,
    pub streamfold: PathBuf,
    pub peers: PathBuf,
    pub template: PathBuf,
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Bench {
    pub fn hello(&self) -> Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        Server::start("hello", port, command.args(["serve-hello", &port.to_string()]), &self.dir.join("hello.log"))
    }

    /// Streamfold over the data in `data` (a name below the bench's folder); `extra` arguments as given.
    pub fn streamfold(&self, data: &str, extra: &[&str]) -> Result<Server> {
        self.with_template(&self.template, data, extra)
    }

    /// The same with another template.
    pub fn with_template(&self, template: &Path, data: &str, extra: &[&str]) -> Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(&self.streamfold);
        command.arg("up").arg(template).arg("--data").arg(self.dir.join(data));
        command.args(["--port", &port.to_string(), "--key", "bench:bench"]).args(extra);
        Server::start("streamfold", port, &mut command, &self.dir.join(format!("{data}.log")))
    }

    /// dynoxide, in memory or on a file.
    pub fn dynoxide(&self, file: bool) -> Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(self.peers.join("bin/dynoxide"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        if file {
            command.arg("--db-path").arg(self.dir.join("dynoxide.db"));
        }
        let name = if file { "dynoxide file" } else { "dynoxide memory" };
        Server::start(name, port, &mut command, &self.dir.join(format!("{}.log", name.replace(' ', "-"))))
    }

    /// DynamoDB Local, in memory.
    pub fn dynamodb_local(&self) -> Result<Server> {
        let port = free_port()?;
        let home = self.peers.join("dynamodb-local");
        let mut command = Command::new("java");
        command.arg(format!("-Djava.library.path={}", home.join("DynamoDBLocal_lib").display()));
        command.arg("-jar").arg(home.join("DynamoDBLocal.jar"));
        command.args(["-inMemory", "-sharedDb", "-port", &port.to_string()]).current_dir(&self.dir);
        Server::start("DynamoDB Local", port, &mut command, &self.dir.join("dynamodb-local.log"))
    }

    /// The peers that are installed.
    pub fn peers(&self) -> Vec<Server> {
        let all = [self.dynoxide(false), self.dynoxide(true), self.dynamodb_local()];
        all.into_iter().filter_map(|peer| peer.map_err(|error| eprintln!("no peer: {error}")).ok()).collect()
    }
}

//! One process of a function: its Runtime API, its group, what it prints. It has one call at a time.

use crate::{
    api::{Answer, Api, Call, Started},
    log::Log,
    spawn::{Group, Spawner},
};
use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::unix::pipe::{self, Receiver},
    sync::OwnedSemaphorePermit,
    time::Instant,
};

/// Bytes of a call's log that go with its answer; AWS's number.
const TAIL_BYTES: usize = 4096;
/// A line that does not end is cut here, bytes.
const LINE_BYTES_MAX: usize = 256 << 10;

/// What it takes to start a process.
pub(crate) struct Birth<'a> {
    pub spawner: &'a Spawner,
    pub log: Arc<Log>,
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Its share of the processes that there may be.
    pub place: OwnedSemaphorePermit,
    pub generation: u64,
}

pub(crate) struct Process {
    api: Api,
    group: Group,
    output: Arc<Output>,
    pub generation: u64,
    pub used: Instant,
    /// Its last call ended it.
    spent: bool,
    _place: OwnedSemaphorePermit,
    reading: tokio::task::JoinHandle<()>,
}

/// How a call ended.
pub(crate) enum End {
    Answered(Answer),
    /// The process ended in the middle of it.
    Exited(ExitStatus),
    TimedOut,
}

/// How a start ended, if the process is not ready.
pub(crate) enum Unready {
    /// It said why: an error document.
    Said(bytes::Bytes),
    Exited(ExitStatus),
    TimedOut,
    /// It could not be started at all.
    Impossible(String),
}

impl Process {
    /// Starts a process and waits until it asks for its first call. Its API listens before it starts.
    pub async fn start(
        birth: Birth<'_>,
        command: impl FnOnce(u16) -> Result<Command, String>,
        patience: Duration,
    ) -> Result<Process, Unready> {
        let impossible = |error: io::Error| Unready::Impossible(error.to_string());
        let api = Api::listen().await.map_err(impossible)?;
        let command = command(api.port).map_err(Unready::Impossible)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let (sender, receiver) = pipe::pipe().map_err(impossible)?;
        let sender = sender.into_blocking_fd().map_err(impossible)?;
        let spawned = birth.spawner.spawn(command, sender).await;
        let group = spawned.map_err(|error| Unready::Impossible(format!("{program}: {error}")))?;
        let output = Arc::new(Output::new(receiver, birth.log, birth.now_ms));
        let reading = tokio::spawn(output.clone().read());
        let process = Process {
            api,
            group,
            output,
            generation: birth.generation,
            used: Instant::now(),
            spent: false,
            _place: birth.place,
            reading,
        };
        process.ready(patience).await?;
        Ok(process)
    }

    async fn ready(&self, patience: Duration) -> Result<(), Unready> {
        let started = tokio::select! {
            started = self.api.started() => started,
            status = self.group.exit() => {
                self.output.drain();
                return Err(Unready::Exited(status));
            }
            () = tokio::time::sleep(patience) => {
                self.group.end();
                return Err(Unready::TimedOut);
            }
        };
        self.output.drain();
        match started {
            Started::Failed(document) => Err(Unready::Said(document)),
            Started::Ready | Started::Starting => Ok(()),
        }
    }

    pub fn is_alive(&self) -> bool {
        !self.spent && !self.group.has_ended()
    }

    /// Begins to keep the end of the log for a call.
    pub fn begin_log(&self, first: &str) {
        self.output.drain();
        self.output.lock().tail.clear();
        self.output.say(first);
    }

    /// Adds a line of ours.
    pub fn say(&self, line: &str) {
        self.output.say(line);
    }

    /// Writes out what the handler printed so far, and answers the last of it.
    pub fn end_log(&self, last: &str) -> Vec<u8> {
        self.output.finish();
        self.output.say(last);
        let output = self.output.lock();
        output.tail[output.tail.len().saturating_sub(TAIL_BYTES)..].to_vec()
    }

    /// Gives the process a call and waits for what comes of it, for `timeout` at most. After anything but an answer
    /// all of it is gone. `None`: it had ended before it took the call, which another can have.
    pub async fn call(
        &mut self,
        call: Call,
        reply: tokio::sync::oneshot::Receiver<Answer>,
        timeout: Duration,
    ) -> Option<End> {
        self.api.call(call).await;
        let end = tokio::select! {
            biased;
            answer = reply => match answer {
                Ok(answer) => End::Answered(answer),
                Err(_) => End::Exited(self.group.exit().await),
            },
            status = self.group.exit() => End::Exited(status),
            () = tokio::time::sleep(timeout) => End::TimedOut,
        };
        self.used = Instant::now();
        if matches!(end, End::Answered(_)) {
            return Some(end);
        }
        self.spent = true;
        self.group.end();
        let was_taken = self.api.give_up();
        (was_taken || matches!(end, End::TimedOut)).then_some(end)
    }

    /// The most memory that the process ever took, MB.
    pub fn memory_max_mb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.group.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes.div_ceil(1024))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.output.finish();
        self.reading.abort();
    }
}

/// `exit status 1`, `signal: killed`: as AWS words the end of a process.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => "unknown reason".to_owned(),
    }
}

/// What a process prints, on its way into the function's log.
struct Output {
    receiver: Receiver,
    log: Arc<Log>,
    now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    printed: Mutex<Printed>,
}

#[derive(Default)]
struct Printed {
    /// A line that has not ended.
    partial: Vec<u8>,
    /// The end of what was printed during the call.
    tail: Vec<u8>,
}

impl Output {
    fn new(receiver: Receiver, log: Arc<Log>, now_ms: Arc<dyn Fn() -> u64 + Send + Sync>) -> Output {
        Output { receiver, log, now_ms, printed: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Printed> {
        self.printed.lock().expect("no holder panics")
    }

    async fn read(self: Arc<Output>) {
        while self.receiver.readable().await.is_ok() {
            if !self.drain() {
                return;
            }
        }
    }

    /// Takes what is in the pipe: what a handler printed before it answered is there when its answer comes. Answers
    /// whether more may come.
    fn drain(&self) -> bool {
        let mut printed = self.lock();
        let mut bytes = [0; 16 << 10];
        loop {
            match self.receiver.try_read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.take(&mut printed, &bytes[..count]),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    /// awslambdaric separates the lines of a traceback by carriage returns.
    fn take(&self, printed: &mut Printed, bytes: &[u8]) {
        printed.partial.extend(bytes.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }));
        let whole = match printed.partial.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if printed.partial.len() > LINE_BYTES_MAX => printed.partial.len(),
            None => return,
        };
        let lines: Vec<u8> = printed.partial.drain(..whole).collect();
        self.write(printed, &lines);
    }

    fn write(&self, printed: &mut Printed, lines: &[u8]) {
        let text = String::from_utf8_lossy(lines);
        self.log.append((self.now_ms)(), text.trim_end_matches('\n'));
        printed.tail.extend_from_slice(lines);
        let surplus = printed.tail.len().saturating_sub(4 * TAIL_BYTES);
        printed.tail.drain(..surplus);
    }

    /// Takes what is in the pipe, and a last line without an end.
    fn finish(&self) {
        self.drain();
        let mut printed = self.lock();
        if !printed.partial.is_empty() {
            let mut line = std::mem::take(&mut printed.partial);
            line.push(b'\n');
            self.write(&mut printed, &line);
        }
    }

    fn say(&self, line: &str) {
        let mut printed = self.lock();
        self.write(&mut printed, format!("{line}\n").as_bytes());
    }
}

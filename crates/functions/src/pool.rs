//! The processes of one function: which call gets which, when another is started, and what their ends mean.

use crate::{
    api::{Answer, Call},
    functions::Shared,
    log::Log,
    model::{ANSWER_BYTES_MAX, Function, Invocation, InvokeError, Outcome, Runtime},
    process::{Birth, End, Process, Unready, ending},
    runtime,
    status::{Figures, FunctionStatus, LastError},
    trace,
};
use bytes::Bytes;
use serde_json::json;
use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Instant,
};

/// Calls of one function that may wait for a process.
const WAITING_MAX: u32 = 1000;
/// How long a handler may take to load, besides its time for a call: AWS tries again within that.
const INIT: Duration = Duration::from_secs(10);
/// After a handler did not load, the next attempt waits: so long, twice as long, up to the longest.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Pool {
    shared: Arc<Shared>,
    pub log: Arc<Log>,
    state: Mutex<State>,
}

struct State {
    function: Arc<Function>,
    /// Counts versions of the function and restarts: processes of an earlier one get no more calls.
    generation: u64,
    /// The latest used last.
    idle: Vec<Process>,
    figures: Figures,
    failure: Option<InitFailure>,
}

/// The handler did not load.
struct InitFailure {
    document: Bytes,
    attempts: u32,
    /// No attempt before this.
    until: Instant,
}

/// A call that is counted as under way.
struct Turn<'a>(&'a Pool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().figures.status.busy -= 1;
    }
}

impl Pool {
    pub fn new(shared: Arc<Shared>, function: Function, log: Arc<Log>) -> Pool {
        let mut figures = Figures::default();
        figures.status.name.clone_from(&function.name);
        let function = Arc::new(function);
        Pool {
            shared,
            log,
            state: Mutex::new(State { function, generation: 0, idle: Vec::new(), figures, failure: None }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// The function as it is now; one that is equal to the last changes nothing.
    pub fn put(&self, function: Function) {
        if *self.state().function != function {
            self.state().function = Arc::new(function);
            self.restart();
        }
    }

    /// Processes started from now on run the code as it is then; those that have a call finish it.
    pub fn restart(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.failure = None;
        let gone = std::mem::take(&mut state.idle);
        drop(state);
        drop(gone);
    }

    pub fn status(&self) -> FunctionStatus {
        let state = self.state();
        let mut status = state.figures.shown();
        status.idle = u32::try_from(state.idle.len()).unwrap_or(u32::MAX);
        let reason = |failure: &InitFailure| LastError::of(&failure.document, 0).message;
        status.init_error = state.failure.as_ref().map(reason);
        status
    }

    /// Ends processes that were idle since before `since`.
    pub fn end_idle(&self, since: Instant) {
        let mut state = self.state();
        let (gone, kept) = std::mem::take(&mut state.idle).into_iter().partition(|process| process.used < since);
        state.idle = kept;
        drop(state);
        drop::<Vec<Process>>(gone);
    }

    /// When the process was last used that has been idle longest.
    pub fn idle_since(&self) -> Option<Instant> {
        self.state().idle.first().map(|process| process.used)
    }

    /// Ends the process that has been idle longest.
    pub fn end_one(&self) -> bool {
        let mut state = self.state();
        let gone = (!state.idle.is_empty()).then(|| state.idle.remove(0));
        drop(state);
        gone.is_some()
    }

    /// Calls the function.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Outcome, InvokeError> {
        let _turn = self.turn()?;
        let request_id = invocation.request_id.clone().unwrap_or_else(|| self.shared.uuid());
        loop {
            let (mut process, init) = match self.idle() {
                Some(process) => (process, None),
                None => match self.start(&request_id).await? {
                    Ok((process, init)) => (process, Some(init)),
                    Err(document) => return Ok(self.not_started(request_id, document)),
                },
            };
            let outcome = self.run(&mut process, &request_id, init, invocation.clone()).await;
            self.put_back(process);
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    /// Counts a call, if there may be another one at once.
    fn turn(&self) -> Result<Turn<'_>, InvokeError> {
        let mut state = self.state();
        let (reserved, busy) = (state.function.reserved_concurrency, state.figures.status.busy);
        let refusal = match reserved {
            Some(reserved) if busy >= reserved => Some(format!("all of its {reserved} reserved executions are used")),
            _ if state.figures.status.waiting >= WAITING_MAX => Some(format!("{WAITING_MAX} calls wait already")),
            _ => None,
        };
        if let Some(why) = refusal {
            state.figures.status.throttles += 1;
            return Err(InvokeError::Throttled(why));
        }
        state.figures.status.busy += 1;
        Ok(Turn(self))
    }

    /// The process used last: the others may become idle for good.
    fn idle(&self) -> Option<Process> {
        let mut state = self.state();
        loop {
            let process = state.idle.pop()?;
            if process.is_alive() {
                return Some(process);
            }
        }
    }

    fn put_back(&self, process: Process) {
        let mut state = self.state();
        let wanted = self.shared.starving.load(Ordering::Relaxed) > 0;
        if process.generation == state.generation && process.is_alive() && !wanted {
            state.idle.push(process);
        } else {
            drop(state);
            drop(process);
        }
    }

    /// A place for another process; processes that have nothing to do make room.
    async fn place(&self) -> Result<OwnedSemaphorePermit, InvokeError> {
        let places = self.shared.places.clone();
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        self.state().figures.status.waiting += 1;
        self.shared.starving.fetch_add(1, Ordering::Relaxed);
        self.shared.make_room();
        let place = places.acquire_owned().await;
        self.shared.starving.fetch_sub(1, Ordering::Relaxed);
        self.state().figures.status.waiting -= 1;
        place.map_err(|_| InvokeError::Closed)
    }

    /// A new process, ready for a call, and how long that took; or why there is none, as an error document.
    async fn start(&self, request_id: &str) -> Result<Result<(Process, Duration), Bytes>, InvokeError> {
        let place = self.place().await?;
        let (function, generation) = {
            let state = self.state();
            match &state.failure {
                Some(failure) if failure.until > Instant::now() => return Ok(Err(failure.document.clone())),
                _ => (state.function.clone(), state.generation),
            }
        };
        self.state().figures.status.starting += 1;
        let started = self.start_in(place, &function, generation).await;
        let mut state = self.state();
        state.figures.status.starting -= 1;
        match started {
            Ok(started) => {
                state.failure = None;
                state.figures.status.cold_starts += 1;
                Ok(Ok(started))
            }
            Err(unready) => {
                let document = why(&unready, request_id, INIT + function.timeout);
                let attempts = state.failure.as_ref().map_or(0, |failure| failure.attempts) + 1;
                let wait = BACKOFF.saturating_mul(1 << (attempts - 1).min(16)).min(BACKOFF_MAX);
                state.failure =
                    Some(InitFailure { document: document.clone(), attempts, until: Instant::now() + wait });
                drop(state);
                let shown = String::from_utf8_lossy(&document).into_owned();
                tracing::warn!("function {} does not start: {shown}", function.name);
                self.log.append((self.shared.settings.now_ms)(), &format!("INIT_REPORT Status: error {shown}"));
                Ok(Err(document))
            }
        }
    }

    async fn start_in(
        &self,
        place: OwnedSemaphorePermit,
        function: &Function,
        generation: u64,
    ) -> Result<(Process, Duration), Unready> {
        let settings = &self.shared.settings;
        let python = match function.runtime {
            Runtime::Python(_) => {
                let made = self.shared.pythons.interpreter(settings, function).await;
                Some(made.map_err(Unready::Impossible)?)
            }
            Runtime::Node(_) | Runtime::Provided(_) => None,
        };
        let begun = Instant::now();
        self.log.append((settings.now_ms)(), &format!("INIT_START Runtime Version: {}", function.runtime));
        let birth = Birth {
            spawner: &self.shared.spawner,
            log: self.log.clone(),
            now_ms: settings.now_ms.clone(),
            place,
            generation,
        };
        let command = |port| runtime::command(settings, function, python.as_deref(), port);
        let process = Process::start(birth, command, INIT + function.timeout).await?;
        Ok((process, begun.elapsed()))
    }

    /// `None`: the process did not take the call.
    async fn run(
        &self,
        process: &mut Process,
        request_id: &str,
        init: Option<Duration>,
        invocation: Invocation,
    ) -> Option<Outcome> {
        let function = self.state().function.clone();
        process.begin_log(&format!("START RequestId: {request_id} Version: $LATEST"));
        let (reply, answered) = oneshot::channel();
        let now_ms = (self.shared.settings.now_ms)();
        let timeout = function.timeout;
        let call = Call {
            request_id: request_id.to_owned(),
            invocation_id: self.shared.uuid(),
            payload: invocation.payload,
            deadline_ms: now_ms + u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            arn: function.arn.clone(),
            trace: trace::header(self.shared.random(), now_ms, &function.name, invocation.depth),
            client_context: invocation.client_context,
            reply,
        };
        let begun = Instant::now();
        let end = process.call(call, answered, timeout).await?;
        let duration = begun.elapsed();
        let memory_max_mb = process.memory_max_mb();
        let timed_out = matches!(end, End::TimedOut);
        // AWS's and our clients of the Runtime API print what a handler raised; a program of its own need not.
        let is_printed =
            matches!(end, End::Answered(Answer::Error(_))) && !matches!(function.runtime, Runtime::Provided(_));
        let (payload, failed) = outcome_of(end, request_id, timeout);
        if failed && !is_printed {
            process.say(&String::from_utf8_lossy(&payload));
        }
        let report = report(request_id, duration, init, function.memory_mb, memory_max_mb);
        let log_tail = process.end_log(&format!("END RequestId: {request_id}\n{report}"));
        let mut state = self.state();
        state.figures.took(duration);
        let status = &mut state.figures.status;
        status.memory_max_mb = status.memory_max_mb.max(memory_max_mb);
        status.timeouts += u64::from(timed_out);
        if failed {
            status.errors += 1;
            status.last_error = Some(LastError::of(&payload, now_ms));
        }
        let error = failed.then_some("Unhandled");
        let request_id = request_id.to_owned();
        Some(Outcome { request_id, payload, error, duration, init, memory_max_mb, log_tail })
    }

    /// The outcome of a call whose handler does not load.
    fn not_started(&self, request_id: String, document: Bytes) -> Outcome {
        let now_ms = (self.shared.settings.now_ms)();
        let mut state = self.state();
        state.figures.status.invocations += 1;
        state.figures.status.errors += 1;
        state.figures.status.last_error = Some(LastError::of(&document, now_ms));
        drop(state);
        Outcome {
            request_id,
            log_tail: document.to_vec(),
            payload: document,
            error: Some("Unhandled"),
            duration: Duration::ZERO,
            init: None,
            memory_max_mb: None,
        }
    }
}

/// The answer or the error document of a call, and whether it failed.
fn outcome_of(end: End, request_id: &str, timeout: Duration) -> (Bytes, bool) {
    match end {
        End::Answered(Answer::Response(payload)) => (payload, false),
        End::Answered(Answer::Error(document)) => (document, true),
        End::Answered(Answer::TooLarge(bytes)) => {
            let message = format!(
                "Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({ANSWER_BYTES_MAX} bytes)."
            );
            (document("Function.ResponseSizeTooLarge", &message), true)
        }
        End::Exited(status) => (exited(request_id, status), true),
        End::TimedOut => (timed_out(request_id, timeout), true),
    }
}

fn document(kind: &str, message: &str) -> Bytes {
    Bytes::from(json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn exited(request_id: &str, status: std::process::ExitStatus) -> Bytes {
    let how = ending(status);
    document("Runtime.ExitError", &format!("RequestId: {request_id} Error: Runtime exited with error: {how}"))
}

fn timed_out(request_id: &str, timeout: Duration) -> Bytes {
    let seconds = timeout.as_secs_f64();
    let message = format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
    document("Sandbox.Timedout", &message)
}

/// Why a process is not ready, as an error document.
fn why(unready: &Unready, request_id: &str, patience: Duration) -> Bytes {
    match unready {
        Unready::Said(document) => document.clone(),
        Unready::Exited(status) => exited(request_id, *status),
        Unready::TimedOut => timed_out(request_id, patience),
        Unready::Impossible(why) => {
            document("Runtime.InvalidEntrypoint", &format!("RequestId: {request_id} Error: {why}"))
        }
    }
}

/// AWS's line about a call: milliseconds and megabytes.
fn report(
    request_id: &str,
    duration: Duration,
    init: Option<Duration>,
    memory_mb: u32,
    memory_max_mb: Option<u64>,
) -> String {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let billed = (ms(duration) + init.map_or(0.0, ms)).ceil();
    let used = memory_max_mb.unwrap_or_default();
    let init = init.map(|init| format!("\tInit Duration: {:.2} ms", ms(init))).unwrap_or_default();
    format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: {memory_mb} \
         MB\tMax Memory Used: {used} MB{init}",
        ms(duration)
    )
}

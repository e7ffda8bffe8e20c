//! Functions that follow a script instead of running.

use bytes::Bytes;
use control::{Answer, Function, Invocation, InvokeError, Outcome, Runner};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What functions are told, and what they answer.
#[derive(Default)]
pub struct Script {
    functions: Mutex<BTreeMap<String, Function>>,
    calls: Mutex<Vec<(String, Invocation)>>,
    next: Mutex<Option<Scripted>>,
}

/// An answer.
pub enum Scripted {
    /// A payload, AWS's word for a failed call, and the end of the log.
    Outcome(&'static str, Option<&'static str>, &'static [u8]),
    Refused(InvokeError),
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    /// The next call is answered so; all others get their payload back.
    pub fn next(&self, answer: Scripted) {
        *held(&self.next) = Some(answer);
    }

    /// The function as it is run now.
    pub fn function(&self, name: &str) -> Option<Function> {
        held(&self.functions).get(name).cloned()
    }

    /// Calls since the last time.
    pub fn calls(&self) -> Vec<(String, Invocation)> {
        std::mem::take(&mut held(&self.calls))
    }
}

impl Runner for Script {
    fn check_runtime(&self, runtime: &str) -> Result<(), String> {
        if runtime.starts_with("python3") { Ok(()) } else { Err(format!("Runtime {runtime} does not run here")) }
    }

    fn put(&self, function: Function) {
        held(&self.functions).insert(function.name.clone(), function);
    }

    fn remove(&self, name: &str) {
        held(&self.functions).remove(name);
    }

    fn restart(&self, _: &str) {}

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_> {
        let payload = invocation.payload.clone();
        held(&self.calls).push((name.to_owned(), invocation));
        let outcome = |payload: Bytes, error: Option<&'static str>, log: &[u8]| Outcome {
            request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
            payload,
            error,
            duration: Duration::ZERO,
            init: None,
            memory_max_mb: None,
            log_tail: log.to_vec(),
        };
        let answer = match held(&self.next).take() {
            None => Ok(outcome(payload, None, b"")),
            Some(Scripted::Outcome(payload, error, log)) => {
                Ok(outcome(Bytes::from_static(payload.as_bytes()), error, log))
            }
            Some(Scripted::Refused(error)) => Err(error),
        };
        Box::pin(async { answer })
    }
}

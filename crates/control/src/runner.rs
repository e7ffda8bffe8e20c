//! The seam to whatever runs functions: processes beside us, or a script in a test. What a function and a call are is
//! `functions`' affair.

use functions::{Function, Functions, Invocation, InvokeError, Outcome, Runtime};
use std::{future::Future, pin::Pin};

/// A call under way. Dropping it gives the call up.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Outcome, InvokeError>> + Send + 'a>>;

/// Runs functions.
pub trait Runner: Send + Sync + 'static {
    /// Whether it could run functions of this runtime; the error names those it can.
    ///
    /// # Errors
    /// The runtimes there are.
    fn check_runtime(&self, runtime: &str) -> Result<(), String>;

    /// Runs a function, or the function as it is now. One that is equal to the last changes nothing.
    fn put(&self, function: Function);

    fn remove(&self, name: &str);

    /// Its code changed in place.
    fn restart(&self, name: &str);

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_>;
}

impl Runner for Functions {
    fn check_runtime(&self, runtime: &str) -> Result<(), String> {
        Runtime::parse(runtime).map(drop).map_err(|error| error.to_string())
    }

    fn put(&self, function: Function) {
        Functions::put(self, function);
    }

    fn remove(&self, name: &str) {
        Functions::remove(self, name);
    }

    fn restart(&self, name: &str) {
        Functions::restart(self, name);
    }

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_> {
        let name = name.to_owned();
        Box::pin(async move { self.invoke(&name, invocation).await })
    }
}

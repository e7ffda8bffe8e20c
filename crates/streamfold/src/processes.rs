//! Functions as processes of this machine: what `functions` runs, in the words in which `control` asks for it.

use crate::cli::{Place, Server};
use control::{Answer, Function, Invocation, InvokeError, Outcome, Runner};
use db::Db;
use functions::{Functions, Runtime};
use std::{io, net::SocketAddr, path::Path, sync::Arc};

/// Bytes of log files kept for each function.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// The pools of processes.
#[derive(Clone)]
pub struct Processes(pub Functions);

impl Processes {
    /// Starts none yet. Handlers find the server at `address`.
    pub fn start(server: &Server, place: &Place, data: &Path, db: &Db, address: SocketAddr) -> io::Result<Processes> {
        let clock = db.clone();
        let key = server.keys.first().cloned();
        let settings = functions::Settings {
            dir: data.join("functions"),
            endpoint: format!("http://{}", reachable(address)),
            region: place.region.clone(),
            account: place.account.clone(),
            key,
            python: server.python.clone(),
            node: server.node.clone(),
            processes_max: usize::from(server.processes),
            log_bytes_max: LOG_BYTES_MAX,
            now_ms: Arc::new(move || clock.now_ms()),
        };
        Functions::start(settings).map(Processes)
    }
}

/// An address that programs of this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

impl Runner for Processes {
    fn check_runtime(&self, runtime: &str) -> Result<(), String> {
        Runtime::parse(runtime).map(drop).map_err(|error| error.to_string())
    }

    fn put(&self, function: Function) {
        // A runtime that is not known was refused when the function was defined.
        let Ok(runtime) = Runtime::parse(&function.runtime) else { return };
        self.0.put(functions::Function {
            runtime,
            name: function.name,
            handler: function.handler,
            folder: function.folder,
            environment: function.environment,
            timeout: function.timeout,
            memory_mb: function.memory_mb,
            reserved_concurrency: function.reserved_concurrency,
            arn: function.arn,
            version: function.version,
        });
    }

    fn remove(&self, name: &str) {
        self.0.remove(name);
    }

    fn restart(&self, name: &str) {
        self.0.restart(name);
    }

    fn call(&self, name: &str, invocation: Invocation) -> Answer<'_> {
        let name = name.to_owned();
        Box::pin(async move {
            let Invocation { payload, client_context, depth } = invocation;
            let invocation = functions::Invocation { payload, client_context, depth };
            let outcome = self.0.invoke(&name, invocation).await.map_err(refusal)?;
            Ok(Outcome {
                request_id: outcome.request_id,
                payload: outcome.payload,
                error: outcome.error.map(|error| error.to_string()),
                duration: outcome.duration,
                log_tail: outcome.log_tail,
            })
        })
    }
}

pub fn refusal(error: functions::InvokeError) -> InvokeError {
    match error {
        functions::InvokeError::NotFound => InvokeError::NotFound,
        functions::InvokeError::PayloadTooLarge => InvokeError::PayloadTooLarge,
        functions::InvokeError::Closed => InvokeError::Closed,
        throttled => InvokeError::Throttled(throttled.to_string()),
    }
}

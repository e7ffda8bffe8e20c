//! Functions as processes of this machine: how they are run.

use crate::cli::{Place, Server};
use db::Db;
use functions::{Functions, Settings};
use std::{io, net::SocketAddr, path::Path, sync::Arc};

/// Bytes of log files kept for each function.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// Starts no process yet. Handlers find the server at `address`.
pub fn start(server: &Server, place: &Place, data: &Path, db: &Db, address: SocketAddr) -> io::Result<Functions> {
    let clock = db.clone();
    Functions::start(Settings {
        dir: data.join("functions"),
        endpoint: format!("http://{}", reachable(address)),
        region: place.region.clone(),
        account: place.account.clone(),
        key: server.keys.first().cloned(),
        python: server.python.clone(),
        node: server.node.clone(),
        processes_max: usize::from(server.processes),
        log_bytes_max: LOG_BYTES_MAX,
        now_ms: Arc::new(move || clock.now_ms()),
    })
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

//! The door behind a real socket, for tests and the example: a database, its buckets, their sweeper, and hyper.

use db::{Db, Env, Options};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3::{AccessKey, Body, Buckets, Config, Door, Place, Sweeping};
use std::{convert::Infallible, net::SocketAddr, path::Path};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub door: Door,
    pub buckets: Buckets,
    pub db: Db,
    runtime: Option<Runtime>,
    sweeping: Option<Sweeping>,
}

impl Server {
    /// Serves what is in a folder, on a port of the system's choice.
    pub fn start(folder: &Path, keys: Vec<AccessKey>) -> Server {
        let options = Options { memory: 64 << 20, segment_bytes: 4 << 20, ..Options::new(folder) };
        let db = Db::open(options, Env::real()).expect("the database opens");
        let buckets = Buckets::open(db.clone(), &Env::real(), folder, "us-east-1").expect("the buckets open");
        let sweeping = buckets.start().expect("a thread");
        let place = Place { region: "us-east-1".to_owned(), account: "000000000000".to_owned() };
        let door = Door::new(buckets.clone(), Config { place, keys, others: &["tables"], hosts: Vec::new() }, None);
        // As the program does: one thread for all connections.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(serve(listener, door.clone()));
        Server { address, door, buckets, db, runtime: Some(runtime), sweeping: Some(sweeping) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        }
        drop(self.sweeping.take());
        // A database that failed has said so to whoever asked it.
        let _ = self.db.close();
    }
}

async fn serve(listener: TcpListener, door: Door) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let door = door.clone();
        let service = service_fn(move |request: Request<Incoming>| answer(door.clone(), request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(door: Door, request: Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    if !door.claims(&parts) {
        let mut answer = hyper::Response::new(Body::from("nobody's".to_owned()));
        *answer.status_mut() = hyper::StatusCode::NOT_FOUND;
        return Ok(answer);
    }
    Ok(door.handle(Request::from_parts(parts, body)).await)
}

//! The HTTP server: sockets, limits and time-outs. It tells the doors apart and knows nothing of what they do.

use crate::intake::{Intake, Unread};
use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

/// Connections the kernel queues.
const BACKLOG: u32 = 4_096;
/// How long a request's head may take, and a connection may idle. Longer than the minute for which clients (AWS's SDK
/// for Java, for one) keep idle connections: who closes first must be the client, or requests meet closed doors.
const HEAD_WAIT: Duration = Duration::from_secs(75);
/// Longest head. A signed request's has one or two KB, with a session token some more.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long requests under way may take once the server stops.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection for lack of something, descriptors for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
#[derive(Clone)]
pub struct Doors {
    pub aws: aws::Door,
    pub s3: s3::Door,
    pub console: console::Console,
    pub intake: Arc<Intake>,
}

type Answer = Response<Either<aws::Body, Either<s3::Body, console::Body>>>;

/// A runtime for the doors, with this many threads.
pub fn runtime(threads: u16) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(usize::from(threads));
    }
    builder.enable_all().build()
}

/// An address taken, but not listened on yet: another process finds it in use, clients find nobody until
/// [`Claim::listen`].
pub struct Claim(TcpSocket);

impl Claim {
    pub fn new(address: SocketAddr) -> io::Result<Claim> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Connections of the process before this one linger for a minute; they must not keep the address.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Claim(socket))
    }

    /// The address, with the port that was chosen where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    pub fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)
    }
}

/// Serves so many connections at once (further ones wait in the kernel's queue) until `stop` is ready, then finishes
/// what is under way, for [`STOP_WAIT`] at most.
pub async fn serve(listener: TcpListener, doors: Doors, connections_max: usize, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connections_max));
    let mut stop = std::pin::pin!(stop);
    let mut connection = 0;
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, place)) => {
                connection += 1;
                spawn(stream, (connection, place), doors.clone(), &connections);
            }
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    doors.console.close();
    if timeout(STOP_WAIT, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish within {} s", STOP_WAIT.as_secs());
    }
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, place)),
            // The client was gone before it was taken: its affair.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => return Err(error),
        }
    }
}

/// Serves a connection of this number.
fn spawn(
    stream: TcpStream,
    (number, place): (u64, OwnedSemaphorePermit),
    doors: Doors,
    connections: &GracefulShutdown,
) {
    // Small answers must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let doors = doors.clone();
        async move { Ok::<Answer, Infallible>(doors.answer(number, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // What goes wrong here is the client going away, or hyper having answered 4xx to what is not HTTP.
        let _ended = connection.await;
        drop(place);
    });
}

/// Whose a request is.
enum Claimed {
    Json,
    Buckets,
    Page,
}

impl Doors {
    async fn answer(&self, connection: u64, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        match self.claimed(&parts) {
            Claimed::Json => self.json(connection, parts, body).await.map(Either::Left),
            // Objects may have any length: their bodies are taken in as they come.
            Claimed::Buckets => {
                self.s3.handle(Request::from_parts(parts, body)).await.map(Either::Left).map(Either::Right)
            }
            Claimed::Page => self.page(parts, body).await.map(Either::Right).map(Either::Right),
        }
    }

    /// Whose a request is. Posts to the root that nobody names are the JSON doors': nobody else takes posts there.
    fn claimed(&self, parts: &Parts) -> Claimed {
        if aws::Door::claims(parts) {
            Claimed::Json
        } else if self.s3.claims(parts) {
            Claimed::Buckets
        } else if parts.method == Method::POST && parts.uri.path() == "/" {
            Claimed::Json
        } else {
            Claimed::Page
        }
    }

    async fn json(&self, connection: u64, parts: Parts, body: Incoming) -> Response<aws::Body> {
        let asked = aws::Asked::of(&parts);
        match self.intake.take(body, asked.bytes_max(), aws::Door::is_packed(&parts)).await {
            // Its room is kept until there is an answer: the request is held, decoded, as long.
            Ok((body, _room)) => self.aws.handle(connection, asked, parts, body).await,
            Err(Unread::TooLarge) => self.aws.too_large(&asked),
            Err(Unread::Broken(why)) => self.aws.malformed(&asked, &why),
        }
    }

    /// The console's answer. It reads few bodies: what the guard refuses is not taken in.
    async fn page(&self, parts: Parts, body: Incoming) -> Response<console::Body> {
        let bytes_max = self.console.body_bytes_max(&parts);
        if bytes_max == 0 {
            return self.console.handle(parts, Bytes::new()).await;
        }
        match self.intake.take(body, bytes_max, false).await {
            Ok((body, _room)) => self.console.handle(parts, body).await,
            Err(Unread::TooLarge) => console::unread(&format!("the body has more than {bytes_max} bytes")),
            Err(Unread::Broken(why)) => console::unread(&why),
        }
    }
}

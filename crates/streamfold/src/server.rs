//! The HTTP server: sockets, limits and time-outs. It tells the doors apart and knows nothing of what they do.

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, request::Parts};
use http_body_util::{BodyExt, Either};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, task::Poll, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// Connections the kernel queues.
const BACKLOG: u32 = 4_096;
/// How long a request's head may take, and a connection may idle.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long a request's body may take.
const BODY_WAIT: Duration = Duration::from_secs(60);
/// Longest head: Lambda's Runtime API carries a context of up to a megabyte in its headers.
const HEAD_BYTES_MAX: usize = 2 << 20;
/// Of a body that is too large, this much is read to its end, so that the client gets to see the answer.
const DISCARD_MAX: usize = 256 << 20;
/// How long requests under way may take once the server stops.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection for lack of something, descriptors for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
#[derive(Clone)]
pub struct Doors {
    pub aws: aws::Door,
    pub console: console::Console,
}

type Answer = Response<Either<aws::Body, console::Body>>;

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

/// Serves until `stop` is ready, then finishes what is under way, for [`STOP_WAIT`] at most.
pub async fn serve(listener: TcpListener, doors: Doors, stop: impl Future<Output = ()>) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
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

impl Doors {
    async fn answer(&self, connection: u64, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        if !is_api(&parts) {
            return self.console.handle(parts).await.map(Either::Right);
        }
        let answer = match collect(body, aws::REQUEST_BYTES_MAX).await {
            Ok(body) => self.aws.handle(connection, parts, body).await,
            Err(Unread::TooLarge) => aws::too_large(),
            Err(Unread::Broken(why)) => aws::malformed(&why),
        };
        answer.map(Either::Left)
    }
}

/// Whether AWS's doors answer: they claim the request, or it posts to the root, where nobody else takes posts.
fn is_api(parts: &Parts) -> bool {
    aws::Door::claims(parts) || (parts.method == Method::POST && parts.uri.path() == "/")
}

/// Why there is no whole body.
enum Unread {
    TooLarge,
    Broken(String),
}

/// The whole body, in one piece.
async fn collect(body: Incoming, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut reading = std::pin::pin!(read(body, bytes_max));
    // Most bodies come along with their heads; no clock is started for those.
    let at_once = std::future::poll_fn(|ctx| Poll::Ready(reading.as_mut().poll(ctx))).await;
    if let Poll::Ready(read) = at_once {
        return read;
    }
    match timeout(BODY_WAIT, reading).await {
        Ok(read) => read,
        Err(_) => Err(Unread::Broken(format!("the body did not arrive within {} s", BODY_WAIT.as_secs()))),
    }
}

async fn read(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Unread> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > DISCARD_MAX {
            return Err(Unread::TooLarge);
        }
        if length > bytes_max {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // Most bodies arrive in one piece, which is then the body, without a copy.
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    match length {
        length if length > bytes_max => Err(Unread::TooLarge),
        _ if rest.is_empty() => Ok(first),
        _ => Ok(rest.freeze()),
    }
}

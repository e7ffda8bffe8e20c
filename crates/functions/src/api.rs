//! The Lambda Runtime API of one process, as awslambdaric, `lambda_runtime` and AWS's other clients expect it: the paths
//! and heads of `2018-06-01`. Knows one process and the call that it has.

use crate::model::ANSWER_BYTES_MAX;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
};

const VERSION: &str = "/2018-06-01";
/// awslambdaric sends a traceback of up to 1 MiB in a header.
const HEAD_BYTES_MAX: usize = 2 << 20;
/// Longest error document, bytes.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// A call on its way to the process.
pub(crate) struct Call {
    pub request_id: String,
    /// Sent back with the answer by newer clients: an answer to another call is known by it.
    pub invocation_id: String,
    pub payload: Bytes,
    pub deadline_ms: u64,
    pub arn: String,
    pub trace: String,
    pub client_context: Option<String>,
    pub reply: oneshot::Sender<Answer>,
}

/// What the process made of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Response(Bytes),
    /// An error document.
    Error(Bytes),
    /// More than may be answered: so many bytes at least.
    TooLarge(usize),
}

/// How far the process is.
#[derive(Clone, Debug)]
pub(crate) enum Started {
    Starting,
    /// It asked for its first call.
    Ready,
    /// Its handler does not load: an error document.
    Failed(Bytes),
}

struct Current {
    request_id: String,
    invocation_id: String,
    reply: oneshot::Sender<Answer>,
}

/// The API of one process, listening. The port is its own: whoever speaks on it is that process.
pub(crate) struct Api {
    shared: Arc<Shared>,
    calls: mpsc::Sender<Call>,
    serving: tokio::task::JoinHandle<()>,
    pub port: u16,
}

struct Shared {
    calls: tokio::sync::Mutex<mpsc::Receiver<Call>>,
    current: Mutex<Option<Current>>,
    started: watch::Sender<Started>,
}

impl Api {
    pub async fn listen() -> io::Result<Api> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (calls, waiting) = mpsc::channel(1);
        let started = watch::Sender::new(Started::Starting);
        let shared = Arc::new(Shared { calls: tokio::sync::Mutex::new(waiting), current: Mutex::default(), started });
        let serving = tokio::spawn(serve(listener, shared.clone()));
        Ok(Api { shared, calls, serving, port })
    }

    /// Waits until the process asked for its first call, or said why it cannot.
    pub async fn started(&self) -> Started {
        let mut started = self.shared.started.subscribe();
        let known = started.wait_for(|started| !matches!(started, Started::Starting)).await;
        known.map(|started| started.clone()).unwrap_or(Started::Starting)
    }

    /// Hands a call to the process, which has none.
    pub async fn call(&self, call: Call) {
        // The receiver lives as long as we do.
        let _ = self.calls.send(call).await;
    }

    /// Answers to the call under way are late from now on. Answers whether the process had taken it.
    pub fn give_up(&self) -> bool {
        self.shared.current().take();
        let waiting = self.shared.calls.try_lock().ok().and_then(|mut calls| calls.try_recv().ok());
        waiting.is_none()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, shared.clone()))),
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    // The process went away: its end is noticed elsewhere.
    let _ = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).serve_connection(TokioIo::new(stream), service).await;
}

fn reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn accepted() -> Response<Full<Bytes>> {
    reply(StatusCode::ACCEPTED, r#"{"status":"OK"}"#.to_owned())
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    reply(status, serde_json::json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

impl Shared {
    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().expect("no holder panics")
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix(VERSION).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (&parts.method, &segments[..]) {
            (&Method::GET, ["runtime", "invocation", "next"]) => self.next().await,
            (&Method::POST, ["runtime", "invocation", id, "response"]) => self.response(id, &parts.headers, body).await,
            (&Method::POST, ["runtime", "invocation", id, "error"]) => self.error(id, &parts.headers, body).await,
            (&Method::POST, ["runtime", "init", "error"]) => {
                let document = read(body, ERROR_BYTES_MAX).await.unwrap_or_default();
                self.started.send_replace(Started::Failed(document));
                accepted()
            }
            _ => refused(StatusCode::NOT_FOUND, "InvalidPath", "the Runtime API has no such path"),
        }
    }

    /// Blocks until there is a call.
    async fn next(&self) -> Response<Full<Bytes>> {
        self.started.send_replace(Started::Ready);
        let Some(call) = self.calls.lock().await.recv().await else {
            return refused(StatusCode::GONE, "Runtime.Closed", "there will be no more calls");
        };
        let deadline = call.deadline_ms.to_string();
        let mut response = Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &call.request_id)
            .header("Lambda-Runtime-Invocation-Id", &call.invocation_id)
            .header("Lambda-Runtime-Deadline-Ms", deadline)
            .header("Lambda-Runtime-Invoked-Function-Arn", &call.arn)
            .header("Lambda-Runtime-Trace-Id", &call.trace);
        if let Some(context) = &call.client_context {
            response = response.header("Lambda-Runtime-Client-Context", context);
        }
        let Call { request_id, invocation_id, payload, reply, .. } = call;
        *self.current() = Some(Current { request_id, invocation_id, reply });
        response.body(Full::new(payload)).unwrap_or_else(|_| {
            refused(StatusCode::INTERNAL_SERVER_ERROR, "InvalidHeader", "the client context cannot be a header")
        })
    }

    /// The call that an answer is for, unless it is over: an answer after the deadline must not pass for another's.
    fn take(&self, id: &str, headers: &HeaderMap) -> Option<Current> {
        let echoed = text(headers, "Lambda-Runtime-Invocation-Id");
        let is_it = |current: &mut Current| {
            current.request_id == id && echoed.is_none_or(|echoed| echoed == current.invocation_id)
        };
        self.current().take_if(is_it)
    }

    async fn response(&self, id: &str, headers: &HeaderMap, body: Incoming) -> Response<Full<Bytes>> {
        let whole = Whole::read(body, ANSWER_BYTES_MAX).await;
        let Some(current) = self.take(id, headers) else { return late(id) };
        let Ok(Whole { bytes, total, trailers }) = whole else {
            return refused(StatusCode::BAD_REQUEST, "InvalidRequest", "the body broke off");
        };
        // A stream may fail after its head was sent.
        let failed = text(&trailers, "Lambda-Runtime-Function-Error-Type").is_some();
        let document = text(&trailers, "Lambda-Runtime-Function-Error-Body").unwrap_or("{}").to_owned();
        let answer = match (failed, total > ANSWER_BYTES_MAX) {
            (true, _) => Answer::Error(Bytes::from(document)),
            (false, true) => Answer::TooLarge(total),
            (false, false) => Answer::Response(Bytes::from(bytes)),
        };
        // Accepted even when it is too long: awslambdaric gives up its process otherwise, and the call after would meet it
        // in the middle of that.
        let _ = current.reply.send(answer);
        accepted()
    }

    async fn error(&self, id: &str, headers: &HeaderMap, body: Incoming) -> Response<Full<Bytes>> {
        let document = read(body, ERROR_BYTES_MAX).await.unwrap_or_default();
        let Some(current) = self.take(id, headers) else { return late(id) };
        let _ = current.reply.send(Answer::Error(document));
        accepted()
    }
}

fn late(id: &str) -> Response<Full<Bytes>> {
    tracing::warn!("an answer to call {id} came after its end and is not delivered");
    refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

/// A body, of which so much is kept.
struct Whole {
    bytes: Vec<u8>,
    total: usize,
    trailers: HeaderMap,
}

impl Whole {
    /// Reads all of a body: a client that is not read to its end takes that for a broken connection.
    async fn read(mut body: Incoming, kept: usize) -> Result<Whole, hyper::Error> {
        let mut whole = Whole { bytes: Vec::new(), total: 0, trailers: HeaderMap::new() };
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    whole.total += data.len();
                    let room = kept.saturating_sub(whole.bytes.len()).min(data.len());
                    whole.bytes.extend_from_slice(&data[..room]);
                }
                Err(frame) => whole.trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
        Ok(whole)
    }
}

async fn read(body: Incoming, limit: usize) -> Option<Bytes> {
    Some(Limited::new(body, limit).collect().await.ok()?.to_bytes())
}

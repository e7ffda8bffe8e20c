//! One kept connection to the server and the calls made over it. Knows JSON and HTTP; not why a call is made.

use crate::{options::Endpoint, sign::Signer};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{
    io,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpStream, time::timeout};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Attempts of one call; the pauses between them double from [`PAUSE`], some 25 seconds in all.
const ATTEMPTS: u32 = 9;
const PAUSE: Duration = Duration::from_millis(100);

/// Why a call did not succeed.
#[derive(Debug)]
pub enum CallError {
    /// The server cannot be reached, or the connection broke.
    Connection(String),
    /// The server answered with an error: its code and message.
    Refused { status: StatusCode, code: String, message: String },
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallError::Connection(what) => f.write_str(what),
            CallError::Refused { code, message, .. } if message.is_empty() => f.write_str(code),
            CallError::Refused { code, message, .. } => write!(f, "{code}: {message}"),
        }
    }
}

impl CallError {
    /// Whether the same call may succeed later.
    fn passing(&self) -> bool {
        match self {
            CallError::Connection(_) => true,
            CallError::Refused { status, code, .. } => status.is_server_error() || code.contains("Throttling"),
        }
    }
}

/// A client with one connection, opened when first needed and again when it broke.
pub struct Client {
    endpoint: Endpoint,
    signer: Signer,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
    dice: fastrand::Rng,
}

impl Client {
    pub fn new(endpoint: Endpoint, signer: Signer, dice: fastrand::Rng) -> Client {
        Client { endpoint, signer, connection: None, dice }
    }

    /// One call, tried again while its error may pass. Every attempt carries the same invocation id, so that the
    /// server carries it out once.
    pub async fn call(&mut self, operation: &str, body: Bytes) -> Result<Bytes, CallError> {
        let invocation = self.invocation_id();
        let mut pause = PAUSE;
        for attempt in 1.. {
            match self.attempt(operation, &body, &invocation, attempt).await {
                Err(error) if error.passing() && attempt < ATTEMPTS => {}
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// One attempt of one call, without a second one.
    pub async fn call_once(&mut self, operation: &str, body: Bytes) -> Result<Bytes, CallError> {
        let invocation = self.invocation_id();
        self.attempt(operation, &body, &invocation, 1).await
    }

    async fn attempt(&mut self, operation: &str, body: &Bytes, id: &str, attempt: u32) -> Result<Bytes, CallError> {
        let answer = timeout(ATTEMPT, self.exchange(operation, body, id, attempt)).await;
        let outcome = match answer {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Connection(format!("no answer within {} s", ATTEMPT.as_secs()))),
        };
        if matches!(outcome, Err(CallError::Connection(_))) {
            self.connection = None;
        }
        outcome
    }

    async fn exchange(&mut self, operation: &str, body: &Bytes, id: &str, attempt: u32) -> Result<Bytes, CallError> {
        let request = self.request(operation, body, id, attempt);
        let connection = self.connect().await.map_err(|error| CallError::Connection(error.to_string()))?;
        let broken = |error: hyper::Error| CallError::Connection(format!("the connection broke: {error}"));
        connection.ready().await.map_err(broken)?;
        let response = connection.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broken)?.to_bytes();
        if status == StatusCode::OK { Ok(body) } else { Err(refusal(status, &body)) }
    }

    async fn connect(&mut self) -> io::Result<&mut http1::SendRequest<Full<Bytes>>> {
        if self.connection.as_ref().is_none_or(http1::SendRequest::is_closed) {
            let stream = TcpStream::connect((self.endpoint.resolvable(), self.endpoint.port)).await?;
            stream.set_nodelay(true)?;
            let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
            // Its end is seen by the next request, which opens another one.
            drop(tokio::spawn(driver));
            self.connection = Some(sender);
        }
        Ok(self.connection.as_mut().expect("a connection was just made where there was none"))
    }

    fn request(&self, operation: &str, body: &Bytes, id: &str, attempt: u32) -> Request<Full<Bytes>> {
        let target = format!("DynamoDB_20120810.{operation}");
        let signature = self.signer.sign(&target, body, epoch());
        Request::post("/")
            .header("host", &self.signer.host)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", signature.amz_date)
            .header("authorization", signature.authorization)
            .header("amz-sdk-invocation-id", id)
            .header("amz-sdk-request", format!("attempt={attempt}; max={ATTEMPTS}"))
            .body(Full::new(body.clone()))
            .expect("names and values are plain ASCII")
    }

    fn invocation_id(&mut self) -> String {
        uuid(self.dice.u128(..))
    }
}

/// A random UUID (version 4) from 128 random bits.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | (0x4000_u128 << 64) | (0x8000_u128 << 48);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn refusal(status: StatusCode, body: &[u8]) -> CallError {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let code = text("__type").map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    CallError::Refused {
        status,
        code: code.unwrap_or_else(|| format!("HTTP status {status}")),
        message: text("message").or_else(|| text("Message")).unwrap_or_default(),
    }
}

/// Seconds since the epoch, which a signature carries.
#[allow(clippy::disallowed_methods, reason = "a client outside the database: its clock is the machine's")]
fn epoch() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocation_ids_are_uuids_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_refusal_shows_the_services_words() {
        let body = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}"#;
        assert_eq!(refusal(StatusCode::BAD_REQUEST, body).to_string(), "ValidationException: no");
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"<html>").to_string(), "HTTP status 404 Not Found");
        assert!(!refusal(StatusCode::BAD_REQUEST, body).passing());
        assert!(refusal(StatusCode::SERVICE_UNAVAILABLE, b"").passing());
    }
}

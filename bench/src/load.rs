//! The load generator: one thread, N keep-alive connections, one request in flight on each (as `wrk` does it), bytes
//! prepared beforehand; and a plain blocking client for set-up and probes. Knows HTTP framing, nothing of DynamoDB.

use crate::request::Signer;
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream as Socket};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Where requests come from.
pub trait Source {
    /// The next whole request, or `None` when there are no more.
    fn next(&mut self) -> Option<&[u8]>;
}

/// Requests prepared beforehand.
#[derive(Default)]
pub struct Pool {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    at: usize,
    /// Start again at the end. Off where repeating a request would make it a different one (a put that changes nothing).
    pub cycle: bool,
}

impl Pool {
    /// Signs `count` requests with bodies from `body`.
    pub fn build(target: &str, count: u64, cycle: bool, mut body: impl FnMut(u64) -> String) -> Pool {
        let mut pool = Pool { cycle, ..Pool::default() };
        let mut signer = Signer::new();
        for n in 0..count {
            signer.request(target, body(n).as_bytes(), &mut pool.bytes);
            pool.ends.push(pool.bytes.len());
        }
        pool
    }
}

impl Source for Pool {
    fn next(&mut self) -> Option<&[u8]> {
        if self.at == self.ends.len() {
            if !self.cycle {
                return None;
            }
            self.at = 0;
        }
        let start = if self.at == 0 { 0 } else { self.ends[self.at - 1] };
        self.at += 1;
        Some(&self.bytes[start..self.ends[self.at - 1]])
    }
}

/// Requests signed as they are sent: for runs too long to prepare.
pub struct Fresh<F: FnMut(u64) -> String> {
    target: &'static str,
    signer: Signer,
    signed: Instant,
    next: u64,
    end: u64,
    body: F,
    buffer: Vec<u8>,
}

impl<F: FnMut(u64) -> String> Fresh<F> {
    /// Bodies for `range`, in order.
    pub fn new(target: &'static str, range: std::ops::Range<u64>, body: F) -> Fresh<F> {
        let (next, end) = (range.start, range.end);
        Fresh { target, signer: Signer::new(), signed: Instant::now(), next, end, body, buffer: Vec::new() }
    }
}

impl<F: FnMut(u64) -> String> Source for Fresh<F> {
    fn next(&mut self) -> Option<&[u8]> {
        if self.next == self.end {
            return None;
        }
        if self.next.is_multiple_of(4096) && self.signed.elapsed() > Duration::from_secs(60) {
            (self.signer, self.signed) = (Signer::new(), Instant::now());
        }
        self.buffer.clear();
        self.signer.request(self.target, (self.body)(self.next).as_bytes(), &mut self.buffer);
        self.next += 1;
        Some(&self.buffer)
    }
}

/// What a run saw.
pub struct Outcome {
    pub requests: u64,
    pub seconds: f64,
    /// Microseconds from the request's last byte written to the response's last byte read.
    pub latency: Histogram<u64>,
    /// Longest time in which no response came on any connection.
    pub stall: Duration,
    /// Responses that were not 200, and the first of them.
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Outcome {
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1000.0
    }
}

struct Connection {
    socket: Socket,
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
    written: usize,
    sent: Instant,
    busy: bool,
}

impl Connection {
    /// Writes what is left of the request; false when the socket is full.
    fn flush(&mut self) -> std::io::Result<bool> {
        while self.written < self.output.len() {
            match self.socket.write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn start(&mut self, request: &[u8]) -> std::io::Result<()> {
        self.sent = Instant::now();
        self.busy = true;
        self.output.clear();
        self.output.extend_from_slice(request);
        self.written = 0;
        self.flush().map(|_| ())
    }

    /// Reads what there is. True when the response is whole; it is then at `input[..filled]`.
    fn receive(&mut self) -> std::io::Result<bool> {
        loop {
            if self.filled == self.input.len() {
                self.input.resize(self.filled.max(2048) * 2, 0);
            }
            match self.socket.read(&mut self.input[self.filled..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if response_length(&self.input[..self.filled]).is_some_and(|(_, end)| self.filled >= end) {
                return Ok(true);
            }
        }
    }
}

/// Where the body starts and where the response ends, once the head is there. Chunked bodies end with `0\r\n\r\n`.
fn response_length(input: &[u8]) -> Option<(usize, usize)> {
    let head = memchr::memmem::find(input, b"\r\n\r\n")? + 4;
    for line in input[..head].split(|byte| *byte == b'\n') {
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            let length = std::str::from_utf8(&line[15..]).ok()?.trim().parse::<usize>().ok()?;
            return Some((head, head + length));
        }
        if line.len() > 18 && line[..18].eq_ignore_ascii_case(b"transfer-encoding:") {
            let end = if input.ends_with(b"0\r\n\r\n") { input.len() } else { usize::MAX };
            return Some((head, end));
        }
    }
    Some((head, head))
}

/// Drives `connections` connections from `source` for `time` or until it has no more.
pub fn run(addr: SocketAddr, connections: usize, time: Duration, source: &mut dyn Source) -> std::io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut all = Vec::new();
    for token in 0..connections {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut socket = Socket::from_std(stream);
        poll.registry().register(&mut socket, Token(token), Interest::READABLE | Interest::WRITABLE)?;
        let (input, output) = (vec![0; 4096], Vec::new());
        all.push(Connection { socket, input, filled: 0, output, written: 0, sent: Instant::now(), busy: false });
    }
    let begin = Instant::now();
    let mut outcome = Outcome {
        requests: 0,
        seconds: 0.0,
        latency: Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order"),
        stall: Duration::ZERO,
        errors: 0,
        first_error: None,
    };
    for connection in &mut all {
        if let Some(request) = source.next() {
            connection.start(request)?;
        }
    }
    drive(&mut poll, &mut all, begin + time, source, &mut outcome)?;
    outcome.seconds = begin.elapsed().as_secs_f64();
    Ok(outcome)
}

fn drive(
    poll: &mut Poll,
    all: &mut [Connection],
    deadline: Instant,
    source: &mut dyn Source,
    outcome: &mut Outcome,
) -> std::io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut last = Instant::now();
    let mut open = all.iter().filter(|connection| connection.busy).count();
    while open > 0 {
        poll.poll(&mut events, Some(Duration::from_secs(30)))?;
        if events.is_empty() {
            return Err(std::io::Error::new(ErrorKind::TimedOut, "no response for 30 s"));
        }
        for event in &events {
            let connection = &mut all[event.token().0];
            if event.is_writable() && !connection.flush()? {
                continue;
            }
            if !connection.busy || !event.is_readable() || !connection.receive()? {
                continue;
            }
            let now = Instant::now();
            outcome.stall = outcome.stall.max(now - last);
            last = now;
            note(outcome, connection, now);
            connection.filled = 0;
            connection.busy = false;
            if now >= deadline {
                open -= 1;
            } else if let Some(request) = source.next() {
                connection.start(request)?;
            } else {
                open -= 1;
            }
        }
    }
    Ok(())
}

fn note(outcome: &mut Outcome, connection: &Connection, now: Instant) {
    outcome.requests += 1;
    outcome.latency.saturating_record(u64::try_from((now - connection.sent).as_micros()).unwrap_or(u64::MAX).max(1));
    let response = &connection.input[..connection.filled];
    if !response.starts_with(b"HTTP/1.1 200") {
        outcome.errors += 1;
        outcome.first_error.get_or_insert_with(|| String::from_utf8_lossy(response).into_owned());
    }
}

/// One connection, one call at a time.
pub struct Client {
    stream: TcpStream,
    signer: Signer,
    signed: Instant,
    buffer: Vec<u8>,
    input: Vec<u8>,
}

impl Client {
    pub fn connect(addr: SocketAddr) -> std::io::Result<Client> {
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let (buffer, input) = (Vec::new(), vec![0; 64 * 1024]);
        Ok(Client { stream, signer: Signer::new(), signed: Instant::now(), buffer, input })
    }

    /// Sends and answers the body of a 200; anything else is an error with status and body.
    pub fn call(&mut self, target: &str, body: &str) -> std::io::Result<&[u8]> {
        if self.signed.elapsed() > Duration::from_secs(60) {
            (self.signer, self.signed) = (Signer::new(), Instant::now());
        }
        self.buffer.clear();
        self.signer.request(target, body.as_bytes(), &mut self.buffer);
        self.stream.write_all(&self.buffer)?;
        let mut filled = 0;
        loop {
            if filled == self.input.len() {
                self.input.resize(filled * 2, 0);
            }
            match self.stream.read(&mut self.input[filled..])? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
            if let Some((start, end)) = response_length(&self.input[..filled]).filter(|(_, end)| filled >= *end) {
                if !self.input.starts_with(b"HTTP/1.1 200") {
                    let text = String::from_utf8_lossy(&self.input[..end]);
                    return Err(std::io::Error::other(format!("{target}: {text}")));
                }
                return Ok(&self.input[start..end]);
            }
        }
    }

    /// As [`Client::call`], the answer parsed.
    pub fn json(&mut self, target: &str, body: &str) -> std::io::Result<serde_json::Value> {
        serde_json::from_slice(self.call(target, body)?).map_err(std::io::Error::other)
    }
}

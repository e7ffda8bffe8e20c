//! A proxy between a client and the program that breaks connections in the worst moments: before the request is
//! handed on, after it was handed on without waiting for the answer, and after the answer has come back.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::SeqCst},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

/// How often each thing goes wrong, in thousandths of the requests.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub drop_before: u32,
    pub drop_while: u32,
    pub drop_answer: u32,
    /// Take the invocation id out of each request: then nobody can tell a retry from a new call.
    pub strip_invocation: bool,
}

/// A running proxy; its threads end with the test's process.
pub struct Proxy {
    /// Where clients connect.
    pub port: u16,
    state: Arc<State>,
    /// One message for each request handed on.
    pub forwarded: Receiver<()>,
}

struct State {
    upstream: AtomicU16,
    faults: Faults,
    seed: AtomicU64,
    dropped: AtomicU64,
    closed: AtomicBool,
}

impl Proxy {
    /// A proxy to `127.0.0.1:upstream`.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start(upstream: u16, faults: Faults, seed: u64) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port can be had");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state = Arc::new(State {
            upstream: AtomicU16::new(upstream),
            faults,
            seed: AtomicU64::new(seed),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let (sender, forwarded) = mpsc::channel();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.closed.load(SeqCst) {
                    return;
                }
                let (state, sender) = (Arc::clone(&shared), sender.clone());
                // A broken connection is what this is for.
                thread::spawn(move || drop(state.serve(client, &sender)));
            }
        });
        Proxy { port, state, forwarded }
    }

    /// Connections broken so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(SeqCst)
    }

    /// Hands requests to another port from now on.
    pub fn redirect(&self, upstream: u16) {
        self.state.upstream.store(upstream, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closed.store(true, SeqCst);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl State {
    fn serve(&self, client: TcpStream, forwarded: &Sender<()>) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut dice = fastrand::Rng::with_seed(self.seed.fetch_add(1, SeqCst));
        let mut client = BufReader::new(client);
        let mut upstream: Option<BufReader<TcpStream>> = None;
        loop {
            let request = read_message(&mut client, self.faults.strip_invocation)?;
            let roll = dice.u32(0..1000);
            let Faults { drop_before, drop_while, drop_answer, .. } = self.faults;
            if roll < drop_before {
                return self.drop_connection();
            }
            if upstream.is_none() {
                let stream = TcpStream::connect(("127.0.0.1", self.upstream.load(SeqCst)))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                upstream = Some(BufReader::new(stream));
            }
            let server = upstream.as_mut().expect("a connection was just made");
            server.get_mut().write_all(&request)?;
            // The test may have seen enough.
            let _gone = forwarded.send(());
            if roll < drop_before + drop_while {
                return self.drop_connection();
            }
            let answer = read_message(server, false)?;
            if roll < drop_before + drop_while + drop_answer {
                return self.drop_connection();
            }
            client.get_mut().write_all(&answer)?;
        }
    }

    /// Returning closes both connections.
    fn drop_connection(&self) -> io::Result<()> {
        self.dropped.fetch_add(1, SeqCst);
        Ok(())
    }
}

/// A request or an answer, head and body.
fn read_message(from: &mut impl BufRead, strip_invocation: bool) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut length = 0;
    loop {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if !(strip_invocation && text.starts_with("amz-sdk-")) {
            message.extend_from_slice(&line);
        }
        if line == b"\r\n" {
            break;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    from.read_exact(&mut message[head..])?;
    Ok(message)
}

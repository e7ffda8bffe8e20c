//! A Python handler that does nothing: records a second through a trigger beside the same handler in a bare loop, the
//! time from a write to the handler, and what a call costs, cold and warm.

use crate::{
    config::Config,
    load::Client,
    report::{Report, median, number},
    request,
    server::Server,
    setup,
};
use std::{
    io::{Error, Read, Result, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Sizes of batches, and how many records each is measured with.
const SIZES: [(u32, u64); 3] = [(1, 5_000), (100, 200_000), (1000, 400_000)];
const PROBES: u64 = 300;
const COLD: usize = 5;
const WARM: usize = 300;
/// The first call may make a Python environment.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(config: &Config) -> Result<()> {
    let folder = config.bench.template.with_file_name("functions");
    Report::title("Functions: a Python handler that does nothing");
    Report::head(&[
        "records of a batch",
        "records/s",
        "handler in a bare loop, JSON read and written",
        "ratio",
        "handler alone",
        "write to handler, p50, ms",
        "p99, ms",
    ]);
    for (batch, records) in SIZES {
        let (rate, mut delays) = fed(config, &folder, batch, records)?;
        let [alone, around] = bare(config, &folder, batch)?;
        delays.sort_by(f64::total_cmp);
        let cells = [rate, around, rate / around, alone, median(&delays), delays[delays.len() * 99 / 100]].map(number);
        Report::row(&[&[batch.to_string()], &cells[..]].concat());
    }
    calls(config, &folder)
}

/// Where the handler says what it got.
struct Told {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Told {
    fn new(config: &Config, name: &str) -> Result<Told> {
        let path = std::path::absolute(config.bench.dir.join(format!("{name}.socket")))?;
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Told { path, socket })
    }

    fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Waits for the handler to be called; answers with how many records.
    fn next(&self) -> Result<u64> {
        let mut bytes = [0; 16];
        let length = self.socket.recv(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..length]);
        text.parse().map_err(|_| Error::other(format!("the handler said {text}")))
    }
}

/// A server with the function; its Python environment stays for the next one.
fn server(config: &Config, folder: &Path, data: &str, batch: u32, told: &Told) -> Result<Server> {
    let (functions, pythons) =
        (config.bench.dir.join(data).join("functions"), folder.join("../../target/bench-python"));
    std::fs::create_dir_all(&functions)?;
    std::fs::create_dir_all(&pythons)?;
    let link = functions.join("python");
    if !link.exists() {
        std::os::unix::fs::symlink(pythons.canonicalize()?, link)?;
    }
    let (batch, told) = (format!("Batch={batch}"), format!("Told={}", told.path()));
    let server = config.bench.with_template(folder, data, &["--parameter", &batch, "--parameter", &told])?;
    Ok(server)
}

/// Records a second that are there already, and milliseconds from writes' answers to calls.
fn fed(config: &Config, folder: &Path, batch: u32, records: u64) -> Result<(f64, Vec<f64>)> {
    let name = format!("functions-{batch}");
    let told = Told::new(config, &name)?;
    let server = server(config, folder, &name, batch, &told)?;
    setup::fill(&server, "votes", 0..records)?;
    // Warm, as it would be in the middle of the day.
    invoke(&server)?;
    let trigger = console(&server, "GET", "triggers", "")?["triggers"][0]["uuid"].as_str().map(str::to_owned);
    let trigger = trigger.ok_or_else(|| Error::other("there is no trigger"))?;
    let begin = Instant::now();
    console(&server, "POST", &format!("triggers/{trigger}/resume"), "")?;
    let mut seen = 0;
    while seen < records {
        seen += told.next()?;
    }
    let rate = records as f64 / begin.elapsed().as_secs_f64();
    let mut client = server.client()?;
    let delays = (0..PROBES).map(|probe| delay(&mut client, &told, records + probe)).collect::<Result<_>>()?;
    server.stop()?;
    Ok((rate, delays))
}

fn delay(client: &mut Client, told: &Told, vote: u64) -> Result<f64> {
    std::thread::park_timeout(Duration::from_millis(10));
    client.call(request::PUT, &request::put("votes", vote))?;
    let answered = Instant::now();
    told.next()?;
    Ok(answered.elapsed().as_secs_f64() * 1000.0)
}

/// Records a second of the handler in a bare loop: alone, and with JSON around it.
fn bare(config: &Config, folder: &Path, batch: u32) -> Result<[f64; 2]> {
    let told = Told::new(config, &format!("bare-{batch}"))?;
    told.socket.set_read_timeout(None)?;
    let path = told.path();
    // Somebody has to listen, or the socket is full.
    std::thread::spawn(move || while told.next().is_ok() {});
    let mut python = Command::new("python3");
    python.arg(folder.join("bare.py")).args([&path, &batch.to_string(), &config.seconds.to_string()]);
    let output = python.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rates: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    rates.try_into().map_err(|_| Error::other(format!("{python:?}: {}", String::from_utf8_lossy(&output.stderr))))
}

/// What a call takes that nobody was prepared for, and what one of many takes.
fn calls(config: &Config, folder: &Path) -> Result<()> {
    Report::figures("Functions: a call");
    let told = Told::new(config, "calls")?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..COLD {
        let server = server(config, folder, "functions-calls", 100, &told)?;
        cold.push(invoke(&server)?);
        for _ in 0..WARM {
            warm.push(invoke(&server)?);
        }
        server.stop()?;
    }
    warm.sort_by(f64::total_cmp);
    Report::figure("a cold call: Python starts, loads its runtime client and the handler", median(&cold), "ms", None);
    Report::figure("a warm call, p50", median(&warm), "ms", None);
    Report::figure("a warm call, p99", warm[warm.len() * 99 / 100], "ms", None);
    Ok(())
}

/// Milliseconds of a call from outside.
fn invoke(server: &Server) -> Result<f64> {
    let begin = Instant::now();
    let answer = console(server, "POST", "functions/nothing/invoke", "{}")?;
    let elapsed = begin.elapsed();
    match answer["error"].as_str() {
        None => Ok(elapsed.as_secs_f64() * 1000.0),
        Some(error) => Err(Error::other(format!("{error}: {}", answer["payload"]))),
    }
}

/// A request to the console's addresses for programs.
fn console(server: &Server, method: &str, path: &str, body: &str) -> Result<serde_json::Value> {
    let mut stream = TcpStream::connect(server.addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (addr, length) = (server.addr, body.len());
    let head = format!(
        "{method} /api/{path} HTTP/1.1\r\nHost: {addr}\r\nOrigin: http://{addr}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    if !head.starts_with("HTTP/1.1 200") {
        return Err(Error::other(format!("{path}: {answer}")));
    }
    serde_json::from_str(body).map_err(Error::other)
}

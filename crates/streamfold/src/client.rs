//! Commands that talk to a running server, by the addresses that its console has for programs; those about exports are in
//! `executions`.

use crate::{
    cli::{Invoke, Logs, Parked, ParkedKey, Quarantine, Running},
    failure::Failure,
    say,
};
use serde_json::Value;
use std::{
    fs,
    io::{self, BufRead},
    time::Duration,
};

/// Longer than the server waits for lines of a log.
const PATIENCE: Duration = Duration::from_secs(920);

/// A running server.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    pub fn new(running: &Running) -> Client {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        Client { agent: config.build().into(), url: running.url.trim_end_matches('/').to_owned() }
    }

    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(path, self.agent.get(format!("{}{path}", self.url)).call())
    }

    pub fn post(&self, path: &str, body: &str) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("Content-Type", "application/json").header("Origin", &self.url);
        self.answer(path, request.send(body))
    }

    /// Calls `more` with each frame of a page's feed until it wants no more, or the feed ends.
    pub fn follow(&self, path: &str, mut more: impl FnMut(Value) -> bool) -> Result<(), Failure> {
        let (url, patient) = (&self.url, ureq::Agent::config_builder().timeout_global(None).build());
        let broken = |error: &dyn std::fmt::Display| Failure::new(format!("{url} does not go on: {error}"));
        let answer = ureq::Agent::from(patient).get(format!("{url}{path}")).call().map_err(|error| broken(&error))?;
        for line in io::BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.map_err(|error| broken(&error))?;
            let frame = line.strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok());
            if frame.is_some_and(|frame| !more(frame)) {
                break;
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        path: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Failure> {
        let url = &self.url;
        let nobody = |error: ureq::Error| {
            Failure::new(format!("{url} does not answer: {error}"))
                .with_help("is `streamfold up` running? --url says where")
        };
        let mut answer = answer.map_err(nobody)?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string().map_err(nobody)?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        let why = json["error"].as_str().map_or_else(|| format!("{path}: {status}"), str::to_owned);
        Err(Failure::new(why))
    }

    /// All parked keys, each with its trigger.
    fn parked(&self) -> Result<Vec<(Value, Value)>, Failure> {
        let triggers = self.get("/api/triggers")?;
        let mut all = Vec::new();
        for trigger in triggers["triggers"].as_array().into_iter().flatten() {
            let mut after = String::new();
            loop {
                let path = format!("/api/triggers/{}/quarantine{after}", text(trigger, "uuid"));
                let page = self.get(&path)?;
                let keys = page["keys"].as_array().cloned().unwrap_or_default();
                all.extend(keys.into_iter().map(|key| (trigger.clone(), key)));
                match page["next"].as_str() {
                    Some(next) => after = format!("?after={}", encoded(next)),
                    None => break,
                }
            }
        }
        Ok(all)
    }

    fn parked_key(&self, id: &str) -> Result<(Value, Value), Failure> {
        let found = self.parked()?.into_iter().find(|(_, key)| key["id"] == id);
        found.ok_or_else(|| {
            Failure::new(format!("nothing is parked under {id}"))
                .with_help("`streamfold quarantine list` shows what is")
        })
    }
}

pub fn line(text: &str) {
    say(&format!("{text}\n"));
}

pub fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// Percent-encoded, slashes too.
pub fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `streamfold invoke`.
pub fn invoke(invoke: &Invoke) -> Result<(), Failure> {
    let client = Client::new(&invoke.running);
    let (function, payload) = match (&invoke.from_quarantine, &invoke.function) {
        (Some(id), _) => {
            let (trigger, key) = client.parked_key(id)?;
            (text(&trigger, "function").to_owned(), event(&key))
        }
        (None, Some(function)) => (function.clone(), payload(&invoke.payload)?),
        (None, None) => return Err(Failure::new("which function?")),
    };
    let answer = client.post(&format!("/api/functions/{}/invoke", encoded(&function)), &payload)?;
    eprint!("{}", text(&answer, "log_tail"));
    line(text(&answer, "payload"));
    match answer["error"].as_str() {
        Some(error) => Err(Failure::new(format!("function {function} failed ({error})"))),
        None => Ok(()),
    }
}

/// The event with a key's parked records.
fn event(key: &Value) -> String {
    let records = key["records"].as_array().into_iter().flatten();
    let records: Vec<Value> = records
        .map(|record| match &record["event"] {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            event => event.clone(),
        })
        .collect();
    serde_json::json!({ "Records": records }).to_string()
}

fn payload(given: &str) -> Result<String, Failure> {
    let read = match given.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).map_err(|error| Failure::new(format!("--payload @{file}: {error}")))?,
        None if given == "-" => {
            io::read_to_string(io::stdin()).map_err(|error| Failure::new(format!("standard input: {error}")))?
        }
        None => given.to_owned(),
    };
    match serde_json::from_str::<Value>(&read) {
        Ok(_) => Ok(read),
        Err(error) => Err(Failure::new(format!("the payload is not JSON: {error}"))),
    }
}

/// `streamfold logs`.
pub fn logs(logs: &Logs) -> Result<(), Failure> {
    let client = Client::new(&logs.running);
    let path = format!("/api/functions/{}/logs", encoded(&logs.function));
    let mut page = client.get(&path)?;
    loop {
        for line in page["lines"].as_array().into_iter().flatten() {
            self::line(text(line, "text"));
        }
        if !logs.follow {
            return Ok(());
        }
        page = client.get(&format!("{path}?after={}&wait=20", page["next"]))?;
    }
}

/// `streamfold quarantine`.
pub fn quarantine(quarantine: &Quarantine) -> Result<(), Failure> {
    match &quarantine.what {
        Parked::List(running) => list(&Client::new(running)),
        Parked::Show(key) => show(key),
        Parked::Retry(key) => ask(key, "retry"),
        Parked::Drop(key) => ask(key, "drop"),
    }
}

fn list(client: &Client) -> Result<(), Failure> {
    let parked = client.parked()?;
    if parked.is_empty() {
        line("nothing is parked");
    }
    for (trigger, key) in parked {
        let records = key["records"].as_array().map_or(0, Vec::len) as u64;
        let records = records + key["records_more"].as_u64().unwrap_or_default();
        line(&format!(
            "{}  {}  {}  {records} records  {}",
            text(&key, "id"),
            text(&trigger, "function"),
            text(&key, "key"),
            text(&key, "error")
        ));
    }
    Ok(())
}

fn show(key: &ParkedKey) -> Result<(), Failure> {
    let (_, found) = Client::new(&key.running).parked_key(&key.id)?;
    line(&serde_json::to_string_pretty(&found).unwrap_or_default());
    Ok(())
}

fn ask(key: &ParkedKey, what: &str) -> Result<(), Failure> {
    let client = Client::new(&key.running);
    let (trigger, _) = client.parked_key(&key.id)?;
    let (uuid, id) = (text(&trigger, "uuid"), encoded(&key.id));
    let done = client.post(&format!("/api/triggers/{uuid}/quarantine/{id}/{what}"), "{}")?;
    line(text(&done, "done"));
    Ok(())
}

//! Where calls end that were given up: the triggers' table of letters, in place of the queues and topics that a
//! `DeadLetterConfig` names. A letter says why, and has the whole payload, in parts where one item cannot hold it.

use super::waiting::Waiting;
use db::{Row, Table};
use item::{Item, Key, KeyValue, Number, Value};

/// Bytes of payload in one item, which may have 400 KB.
const PART_BYTES_MAX: usize = 300 << 10;

/// What there is to say about a call that was given up.
pub(crate) struct Letter<'a> {
    /// ARN of the queue or topic.
    pub destination: &'a str,
    /// `function` or `schedule`, and which.
    pub owner: (&'static str, &'a str),
    pub waiting: &'a Waiting,
    pub condition: &'static str,
    /// Calls that failed.
    pub attempts: u32,
    pub error: &'a str,
    pub now_ms: u64,
}

impl Letter<'_> {
    /// The items of a letter, in the form of the triggers' letters: the first one has the reason, those after it the rest of
    /// a long payload.
    pub fn rows(&self, table: &Table) -> Vec<Row> {
        let parts = parts(&self.waiting.invocation.payload);
        let id = format!("{}-{}", self.created(), self.waiting.id);
        let row = |(at, part): (usize, &Value)| {
            let id = if at == 0 { id.clone() } else { format!("{id}#part{:03}", at + 1) };
            let mut item = if at == 0 { self.reason(parts.len()) } else { Item::new() };
            item.insert("destination", Value::S(self.destination.to_owned()));
            item.insert("id", Value::S(id.clone()));
            item.insert("message", part.clone());
            let key = Key { partition: KeyValue::S(self.destination.to_owned()), sort: Some(KeyValue::S(id)) };
            Row { table: table.id, key, new: Some(item) }
        };
        parts.iter().enumerate().map(row).collect()
    }

    fn created(&self) -> String {
        format!("{}Z", wire::time::label(self.now_ms))
    }

    fn reason(&self, parts: usize) -> Item {
        let (kind, owner) = self.owner;
        let text = |text: &str| Value::S(text.to_owned());
        let number = |number: u64| Value::N(Number::from(number));
        let mut item = Item::from_iter([
            (kind, text(owner)),
            ("function", text(&self.waiting.function)),
            ("condition", text(self.condition)),
            ("error", text(self.error)),
            ("request_id", text(&self.waiting.id)),
            ("attempts", number(u64::from(self.attempts))),
            ("accepted_ms", number(self.waiting.accepted_ms)),
            ("created", Value::S(self.created())),
        ]);
        if parts > 1 {
            item.insert("parts", number(parts as u64));
        }
        if let Some(context) = &self.waiting.invocation.client_context {
            item.insert("client_context", text(context));
        }
        item
    }
}

/// The payload as texts that each fit an item; one binary value where it is no text.
fn parts(payload: &[u8]) -> Vec<Value> {
    let Ok(mut rest) = std::str::from_utf8(payload) else {
        return payload.chunks(PART_BYTES_MAX).map(|part| Value::B(part.to_vec())).collect();
    };
    let mut parts = Vec::new();
    while rest.len() > PART_BYTES_MAX {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES_MAX));
        parts.push(Value::S(part.to_owned()));
        rest = after;
    }
    parts.push(Value::S(rest.to_owned()));
    parts
}

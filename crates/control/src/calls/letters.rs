//! Where calls end that were given up: the bucket that a destination names, or the triggers' table of letters, in place of
//! queues and topics. A letter says why, and has the whole payload, in parts where one item cannot hold it.

use super::waiting::Waiting;
use crate::Outcome;
use item::{Item, Number, Value};
use serde_json::{Value as Json, json};
use triggers::{Contents, Parcel};
use wire::Place;

/// Bytes of payload in one item, which may have 400 KB.
const PART_BYTES_MAX: usize = 300 << 10;

/// The condition of a call that succeeded, in AWS's word.
pub(super) const SUCCESS: &str = "Success";

/// What there is to say about a call that was given up, or that succeeded where somebody wants to know.
pub(crate) struct Letter<'a> {
    pub place: &'a Place,
    /// ARN of the queue, topic or bucket.
    pub destination: &'a str,
    /// `function` or `schedule`, and which.
    pub owner: (&'static str, &'a str),
    pub waiting: &'a Waiting,
    pub condition: &'static str,
    /// Calls that failed.
    pub attempts: u32,
    pub error: &'a str,
    /// What the last call came to, if there was one.
    pub outcome: Option<&'a Outcome>,
    pub now_ms: u64,
}

impl Letter<'_> {
    /// As it will be kept.
    pub fn parcel(&self) -> Parcel {
        let contents = match triggers::bucket_of(self.destination) {
            Some(bucket) => Contents::Object {
                bucket: bucket.to_owned(),
                key: self.object_key(),
                document: self.document().to_string(),
                head: self.item(self.reason(1), self.id()),
            },
            // Whoever hears of success wants the answer, which the record of the invocation has.
            None if self.condition == SUCCESS => {
                let head = self.item(self.reason(1), self.id());
                Contents::Items(triggers::in_parts(head, "message", &self.document().to_string()))
            }
            None => Contents::Items(self.items()),
        };
        Parcel { origin: triggers::told(self.waiting.invocation.depth), contents }
    }

    /// In the form of the triggers' letters: the first item has the reason, those after it the rest of a long payload.
    fn items(&self) -> Vec<Item> {
        let parts = parts(&self.waiting.invocation.payload);
        let count = parts.len();
        let item = |(at, part): (usize, Value)| {
            let mut item = match at {
                0 => self.item(self.reason(count), self.id()),
                _ => self.item(Item::new(), format!("{}#part{:03}", self.id(), at + 1)),
            };
            item.insert("message", part);
            item
        };
        parts.into_iter().enumerate().map(item).collect()
    }

    /// With the attributes of the table's key.
    fn item(&self, mut item: Item, id: String) -> Item {
        item.insert("destination", Value::S(self.destination.to_owned()));
        item.insert("id", Value::S(id));
        item
    }

    fn id(&self) -> String {
        format!("{}-{}", self.created(), self.waiting.id)
    }

    /// As AWS makes it: `aws/lambda/async/FUNCTION/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID`. The call's own id is a random one.
    fn object_key(&self) -> String {
        let dated = triggers::dated(self.now_ms, &self.waiting.id);
        format!("aws/lambda/async/{}/{dated}", self.waiting.function)
    }

    /// The invocation record that AWS sends to destinations.
    fn document(&self) -> Json {
        let function = self.place.arn("lambda", &format!("function:{}:$LATEST", self.waiting.function));
        let mut document = json!({
            "version": "1.0",
            "timestamp": self.created(),
            "requestContext": {
                "requestId": self.waiting.id,
                "functionArn": function,
                "condition": self.condition,
                "approximateInvokeCount": self.attempts,
            },
            "requestPayload": json_of(&self.waiting.invocation.payload),
        });
        if let Some(outcome) = self.outcome {
            let mut context = json!({ "statusCode": 200, "executedVersion": "$LATEST" });
            if let Some(error) = outcome.error {
                context["functionError"] = error.into();
            }
            document["responseContext"] = context;
            document["responsePayload"] = json_of(&outcome.payload);
        }
        document
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
            ("request_id", text(&self.waiting.id)),
            ("attempts", number(u64::from(self.attempts))),
            ("accepted_ms", number(self.waiting.accepted_ms)),
            ("created", Value::S(self.created())),
        ]);
        if !self.error.is_empty() {
            item.insert("error", text(self.error));
        }
        if parts > 1 {
            item.insert("parts", number(parts as u64));
        }
        if let Some(context) = &self.waiting.invocation.client_context {
            item.insert("client_context", text(context));
        }
        item
    }
}

/// What is no JSON stands as a text.
fn json_of(payload: &[u8]) -> Json {
    serde_json::from_slice(payload).unwrap_or_else(|_| Json::String(String::from_utf8_lossy(payload).into_owned()))
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

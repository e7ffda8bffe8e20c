//! What a lane keeps: where it is, the batch that fails, its window, and its counts. One row of the follower's state.

use crate::{Counts, GaveUp, fields};
use item::{Item, Seq, Value, codec};

/// Enough to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Everything before it is done with.
    pub next: Seq,
    /// Last positions of the batch that failed and, in turn, of the parts it was split into; the innermost is the last,
    /// and is what is called next. Empty: the next batch is whatever comes.
    pub ranges: Vec<Seq>,
    /// Failed calls of the innermost part.
    pub attempts: u32,
    /// Calls in a row that failed or found no room, whatever of.
    pub failures: u32,
    /// How the innermost part failed last.
    pub failure: Option<Failure>,
    pub window: Option<Window>,
    pub counts: Counts,
    pub last_error: Option<String>,
    pub gave_up: Option<GaveUp>,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In short, for people.
    pub error: String,
    pub request_id: String,
    /// AWS's word (`Unhandled`); none where the function returned and its answer says that records failed.
    pub function_error: Option<String>,
}

/// A tumbling window that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub start_ms: u64,
    pub end_ms: u64,
    /// What the function made of the records so far, JSON.
    pub state: String,
    /// The state is too large: the window is to be closed before its time.
    pub overfull: bool,
}

impl Window {
    /// The window of a time, with nothing in it yet.
    pub fn of(time_ms: u64, length_ms: u64) -> Window {
        let start_ms = time_ms - time_ms % length_ms;
        Window { start_ms, end_ms: start_ms + length_ms, state: "{}".to_owned(), overfull: false }
    }

    fn to_item(&self) -> Item {
        Item::from_iter([
            ("start_ms", fields::number(self.start_ms)),
            ("end_ms", fields::number(self.end_ms)),
            ("state", fields::text(&self.state)),
            ("overfull", Value::Bool(self.overfull)),
        ])
    }

    fn from_item(item: &Item) -> Option<Window> {
        Some(Window {
            start_ms: fields::get_number(item, "start_ms")?,
            end_ms: fields::get_number(item, "end_ms")?,
            state: fields::get_text(item, "state")?,
            overfull: fields::get_bool(item, "overfull")?,
        })
    }
}

impl Failure {
    fn to_item(&self) -> Item {
        let mut item =
            Item::from_iter([("error", fields::text(&self.error)), ("request_id", fields::text(&self.request_id))]);
        if let Some(word) = &self.function_error {
            item.insert("function_error", fields::text(word));
        }
        item
    }

    fn from_item(item: &Item) -> Option<Failure> {
        let error = fields::get_text(item, "error")?;
        let request_id = fields::get_text(item, "request_id")?;
        Some(Failure { error, request_id, function_error: fields::get_text(item, "function_error") })
    }
}

impl State {
    pub fn at(next: Seq) -> State {
        State { next, ..State::default() }
    }

    /// The bytes of its row.
    pub fn encode(&self) -> Vec<u8> {
        let mut item = Item::from_iter([
            ("next", fields::number(self.next.0)),
            ("ranges", Value::L(self.ranges.iter().map(|end| fields::number(end.0)).collect())),
            ("attempts", fields::number(self.attempts)),
            ("failures", fields::number(self.failures)),
            ("counts", Value::M(counts_item(&self.counts))),
        ]);
        let mut put = |name: &str, value: Option<Value>| value.map(|value| item.insert(name, value));
        put("failure", self.failure.as_ref().map(|failure| Value::M(failure.to_item())));
        put("window", self.window.as_ref().map(|window| Value::M(window.to_item())));
        put("last_error", self.last_error.as_ref().map(fields::text));
        put("gave_up", self.gave_up.as_ref().map(|gave_up| Value::M(gave_up_item(gave_up))));
        let mut bytes = Vec::new();
        codec::encode(&item, &mut bytes);
        bytes
    }

    /// Reads [`State::encode`]; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<State> {
        let item = codec::decode(bytes).ok()?;
        let range = |value: &Value| match value {
            Value::N(number) => number.to_string().parse().ok().map(Seq),
            _ => None,
        };
        Some(State {
            next: Seq(fields::get_number(&item, "next")?),
            ranges: fields::get_list(&item, "ranges")?.iter().map(range).collect::<Option<_>>()?,
            attempts: fields::get_number(&item, "attempts")?,
            failures: fields::get_number(&item, "failures")?,
            failure: fields::get_map(&item, "failure").and_then(Failure::from_item),
            window: fields::get_map(&item, "window").and_then(Window::from_item),
            counts: fields::get_map(&item, "counts").map(counts_of)?,
            last_error: fields::get_text(&item, "last_error"),
            gave_up: fields::get_map(&item, "gave_up").and_then(gave_up_of),
        })
    }
}

fn counts_item(counts: &Counts) -> Item {
    Item::from_iter([
        ("delivered", fields::number(counts.delivered)),
        ("calls", fields::number(counts.calls)),
        ("errors", fields::number(counts.errors)),
        ("throttles", fields::number(counts.throttles)),
        ("filtered", fields::number(counts.filtered)),
        ("given_up", fields::number(counts.given_up)),
        ("parked", fields::number(counts.parked)),
        ("dead_letters", fields::number(counts.dead_letters)),
        ("lost", fields::number(counts.lost)),
    ])
}

fn counts_of(item: &Item) -> Counts {
    let count = |name| fields::get_number(item, name).unwrap_or_default();
    Counts {
        delivered: count("delivered"),
        calls: count("calls"),
        errors: count("errors"),
        throttles: count("throttles"),
        filtered: count("filtered"),
        given_up: count("given_up"),
        parked: count("parked"),
        // Counted from what is there.
        parked_now: 0,
        dead_letters: count("dead_letters"),
        lost: count("lost"),
    }
}

fn gave_up_item(gave_up: &GaveUp) -> Item {
    let mut item = Item::from_iter([
        ("first", fields::number(gave_up.first.0)),
        ("last", fields::number(gave_up.last.0)),
        ("records", fields::number(gave_up.records)),
        ("condition", fields::text(&gave_up.condition)),
    ]);
    if let Some(error) = &gave_up.error {
        item.insert("error", fields::text(error));
    }
    item
}

fn gave_up_of(item: &Item) -> Option<GaveUp> {
    Some(GaveUp {
        first: Seq(fields::get_number(item, "first")?),
        last: Seq(fields::get_number(item, "last")?),
        records: fields::get_number(item, "records")?,
        condition: fields::get_text(item, "condition")?,
        error: fields::get_text(item, "error"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_comes_back_from_its_row() {
        let full = State {
            next: Seq(u64::MAX - 1),
            ranges: vec![Seq(u64::MAX), Seq(9)],
            attempts: 3,
            failures: 4,
            failure: Some(Failure {
                error: "ValueError: no".to_owned(),
                request_id: "r".to_owned(),
                function_error: Some("Unhandled".to_owned()),
            }),
            window: Some(Window { start_ms: 1, end_ms: 2, state: r#"{"a":1}"#.to_owned(), overfull: true }),
            counts: Counts {
                delivered: 1,
                calls: 2,
                errors: 3,
                throttles: 4,
                filtered: 5,
                given_up: 6,
                parked: 7,
                parked_now: 0,
                dead_letters: 9,
                lost: 10,
            },
            last_error: Some("TypeError".to_owned()),
            gave_up: Some(GaveUp {
                first: Seq(1),
                last: Seq(2),
                records: 2,
                condition: "RecordAgeExceeded".to_owned(),
                error: Some("ValueError".to_owned()),
            }),
        };
        for state in [State::at(Seq(7)), full] {
            assert_eq!(State::decode(&state.encode()), Some(state));
        }
        assert_eq!(State::decode(b"no row"), None);
    }
}

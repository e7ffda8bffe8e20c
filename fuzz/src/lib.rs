//! What the targets share: a door over a database in memory, and items out of bytes.

use aws::{Asked, AccessKey, Config, Door};
use bytes::Bytes;
use db::{Db, Options, SimStore, env::sim::World};
use http::Request;
use http_body_util::BodyExt;
use item::{Item, Number, Value};
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
};
use tokio::runtime::{Builder, Runtime};

/// A door over a database that lives in memory and commits when somebody waits. New for each input, so that an input
/// that fails, fails by itself.
pub struct House {
    door: Door,
    db: Db,
    world: World,
}

/// An answer: its status and its body.
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// The runtime of this process.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().enable_time().build().expect("a runtime"))
}

impl House {
    #[must_use]
    pub fn new(keys: Vec<AccessKey>) -> House {
        let world = World::new(7);
        let mut options = Options::new("/sim");
        options.memory = 16 << 20;
        options.segment_bytes = 1 << 16;
        let db = Db::open_stepped(options, world.env(), &SimStore::new()).expect("a new database opens");
        let config = Config {
            place: aws::Place { region: "us-east-1".into(), account: "000000000000".into() },
            keys,
            stream_retention_ms: 24 * 60 * 60 * 1000,
            conflicts_percent: 0,
        };
        House { door: Door::new(db.clone(), config), db, world }
    }

    /// Sends a request to its end.
    #[must_use]
    pub fn send(&self, request: Request<()>, body: &[u8]) -> Answer {
        let (parts, ()) = request.into_parts();
        let body = Bytes::copy_from_slice(body);
        let answer = runtime().block_on(async {
            let (parts, body) = self.committing(self.door.handle(0, Asked::of(&parts), parts, body)).await.into_parts();
            Answer { status: parts.status.as_u16(), body: body.collect().await.expect("in memory").to_bytes() }
        });
        self.world.advance_ms(1);
        answer
    }

    /// Work, with what it waits for committed as soon as it waits: this database has no thread of its own.
    async fn committing<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            if polled.is_pending() && !self.db.is_idle() {
                self.db.step();
                context.waker().wake_by_ref();
            }
            polled
        })
        .await
    }

    /// Asks an operation by its name.
    #[must_use]
    pub fn ask(&self, operation: &str, body: &[u8]) -> Option<Answer> {
        let service = match operation {
            "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords" => "DynamoDBStreams_20120810",
            _ => "DynamoDB_20120810",
        };
        let request = Request::post("/").header("x-amz-target", format!("{service}.{operation}")).body(()).ok()?;
        Some(self.send(request, body))
    }

    /// Whatever was asked of it, it still writes, reads, and adds up.
    pub fn check(&self) {
        for table in self.db.tables() {
            self.db.verify(table.id).expect("nothing is damaged");
        }
        assert_eq!(self.db.status().poisoned, None);
    }
}

/// The text before the first NUL, and the item whose stored form follows it; without one, an item of everything.
#[must_use]
pub fn text_and_item(data: &[u8]) -> Option<(&str, Item)> {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = std::str::from_utf8(parts.next()?).ok()?;
    let item = parts.next().and_then(|bytes| item::codec::decode(bytes).ok());
    Some((text, item.unwrap_or_else(everything)))
}

/// An item with a value of each type, under short names.
#[must_use]
pub fn everything() -> Item {
    let pairs = values().into_iter().map(|(name, value)| (name.trim_start_matches(':').to_string(), value));
    let mut item: Item = pairs.collect();
    for name in ["region", "improvement", "id"] {
        item.insert(name, Value::S(name.to_string()));
    }
    item
}

/// Names that expressions may use.
#[must_use]
pub fn names() -> BTreeMap<String, String> {
    [("#a", "n"), ("#b", "l"), ("#c", "m")].map(|(name, to)| (name.to_string(), to.to_string())).into()
}

/// Values that expressions may use: one of each type.
#[must_use]
pub fn values() -> BTreeMap<String, Value> {
    let number = |text: &str| Number::parse(text).expect("a number");
    let inner: Item =
        [("x".to_string(), Value::L(vec![Value::Null, Value::N(number("-1E-130"))]))].into_iter().collect();
    [
        (":n", Value::N(number("99999999999999999999999999999999999999"))),
        (":t", Value::N(number("9.9E125"))),
        (":s", Value::S("straße".to_string())),
        (":b", Value::B(vec![0, 255])),
        (":o", Value::Bool(true)),
        (":u", Value::Null),
        (":ss", Value::Ss(["a".to_string(), "b".to_string()].into())),
        (":ns", Value::Ns([number("1"), number("2.5")].into())),
        (":bs", Value::Bs([vec![1], vec![2]].into())),
        (":l", Value::L(vec![Value::N(number("1")), Value::L(Vec::new())])),
        (":m", Value::M(inner)),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into()
}

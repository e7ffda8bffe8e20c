//! Whatever the settings, the failures and the crashes: every record is delivered, in the order of its item, or it is
//! known what became of it.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Event {
    /// So many records, over a few items.
    Write(u8),
    Crash,
    Stop,
    Change(Settings),
    /// The function fails so many calls of a hundred.
    Failing(u8),
    /// Let it work until it has nothing to do, or for so many calls.
    Work(u8),
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let retries = prop_oneof![Just(None), (0u32..3).prop_map(Some)];
    let parks = prop_oneof![2 => Just(None), 1 => Just(Some(Quarantine::default()))];
    let destination = prop_oneof![Just(QUEUE), Just(BUCKET)];
    (1u32..8, 1u16..4, retries, any::<bool>(), any::<bool>(), parks, destination).prop_map(
        |(batch_size, parallelization, retry_attempts, bisect, report_item_failures, quarantine, letters)| Settings {
            batch_size,
            parallelization,
            retry_attempts,
            bisect,
            report_item_failures,
            quarantine,
            on_failure: Some(letters.to_owned()),
            ..Settings::default()
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1u8..30).prop_map(Event::Write),
        2 => Just(Event::Crash),
        1 => Just(Event::Stop),
        2 => any_settings().prop_map(Event::Change),
        3 => (0u8..90).prop_map(Event::Failing),
        4 => (1u8..10).prop_map(Event::Work),
    ]
}

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the function took, in order.
type Took = Arc<Mutex<Vec<String>>>;

/// Fails so many of a hundred calls, in every way there is.
fn failing(percent: u8, seed: u64, reports: bool, took: Took) -> impl FnMut(&Call) -> Reply + Send {
    let mut dice = Dice(seed);
    move |call| {
        let records = call.records();
        let mut took = took.lock().expect("no holder panics");
        if dice.roll(100) >= u64::from(percent) {
            took.extend(records);
            return fine();
        }
        match dice.roll(5) {
            0 => Reply::Full,
            1 => Reply::Missing,
            2 if reports => {
                let first = usize::try_from(dice.roll(records.len() as u64)).expect("small");
                // Taken or not: it may be that nobody reads the answer. What is before it is.
                took.extend(records[..first].iter().cloned());
                Reply::Return(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, call.sequence(first)))
            }
            _ => Reply::Raise("no luck"),
        }
    }
}

/// A world of one trigger.
struct Story {
    dir: tempfile::TempDir,
    script: Script,
    took: Took,
    /// Whether answers may name what failed: that does not change, for the function must know.
    reports: bool,
    life: Option<Life>,
    uuid: String,
    written: BTreeMap<String, u32>,
    dice: Dice,
}

impl Story {
    fn new(settings: Settings, (is_table, shards): (bool, u16), seed: u64) -> Story {
        let dir = tempfile::tempdir().expect("a directory");
        let took = Took::default();
        let reports = settings.report_item_failures;
        let script = Script::new(failing(0, seed, reports, took.clone()));
        let life = Life::start(dir.path(), &script);
        life.buckets.create("letters", None).expect("created");
        if is_table {
            life.sharded("votes", shards);
        } else {
            life.stream("votes", shards);
        }
        let uuid = life.feed("votes", settings);
        Story { dir, script, took, reports, life: Some(life), uuid, written: BTreeMap::new(), dice: Dice(seed) }
    }

    fn life(&self) -> &Life {
        self.life.as_ref().expect("alive")
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Write(count) => (0..*count).for_each(|_| self.write()),
            Event::Crash => self.restart(Life::crash),
            Event::Stop => self.restart(Life::stop),
            Event::Change(settings) => {
                let settings = Settings { report_item_failures: self.reports, ..settings.clone() };
                self.life().update(&self.uuid, |mapping| mapping.settings = settings);
            }
            Event::Failing(percent) => {
                self.script.becomes(failing(*percent, self.dice.0, self.reports, self.took.clone()))
            }
            Event::Work(calls) => self.work(*calls),
        }
    }

    fn write(&mut self) {
        let id = ["a", "b", "c", "d", "e"][usize::try_from(self.dice.roll(5)).expect("small")];
        let n = self.written.entry(id.to_owned()).or_default();
        *n += 1;
        let text = format!("{id}{n}");
        self.life().put("votes", &text);
    }

    fn restart(&mut self, end: impl FnOnce(Life)) {
        end(self.life.take().expect("alive"));
        self.life = Some(Life::start(self.dir.path(), &self.script));
    }

    /// Waits for some calls, or until there is nothing to call with; what waits after a failure does not wait long.
    fn work(&self, calls: u8) {
        let enough = self.script.calls().len() + usize::from(calls);
        self.life().until("it works", |life| {
            life.triggers.refresh();
            let status = life.status(&self.uuid);
            let idle = status.lanes.iter().all(|lane| lane.phase == LanePhase::Idle && lane.age_ms == 0);
            self.script.calls().len() >= enough || idle && status.state == State::Enabled
        });
    }

    /// Lets everything come to an end: the function works, and what is parked is retried.
    fn end(&self) {
        self.script.becomes(failing(0, 0, self.reports, self.took.clone()));
        let life = self.life();
        life.triggers.refresh();
        life.settle(&self.uuid);
        let page = life.triggers.quarantine(&self.uuid, None, 100).expect("read");
        for key in page.keys {
            // It may have been retried by now, for it was asked before.
            let _ = life.runtime.block_on(life.triggers.retry_parked(&self.uuid, &key.id));
        }
        life.until("none is parked", |life| {
            life.triggers.quarantine(&self.uuid, None, 1).expect("read").keys.is_empty()
        });
        life.settle(&self.uuid);
        // The last letters are on disk then.
        life.runtime.block_on(life.triggers.stop());
    }

    /// Records that are in letters.
    fn given_up(&self) -> BTreeSet<String> {
        let letters = self.life().letters();
        let records = letters.iter().filter(|letter| letter.get("record").is_some());
        let records = records.map(|letter| serde_json::from_str(text(letter, "record")).expect("JSON"));
        let of = |(_, message): (String, Json)| message["payload"]["Records"].as_array().cloned().unwrap_or_default();
        records
            .chain(self.life().objects("letters").into_iter().flat_map(of))
            .map(|record| record_text(&record))
            .collect()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let given_up = self.given_up();
        let mut taken = BTreeSet::new();
        for record in self.took.lock().expect("no holder panics").iter() {
            let (id, n) = record.split_at(1);
            for before in 1..n.parse::<u32>().expect("a number") {
                let before = format!("{id}{before}");
                prop_assert!(taken.contains(&before) || given_up.contains(&before), "{record} came before {before}");
            }
            taken.insert(record.clone());
        }
        for (id, count) in &self.written {
            for n in 1..=*count {
                let record = format!("{id}{n}");
                prop_assert!(taken.contains(&record) || given_up.contains(&record), "{record} is missing");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_delivered_in_order_or_accounted_for(
        settings in any_settings(),
        source in (any::<bool>(), 1u16..4),
        events in proptest::collection::vec(any_event(), 1..14),
        seed in any::<u64>(),
    ) {
        let mut story = Story::new(settings, source, seed);
        story.happen(&Event::Write(10));
        for event in &events {
            story.happen(event);
        }
        story.end();
        story.check()?;
    }
}

//! Kill -9 in the middle of batches, for each way to deliver: every record comes at least once, those of a key in order,
//! none is skipped; and a restart goes on where the trigger was.

use it::{client::Client, folder::Folder, program::Program, wait::until};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(120);
const KEYS: usize = 8;
/// Records written in one life of the program.
const ROUND: usize = 120;
const BATCH: usize = 20;

/// A way to deliver, and what of the function goes with it.
struct Setting {
    /// Further properties of the trigger, each with a comma before it.
    trigger: &'static str,
    metadata: &'static str,
    /// The function says which record failed.
    reports: bool,
    /// How the record of a key and a number fails.
    fails: fn(usize, u64) -> Option<&'static str>,
    python: bool,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting { trigger: "", metadata: "", reports: false, fails: |_, _| None, python: false }
    }
}

/// A few records fail the first time they come.
fn now_and_then(key: usize, number: u64) -> Option<&'static str> {
    ((number as usize * KEYS + key) % 45 == 20).then_some("once")
}

/// The third record of the first two keys.
fn two_are_poison(key: usize, number: u64) -> Option<&'static str> {
    (key < 2 && number == 3).then_some("always")
}

impl Setting {
    fn template(&self) -> String {
        let runtime = if self.python { "python3.12" } else { "provided.al2023" };
        format!(
            "
Transform: AWS::Serverless-2016-10-31
Resources:
  Records:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: records
      AttributeDefinitions: [{{ AttributeName: id, AttributeType: S }}]
      KeySchema: [{{ AttributeName: id, KeyType: HASH }}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {{ StreamViewType: NEW_IMAGE }}
  Notes:
    Type: AWS::Serverless::Function
    Metadata: {{ Streamfold: {{ Triggers: {{ Records: {{ {} }} }} }} }}
    Properties:
      FunctionName: notes
      CodeUri: notes/
      Handler: app.handler
      Runtime: {runtime}
      Timeout: 30
      Events:
        Records:
          Type: DynamoDB
          Properties: {{ Stream: !GetAtt Records.StreamArn, StartingPosition: TRIM_HORIZON, BatchSize: {BATCH}{} }}
",
            self.metadata, self.trigger
        )
    }

    fn folder(&self) -> Folder {
        let folder = if self.python { Folder::with_python() } else { Folder::new() };
        folder.write("template.yaml", &self.template());
        match self.python {
            true => drop(folder.write("notes/app.py", NOTES)),
            false => folder.add_bootstrap("notes"),
        }
        if self.reports {
            folder.write("notes/report", "");
        }
        folder
    }
}

/// What the function in Rust does, as far as this needs it.
const NOTES: &str = r#"
import os, time

EFFECTS = os.open("effects.txt", os.O_CREAT | os.O_APPEND | os.O_WRONLY)


def handler(event, context):
    for record in event["Records"]:
        image, sequence = record["dynamodb"]["NewImage"], record["dynamodb"]["SequenceNumber"]
        line = f"{image['id']['S']} {image['n']['N']} {sequence} {context.aws_request_id}"
        # Within one page: readers and kills see all of the line or nothing.
        os.write(EFFECTS, f"{line:127}\n".encode())
        time.sleep(0.002)
"#;

/// What was written: the newest number of each key. Numbers of a key begin with 1 and have no gaps.
#[derive(Default)]
struct Written {
    newest: [u64; KEYS],
    records: usize,
}

impl Written {
    /// Writes the next record of some key.
    fn write(&mut self, client: &mut Client, dice: &mut fastrand::Rng, setting: &Setting) {
        let key = dice.usize(0..KEYS);
        let number = self.newest[key] + 1;
        let mut item = json!({ "id": { "S": format!("k{key}") }, "n": { "N": number.to_string() } });
        if let Some(how) = (setting.fails)(key, number) {
            item["fails"] = json!({ "S": how });
        }
        client.call("PutItem", &json!({ "TableName": "records", "Item": item })).expect("nothing was killed");
        self.newest[key] = number;
        self.records += 1;
    }
}

/// A record that the function took.
#[derive(Clone, Debug)]
struct Effect {
    key: String,
    number: u64,
    sequence: String,
    request: String,
}

fn effects(folder: &Folder) -> Vec<Effect> {
    let text = std::fs::read_to_string(folder.path().join("notes/effects.txt")).unwrap_or_default();
    let effect = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (key, number) = (words.next()?, words.next()?.parse().ok()?);
        Some(Effect { key, number, sequence: words.next()?, request: words.next()? })
    };
    text.lines().map(|line| effect(line).unwrap_or_else(|| panic!("half an effect: {line}"))).collect()
}

/// The newest number of each key that came, and every one before it: at least once, in order, none skipped.
fn taken(effects: &[Effect]) -> BTreeMap<&str, u64> {
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut calls: HashMap<(&str, &str), u64> = HashMap::new();
    let mut sequences: HashMap<(&str, u64), &str> = HashMap::new();
    for effect in effects {
        let (key, number) = (effect.key.as_str(), effect.number);
        let known = newest.entry(key).or_default();
        assert!(number <= *known + 1, "{key}: {number} came after {known}: {effect:?}");
        *known = number.max(*known);
        // A batch that is repeated goes back; within a call nothing does.
        let before = calls.insert((&effect.request, key), number);
        assert!(before.is_none_or(|before| before + 1 == number), "{key}: {before:?}, then {effect:?} in one call");
        let sequence = *sequences.entry((key, number)).or_insert(&effect.sequence);
        assert_eq!(sequence, effect.sequence, "{key} {number} has two sequence numbers");
    }
    newest
}

/// Whether everything came of the keys from this one on.
fn is_complete(written: &Written, effects: &[Effect], from: usize) -> bool {
    let newest = taken(effects);
    let mut keys = written.newest.iter().enumerate().skip(from);
    keys.all(|(key, number)| newest.get(format!("k{key}").as_str()).copied().unwrap_or_default() == *number)
}

/// Lives of the program that end in the middle of what they deliver, and what is left of them.
struct Lives {
    setting: Setting,
    folder: Folder,
    written: Written,
    dice: fastrand::Rng,
}

impl Lives {
    /// Kills the program again and again.
    fn killed_in_the_middle(setting: Setting) -> Lives {
        let folder = setting.folder();
        let mut lives = Lives { setting, folder, written: Written::default(), dice: it::dice() };
        let kills = if it::long() { 40 } else { 3 };
        (0..kills).for_each(|_| lives.live_and_die());
        let came = lives.effects().len();
        eprintln!("{kills} kills, {} records, {came} taken before the last life", lives.written.records);
        lives
    }

    fn up(&self) -> (Program, Client) {
        let program = self.folder.up("template.yaml");
        let client = Client::new(program.port);
        (program, client)
    }

    fn effects(&self) -> Vec<Effect> {
        effects(&self.folder)
    }

    /// Writes, and kills the program once the function took so many records, be it before all are written or after.
    fn live_and_die(&mut self) {
        let (program, mut client) = self.up();
        let goal = self.effects().len() + self.dice.usize(1..ROUND);
        for _ in 0..ROUND {
            self.written.write(&mut client, &mut self.dice, &self.setting);
            if self.effects().len() >= goal {
                break;
            }
        }
        // Parked keys may leave less to take than hoped for.
        let waits = || (self.effects().len() >= goal || has_nothing_to_do(&mut client)).then_some(());
        until("the function to take some records", PATIENCE, waits);
        program.kill();
    }

    /// Waits until everything came of the keys from this one on.
    fn complete(&self, from: usize) {
        let complete = || is_complete(&self.written, &self.effects(), from).then_some(());
        until("every record to come", PATIENCE, complete);
    }

    /// A program that was asked to stop goes on exactly where it was.
    fn goes_on_after(mut self, program: Program) {
        // Everything may have come before the last kill already, and come again now.
        let mut client = Client::new(program.port);
        until("the trigger to be idle", PATIENCE, || has_nothing_to_do(&mut client).then_some(()));
        assert!(program.stop().status.success(), "a server that is asked to stop ends well");
        let before = self.effects().len();
        let (_program, mut client) = self.up();
        self.written.write(&mut client, &mut self.dice, &Setting::default());
        self.complete(0);
        assert_eq!(self.effects().len(), before + 1, "records came again though nothing was killed");
    }

    /// What the function was told of each window when it was over; all records are in one of them.
    fn windows(&self) -> BTreeMap<String, usize> {
        let mut windows = BTreeMap::new();
        for line in std::fs::read_to_string(self.folder.path().join("notes/windows.txt")).unwrap_or_default().lines() {
            let (start, records) = line.trim_end().split_once(' ').expect("a start and a number");
            let records = records.parse().expect("a number of records");
            // The end of a window may be told twice, but never another end.
            assert_eq!(*windows.entry(start.to_owned()).or_insert(records), records, "window {start} ended twice");
        }
        windows
    }
}

/// Whether the trigger has read all there is and waits for more.
fn has_nothing_to_do(client: &mut Client) -> bool {
    let lanes = client.shown("triggers")["triggers"][0]["lanes"].take();
    let is_idle = |lane: &Value| lane["phase"]["name"] == "idle" && lane["lag"] == 0;
    lanes.as_array().is_some_and(|lanes| !lanes.is_empty() && lanes.iter().all(is_idle))
}

fn nothing_is_skipped(setting: Setting) {
    let lives = Lives::killed_in_the_middle(setting);
    let (program, _) = lives.up();
    lives.complete(0);
    lives.goes_on_after(program);
}

#[test]
fn a_python_handler_gets_all_records_in_order_across_kills() {
    nothing_is_skipped(Setting { python: true, ..Setting::default() });
}

#[test]
fn halved_batches_lose_nothing_across_kills() {
    let trigger = ", BisectBatchOnFunctionError: true";
    nothing_is_skipped(Setting { trigger, fails: now_and_then, ..Setting::default() });
}

#[test]
fn partly_taken_batches_lose_nothing_across_kills() {
    let trigger = ", FunctionResponseTypes: [ReportBatchItemFailures]";
    nothing_is_skipped(Setting { trigger, reports: true, fails: now_and_then, ..Setting::default() });
}

#[test]
fn four_lanes_keep_the_order_of_each_item_across_kills() {
    let trigger = ", ParallelizationFactor: 4";
    nothing_is_skipped(Setting { trigger, fails: now_and_then, ..Setting::default() });
}

#[test]
fn batches_that_gather_lose_nothing_across_kills() {
    nothing_is_skipped(Setting { trigger: ", MaximumBatchingWindowInSeconds: 1", ..Setting::default() });
}

#[test]
fn the_state_of_a_window_has_each_record_once_across_kills() {
    let trigger = ", TumblingWindowInSeconds: 1";
    let lives = Lives::killed_in_the_middle(Setting { trigger, fails: now_and_then, ..Setting::default() });
    let (program, _) = lives.up();
    lives.complete(0);
    // The function may see a record twice; the state that it is handed back never does.
    let all = || (lives.windows().values().sum::<usize>() >= lives.written.records).then_some(());
    until("the last window's end", PATIENCE, all);
    assert_eq!(lives.windows().values().sum::<usize>(), lives.written.records);
    lives.goes_on_after(program);
}

#[test]
fn parked_keys_wait_in_order_across_kills_and_come_when_they_are_healed() {
    let metadata = "Quarantine: { Records: 1000 }";
    let trigger = ", MaximumRetryAttempts: 1";
    let lives = Lives::killed_in_the_middle(Setting { trigger, metadata, fails: two_are_poison, ..Setting::default() });
    let (program, mut client) = lives.up();
    lives.complete(2);
    let parked = || {
        let uuid = client.shown("triggers")["triggers"][0]["uuid"].as_str().expect("it has a name").to_owned();
        let keys = client.shown(&format!("triggers/{uuid}/quarantine"))["keys"].take();
        keys.as_array().filter(|keys| keys.len() == 2).cloned()
    };
    let parked = until("both keys to be parked", PATIENCE, parked);
    let came = lives.effects();
    let newest = taken(&came);
    assert_eq!((newest["k0"], newest["k1"]), (2, 2), "nothing of a key comes before what failed");
    lives.folder.write("notes/healed", "");
    for key in parked {
        let said = program.told(&["quarantine", "retry", key["id"].as_str().expect("a key has an id")]);
        assert!(said.contains("is tried again"), "{said}");
    }
    lives.complete(0);
    lives.goes_on_after(program);
}

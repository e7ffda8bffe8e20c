//! Kill -9 in every step of executions of exports, again and again in one data directory: the targets equal the last
//! exports, and the stream has each operation once.

use fastrand::Rng;
use it::{
    client::Client,
    exports::{Fold, Source},
    program::{Program, Run},
    wait::until,
};
use std::{collections::BTreeMap, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(120);
/// Rows of each table at first: so many that publishing them takes several commits.
const ROWS: u32 = 4_000;

/// Two tables side by side that publish to one stream, a target for each.
const TEMPLATE: &str = "
Resources:
  Imports:
    Type: AWS::S3::Bucket
    Metadata:
      Streamfold:
        Export:
          - { Prefix: left/, Stream: !Ref Changes, Target: !Ref Left, Numbers: [stock] }
          - { Prefix: right/, Stream: !Ref Changes, Target: !Ref Right, Numbers: [stock] }
    Properties: { BucketName: imports }
  Changes:
    Type: AWS::Kinesis::Stream
    Properties: { Name: changes, ShardCount: 2 }
  Left:
    Type: AWS::DynamoDB::Table
    Properties: &table
      TableName: left
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: PK, AttributeType: S }]
      KeySchema: [{ AttributeName: PK, KeyType: HASH }]
  Right:
    Type: AWS::DynamoDB::Table
    Properties: { <<: *table, TableName: right }
";

/// When the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// As soon as the object is acknowledged: at most it is registered.
    Arrival,
    Delta,
    Publish,
    Apply,
    /// Everything is applied.
    Release,
}

const MOMENTS: [Moment; 5] = [Moment::Arrival, Moment::Delta, Moment::Publish, Moment::Apply, Moment::Release];

/// A table of the source system, and where its exports go.
struct Exported {
    /// `left`, `right`: prefix, tenant and target.
    name: &'static str,
    source: Source,
}

impl Exported {
    fn table(&self) -> String {
        format!("{}/things", self.name)
    }

    fn upload(&mut self, client: &mut Client, version: &str, export: &[u8]) -> String {
        let execution = format!("{}/{version}", self.table());
        client.put_object("imports", &format!("{}/{execution}/export.csv.gz", self.name), export);
        execution
    }
}

/// Waits until an execution is in the midst of a step, then kills the program; the step that it was in.
fn kill_at(program: Program, client: &mut Client, execution: &str, moment: Moment) -> Moment {
    let mut seen = Moment::Arrival;
    if moment > Moment::Arrival {
        until(&format!("{execution} to come to {moment:?}"), PATIENCE, || {
            let row = client.execution(execution)?;
            seen = match row["steps"].as_array()?.last()?["name"].as_str()? {
                "delta" => Moment::Delta,
                "publish" => Moment::Publish,
                "apply" => Moment::Apply,
                "release" => Moment::Release,
                _ => Moment::Arrival,
            };
            (seen >= moment).then_some(())
        });
    }
    program.kill();
    seen
}

/// Everything is as the last exports say.
fn check(client: &mut Client, fold: &mut Fold, tables: &[Exported]) {
    fold.read(client, "changes").expect("the stream can be read");
    for table in tables {
        assert_eq!(client.target(table.name).expect("it can be read"), table.source.rows, "target {}", table.name);
        assert_eq!(fold.tables.get(&table.table()), Some(&table.source.rows), "the stream of {}", table.name);
    }
}

fn succeeds(client: &mut Client, fold: &mut Fold, execution: &str) {
    let row = until(&format!("{execution} to be imported"), PATIENCE, || {
        let row = client.execution(execution)?;
        assert!(row["status"] != "FAILED" && row["status"] != "HELD", "{row}");
        (row["status"] == "SUCCEEDED").then_some(row)
    });
    fold.read(client, "changes").expect("the stream can be read");
    let found = &row["statistics"];
    let count = |name: &str| found[name].as_u64().expect("a count");
    let operations = count("inserts") + count("updates") + count("deletes");
    assert_eq!((fold.of(execution), row["applied"].as_u64()), (operations, Some(operations)), "{execution}");
}

/// Half of the rows are lost: it is held through a crash, and nothing of it leaves before a person decides.
fn held(folder: &Path, fold: &mut Fold, tables: &mut [Exported], version: &str, dice: &mut Rng) {
    let program = Run::up(folder).start();
    let mut client = Client::new(program.port);
    let half = tables[0].source.half();
    let execution = tables[0].upload(&mut client, version, &half);
    let is_held = |client: &mut Client| {
        until(&format!("{execution} to be held"), PATIENCE, || {
            let row = client.execution(&execution)?;
            assert!(row["status"] != "FAILED" && row["status"] != "SUCCEEDED", "{row}");
            (row["status"] == "HELD").then_some(())
        });
    };
    if dice.bool() {
        is_held(&mut client);
    }
    program.kill();
    let program = Run::up(folder).start();
    let mut client = Client::new(program.port);
    is_held(&mut client);
    check(&mut client, fold, tables);
    assert_eq!(fold.of(&execution), 0);
    let decision = if dice.bool() { "release" } else { "reject" };
    let (status, said) = client.decide(&execution, decision);
    assert_eq!(status, 200, "{said}");
    // Decided is decided, whatever comes after the answer.
    program.kill();
    let program = Run::up(folder).start();
    let mut client = Client::new(program.port);
    if decision == "release" {
        let kept: Vec<String> = tables[0].source.rows.keys().take(tables[0].source.rows.len() / 2).cloned().collect();
        tables[0].source.rows.retain(|key, _| kept.binary_search(key).is_ok());
        succeeds(&mut client, fold, &execution);
    } else {
        assert_eq!(client.execution(&execution).expect("it is there")["status"], "REJECTED");
    }
    check(&mut client, fold, tables);
    program.kill();
}

#[test]
fn each_operation_leaves_once_though_the_program_is_killed_in_every_step() {
    let mut dice = it::dice();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("template.yaml"), TEMPLATE).expect("the template can be written");
    let table = |name, dice: &mut Rng| Exported { name, source: Source::new(ROWS, dice.fork()) };
    let mut tables = [table("left", &mut dice), table("right", &mut dice)];
    let mut fold = Fold::default();
    let mut hits: BTreeMap<Moment, u32> = BTreeMap::new();
    let rounds = if it::long() { 100 } else { 10 };
    for round in 0..rounds {
        let version = format!("20260101_V{round:04}");
        let program = Run::up(folder.path()).start();
        let mut client = Client::new(program.port);
        let executions = tables.each_mut().map(|table| {
            if round > 0 {
                table.source.change(50, 6, 5);
                // Of a half that was released. The brake does not look at small tables.
                table.source.grow_to(ROWS as usize);
            }
            let export = table.source.export();
            table.upload(&mut client, &version, &export)
        });
        // Once more, or twice, while it goes on after the first time.
        let mut running = (program, client);
        for _ in 0..dice.usize(1..=2) {
            let moment = MOMENTS[(round + dice.usize(..2)) % MOMENTS.len()];
            let execution = &executions[dice.usize(..2)];
            *hits.entry(kill_at(running.0, &mut running.1, execution, moment)).or_default() += 1;
            let program = Run::up(folder.path()).start();
            let client = Client::new(program.port);
            running = (program, client);
        }
        let (program, mut client) = running;
        executions.iter().for_each(|execution| succeeds(&mut client, &mut fold, execution));
        check(&mut client, &mut fold, &tables);
        drop(program);
        if round % 4 == 2 {
            held(folder.path(), &mut fold, &mut tables, &format!("{version}_half"), &mut dice);
        }
    }
    eprintln!("{rounds} rounds, killed at {hits:?}, {} executions", fold.seen.len());
    assert!(MOMENTS.iter().all(|moment| hits.contains_key(moment)) || rounds < 20, "a step was never hit: {hits:?}");
    assert!(hits.len() >= 3, "the kills were all alike: {hits:?}");
}

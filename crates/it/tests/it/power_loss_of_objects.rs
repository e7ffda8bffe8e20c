//! The power goes while objects come and go and exports are imported. As in `power_loss`, what the real program asks of the
//! file system is recorded; on each image of what a disk may hold then, the real program comes up again: every object is
//! there whole, no bytes are nobody's, executions come to their end, and each operation is in the stream once.

#[path = "../../faults/importing.rs"]
mod importing;
#[path = "../../faults/objects.rs"]
mod objects;

use crate::faults::{
    disk::Sync,
    images::{Images, Known},
    recorder::{Recorder, position},
};
use importing::{Importer, Place};
use it::{
    client::{Client, Failed},
    program::{Program, Run},
    wait::until,
};
use objects::Writer;
use std::{
    fmt::Write,
    fs,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

/// Tables of one prefix go to a target too, those of the other to the stream only.
const TEMPLATE: &str = "
Resources:
  Cats:
    Type: AWS::S3::Bucket
    Properties: { BucketName: cats }
  Imports:
    Type: AWS::S3::Bucket
    Metadata:
      Streamfold:
        Export:
          - { Prefix: left/, Stream: !Ref Changes, Target: !Ref Left, Numbers: [stock] }
          - { Prefix: right/, Stream: !Ref Changes, Numbers: [stock] }
    Properties: { BucketName: imports }
  Changes:
    Type: AWS::Kinesis::Stream
    Properties: { Name: changes, ShardCount: 2 }
  Left:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: left
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: PK, AttributeType: S }]
      KeySchema: [{ AttributeName: PK, KeyType: HASH }]
";
const LEFT: Place = Place { bucket: "imports", stream: "changes", tenant: "left", target: Some("left") };
const RIGHT: Place = Place { tenant: "right", target: None, ..LEFT };

const WRITERS: usize = 2;
/// Right after a new table's folder was made, which then has a name that may be lost.
const NEW_FOLDER: &str = "sync /exports 1";
/// How long bytes that nobody has may stay.
const PATIENCE: Duration = Duration::from_secs(10);

/// Syncs that no image misses, and why they are there nevertheless.
const NEEDLESS: &[(&str, &str)] = &[
    ("delta/run.rs", "what a delta writes is checksummed, and computed again where it is damaged or gone"),
    (" sync of /data/exports/#/", "where a link is there whose own sync failed; no sync of the recording fails"),
    (" remove < s3/buckets.rs", "what a start removes from `incoming/`, the next one removes again"),
];

/// What is known of what was recorded.
struct Changed {
    /// The template's folder.
    template: PathBuf,
    writers: Vec<Writer>,
    importers: Vec<Importer>,
    /// Where the recording stood in runs in which folders were new, or their making had been interrupted.
    new: Vec<Range<u64>>,
}

impl Known for Changed {
    fn verdict(&self, image: &Path, position: u64) -> Result<(), String> {
        // A program that does not come up and waiting in vain are panics, and so are operations that come twice.
        catch_unwind(AssertUnwindSafe(|| self.check(image, position))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.unwrap_or_else(|| format!("{:?}", panic.downcast_ref::<&str>())))
        })
    }

    fn answers(&self) -> Vec<u64> {
        let steps = self.writers.iter().flat_map(|writer| &writer.steps);
        let steps = steps.chain(self.importers.iter().flat_map(|importer| &importer.steps));
        let answers = steps.filter_map(|step| step.acknowledged);
        answers.chain(self.importers.iter().flat_map(Importer::answers)).collect()
    }

    fn special(&self, dice: &mut fastrand::Rng) -> Option<u64> {
        let new = dice.choice(&self.new)?.clone();
        Some(dice.u64(new))
    }

    fn told(&self) -> String {
        let steps = self.writers.iter().flat_map(|writer| &writer.steps);
        let steps = steps.chain(self.importers.iter().flat_map(|importer| &importer.steps));
        steps.fold(String::new(), |mut told, step| {
            let length = step.content.as_ref().map(|content| content.len());
            writeln!(told, "{} {length:?}: {} to {:?}", step.path, step.sent, step.acknowledged)
                .expect("text can grow");
            told
        })
    }
}

impl Changed {
    fn check(&self, image: &Path, position: u64) -> Result<(), String> {
        let text = |error: Failed| error.to_string();
        let program = up(&self.template, image).start();
        let mut client = Client::new(program.port);
        let (cats, imports) = (objects::list(&mut client, "cats"), objects::list(&mut client, "imports"));
        let (cats, imports) = (cats.map_err(text)?, imports.map_err(text)?);
        let mut known = 0;
        for writer in &self.writers {
            let found = objects::check(&mut client, &writer.steps, &cats, position)?;
            known += found.values().flatten().count();
        }
        if known != cats.len() {
            return Err(format!("{known} objects are known, and there are {}", cats.len()));
        }
        for importer in &self.importers {
            objects::check(&mut client, &importer.steps, &imports, position)?;
        }
        importing::check(&mut client, &self.importers, &imports, position)?;
        nothing_is_nobodys(&mut client, image)
    }
}

/// Once uploads under way are given up, there are bytes for objects and no others.
fn nothing_is_nobodys(client: &mut Client, image: &Path) -> Result<(), String> {
    let mut with_bytes = 0;
    for bucket in ["cats", "imports"] {
        objects::abort_all(client, bucket).map_err(|error| error.to_string())?;
        let listed = objects::list(client, bucket).map_err(|error| error.to_string())?;
        with_bytes += listed.values().filter(|listed| listed.size > 0).count();
    }
    let folder = image.join("data/objects");
    until(&format!("{with_bytes} files of objects"), PATIENCE, || (it::files(&folder) == with_bytes).then_some(()));
    Ok(())
}

fn up(template: &Path, root: &Path) -> Run {
    let run = Run::up(template).arg("--data").arg(root.join("data"));
    run.args(&["--memory", "16M"]).env("STREAMFOLD_SEGMENT_BYTES", (256 << 10).to_string())
}

/// One run of the program after the other: the moments at which it is killed, the last one is asked to stop.
fn ends(dice: &mut fastrand::Rng) -> Vec<Option<String>> {
    let times = if it::long() { 3 } else { 1 };
    let mut killed = |moment: &str, from: usize| {
        let nth = times * dice.usize(from..2 * from);
        Some(format!("{moment} {nth}"))
    };
    vec![
        killed("sync .seg", 60),
        Some(NEW_FOLDER.to_owned()),
        killed("sync /incoming", 20),
        killed("rename .operations", 2),
        killed("sync .state.partial", 2),
        killed("write .seg", 60),
        killed("rename .state", 2),
        None,
    ]
}

/// Runs the real program under load with the recorder in front of the file system.
fn record(dice: &mut fastrand::Rng, seed: u64) -> Images<Changed> {
    let recorder = Recorder::new();
    let (template, log) = (recorder.folder().join("template"), recorder.log());
    fs::create_dir(&template).expect("a folder can be made");
    fs::write(template.join("template.yaml"), TEMPLATE).expect("the template can be written");
    let writers = (0..WRITERS).map(|number| Writer::new("cats", number, dice.fork())).collect();
    let importers = vec![Importer::new(LEFT, "things", dice.fork())];
    let mut known = Changed { template, writers, importers, new: Vec::new() };
    let mut was_new = true;
    for (number, killed) in ends(dice).into_iter().enumerate() {
        let begun = if number == 0 { 0 } else { position(&log) };
        let program = up(&known.template, &recorder.root());
        let program = recorder.watch(program, killed.as_deref()).start();
        let mut client = Client::new(program.port);
        known.writers.iter_mut().for_each(|writer| objects::settle(&mut client, &mut writer.steps, &log));
        known.importers.iter_mut().for_each(|importer| importer.settle(&mut client, &log));
        if number == 0 || !was_new {
            known.importers.push(Importer::new(RIGHT, &format!("new{number}"), dice.fork()));
        }
        recorder.arm();
        load(program, &mut known, &log, killed.as_deref());
        recorder.disarm();
        if was_new {
            known.new.push(begun..position(&log));
        }
        was_new = killed.as_deref() == Some(NEW_FOLDER);
    }
    Images::new(recorder.finish(), known, seed)
}

/// Changes objects and imports exports until the program is killed, or for a while.
fn load(program: Program, known: &mut Changed, recording: &Path, killed: Option<&str>) {
    let enough = if killed.is_some() { usize::MAX } else { 60 };
    let (port, answered) = (program.port, AtomicUsize::new(0));
    let goes_on = |done: Result<(), Failed>| match done {
        Ok(()) => answered.fetch_add(1, SeqCst) + 1 < enough,
        Err(Failed::Broken(_)) if killed.is_some() => false,
        Err(error) => panic!("a request failed though nothing was killed: {error}"),
    };
    thread::scope(|scope| {
        let goes_on = &goes_on;
        for writer in &mut known.writers {
            let mut client = Client::new(port);
            scope.spawn(move || while goes_on(writer.step(&mut client, recording)) {});
        }
        // The table that goes to a target, and the newest of the others.
        let last = known.importers.len() - 1;
        for (number, importer) in known.importers.iter_mut().enumerate() {
            let mut client = Client::new(port);
            if number == 0 || number == last {
                scope.spawn(move || while goes_on(importer.step(&mut client, recording)) {});
            }
        }
    });
    match killed {
        Some(moment) => {
            let ended = program.gone();
            assert!(!ended.status.success(), "it is to be killed at {moment}: {ended:?}");
        }
        None => assert!(program.stop().status.success(), "a server that is asked to stop ends well"),
    }
}

/// What the place of a sync is called, if it is asked for: what buckets and exports have synced.
fn place(sync: &Sync, name: String) -> Option<String> {
    let class = &sync.class;
    let is_exports = name.starts_with("exports/");
    let is_ours = is_exports || ["/objects/", "/exports/"].iter().any(|folder| class.contains(folder));
    // One function of theirs syncs several folders.
    let name = if is_exports { format!("{name} of {class}") } else { name };
    let needless = NEEDLESS.iter().any(|(needless, _)| name.contains(needless));
    (is_ours && !needless).then_some(name)
}

#[test]
fn nothing_of_objects_and_exports_is_lost_when_the_power_goes() {
    let mut dice = it::dice();
    let seed = dice.get_seed();
    let recorded = record(&mut dice, seed);
    recorded.open(if it::long() { 300 } else { 25 }, &mut dice);
    let missed = recorded.unguarded(place);
    assert!(missed.is_empty(), "these syncs could be deleted and no image would tell:\n{}", missed.join("\n"));
}

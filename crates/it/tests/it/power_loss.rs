//! The power goes. A recorder takes down what the real program asks of the file system under load; from that, images
//! of what a disk may hold after a power loss are built, and each must open with everything that was acknowledged.

#[path = "../../faults/check.rs"]
mod check;
#[path = "../../faults/load.rs"]
mod load;

use crate::faults::{
    disk::Sync,
    images::{Images, Known},
    recorder::Recorder,
};
use it::{program::Run, tools};
use load::{End, Writer};
use std::{
    fmt::Write,
    ops::Range,
    path::{Path, PathBuf},
};

/// Small, so that a few thousand writes flush the state engine and fill segments many times.
const MEMORY: usize = 16 << 20;
const SEGMENT_BYTES: u64 = 256 << 10;
const WRITERS: usize = 6;

/// Syncs that no image misses, and why they are there nevertheless.
const NEEDLESS: &[(&str, &str)] = &[
    (
        " cut_torn_tail < db/log/recover.rs",
        "for a whole frame behind a torn one, which takes a power loss before the recording; `db::simulation` has it",
    ),
    (" zeroed", "done ahead of time, so that the sync of the header, which covers it, is short"),
    (" open < s3/buckets.rs", "the folder of uploads under way; nothing is uploaded here, see `power_loss_of_objects`"),
    ("lsm-tree-3.1.10/file.rs:129 rewrite_atomic", "after a rename; the file was synced before it"),
    ("lsm-tree-3.1.10/blob_tree/mod.rs:146 open", "a new state folder's empty folder; the manifest does not name it"),
    ("lsm-tree-3.1.10/tree/mod.rs:1014 create_new", "a new state folder's empty folder; each table's sync covers it"),
    ("lsm-tree-3.1.10/tree/mod.rs:1015 create_new", "a new state folder; the first manifest's sync covers it"),
];

/// Recovery syncs the log before it replays it, lest a flush during a long replay get ahead of the log, and once more
/// what it writes again, lest an earlier sync have failed. Replays are short here and no sync fails (`db::simulation` has
/// that), so that either does for both: they are taken away together.
const TOGETHER: [&str; 2] = [" recover < db/log/recover.rs", " write_again < db/log/recover.rs"];

/// The data directory, in which log, state and buckets make their folders one after the other before anything is
/// acknowledged: whoever syncs it does so for those before, so its syncs are taken away together.
const DATA: &str = "/data/";

/// What is known of what was recorded.
struct Votes {
    /// The template's folder.
    template: PathBuf,
    writers: Vec<Writer>,
    /// Where the recording stood while an index was filled.
    filled: Range<u64>,
    /// Answered after the sync; otherwise the newest writes may be missing, and the rest must fit together all the same.
    durable: bool,
}

impl Known for Votes {
    fn verdict(&self, image: &Path, position: u64) -> Result<(), String> {
        check::check(&image.join("data"), &self.writers, self.durable.then_some(position))
    }

    /// The real program on an image: it comes up, what is due expires, and its views catch up with the table.
    fn longer(&self, image: &Path) {
        let program = up(&self.template, image).start();
        load::what_is_due_expires(program.port);
        load::view_catches_up(program.port);
        program.kill();
    }

    fn answers(&self) -> Vec<u64> {
        self.writers.iter().flat_map(|writer| &writer.steps).filter_map(|step| step.acknowledged).collect()
    }

    fn special(&self, dice: &mut fastrand::Rng) -> Option<u64> {
        Some(dice.u64(self.filled.clone()))
    }

    fn told(&self) -> String {
        self.writers.iter().flat_map(|writer| &writer.steps).fold(String::new(), |mut steps, step| {
            writeln!(steps, "{step:?}").expect("text can grow");
            steps
        })
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let mut dice = it::dice();
    let seed = dice.get_seed();
    let images = if it::long() { 1_000 } else { 50 };
    let durable = record(&mut dice, seed, true);
    durable.open(images, &mut dice);
    let relaxed = record(&mut dice, seed, false);
    relaxed.open(images / 4, &mut dice);
    // The test of the test. Some syncs matter under one durability only.
    let mut missed = durable.unguarded(place);
    let guarded_too = relaxed.unguarded(|sync, name| place(sync, name).filter(|place| missed.contains(place)));
    missed.retain(|site| guarded_too.contains(site));
    assert!(missed.is_empty(), "these syncs could be deleted and no image would tell:\n{}", missed.join("\n"));
}

/// What the place of a sync is called, if it is asked for: the short form looks at the log's only.
fn place(sync: &Sync, name: String) -> Option<String> {
    if sync.class != DATA && NEEDLESS.iter().any(|(needless, _)| name.contains(needless)) {
        return None;
    }
    let together = TOGETHER.iter().any(|one| name.contains(one));
    let place = match &*sync.class {
        DATA => format!("db/ and others, of {DATA}"),
        _ if together => TOGETHER.join(" and"),
        _ => name,
    };
    (it::long() || sync.class.contains("/log/") || place.starts_with("db/")).then_some(place)
}

/// Runs the real program under load with the recorder in front of the file system.
fn record(dice: &mut fastrand::Rng, seed: u64, durable: bool) -> Images<Votes> {
    let recorder = Recorder::new();
    let (template, log) = (recorder.folder().join("template"), recorder.log());
    tools::copy_folder(&tools::root().join("crates/it/faults/template"), &template);
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, dice.fork())).collect();
    let mut filled = 0..0;
    for end in ends(dice, durable) {
        let program = up(&template, &recorder.root());
        let program = program.args(&["--durability", if durable { "durable" } else { "relaxed" }]);
        let killed = match &end {
            End::Killed(moment) => Some(&**moment),
            End::Stopped(_) | End::Indexed(_) => None,
        };
        let program = recorder.watch(program, killed).start();
        if durable {
            load::settle(&program, &mut writers, &log);
        }
        recorder.arm();
        let filling = load::run(program, &mut writers, &log, &end);
        filled = if filling.is_empty() { filled } else { filling };
        recorder.disarm();
    }
    Images::new(recorder.finish(), Votes { template, writers, filled, durable }, seed)
}

/// One run of the program after the other. Between two steps of a commit, of a new segment or of a flush, a kill leaves
/// to recovery what they would have done.
fn ends(dice: &mut fastrand::Rng, durable: bool) -> Vec<End> {
    let times = if it::long() { 3 } else { 1 };
    // Syncs are rare when nobody waits for them.
    let syncs = if durable { 15 } else { 2 };
    let mut killed = |moment: &str, from: usize| {
        let nth = times * dice.usize(from..2 * from);
        End::Killed(format!("{moment} {nth}"))
    };
    let mut ends = vec![killed("tear .seg", 50), End::Indexed(times * 150), killed("write .seg", 50)];
    // Every other time what was not synced is a view's alone, which no client misses.
    ends.extend((0..5).map(|_| killed("sync .seg", syncs)));
    // Last, since the search for an image that misses a sync begins at the end.
    ends.extend([killed("rename /current", 1), killed("rename .seg", 2), End::Stopped(times * 50)]);
    ends
}

fn up(template: &Path, root: &Path) -> Run {
    let run = Run::up(template).arg("--data").arg(root.join("data"));
    run.args(&["--memory", "16M"]).env("STREAMFOLD_SEGMENT_BYTES", SEGMENT_BYTES.to_string())
}

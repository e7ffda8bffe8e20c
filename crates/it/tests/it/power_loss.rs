//! The power goes. A recorder takes down what the real program asks of the file system under load; from that, images
//! of what a disk may hold after a power loss are built, and each must open with everything that was acknowledged.

#[path = "../../faults/check.rs"]
mod check;
#[path = "../../faults/choice.rs"]
mod choice;
#[path = "../../faults/disk.rs"]
mod disk;
#[path = "../../faults/load.rs"]
mod load;
#[path = "../../faults/recording.rs"]
mod recording;
#[path = "../../faults/sites.rs"]
mod sites;

use choice::Plan;
use disk::Disk;
use it::{
    program::{Run, binary},
    tools,
};
use load::{End, Writer};
use sites::Sites;
use std::{collections::BTreeMap, fmt::Write, fs, iter, ops::Range, path::Path, process::Command, sync::Mutex, thread};
use tempfile::TempDir;

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

/// The state engine's compaction moves large values into a new file and does not sync the folder before its manifest names
/// the file; there is no place in between where we could. Linux's file systems make the name durable with the file.
const FORGIVEN: &str = "lsm-tree-3.1.10/compaction/flavour.rs";

/// What was recorded, and what the clients know of it.
struct Recorded {
    /// The template's folder, and the recorder's things.
    folder: TempDir,
    disk: Disk,
    writers: Vec<Writer>,
    /// Where the recording stood while an index was filled.
    filled: Range<u64>,
    sites: Sites,
    /// Repeats the load and the choice of images, though not how the program's threads ran.
    seed: u64,
    /// Answered after the sync; otherwise the newest writes may be missing, and the rest must fit together all the same.
    durable: bool,
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let mut dice = it::dice();
    let seed = dice.get_seed();
    let images = if it::long() { 1_000 } else { 50 };
    let durable = record(&mut dice, seed, true);
    open_images(&durable, images, &mut dice);
    let relaxed = record(&mut dice, seed, false);
    open_images(&relaxed, images / 4, &mut dice);
    // The test of the test. Some syncs matter under one durability only.
    let mut missed = unguarded(&durable, |_| true);
    let guarded_too = unguarded(&relaxed, |site| missed.contains(site));
    missed.retain(|site| guarded_too.contains(site));
    assert!(missed.is_empty(), "these syncs could be deleted and no image would tell:\n{}", missed.join("\n"));
}

/// Opens so many images of one recording, two at a time.
fn open_images(recorded: &Recorded, images: usize, dice: &mut fastrand::Rng) {
    same_as_the_folder(recorded);
    let rolls = Mutex::new((0..images, dice));
    let roll = || {
        let (numbers, dice) = &mut *rolls.lock().expect("rolling does not panic");
        let number = numbers.next()?;
        let position = position(recorded, dice);
        let plan = Plan::roll(&recorded.disk.moment(position, |_| false), dice);
        Some((number, position, plan))
    };
    let work = || iter::from_fn(roll).for_each(|(number, position, plan)| open(recorded, number, position, &plan));
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let (operations, syncs) = (recorded.disk.operations.len(), recorded.disk.syncs.len());
    eprintln!("{images} images of {operations} operations and {syncs} syncs; durable: {}", recorded.durable);
}

fn open(recorded: &Recorded, number: usize, position: u64, plan: &Plan) {
    let moment = recorded.disk.moment(position, |_| false);
    let image = moment.build(|operation, sector| plan.keeps(&recorded.disk, operation, sector));
    if let Err(what) = verdict(recorded, &image, position) {
        bad(recorded, &image, position, &format!("image {number}, {plan:?}: {what}"));
    }
    if number.is_multiple_of(20) {
        serve(recorded, &image);
    }
}

/// Runs the real program under load with the recorder in front of the file system.
fn record(dice: &mut fastrand::Rng, seed: u64, durable: bool) -> Recorded {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (template, root) = (folder.path().join("template"), folder.path().join("root"));
    fs::create_dir(&root).expect("a folder can be made");
    tools::copy_folder(&tools::root().join("crates/it/faults/template"), &template);
    let (log, armed) = (folder.path().join("recording"), folder.path().join("armed"));
    let shim = tools::preload("recorder", folder.path());
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, dice.fork())).collect();
    let mut filled = 0..0;
    for end in ends(dice, durable) {
        let program = up(&template, &root).args(&["--durability", if durable { "durable" } else { "relaxed" }]);
        let program = program.env("LD_PRELOAD", &shim).env("FAULTS_ROOT", &root).env("FAULTS_LOG", &log);
        let program = match &end {
            End::Killed(moment) => program.env("FAULTS_KILL", moment).env("FAULTS_ARMED", &armed),
            End::Stopped(_) | End::Indexed(_) => program,
        };
        let program = program.start();
        if durable {
            load::settle(&program, &mut writers, &log);
        }
        fs::write(&armed, "").expect("a file can be made");
        let filling = load::run(program, &mut writers, &log, &end);
        filled = if filling.is_empty() { filled } else { filling };
        fs::remove_file(&armed).expect("what was made can be removed");
    }
    let root = root.to_str().expect("temporary folders have plain names").to_owned();
    let records = recording::read(&log).expect("the recording can be read");
    let mut disk = Disk::replay(records, &root);
    let sites = Sites::find(&binary(), disk.syncs.iter().map(|sync| &sync.stack));
    let forgiven = disk.syncs.iter().filter(|sync| sites.passes(&sync.stack, FORGIVEN));
    disk.named_by_their_sync = forgiven.map(|sync| sync.inode).collect();
    Recorded { disk, folder, writers, filled, sites, seed, durable }
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

/// With everything kept, the image is the folder as the program left it: the recorder missed nothing.
fn same_as_the_folder(recorded: &Recorded) {
    let image = recorded.disk.moment(u64::MAX, |_| false).build(|_, _| true);
    let root = recorded.folder.path().join("root");
    for (path, content) in image.tree(&recorded.disk) {
        let real = root.join(&path);
        match content {
            None => assert!(real.is_dir(), "{} is no folder", path.display()),
            Some(content) => {
                let real = fs::read(&real).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert!(real == content, "{} is not what was recorded", path.display());
            }
        }
    }
    let listed = Command::new("find").arg(&root).args(["-mindepth", "1"]).output().expect("find runs").stdout;
    let listed = listed.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(listed, image.tree(&recorded.disk).len(), "files are there that the recorder knows nothing of");
}

/// When the power goes: mostly right before a sync ends or right after, rare kinds of sync as often as common ones.
fn position(recorded: &Recorded, dice: &mut fastrand::Rng) -> u64 {
    let disk = &recorded.disk;
    if dice.u32(0..8) == 0 {
        return dice.u64(recorded.filled.clone());
    }
    if dice.u32(0..4) == 0 {
        let writer = dice.choice(&recorded.writers).expect("there are writers");
        let step = dice.choice(&writer.steps).expect("a writer has steps");
        return step.acknowledged.unwrap_or(step.sent);
    }
    if dice.u32(0..4) == 0 {
        return dice.choice(&disk.operations).expect("there are operations").at;
    }
    let mut classes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sync in &disk.syncs {
        classes.entry(&sync.class).or_default().push(sync.end);
    }
    let classes: Vec<Vec<u64>> = classes.into_values().collect();
    let class = dice.choice(&classes).expect("there are syncs");
    let end = *dice.choice(class).expect("a class has a sync");
    if dice.bool() { end } else { end - 1 }
}

fn memory_folder() -> TempDir {
    let place = Some(Path::new("/dev/shm")).filter(|place| place.is_dir());
    place.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a temporary folder can be made")
}

/// Ends the test, with everything that led to the bad image put where it stays.
fn bad(recorded: &Recorded, image: &disk::Image, position: u64, what: &str) -> ! {
    static FIRST: Mutex<()> = Mutex::new(());
    let _first = FIRST.lock().expect("another image was bad already, and is kept");
    let folder = tools::root().join("target/power-loss");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the last bad image can be removed");
    }
    fs::create_dir_all(folder.join("image")).expect("a folder can be made");
    image.write_to(&recorded.disk, &folder.join("image")).expect("an image can be written");
    fs::copy(recorded.folder.path().join("recording"), folder.join("recording")).expect("a recording can be copied");
    let steps = recorded.writers.iter().flat_map(|writer| &writer.steps).fold(String::new(), |mut steps, step| {
        writeln!(steps, "{step:?}").expect("text can grow");
        steps
    });
    fs::write(folder.join("steps"), steps).expect("the steps can be written");
    let (seed, folder) = (recorded.seed, folder.display());
    panic!("STREAMFOLD_SEED={seed}: power lost at {position}: {what}; the image and how it came about are in {folder}");
}

/// The real program on an image: it comes up, what is due expires, and its views catch up with the table.
fn serve(recorded: &Recorded, image: &disk::Image) {
    let folder = memory_folder();
    image.write_to(&recorded.disk, folder.path()).expect("an image can be written");
    let program = up(&recorded.folder.path().join("template"), folder.path()).start();
    load::what_is_due_expires(program.port);
    load::view_catches_up(program.port);
    program.kill();
}

/// For every place in the program that syncs and that is asked for: takes its syncs away and looks for an image that
/// shows it. Answers the places for which there is none. The short form looks at the log's only.
fn unguarded(recorded: &Recorded, asked: impl Fn(&String) -> bool) -> Vec<String> {
    let disk = &recorded.disk;
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, sync) in disk.syncs.iter().enumerate() {
        let place = recorded.sites.name(&sync.stack);
        let together = TOGETHER.iter().any(|name| place.contains(name));
        let place = match &*sync.class {
            DATA => format!("db/ and others, of {DATA}"),
            _ if together => TOGETHER.join(" and"),
            _ => place,
        };
        places.entry(place).or_default().push(number);
    }
    let mut missed = Vec::new();
    for (place, syncs) in places {
        let class = &disk.syncs[syncs[0]].class;
        let needless = NEEDLESS.iter().any(|(name, _)| place.contains(name));
        if needless || !asked(&place) || !(it::long() || class.contains("/log/") || place.starts_with("db/")) {
            continue;
        }
        match caught(recorded, &syncs) {
            Some((tries, what)) => {
                let what: String = what.chars().take(160).collect();
                eprintln!("without {place} ({} syncs of {class}): image {tries}: {what}", syncs.len());
            }
            None => missed.push(place),
        }
    }
    missed
}

/// Images in which exactly that is lost which only these syncs kept, until one is bad.
fn caught(recorded: &Recorded, syncs: &[usize]) -> Option<(usize, String)> {
    let disk = &recorded.disk;
    let ignored = |sync: &disk::Sync| syncs.iter().any(|number| std::ptr::eq(&raw const disk.syncs[*number], sync));
    let mut tries = 0;
    // The last ones first: more was acknowledged by then.
    for number in syncs.iter().rev().step_by(1 + syncs.len() / 30) {
        for position in window(recorded, *number, ignored) {
            let (moment, real) = (disk.moment(position, ignored), disk.moment(position, |_| false));
            for others in [true, false] {
                tries += 1;
                let image = moment.build(|operation, _| others && !real.is_durable(operation));
                let Err(what) = verdict(recorded, &image, position) else { continue };
                // Bad for what is missing, not bad anyway.
                let whole = real.build(|_, _| others);
                if let Err(what) = verdict(recorded, &whole, position) {
                    bad(recorded, &whole, position, &format!("with what was not synced: {others}: {what}"));
                }
                return Some((tries, what));
            }
        }
    }
    None
}

/// Moments at which nothing but this sync and its like kept what it kept: right after it, at the next acknowledgements,
/// and right before another sync of the same file.
fn window(recorded: &Recorded, number: usize, ignored: impl Fn(&disk::Sync) -> bool) -> Vec<u64> {
    let (disk, sync) = (&recorded.disk, &recorded.disk.syncs[number]);
    let others = disk.syncs.iter().filter(|other| other.inode == sync.inode && other.end > sync.end && !ignored(other));
    let last = others.map(|other| other.end).min().map_or(disk.end, |end| end - 1);
    let steps = recorded.writers.iter().flat_map(|writer| &writer.steps);
    let mut answers: Vec<u64> =
        steps.filter_map(|step| step.acknowledged).filter(|at| (sync.end..=last).contains(at)).collect();
    answers.sort_unstable();
    let mut window = vec![last];
    window.extend(answers.get(answers.len() / 2));
    window.extend(answers.first());
    window.push(sync.end);
    window.dedup();
    window
}

fn verdict(recorded: &Recorded, image: &disk::Image, position: u64) -> Result<(), String> {
    let folder = memory_folder();
    image.write_to(&recorded.disk, folder.path()).expect("an image can be written");
    let acknowledged = recorded.durable.then_some(position);
    check::check(&folder.path().join("data"), &recorded.writers, acknowledged)
}

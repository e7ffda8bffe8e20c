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
    client::Client,
    program::{Run, binary},
    tools, votes,
};
use load::Writer;
use sites::Sites;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Small, so that a few thousand writes flush the state engine and fill segments many times.
const MEMORY: usize = 16 << 20;
const SEGMENT_BYTES: u64 = 256 << 10;
const WRITERS: usize = 6;

/// What was recorded, and what the clients know of it.
struct Recorded {
    /// The template's folder, and the recorder's things.
    folder: TempDir,
    disk: Disk,
    writers: Vec<Writer>,
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let mut dice = it::dice();
    let recorded = record(&mut dice);
    same_as_the_folder(&recorded);
    let images = if it::long() { 1_200 } else { 60 };
    for number in 0..images {
        let position = position(&recorded, &mut dice);
        let moment = recorded.disk.moment(position, |_| false);
        let plan = Plan::roll(&moment, position, &mut dice);
        let folder = image(&recorded.disk, &plan);
        let verdict = check::check(&folder.path().join("data"), &recorded.writers, position);
        if let Err(what) = verdict {
            panic!("image {number} of {plan:?}: {what}; it is kept in {}", keep(&recorded.disk, &plan).display());
        }
        if number % 20 == 0 {
            serve(&recorded, folder.path());
        }
    }
    eprintln!("{images} images of {} operations and {} syncs", recorded.disk.operations.len(), recorded.disk.syncs.len());
    let missed = unguarded(&recorded, it::long());
    assert!(missed.is_empty(), "these syncs could be deleted and no image would tell:\n{}", missed.join("\n"));
}

/// Runs the real program under load with the recorder in front of the file system: killed, stopped in order, killed.
fn record(dice: &mut fastrand::Rng) -> Recorded {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (template, root) = (folder.path().join("template"), folder.path().join("root"));
    fs::create_dir(&root).expect("a folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), &template);
    let (shim, log) = (folder.path().join("recorder.so"), folder.path().join("recording"));
    tools::run(
        Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .arg(&shim)
            .arg(tools::root().join("crates/it/faults/recorder.c")),
    );
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(number, dice.fork())).collect();
    let enough = if it::long() { 4_000 } else { 1_200 };
    for kill in [true, false, true] {
        let program = up(&template, &root).env("LD_PRELOAD", &shim).env("FAULTS_ROOT", &root).env("FAULTS_LOG", &log);
        load::run(program.start(), &mut writers, &log, enough, kill);
    }
    let root = root.to_str().expect("temporary folders have plain names").to_owned();
    let records = recording::read(&log).expect("the recording can be read");
    Recorded { disk: Disk::replay(records, &root), folder, writers }
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

/// A folder with the image of a plan, in memory where the machine has a file system there.
fn image(disk: &Disk, plan: &Plan) -> TempDir {
    let place = Some(Path::new("/dev/shm")).filter(|place| place.is_dir());
    let folder = place.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a temporary folder can be made");
    write(disk, plan, folder.path());
    folder
}

fn write(disk: &Disk, plan: &Plan, to: &Path) {
    let image = disk.moment(plan.position, |_| false).build(|operation, sector| plan.keeps(disk, operation, sector));
    image.write_to(disk, to).expect("an image can be written");
}

/// Builds a bad image once more where it stays.
fn keep(disk: &Disk, plan: &Plan) -> PathBuf {
    let folder = tools::root().join("target/power-loss");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the last bad image can be removed");
    }
    fs::create_dir_all(&folder).expect("a folder can be made");
    write(disk, plan, &folder);
    folder
}

/// The real program on an image: it comes up, and its views catch up with the table.
fn serve(recorded: &Recorded, root: &Path) {
    let program = up(&recorded.folder.path().join("template"), root).start();
    let mut client = Client::new(program.port);
    let table = votes::standing(&mut client);
    votes::check_totals(&mut client, &table);
    program.kill();
}

/// For every place in the program that syncs: takes its syncs away and looks for an image that shows it. Answers the
/// places for which there is none. The short form looks at the log's only.
fn unguarded(recorded: &Recorded, all: bool) -> Vec<String> {
    let disk = &recorded.disk;
    let sites = Sites::find(&binary(), disk.syncs.iter().map(|sync| &sync.stack));
    let mut kinds: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, sync) in disk.syncs.iter().enumerate() {
        kinds.entry(format!("{} at {}", sync.class, sites.name(&sync.stack))).or_default().push(number);
    }
    let mut missed = Vec::new();
    for (kind, syncs) in kinds {
        if !all && !kind.contains("log/") {
            continue;
        }
        match caught(recorded, &syncs) {
            Some((tries, what)) => eprintln!("without {kind} ({} syncs): image {tries}: {what}", syncs.len()),
            None => missed.push(format!("{kind} ({} syncs)", syncs.len())),
        }
    }
    missed
}

/// Images in which exactly that is lost which only these syncs kept, until one is bad.
fn caught(recorded: &Recorded, syncs: &[usize]) -> Option<(usize, String)> {
    let disk = &recorded.disk;
    let ignored = |sync: &disk::Sync| syncs.iter().any(|number| std::ptr::eq(&raw const disk.syncs[*number], sync));
    // The last ones first: more was acknowledged by then.
    for (tries, number) in syncs.iter().rev().step_by(1 + syncs.len() / 12).enumerate() {
        let next = disk.syncs.iter().map(|sync| sync.end).filter(|end| *end > disk.syncs[*number].end).min();
        let position = next.map_or(disk.end, |next| next - 1);
        let (moment, real) = (disk.moment(position, ignored), disk.moment(position, |_| false));
        for others in [true, false] {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let image = moment.build(|operation, _| others && !real.is_durable(operation));
            image.write_to(disk, folder.path()).expect("an image can be written");
            if let Err(what) = check::check(&folder.path().join("data"), &recorded.writers, position) {
                return Some((2 * tries + 1, what));
            }
        }
    }
    None
}


//! Images of a recording: built by the dice and judged, and the test of the test: each sync is taken away, and some image
//! must show it. What must hold of an image is for who made the recording to say.

use super::{
    choice::Plan,
    disk::{Image, Moment, Sync},
    recorder::Recording,
};
use it::tools;
use std::{collections::BTreeMap, fs, iter, path::Path, process::Command, sync::Mutex, thread};
use tempfile::TempDir;

/// Syncs of one place that are tried.
const SYNCS_MAX: usize = 30;
/// Every so many images, what takes longer is looked at too.
const LONGER_EVERY: usize = 20;

/// What the clients know of what was recorded.
pub trait Known: std::marker::Sync {
    /// Whether the image in a folder, made for a power loss at a position, holds what it must; an error says what is
    /// amiss.
    fn verdict(&self, image: &Path, position: u64) -> Result<(), String>;

    /// What takes longer to look at.
    fn longer(&self, _image: &Path) {}

    /// Where the recording stood when requests were answered.
    fn answers(&self) -> Vec<u64>;

    /// A moment that deserves more than its share.
    fn special(&self, _dice: &mut fastrand::Rng) -> Option<u64> {
        None
    }

    /// Everything that is known, for a person.
    fn told(&self) -> String;
}

/// A recording, and what is known of it.
pub struct Images<K> {
    pub recording: Recording,
    pub known: K,
    /// Repeats the load and the choice of images, though not how the program's threads ran.
    seed: u64,
    answers: Vec<u64>,
    /// Positions after syncs, by their class.
    classes: Vec<Vec<u64>>,
}

impl<K: Known> Images<K> {
    pub fn new(recording: Recording, known: K, seed: u64) -> Images<K> {
        let mut answers = known.answers();
        answers.sort_unstable();
        let mut classes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for sync in &recording.disk.syncs {
            classes.entry(&sync.class).or_default().push(sync.end);
        }
        let classes = classes.into_values().collect();
        let images = Images { recording, known, seed, answers, classes };
        images.same_as_the_folder();
        images
    }

    /// Opens so many images, two at a time.
    pub fn open(&self, count: usize, dice: &mut fastrand::Rng) {
        let disk = &self.recording.disk;
        let rolls = Mutex::new((0..count, dice));
        let roll = || {
            let (numbers, dice) = &mut *rolls.lock().expect("rolling does not panic");
            let number = numbers.next()?;
            let position = self.position(dice);
            let plan = Plan::roll(&disk.moment(position, |_| false), dice);
            Some((number, position, plan))
        };
        two_at_a_time(|| roll().map(|(number, position, plan)| self.judge(number, position, &plan)));
        eprintln!("{count} images of {} operations and {} syncs", disk.operations.len(), disk.syncs.len());
    }

    fn judge(&self, number: usize, position: u64, plan: &Plan) {
        let disk = &self.recording.disk;
        let image = disk.moment(position, |_| false).build(|operation, sector| plan.keeps(disk, operation, sector));
        if let Err(what) = self.verdict(&image, position) {
            self.bad(&image, position, &format!("image {number}, {plan:?}: {what}"));
        }
        if number.is_multiple_of(LONGER_EVERY) {
            self.known.longer(self.written(&image).path());
        }
    }

    /// With everything kept, the image is the folder as the program left it: the recorder missed nothing.
    fn same_as_the_folder(&self) {
        let disk = &self.recording.disk;
        let image = disk.moment(u64::MAX, |_| false).build(|_, _| true);
        let root = self.recording.root();
        for (path, content) in image.tree(disk) {
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
        assert_eq!(listed, image.tree(disk).len(), "files are there that the recorder knows nothing of");
    }

    /// When the power goes: mostly right before a sync ends or right after, rare kinds of sync as often as common ones.
    fn position(&self, dice: &mut fastrand::Rng) -> u64 {
        if true && let Some(position) = self.known.special(dice) {
            return position;
        }
        if dice.u32(0..4) == 0 {
            return *dice.choice(&self.answers).expect("something was answered");
        }
        if dice.u32(0..4) == 0 {
            return dice.choice(&self.recording.disk.operations).expect("there are operations").at;
        }
        let class = dice.choice(&self.classes).expect("there are syncs");
        let end = *dice.choice(class).expect("a class has a sync");
        if dice.bool() { end } else { end - 1 }
    }

    /// For every place in the program that syncs and that is asked for (`place`: what it is called, from the sync and the
    /// name of its call site): takes its syncs away and looks for an image that shows it. Answers the places for which
    /// there is none.
    pub fn unguarded(&self, place: impl Fn(&Sync, String) -> Option<String>) -> Vec<String> {
        let disk = &self.recording.disk;
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, sync) in disk.syncs.iter().enumerate() {
            if let Some(place) = place(sync, self.recording.sites.name(&sync.stack)) {
                places.entry(place).or_default().push(number);
            }
        }
        let (places, missed) = (Mutex::new(places), Mutex::new(Vec::new()));
        two_at_a_time(|| {
            let (place, syncs) = places.lock().expect("taking does not panic").pop_first()?;
            match self.caught(&syncs) {
                Some((tries, what)) => {
                    let what: String = what.chars().take(160).collect();
                    let class = &disk.syncs[syncs[0]].class;
                    eprintln!("without {place} ({} syncs of {class}): image {tries}: {what}", syncs.len());
                }
                None => missed.lock().expect("pushing does not panic").push(place),
            }
            Some(())
        });
        missed.into_inner().expect("pushing does not panic")
    }

    /// Images in which exactly that is lost which only these syncs kept, until one is bad.
    fn caught(&self, syncs: &[usize]) -> Option<(usize, String)> {
        let disk = &self.recording.disk;
        let ignored = |sync: &Sync| syncs.iter().any(|number| std::ptr::eq(&raw const disk.syncs[*number], sync));
        let mut tries = 0;
        // The last ones first: more was acknowledged by then. But soon the very first, when everything was new.
        let mut order: Vec<&usize> = syncs.iter().rev().step_by(1 + syncs.len() / SYNCS_MAX).collect();
        order.insert(1, &syncs[0]);
        for number in order {
            for position in self.window(*number, ignored) {
                let (moment, real) = (disk.moment(position, ignored), disk.moment(position, |_| false));
                for others in [true, false] {
                    tries += 1;
                    let image = moment.build(|operation, _| others && !real.is_durable(operation));
                    let Err(what) = self.verdict(&image, position) else { continue };
                    self.bad_for_that_alone(&real, position, others);
                    return Some((tries, what));
                }
            }
        }
        None
    }

    /// An image was bad for what is missing, not bad anyway.
    fn bad_for_that_alone(&self, real: &Moment<'_>, position: u64, others: bool) {
        let whole = real.build(|_, _| others);
        if let Err(what) = self.verdict(&whole, position) {
            self.bad(&whole, position, &format!("with what was not synced: {others}: {what}"));
        }
    }

    /// Moments at which nothing but this sync and its like kept what it kept: right after it, at the next acknowledgements,
    /// and right before another sync of the same file.
    fn window(&self, number: usize, ignored: impl Fn(&Sync) -> bool) -> Vec<u64> {
        let disk = &self.recording.disk;
        let sync = &disk.syncs[number];
        let others =
            disk.syncs.iter().filter(|other| other.inode == sync.inode && other.end > sync.end && !ignored(other));
        let last = others.map(|other| other.end).min().map_or(disk.end, |end| end - 1);
        let within = |position: u64| self.answers.partition_point(|answer| *answer < position);
        let answers = &self.answers[within(sync.end)..within(last + 1)];
        let mut window = vec![last];
        window.extend(answers.get(answers.len() / 2));
        window.extend(answers.first());
        window.push(sync.end);
        window.dedup();
        window
    }

    fn verdict(&self, image: &Image, position: u64) -> Result<(), String> {
        self.known.verdict(self.written(image).path(), position)
    }

    fn written(&self, image: &Image) -> TempDir {
        let folder = memory_folder();
        image.write_to(&self.recording.disk, folder.path()).expect("an image can be written");
        folder
    }

    /// Ends the test, with everything that led to the bad image put where it stays.
    fn bad(&self, image: &Image, position: u64, what: &str) -> ! {
        static FIRST: Mutex<()> = Mutex::new(());
        let _first = FIRST.lock().expect("another image was bad already, and is kept");
        let folder = tools::root().join("target/power-loss");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the last bad image can be removed");
        }
        fs::create_dir_all(folder.join("image")).expect("a folder can be made");
        image.write_to(&self.recording.disk, &folder.join("image")).expect("an image can be written");
        fs::copy(self.recording.log(), folder.join("recording")).expect("a recording can be copied");
        fs::write(folder.join("known"), self.known.told()).expect("what is known can be written");
        let (seed, folder) = (self.seed, folder.display());
        panic!(
            "STREAMFOLD_SEED={seed}: power lost at {position}: {what}; the image and how it came about are in {folder}"
        );
    }
}

/// Works on two threads until there is nothing left.
fn two_at_a_time(work: impl Fn() -> Option<()> + std::marker::Sync) {
    let all = || iter::from_fn(&work).for_each(drop);
    thread::scope(|scope| {
        scope.spawn(all);
        all();
    });
}

/// A folder in memory, where there is such a place.
fn memory_folder() -> TempDir {
    let place = Some(Path::new("/dev/shm")).filter(|place| place.is_dir());
    place.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a temporary folder can be made")
}

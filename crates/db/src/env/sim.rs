//! A world made of a seed: a clock that the caller moves, seeded dice, and a disk in memory that can lose power, tear
//! writes and fail.

use super::{Clock, Dice, Disk, Env, File};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

const SECTOR: usize = 512;

/// One simulated machine. Clones share it; it survives the database that runs on it.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>, Arc<AtomicU64>);

#[derive(Default)]
struct State {
    seed: u64,
    /// Names as programs see them.
    names: BTreeMap<PathBuf, usize>,
    /// Names as the disk has them.
    durable_names: BTreeMap<PathBuf, usize>,
    /// Moves that no sync has made durable: both of their names change, or neither does.
    moves: Vec<(PathBuf, PathBuf)>,
    files: Vec<Contents>,
    /// Syncs until one fails, if a fault is set.
    fail_sync_in: Option<u64>,
    /// Changes until the machine stops, if it is to.
    halt_in: Option<u64>,
    /// Bytes until the disk is full, if a limit is set.
    room: Option<u64>,
    syncs: u64,
}

#[derive(Default, Clone)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl World {
    #[must_use]
    pub fn new(seed: u64) -> World {
        let world = World::default();
        world.state().seed = seed;
        world.1.store(1_700_000_000_000, Ordering::Relaxed);
        world
    }

    #[must_use]
    pub fn env(&self) -> Env {
        let world = Arc::new(self.clone());
        Env { clock: world.clone(), dice: world.clone(), disk: world }
    }

    /// Moves the clock; backwards too, as real ones do.
    pub fn advance_ms(&self, ms: i64) {
        self.1.fetch_add(ms.cast_unsigned(), Ordering::Relaxed);
    }

    /// The next pseudo-random number of this world.
    #[must_use]
    pub fn roll(&self) -> u64 {
        self.state().roll()
    }

    /// The sync after `count` more ones fails, once; what it should have made durable may be lost.
    pub fn fail_sync_in(&self, count: u64) {
        self.state().fail_sync_in = Some(count);
    }

    /// Takes back a sync failure that has not come yet.
    pub fn heal(&self) {
        self.state().fail_sync_in = None;
    }

    /// The machine stops after `count` more changes of its disk: none of those after them happens, until the power is
    /// back.
    pub fn halt_in(&self, count: u64) {
        self.state().halt_in = Some(count);
    }

    /// The disk takes this many more bytes; `None` lifts the limit.
    pub fn limit_room(&self, bytes: Option<u64>) {
        self.state().room = bytes;
    }

    /// Syncs carried out so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// The power goes: each unsynced sector is there or not, each unsynced name change as well, at random.
    pub fn lose_power(&self) {
        let mut state = self.state();
        state.halt_in = None;
        let names: BTreeSet<PathBuf> = state.names.keys().chain(state.durable_names.keys()).cloned().collect();
        let mut changed: BTreeMap<PathBuf, bool> =
            names.into_iter().map(|name| (name, state.roll().is_multiple_of(2))).collect();
        for (from, to) in std::mem::take(&mut state.moves) {
            if let Some(moved) = changed.get(&from).copied() {
                changed.insert(to, moved);
            }
        }
        let mut kept = BTreeMap::new();
        for (name, from_program) in changed {
            let source = if from_program { &state.names } else { &state.durable_names };
            if let Some(file) = source.get(&name) {
                kept.insert(name, *file);
            }
        }
        state.names.clone_from(&kept);
        state.durable_names = kept;
        for at in 0..state.files.len() {
            let mut contents = std::mem::take(&mut state.files[at]);
            for (offset, bytes) in std::mem::take(&mut contents.unsynced) {
                state.tear(&mut contents.durable, offset, &bytes);
            }
            contents.now.clone_from(&contents.durable);
            state.files[at] = contents;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no simulated operation panics")
    }
}

impl State {
    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Some sectors of an unsynced write reach the disk.
    fn tear(&mut self, durable: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
        let mood = self.roll() % 3;
        let mut at = 0;
        while at < bytes.len() {
            let position = usize::try_from(offset).expect("simulated files are small") + at;
            let length = (SECTOR - position % SECTOR).min(bytes.len() - at);
            let reaches = mood == 0 || (mood == 1 && self.roll().is_multiple_of(2));
            if reaches {
                overwrite(durable, position, &bytes[at..at + length]);
            }
            at += length;
        }
    }

    /// Whether the machine still runs; counts a change of the disk.
    fn running(&mut self) -> io::Result<()> {
        match &mut self.halt_in {
            Some(0) => Err(io::Error::other("the simulated machine has stopped")),
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn sync_due(&mut self) -> io::Result<()> {
        self.running()?;
        self.syncs += 1;
        match &mut self.fail_sync_in {
            Some(0) => {
                self.fail_sync_in = None;
                Err(io::Error::other("simulated I/O error"))
            }
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A name is on the disk as programs see it.
    fn make_durable(&mut self, name: PathBuf) {
        match self.names.get(&name) {
            Some(file) => drop(self.durable_names.insert(name, *file)),
            None => drop(self.durable_names.remove(&name)),
        }
    }

    fn take_room(&mut self, bytes: u64) -> io::Result<()> {
        match &mut self.room {
            Some(room) if *room < bytes => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Some(room) => {
                *room -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn overwrite(target: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[position..end].copy_from_slice(bytes);
}

impl Clock for World {
    fn now_ms(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }
}

impl Dice for World {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.roll().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }
}

impl Disk for World {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.state().names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.running()?;
        state.files.push(Contents::default());
        let file = state.files.len() - 1;
        state.names.insert(path.to_owned(), file);
        Ok(Arc::new(SimFile { world: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = *self.state().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { world: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.running()?;
        let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        state.moves.push((from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.running()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.running()?;
        state.names.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.sync_due()?;
        let inside = |path: &Path| path.parent() == Some(dir);
        let now: Vec<(PathBuf, usize)> =
            state.names.iter().filter(|(path, _)| inside(path)).map(|(path, file)| (path.clone(), *file)).collect();
        state.durable_names.retain(|path, _| !inside(path));
        state.durable_names.extend(now);
        let touches = |(from, to): &(PathBuf, PathBuf)| inside(from) || inside(to);
        let (made, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut state.moves).into_iter().partition(touches);
        state.moves = waiting;
        for (from, to) in made {
            state.make_durable(from);
            state.make_durable(to);
        }
        Ok(())
    }
}

struct SimFile {
    world: World,
    file: usize,
}

impl File for SimFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.world.state();
        let contents = &state.files[self.file].now;
        let start = usize::try_from(offset).map_or(contents.len(), |offset| offset.min(contents.len()));
        let count = bytes.len().min(contents.len() - start);
        bytes[..count].copy_from_slice(&contents[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.world.state();
        state.running()?;
        let length = state.files[self.file].now.len() as u64;
        state.take_room((offset + bytes.len() as u64).saturating_sub(length))?;
        let contents = &mut state.files[self.file];
        let position = usize::try_from(offset).expect("simulated files are small");
        overwrite(&mut contents.now, position, bytes);
        contents.unsynced.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.world.state();
        if let Err(error) = state.sync_due() {
            // As Linux does: what could not be written is taken for clean, and a later sync will not write it.
            let mut contents = std::mem::take(&mut state.files[self.file]);
            for (offset, bytes) in std::mem::take(&mut contents.unsynced) {
                state.tear(&mut contents.durable, offset, &bytes);
            }
            state.files[self.file] = contents;
            return Err(error);
        }
        let contents = &mut state.files[self.file];
        for (offset, bytes) in std::mem::take(&mut contents.unsynced) {
            let position = usize::try_from(offset).expect("simulated files are small");
            overwrite(&mut contents.durable, position, &bytes);
        }
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.world.state().files[self.file].now.len() as u64)
    }
}

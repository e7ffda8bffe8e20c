//! The incremental operator: old and new images in, groups' sums, rows and skip counters out. Exact: what is taken
//! back leaves no trace. Knows no database; groups it has not at hand are asked for through a closure.

use super::state::{Group, SAMPLES, Sample, group_key, skip_key};
use crate::sql::{Evaluated, Image, Misfit, Outcome, Plan, Term};
use item::{Item, Key, Seq};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// Most groups one commit changes, and most bytes of their names.
const TOUCHED_MAX: usize = if cfg!(test) { 3 } else { 4096 };
const TOUCHED_BYTES_MAX: usize = 1 << 20;
/// Groups kept in memory between commits, and bytes of their names.
const CACHED_MAX: usize = if cfg!(test) { 4 } else { 16 * 1024 };
const CACHED_BYTES_MAX: usize = 4 << 20;
/// Items left out that are shown.
pub(super) const SAMPLES_MAX: usize = 20;

/// Why folding stopped.
#[derive(Debug)]
pub(super) enum FoldError {
    /// The stored state and the log contradict one another: taking back what was never counted, or unreadable bytes.
    Diverged(String),
    Load(db::Error),
}

/// Reads a group's stored state by state key.
pub(super) type Load<'a> = dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, db::Error> + 'a;

/// A change, as the fold needs it.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub old: Option<Image<'a>>,
    pub new: Option<Image<'a>>,
    pub seq: Seq,
}

pub(super) struct Fold {
    plan: Arc<Plan>,
    groups: HashMap<Box<[u8]>, Cached>,
    cached_bytes: usize,
    /// Names of the groups changed since the last commit.
    touched: Vec<Box<[u8]>>,
    touched_bytes: usize,
    /// Counts the commits; a group carries that of its last change.
    round: u64,
    skips: BTreeMap<Misfit, u64>,
    skips_changed: BTreeSet<Misfit>,
    /// Oldest first.
    samples: VecDeque<Sample>,
    samples_changed: bool,
    /// Counts the changes of skips and samples.
    skips_version: u64,
    folded: u64,
    // Reused from change to change.
    old: Evaluated,
    new: Evaluated,
}

struct Cached {
    group: Group,
    /// Whether the stored state has the group.
    stored: bool,
    round: u64,
}

/// What a commit has to write.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// Rows after, `None` where the group is empty.
    pub rows: Vec<(Key, Option<Item>)>,
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub groups_added: u64,
    pub groups_removed: u64,
    /// Changes and items folded.
    pub folded: u64,
}

impl Fold {
    pub fn new(plan: Arc<Plan>, skips: BTreeMap<Misfit, u64>, samples: Vec<Sample>) -> Fold {
        Fold {
            plan,
            groups: HashMap::new(),
            cached_bytes: 0,
            touched: Vec::new(),
            touched_bytes: 0,
            round: 1,
            skips,
            skips_changed: BTreeSet::new(),
            samples: samples.into(),
            samples_changed: false,
            skips_version: 0,
            folded: 0,
            old: Evaluated::default(),
            new: Evaluated::default(),
        }
    }

    /// Whether the commit should be made before more is folded: its size is bounded.
    pub fn is_full(&self) -> bool {
        self.touched.len() >= TOUCHED_MAX || self.touched_bytes >= TOUCHED_BYTES_MAX
    }

    /// Whether there is nothing that a commit would write.
    pub fn is_clean(&self) -> bool {
        self.touched.is_empty() && self.skips_changed.is_empty() && !self.samples_changed
    }

    pub fn skips(&self) -> &BTreeMap<Misfit, u64> {
        &self.skips
    }

    /// Another number than before: skips or samples changed.
    pub fn skips_version(&self) -> u64 {
        self.skips_version
    }

    /// Oldest first.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// Takes back the old image and adds the new one. `key` names the item in a sample.
    pub fn change(
        &mut self,
        images: Images<'_>,
        key: impl FnOnce() -> String,
        load: &Load<'_>,
    ) -> Result<(), FoldError> {
        self.folded += 1;
        let mut old = std::mem::take(&mut self.old);
        let mut new = std::mem::take(&mut self.new);
        let read = old.set(&self.plan, images.old).and_then(|()| new.set(&self.plan, images.new));
        // A change of attributes that the query does not read.
        let result = if let Err(error) = read {
            Err(FoldError::Load(db::Error::Read(error.to_string())))
        } else if old == new {
            Ok(())
        } else {
            self.skip(old.outcome, new.outcome, images.seq, key);
            self.add(&old, -1, load).and_then(|()| self.add(&new, 1, load))
        };
        (self.old, self.new) = (old, new);
        result
    }

    fn add(&mut self, evaluated: &Evaluated, sign: i64, load: &Load<'_>) -> Result<(), FoldError> {
        if evaluated.outcome != Outcome::Counted {
            return Ok(());
        }
        let cached = self.touch(&evaluated.group, load)?;
        let diverged = || FoldError::Diverged("an item is taken back that was never counted".to_string());
        let group = &mut cached.group;
        group.count = group.count.checked_add_signed(sign).ok_or_else(diverged)?;
        for ((count, sum), term) in group.tallies.iter_mut().zip(&evaluated.terms) {
            match term {
                Term::Null => continue,
                Term::Present => {}
                Term::Number(number) if sign < 0 => sum.subtract(*number),
                Term::Number(number) => sum.add(*number),
            }
            *count = count.checked_add_signed(sign).ok_or_else(diverged)?;
        }
        Ok(())
    }

    /// The group, loaded if need be and noted as changed.
    fn touch(&mut self, name: &[u8], load: &Load<'_>) -> Result<&mut Cached, FoldError> {
        if !self.groups.contains_key(name) {
            let stored = load(&group_key(name)).map_err(FoldError::Load)?;
            let arguments = self.plan.argument_count();
            let unreadable = || FoldError::Diverged("the stored state of a group cannot be read".to_string());
            let group = match &stored {
                Some(bytes) => Group::decode(bytes, arguments).ok_or_else(unreadable)?,
                None => Group { count: 0, tallies: vec![Default::default(); arguments] },
            };
            self.cached_bytes += name.len();
            self.groups.insert(name.into(), Cached { group, stored: stored.is_some(), round: 0 });
        }
        let cached = self.groups.get_mut(name).expect("the group was just put there");
        if cached.round != self.round {
            cached.round = self.round;
            self.touched_bytes += name.len();
            self.touched.push(name.into());
        }
        Ok(cached)
    }

    fn skip(&mut self, old: Outcome, new: Outcome, seq: Seq, key: impl FnOnce() -> String) {
        let (old, new) = match (old, new) {
            (Outcome::Misfit(old), Outcome::Misfit(new)) => (Some(old), Some(new)),
            (Outcome::Misfit(old), _) => (Some(old), None),
            (_, Outcome::Misfit(new)) => (None, Some(new)),
            _ => return,
        };
        self.skips_version += 1;
        let key = key();
        if let Some(old) = old {
            let count = self.skips.entry(old).or_default();
            *count = count.saturating_sub(1);
            self.skips_changed.insert(old);
            let before = self.samples.len();
            self.samples.retain(|sample| sample.key != key);
            self.samples_changed |= self.samples.len() != before;
        }
        if let Some(misfit) = new {
            *self.skips.entry(misfit).or_default() += 1;
            self.skips_changed.insert(misfit);
            if self.samples.len() == SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back(Sample { key, misfit, seq });
            self.samples_changed = true;
        }
    }

    /// Everything changed since the last commit. Call [`Fold::committed`] when it is on disk; otherwise drop the fold,
    /// because its groups are ahead of the stored ones.
    pub fn drain(&mut self) -> Result<Drained, FoldError> {
        let mut drained = Drained { folded: std::mem::take(&mut self.folded), ..Drained::default() };
        let foreign = || FoldError::Diverged("a group's name is not a key of the view's table".to_string());
        for name in &self.touched {
            let cached = self.groups.get_mut(name).expect("touched groups stay cached");
            let key = self.plan.group_key(name).ok_or_else(foreign)?;
            let is_there = cached.group.count > 0;
            let row = is_there.then(|| self.plan.row(&key, cached.group.count, &cached.group.tallies));
            if !is_there && cached.group.tallies.iter().any(|(count, sum)| *count > 0 || !sum.is_zero()) {
                return Err(FoldError::Diverged("an empty group has a sum".to_string()));
            }
            drained.groups_added += u64::from(is_there && !cached.stored);
            drained.groups_removed += u64::from(!is_there && cached.stored);
            drained.rows.push((key, row));
            drained.state.push((group_key(name), is_there.then(|| cached.group.encode())));
        }
        for misfit in std::mem::take(&mut self.skips_changed) {
            let count = self.skips.get(&misfit).copied().unwrap_or(0);
            if count == 0 {
                self.skips.remove(&misfit);
            }
            drained.state.push((skip_key(misfit), (count > 0).then(|| count.to_be_bytes().to_vec())));
        }
        if std::mem::take(&mut self.samples_changed) {
            drained.state.push((SAMPLES.to_vec(), Some(Sample::encode_all(self.samples.iter()))));
        }
        Ok(drained)
    }

    /// What was drained is on disk.
    pub fn committed(&mut self) {
        for name in std::mem::take(&mut self.touched) {
            let cached = self.groups.get_mut(&name).expect("touched groups stay cached");
            cached.stored = cached.group.count > 0;
            if !cached.stored {
                self.groups.remove(&name);
                self.cached_bytes -= name.len();
            }
        }
        self.touched_bytes = 0;
        if self.groups.len() > CACHED_MAX || self.cached_bytes > CACHED_BYTES_MAX {
            // Those of the last commit are the likeliest to change again.
            let round = self.round;
            self.groups.retain(|_, cached| cached.round == round);
            self.cached_bytes = self.groups.keys().map(|name| name.len()).sum();
        }
        self.round += 1;
    }
}

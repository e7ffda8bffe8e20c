//! The step in which the delta is computed, tried on stream and target, and looked at by the brake. Nothing leaves before
//! all of it went well.

use crate::{
    Empty, Execution, Hold, Outcome, Progress, Sample, Statistics, Step, brake,
    engine::Claim,
    operation::{self, Of},
    table::Base,
    work::{Stop, Work, explain},
};
use delta::{Config, Input, InputFile, Kind, Operations, Output, Phase, Policy, Watch};
use kinesis::Stream;
use std::{path::PathBuf, sync::Arc};

/// Operations of each sort that a hold shows.
const SAMPLES: usize = 5;
/// Seeds that are tried where keys collide.
const SEEDS: usize = 3;
/// A sign of life every so many operations.
const BEAT_EVERY: u64 = 1000;

/// Where operations go.
#[derive(Default)]
pub struct Places {
    stream: Option<Stream>,
    target: Option<Arc<db::Table>>,
}

impl Work<'_> {
    pub fn delta(&mut self) -> Result<(), Stop> {
        let places = self.places()?;
        let base = self.claim.table.head(&self.engine.db)?.base;
        let operations = match self.finished() {
            Some(operations) => operations,
            None => {
                self.begin_attempt()?;
                self.compute(base.as_ref())?
            }
        };
        let sample = self.try_all(&operations, &places)?;
        self.settle(base.as_ref(), &operations, &places, sample)
    }

    /// The operations file is gone after some of it left: the same inputs give the same operations.
    pub fn compute_again(&mut self) -> Result<Operations, Stop> {
        let base = self.claim.table.head(&self.engine.db)?.base;
        self.begin_attempt()?;
        let operations = self.compute(base.as_ref())?;
        if Some(statistics(&operations)) != self.execution().statistics {
            let what = "the delta was lost, and computed again it is another one";
            return Err(Stop::Failed(format!("{what}: upload a later version of the export")));
        }
        Ok(operations)
    }

    /// Fails where operations could not go where they shall.
    pub fn places(&self) -> Result<Places, Stop> {
        let Execution { stream, target, .. } = self.execution();
        let failed = |why: String| Err(Stop::Failed(why));
        let mut places = Places::default();
        if let Some(name) = stream {
            places.stream = self.engine.streams.find(name);
            if places.stream.is_none() {
                return failed(format!("stream {name} does not exist: create it and retry"));
            }
        }
        if let Some(name) = target {
            let Some(table) = self.engine.db.table(name) else {
                return failed(format!("target table {name} does not exist: create it and retry"));
            };
            if let Some(keeper) = table.spec.keeper() {
                return failed(format!("target table {name} is kept by {keeper}"));
            }
            let key = &table.spec.key;
            let mut wanted: Vec<&str> =
                std::iter::once(&key.partition).chain(&key.sort).map(|key| &*key.name).collect();
            let mut given: Vec<&str> = self.claim.binding.key.iter().map(String::as_str).collect();
            wanted.sort_unstable();
            given.sort_unstable();
            if wanted != given {
                let (wanted, given) = (wanted.join(", "), given.join(", "));
                return failed(format!("the key of target table {name} is {wanted}, that of the export {given}"));
            }
            places.target = Some(table);
        }
        Ok(places)
    }

    /// The result of a try that was not committed.
    fn finished(&self) -> Option<Operations> {
        self.execution().attempt.as_ref()?;
        let attempt = self.attempt();
        attempt.state.exists().then(|| Operations::open(attempt.operations).ok())?
    }

    /// Names the files of a try before it begins, so that nobody takes them for left over.
    pub fn begin_attempt(&mut self) -> Result<(), Stop> {
        let attempt = self.claim.token.to_string();
        self.engine.files.make_folder(&self.claim.table)?;
        self.commit(|_, execution| {
            execution.attempt = Some(attempt.clone());
            Ok(())
        })
    }

    pub fn compute(&mut self, base: Option<&Base>) -> Result<Operations, Stop> {
        let mut config = self.config();
        let next = self.input(&self.execution().files);
        let attempt = self.attempt();
        let output = Output { operations: attempt.operations, state: attempt.state };
        let report = |progress: delta::Progress| self.watch(progress);
        let watch = Watch { report: &report, cancelled: &self.claim.busy.cancelled };
        let mut computed = match base {
            None => delta::full(&config, None, &next, &output, watch),
            Some(base) => {
                let state = self.engine.files.path(&self.claim.table, &base.state);
                delta::incremental(&config, &state, &next, &output, watch)
            }
        };
        // A state that is of no use, and keys that were made to have the same hash, leave the exports themselves. A state
        // with another seed is of no use to the next delta either, which is slower for that.
        for _ in 0..SEEDS {
            let Err(error @ (delta::Error::State { .. } | delta::Error::Collisions)) = &computed else { break };
            if matches!(error, delta::Error::Collisions) {
                config.seed = self.roll();
            }
            let previous = base.map(|base| self.previous(base, error)).transpose()?;
            computed = delta::full(&config, previous.as_ref(), &next, &output, watch);
        }
        match computed {
            Ok(delta) => Ok(delta.operations),
            Err(error) => Err(self.explained(error, base)),
        }
    }

    fn roll(&self) -> u64 {
        let mut seed = [0; 8];
        self.engine.db.roll(&mut seed);
        u64::from_le_bytes(seed)
    }

    fn config(&self) -> Config {
        let binding = &self.claim.binding;
        let mut config = Config::new(self.engine.files.spool());
        config.key.clone_from(&binding.key);
        config.seed = self.claim.table.seed;
        config.memory = self.engine.settings.memory / self.engine.settings.workers.max(1);
        // Whether changed columns hold is for the brake, which keeps what was computed.
        (config.added, config.dropped) = (Policy::Accept, Policy::Accept);
        config.empty = match binding.empty {
            Empty::Text => delta::Empty::Text,
            Empty::Absent => delta::Empty::Absent,
        };
        #[cfg(test)]
        let config = config.colliding(self.engine.settings.hash_mask);
        config
    }

    fn input(&self, files: &[crate::ExportFile]) -> Input {
        let path = |local: &str| -> PathBuf { self.engine.files.path(&self.claim.table, local) };
        Input {
            files: files.iter().map(|file| InputFile { path: path(&file.local), name: file.key.clone() }).collect(),
        }
    }

    /// The previous export itself, for when its state is of no use.
    fn previous(&self, base: &Base, why: &delta::Error) -> Result<Input, Stop> {
        let (table, version) = (&self.claim.table.name, &base.version);
        let input = self.input(&base.files);
        if let Some(missing) = input.files.iter().find(|file| !file.path.exists()) {
            let what = format!("the previous export {version} cannot be compared with");
            return Err(Stop::Failed(format!("{what}: {}, and its file {} is gone", explain(why), missing.name)));
        }
        tracing::warn!("{table}: {}; compared with the files of {version} in full", explain(why));
        Ok(input)
    }

    fn explained(&mut self, error: delta::Error, base: Option<&Base>) -> Stop {
        match error {
            delta::Error::Cancelled => self.cancelled(),
            error @ delta::Error::Key { .. } if base.is_some() => {
                let reason = format!("the key is lost: {error}");
                let hold = Hold { reasons: vec![reason], sample: Vec::new(), releasable: false };
                self.hold(&hold, |_| ()).expect_err("a hold ends the work")
            }
            error => Stop::Failed(explain(&error)),
        }
    }

    /// Progress of the delta: shown, told of, and a sign of life.
    fn watch(&self, progress: delta::Progress) {
        let Claim { table, token, execution, busy, .. } = &self.claim;
        let unit = match progress.phase {
            Phase::Reading => "bytes",
            Phase::Comparing => "parts",
            Phase::Writing => "operations",
        };
        let delta::Progress { done, total, .. } = progress;
        self.show(Some(Progress { unit, done, total }));
        if self.engine.is_time_to_tell(busy) {
            tracing::info!("{} {}: delta, {done} of {total} {unit}", table.name, execution.version);
        }
        self.engine.beat(table, *token, &execution.version, busy);
    }

    /// Tries every operation on the places it shall go to; answers some for a hold to show.
    pub fn try_all(&self, operations: &Operations, places: &Places) -> Result<Vec<Sample>, Stop> {
        let Claim { table, token, execution, busy, binding } = &self.claim;
        let of = Of::new(table, &execution.version);
        let mut samples = Vec::new();
        let (mut deletes, mut others) = (0, 0);
        let mut reader = operations.read_from(0).map_err(|error| self.damaged(error))?;
        while let Some(operation) = reader.next().map_err(|error| self.damaged(error))? {
            let seen = if operation.kind == Kind::Delete { &mut deletes } else { &mut others };
            *seen += 1;
            if *seen <= SAMPLES {
                samples.push(operation::sample(&operation));
            }
            if let Some(stream) = &places.stream {
                operation::record(of, &operation, stream).map_err(Stop::Failed)?;
            }
            if let Some(target) = &places.target {
                operation::row(&operation, target, &binding.numbers).map_err(Stop::Failed)?;
            }
            if operation.ordinal % BEAT_EVERY == 0 {
                self.engine.beat(table, *token, &execution.version, busy);
                if busy.is_cancelled() {
                    return Err(self.cancelled());
                }
            }
        }
        Ok(samples)
    }

    /// Keeps what was found, and goes on or holds.
    fn settle(
        &mut self,
        base: Option<&Base>,
        operations: &Operations,
        places: &Places,
        sample: Vec<Sample>,
    ) -> Result<(), Stop> {
        let columns = operations.columns().to_vec();
        let (added, dropped) = base.map(|base| brake::columns(&base.columns, &columns)).unwrap_or_default();
        let statistics = statistics(operations);
        let previous = base.map(|base| &*base.version);
        let seen = brake::Seen { statistics, added: &added, dropped: &dropped, previous };
        let mut reasons = brake::reasons(&self.claim.binding.brake, &seen);
        let target_id = places.target.as_ref().map(|target| target.id);
        let target = self.execution().target.clone().zip(target_id);
        reasons.extend(base.and_then(|base| another_target(base, target.as_ref())));
        let stream_id = places.stream.as_ref().map(|stream| stream.resource.id);
        let found = |execution: &mut Execution| {
            execution.columns.clone_from(&columns);
            execution.added.clone_from(&added);
            execution.dropped.clone_from(&dropped);
            execution.statistics = Some(statistics);
            (execution.stream_id, execution.target_id) = (stream_id, target_id);
        };
        if !reasons.is_empty() {
            return self.hold(&Hold { reasons, sample, releasable: true }, found);
        }
        self.commit(|draft, execution| {
            found(execution);
            execution.advance(Step::Delta, Outcome::Done, draft.now_ms);
            Ok(())
        })
    }
}

/// Why the target does not hold what the delta starts from, if so.
fn another_target(base: &Base, target: Option<&(String, item::TableId)>) -> Option<String> {
    let (name, _) = target.filter(|target| base.target.as_ref() != Some(*target))?;
    Some(format!(
        "target table {name} is not the one that {} was applied to: it lacks rows that did not change",
        base.version
    ))
}

fn statistics(operations: &Operations) -> Statistics {
    let found = operations.statistics();
    Statistics {
        previous_rows: found.previous_rows,
        next_rows: found.next_rows,
        inserts: found.inserts,
        updates: found.updates,
        deletes: found.deletes,
        unchanged: found.unchanged,
        bytes: found.next_bytes,
        text_bytes: found.next_text_bytes,
    }
}

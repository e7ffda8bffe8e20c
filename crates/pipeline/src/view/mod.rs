//! Views at work: one [`View`] is one follower, stepped from outside; [`Views`] gives each a thread.
//!
//! A step reads what is new, folds it and commits rows, state and cursor as one entry, so that after any crash a view
//! stands exactly where its cursor says. Deterministic: no clock decides what a step does, and nothing is random.

mod fold;
mod runner;
mod stages;
mod state;
mod status;
mod verify;

pub use runner::Views;
pub use status::{Phase, Skip, ViewStatus};
pub use verify::{Verification, VerifyError, verify};

use crate::sql::Plan;
use db::{Db, FollowerId, Table};
use item::{Key, KeySchema, KeyValue, Seq};
use stages::{Failure, Running};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something; there may be more.
    Progress,
    /// Nothing is to be done before the head passes this position.
    Idle { seen: Seq },
}

/// Why a view cannot go on for good.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ViewError {
    #[error("table {0} is not a view")]
    NotAView(String),
    /// Its output table was deleted.
    #[error("the view's table {0} does not exist any more")]
    Gone(String),
    /// The database is closed, poisoned or unreadable.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// One view: a follower of its source that keeps its output table.
pub struct View {
    db: Db,
    /// The output as of `generation`.
    table: Arc<Table>,
    plan: Result<Arc<Plan>, String>,
    /// The source table's name.
    source: String,
    running: Option<Running>,
    /// Why it waits for a new definition: its state contradicts the log.
    broken: Option<String>,
    shared: Arc<Mutex<Shared>>,
    /// Which skips the shared status shows.
    shown_skips: Option<u64>,
    /// Changes folded by the last step.
    folded_last: u64,
}

/// What the view shows to other threads.
struct Shared {
    status: ViewStatus,
    /// Everything up to here was looked at.
    position: Seq,
    caught_up_ms: u64,
}

impl View {
    /// A view, not running yet; its own state is read by the first step.
    ///
    /// # Errors
    /// [`ViewError::NotAView`]. SQL that cannot be planned is not an error here but a phase: it may be replaced.
    pub fn open(db: Db, output: Arc<Table>) -> Result<View, ViewError> {
        if output.spec.view.is_none() {
            return Err(ViewError::NotAView(output.spec.name.clone()));
        }
        let status = ViewStatus {
            table: output.spec.name.clone(),
            source: String::new(),
            sql: String::new(),
            phase: Phase::Stopped { reason: "not started yet".to_string() },
            cursor: db.follower_cursor(FollowerId(output.id.0)).unwrap_or_default(),
            lag_changes: 0,
            lag_ms: 0,
            groups: 0,
            skipped: Vec::new(),
            samples: Vec::new(),
            folded_total: 0,
            commits_total: 0,
        };
        let shared = Shared { position: status.cursor, status, caught_up_ms: db.now_ms() };
        let mut view = View {
            db,
            table: output,
            plan: Err(String::new()),
            source: String::new(),
            running: None,
            broken: None,
            shared: Arc::new(Mutex::new(shared)),
            shown_skips: None,
            folded_last: 0,
        };
        view.define();
        Ok(view)
    }

    /// Folds a bounded amount of what is new and commits it.
    ///
    /// # Errors
    /// When the view cannot go on at all. What may pass (no source, no space) is a phase instead.
    pub fn step(&mut self) -> Result<Step, ViewError> {
        let head = self.db.head();
        self.folded_last = 0;
        self.refresh()?;
        let waiting = self.ready()?;
        let outcome = match (&mut self.running, &waiting) {
            (Some(running), None) => running.advance(&self.db, head),
            _ => Ok(Step::Idle { seen: head }),
        };
        self.folded_last = self.running.as_ref().map_or(0, Running::folded_last);
        let (step, stopped) = match outcome {
            Ok(step) => (step, waiting),
            Err(failure) => self.recover(failure, head)?,
        };
        self.publish(step, stopped);
        Ok(step)
    }

    /// Blocks until there is something to do past `seen`, or the time is up; answers the head.
    fn wait(&self, seen: Seq, timeout: Duration) -> Seq {
        match &self.running {
            Some(running) => self.db.wait_change(&[running.source()], seen, timeout),
            None => self.db.wait_past(seen, timeout),
        }
    }

    /// Commits the cursor where the view has looked further than it committed, so that the next start reads less.
    ///
    /// # Errors
    /// As [`View::step`].
    pub fn flush(&mut self) -> Result<(), ViewError> {
        match self.running.as_mut().map(|running| running.flush(&self.db)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(failure)) => {
                let head = self.db.head();
                self.recover(failure, head).map(|_| ())
            }
        }
    }

    #[must_use]
    pub fn status(&self) -> ViewStatus {
        status_of(&self.db, &self.shared)
    }

    /// Changes folded by the last step: many mean that the source is busy.
    fn folded_last(&self) -> u64 {
        self.folded_last
    }

    /// Follows the output table's definition.
    fn refresh(&mut self) -> Result<(), ViewError> {
        let gone = || ViewError::Gone(self.table.spec.name.clone());
        let table = self.db.table_by_id(self.table.id).ok_or_else(gone)?;
        if table.view_generation != self.table.view_generation {
            self.table = table;
            self.define();
        }
        Ok(())
    }

    /// Plans the definition that the table holds.
    fn define(&mut self) {
        self.running = None;
        self.broken = None;
        let Some(spec) = &self.table.spec.view else {
            self.plan = Err("the table is not a view any more".to_string());
            return;
        };
        self.plan = Plan::parse(&spec.sql, &self.table.spec.key).map(Arc::new).map_err(|found| {
            let first = found.first().map(ToString::to_string).unwrap_or_default();
            format!("the view's SQL is not understood: {first}")
        });
        if let Ok(plan) = &self.plan {
            let named = spec.sources.iter().find(|(name, _)| name == plan.source());
            self.source = named.map_or_else(|| plan.source().to_string(), |(_, table)| table.clone());
        }
        let mut shared = self.shared.lock().expect("no holder panics");
        shared.status.sql.clone_from(&spec.sql);
        shared.status.source.clone_from(&self.source);
    }

    /// Makes the view run if it can; answers why it cannot.
    fn ready(&mut self) -> Result<Option<String>, ViewError> {
        let plan = match (&self.plan, &self.broken) {
            (Err(why), _) | (_, Some(why)) => return Ok(Some(why.clone())),
            (Ok(plan), None) => plan,
        };
        let Some(source) = self.db.table(&self.source) else {
            self.running = None;
            return Ok(Some(format!("source table {} does not exist", self.source)));
        };
        if source.id == self.table.id {
            return Ok(Some("the view reads itself".to_string()));
        }
        if self.running.as_ref().is_none_or(|running| running.source() != source.id) {
            self.shown_skips = None;
            self.running = Some(Running::load(&self.db, plan.clone(), self.table.clone(), source)?);
        }
        Ok(None)
    }

    /// What to do about a step that failed: nothing of it was committed, and what is in memory is ahead of the disk.
    fn recover(&mut self, failure: Failure, head: Seq) -> Result<(Step, Option<String>), ViewError> {
        self.running = None;
        match failure {
            // Somebody else committed, a table went: the next step looks again.
            Failure::Db(db::Error::CursorMoved { .. } | db::Error::FollowerNotFound(_)) => Ok((Step::Progress, None)),
            Failure::Db(error @ (db::Error::Busy | db::Error::NoSpace(_))) => {
                Ok((Step::Idle { seen: head }, Some(error.to_string())))
            }
            Failure::Db(error) => Err(error.into()),
            Failure::Diverged(why) => {
                self.broken = Some(format!("stopped, because its rows may be wrong: {why}"));
                Ok((Step::Progress, self.broken.clone()))
            }
        }
    }

    fn publish(&mut self, step: Step, stopped: Option<String>) {
        let mut shared = self.shared.lock().expect("no holder panics");
        if let Some(running) = &self.running {
            running.show(&mut shared.status);
            if self.shown_skips != Some(running.skips_version()) {
                self.shown_skips = Some(running.skips_version());
                running.show_skips(&mut shared.status);
            }
            shared.position = running.position();
        }
        match (stopped, step) {
            (Some(reason), _) => shared.status.phase = Phase::Stopped { reason },
            (None, Step::Idle { .. }) => shared.caught_up_ms = self.db.now_ms(),
            (None, Step::Progress) => {}
        }
    }
}

/// The figures at this moment: the lag grows while the view does nothing.
fn status_of(db: &Db, shared: &Mutex<Shared>) -> ViewStatus {
    let head = db.head();
    let shared = shared.lock().expect("no holder panics");
    let mut status = shared.status.clone();
    let source = db.table(&status.source).filter(|_| status.phase == Phase::Live);
    let is_behind = source.is_none_or(|source| db.stats(source.id).changed > shared.position);
    if shared.position < head && is_behind {
        status.lag_changes = head.0 - shared.position.0;
        status.lag_ms = db.now_ms().saturating_sub(shared.caught_up_ms);
    }
    status
}

/// A key in words: `id=234`, `region=SOUTH, improvement=MORE_TREES`; cut after 200 characters.
fn key_text(schema: &KeySchema, key: &Key) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text = |value: &KeyValue| match value {
        KeyValue::S(text) => text.clone(),
        KeyValue::N(number) => number.to_string(),
        KeyValue::B(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut words = format!("{}={}", schema.partition.name, text(&key.partition));
    if let (Some(attribute), Some(value)) = (&schema.sort, &key.sort) {
        words += &format!(", {}={}", attribute.name, text(value));
    }
    match words.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests;

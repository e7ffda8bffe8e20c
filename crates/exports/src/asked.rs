//! What people ask of exports and their executions: to bind, to see, to retry, to release, to reject.

use crate::{
    Binding, Error, Execution, ExportFile, Listed, Outcome, Running, Status, Step, TableStatus,
    binding::BINDING,
    engine::Engine,
    exports::LISTED_MAX,
    layout::Spot,
    register::file_of,
    registry, rules,
    table::{Draft, Table},
};
use db::{Expected, ResourcePut};
use std::sync::atomic::Ordering;

impl Engine {
    pub fn bind(&self, bindings: &[Binding]) -> Result<(), Error> {
        for (at, binding) in bindings.iter().enumerate() {
            binding.check()?;
            if let Some(other) = bindings[..at].iter().find(|other| other.overlaps(binding)) {
                let what = format!("its prefix overlaps with that of {}", other.name());
                return Err(Error::Binding { binding: binding.name(), what });
            }
        }
        for binding in bindings {
            registry::ensure(&self.db, &binding.registry)?;
        }
        for (_, old) in self.bindings() {
            if !bindings.iter().any(|binding| binding.name() == old.name()) {
                self.db.delete_resource(BINDING, &old.name()).wait()?;
            }
        }
        for binding in bindings {
            let put = ResourcePut::new(BINDING, &binding.name(), binding.to_item(), Expected::Anything);
            self.db.put_resource(put).wait()?;
        }
        // What waited for its binding.
        Table::all(&self.db).iter().for_each(|table| self.schedule.look_at(&table.name));
        Ok(())
    }

    pub fn table(&self, name: &str) -> Result<Table, Error> {
        Table::find(&self.db, name).ok_or_else(|| Error::NotFound(format!("no export came for {name}")))
    }

    pub fn status(&self) -> Result<Vec<TableStatus>, Error> {
        Table::all(&self.db).iter().map(|table| self.status_of(table)).collect()
    }

    fn status_of(&self, table: &Table) -> Result<TableStatus, Error> {
        let live = table.live(&self.db)?;
        let of = |status: Status| -> Vec<String> {
            live.iter()
                .filter(|execution| execution.status == status)
                .map(|execution| execution.version.clone())
                .collect()
        };
        let unfinished = |execution: &&Execution| !matches!(execution.status, Status::Failed);
        let running = live.iter().find(|execution| execution.status == Status::Running);
        Ok(TableStatus {
            table: table.name.clone(),
            binding: table.binding.clone(),
            imported: table.head(&self.db)?.imported,
            running: running.map(|execution| self.running(table, execution)),
            waiting: of(Status::Waiting),
            queued: of(Status::Queued),
            held: of(Status::Held),
            failed: of(Status::Failed),
            oldest_ms: live.iter().filter(unfinished).map(|execution| execution.registered_ms).min(),
        })
    }

    fn running(&self, table: &Table, execution: &Execution) -> Running {
        let doing = self.schedule.busy(&table.name).and_then(|busy| busy.doing());
        let progress = doing.filter(|doing| doing.version == execution.version && doing.step == execution.step());
        Running {
            version: execution.version.clone(),
            step: execution.step(),
            started_ms: execution.started_ms.unwrap_or(execution.registered_ms),
            progress: progress.and_then(|doing| doing.progress),
        }
    }

    pub fn listed(&self, table: Option<&str>) -> Result<Vec<Listed>, Error> {
        let tables = match table {
            Some(name) => vec![self.table(name)?],
            None => Table::all(&self.db),
        };
        let mut listed = Vec::new();
        for table in &tables {
            for execution in table.live(&self.db)?.into_iter().chain(table.done(&self.db)?) {
                listed.push(Listed { table: table.name.clone(), execution });
            }
            // A bound on what is held at a time; what is newest is known at the end only.
            newest_first(&mut listed);
        }
        Ok(listed)
    }

    /// A change that a person asks for. `decide` changes the execution or says why not.
    fn ask(
        &self,
        table: &Table,
        version: &str,
        mut decide: impl FnMut(&mut Draft<'_>, &mut Execution) -> Result<(), String>,
    ) -> Result<Execution, Error> {
        let name = &table.name;
        let asked = table.change(&self.db, |draft| {
            let mut execution = found(draft.find(version)?, name, version)?;
            let refused = |why| Error::Refused { table: name.clone(), version: version.to_owned(), why };
            decide(draft, &mut execution).map_err(refused)?;
            draft.put(execution.clone());
            Ok(execution)
        })?;
        self.schedule.look_at(name);
        Ok(asked)
    }

    pub fn release(&self, table: &str, version: &str) -> Result<Execution, Error> {
        self.ask(&self.table(table)?, version, |draft, execution| {
            let hold = execution.hold.as_ref().filter(|_| execution.status == Status::Held);
            let Some(hold) = hold else { return Err(is_not(execution, "held: there is nothing to release")) };
            if !hold.releasable {
                return Err("has nothing to release: reject it, or upload another file in its place".to_owned());
            }
            execution.status = Status::Running;
            execution.released = true;
            execution.advance(Step::Delta, Outcome::Done, draft.now_ms);
            Ok(())
        })
    }

    pub fn reject(&self, table: &str, version: &str) -> Result<Execution, Error> {
        let table = self.table(table)?;
        let rejected = self.ask(&table, version, |draft, execution| {
            let is_at_end = matches!(execution.status, Status::Rejected | Status::Refused | Status::Succeeded);
            if is_at_end {
                return Err(is_not(execution, "under way: there is nothing to reject"));
            }
            if execution.has_begun_to_publish() {
                return Err("has begun to publish: it must come to its end".to_owned());
            }
            if execution.status == Status::Running {
                // Whoever carries it out fails at the next commit.
                draft.head.lock = None;
            }
            execution.status = Status::Rejected;
            execution.ended_ms = Some(draft.now_ms);
            Ok(())
        })?;
        if let Some(busy) = self.schedule.busy(&table.name)
            && busy.doing().is_some_and(|doing| doing.version == version)
        {
            busy.cancelled.store(true, Ordering::Relaxed);
        }
        tracing::warn!("{} {version} is rejected", table.name);
        self.count(|counts| counts.rejected += 1);
        self.sweep(&table);
        Ok(rejected)
    }

    pub fn retry(&self, table: &str, version: &str) -> Result<Execution, Error> {
        let table = self.table(table)?;
        let gate = self.gate.lock().expect("no holder panics");
        let before = found(table.find_execution(&self.db, version)?, &table.name, version)?;
        let fresh = if before.has_begun_to_publish() { before.files.clone() } else { self.fresh(&table, &before)? };
        let retried = self.ask(&table, version, |draft, execution| {
            if execution.status != Status::Failed {
                return Err(is_not(execution, "failed: there is nothing to retry"));
            }
            if let Some(why) = rules::too_late(version, draft.head.base.as_ref().map(|base| &*base.version)) {
                return Err(why);
            }
            if execution.has_begun_to_publish() {
                self.go_on(draft, execution);
            } else {
                execution.reset();
                execution.files.clone_from(&fresh);
                execution.status = Status::Queued;
            }
            Ok(())
        })?;
        drop(gate);
        self.sweep(&table);
        Ok(retried)
    }

    /// The files of an execution as their objects are now; those that are gone stay as they were.
    fn fresh(&self, table: &Table, execution: &Execution) -> Result<Vec<ExportFile>, Error> {
        let Some(binding) = self.binding(&table.binding) else { return Ok(execution.files.clone()) };
        let mut files = execution.files.clone();
        for file in &mut files {
            let Ok(object) = self.buckets.get(&binding.bucket, &file.key) else { continue };
            if object.etag != file.etag && self.files.link(&self.buckets, table, &object)? {
                let (table, version) = (table.name.clone(), execution.version.clone());
                *file = file_of(&Spot { table, version, name: file.name.clone(), is_marker: false }, &object);
            }
        }
        Ok(files)
    }

    /// Has an execution go on that failed after something left. A stream or a target that was made anew gets all of it.
    fn go_on(&self, draft: &Draft<'_>, execution: &mut Execution) {
        let stream =
            execution.stream.as_ref().and_then(|name| self.streams.find(name)).map(|stream| stream.resource.id);
        let target = execution.target.as_ref().and_then(|name| self.db.table(name)).map(|table| table.id);
        if stream.is_some() && execution.stream_id != stream && execution.step() == Step::Publish {
            (execution.stream_id, execution.published) = (stream, 0);
        }
        if target.is_some() && execution.target_id != target {
            (execution.target_id, execution.applied) = (target, 0);
        }
        let step = execution.step();
        execution.begin(step, draft.now_ms);
        execution.status = Status::Running;
        (execution.error, execution.ended_ms) = (None, None);
    }
}

pub fn found(execution: Option<Execution>, table: &str, version: &str) -> Result<Execution, Error> {
    execution.ok_or_else(|| Error::NotFound(format!("{table} has no version {version}, or it is long past")))
}

fn is_not(execution: &Execution, what: &str) -> String {
    format!("is {}, not {what}", execution.status.name())
}

/// Sorts, and keeps as many as are listed.
fn newest_first(listed: &mut Vec<Listed>) {
    let place = |one: &Listed| (one.execution.registered_ms, one.execution.version.clone(), one.table.clone());
    listed.sort_by_key(|one| std::cmp::Reverse(place(one)));
    listed.truncate(LISTED_MAX);
}

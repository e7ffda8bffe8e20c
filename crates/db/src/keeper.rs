//! The threads behind an open database, and the chores that keep its size and its recovery time bounded, fill new
//! indexes and delete what has expired.

use crate::{
    Durability, Error, Op, Table, Write, Written,
    commit::{self, Action},
    database::Inner,
    index::Expiry,
    log::Chore,
};
use item::Origin;
use std::{
    io,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Relaxed durability: the log is synced this often.
const SYNC_EVERY: Duration = Duration::from_millis(50);

/// Checkpoints, trimming and sweeping happen this often.
const CHORES_EVERY: Duration = Duration::from_secs(30);

/// Expired items are looked for this often.
const EXPIRY_EVERY: Duration = Duration::from_secs(1);

/// Items deleted with one group; each may have 400 KB.
const EXPIRED_AT_ONCE: usize = 25;

/// Tells the threads that wait on a timer to end.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub fn stop(&self) {
        *self.stopped.lock().expect("no holder panics") = true;
        self.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        *self.stopped.lock().expect("no holder panics")
    }

    /// Waits; `false` when it is time to end.
    fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().expect("no holder panics");
        let (stopped, _) =
            self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped).expect("no holder panics");
        !*stopped
    }
}

/// Starts the threads of a database.
pub(crate) fn spawn(inner: &Arc<Inner>) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = vec![start("commit", inner, sequence)?, start("log-segments", inner, prepare_segments)?];
    threads.push(start("keeper", inner, keep)?);
    threads.push(start("indexes", inner, fill_indexes)?);
    threads.push(start("expiry", inner, expire_often)?);
    if inner.options.durability == Durability::Relaxed {
        threads.push(start("log-sync", inner, sync_often)?);
    }
    Ok(threads)
}

fn start(name: &str, inner: &Arc<Inner>, run: fn(&Inner)) -> io::Result<JoinHandle<()>> {
    let inner = inner.clone();
    thread::Builder::new().name(name.to_owned()).spawn(move || run(&inner))
}

fn sequence(inner: &Inner) {
    let _guard = Abandoned(inner);
    while inner.queue.wait() {
        inner.step();
    }
}

/// Should whoever commits panic, nobody may wait for it for ever: what waits and what comes is answered.
pub(crate) struct Abandoned<'a>(pub &'a Inner);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.shared.poison("the sequencer panicked");
            self.0.queue.close();
            drop(self.0.queue.take());
        }
    }
}

fn prepare_segments(inner: &Inner) {
    loop {
        match inner.log.wait_for_chore() {
            Chore::Stop => return,
            chore => {
                // No space for a spare: the sequencer finds out when it needs one. Try again after a while.
                if do_chore(inner, chore).is_err() && !inner.stopping.wait(Duration::from_secs(1)) {
                    return;
                }
            }
        }
    }
}

fn do_chore(inner: &Inner, chore: Chore) -> io::Result<()> {
    match chore {
        Chore::Zero => inner.log.prepare_spare(),
        Chore::SaveIndex(segment) => inner.log.save_index(&segment),
        Chore::Stop => Ok(()),
    }
}

fn sync_often(inner: &Inner) {
    while inner.stopping.wait(SYNC_EVERY) {
        if let Err(error) = inner.syncer.sync(&inner.log, inner.shared.head.get()) {
            inner.shared.poison(&format!("syncing the log failed: {error}"));
        }
    }
}

fn keep(inner: &Inner) {
    while inner.stopping.wait(CHORES_EVERY) {
        // A failure shows in the status of the database; there is nobody here to tell.
        if let Err(error) = maintain(inner, true) {
            inner.shared.poison(&error.to_string());
        }
    }
}

fn fill_indexes(inner: &Inner) {
    while !inner.stopping.is_stopped() {
        commit::warm(&inner.shared);
        match inner.core().backfill() {
            Ok(true) => continue,
            // No space for its entry: once there is some, it goes on where it was.
            Err(Error::NoSpace(_)) if inner.stopping.wait(EXPIRY_EVERY) => continue,
            Ok(false) | Err(_) => {}
        }
        inner.shared.fills.wait();
    }
}

fn expire_often(inner: &Inner) {
    while inner.stopping.wait(EXPIRY_EVERY) {
        // Refused for now: what is due stays due.
        let _ = expire(inner);
    }
}

/// Deletes what has expired.
fn expire(inner: &Inner) -> Result<(), Error> {
    for table in inner.shared.catalog().by_name.values() {
        while let Some(written) = expire_some(inner, table)?
            && written.iter().any(|written| written.seq.is_some())
        {}
    }
    Ok(())
}

/// Deletes some items of a table that have expired; `None`: there are none.
fn expire_some(inner: &Inner, table: &Table) -> Result<Option<Vec<Written>>, Error> {
    let Some(expiry) = &table.expiry else { return Ok(None) };
    let now = inner.env.clock.now_ms().saturating_sub(inner.options.expiry_delay_ms) / 1000;
    let (start, end) = expiry.due(now);
    let at = inner.shared.store.latest();
    let mut writes = Vec::new();
    for row in inner.shared.store.range(&start, &end, at.seq(), false).take(EXPIRED_AT_ONCE) {
        let (row, _) = row.map_err(|error| Error::Read(error.to_string()))?;
        let entry = Expiry::read(&row).and_then(|(seconds, key)| Some((seconds, table.spec.key.decode(key)?)));
        let (seconds, key) = entry.ok_or_else(|| Error::Read("a stored expiry time is malformed".to_owned()))?;
        writes.push(Write { table: table.id, key, op: Op::Expire(seconds), condition: None, origin: Origin::Ttl });
    }
    drop(at);
    if writes.is_empty() || inner.stopping.is_stopped() {
        return Ok(None);
    }
    let ticket = inner.queue.submit(|reply| Action::Batch(writes, None, reply));
    while inner.stepped && !inner.queue.is_empty() {
        inner.step();
    }
    ticket.wait().map(Some)
}

/// All chores once, for a database without threads.
pub(crate) fn chores(inner: &Inner, checkpoint: bool) -> Result<(), Error> {
    while inner.core().backfill()? {}
    expire(inner)?;
    while let Some(chore) = inner.log.poll_chore() {
        do_chore(inner, chore).map_err(|error| Error::Read(error.to_string()))?;
    }
    maintain(inner, checkpoint)
}

fn maintain(inner: &Inner, checkpoint: bool) -> Result<(), Error> {
    while inner.core().sweep()? && !inner.stopping.is_stopped() {}
    let applied = inner.shared.store.persisted().unwrap_or_default();
    // So that opening replays little, and segments can go: the state is sealed with its totals at a group's end.
    if checkpoint && applied < inner.shared.head.get() {
        inner.core().rotate();
    }
    let kept_ms = inner.options.retention_ms.max(inner.shared.catalog().keep_ms());
    let before = inner.env.clock.now_ms().saturating_sub(kept_ms);
    inner.log.trim(before, applied).map_err(|error| Error::Read(format!("trimming the log: {error}")))?;
    Ok(())
}

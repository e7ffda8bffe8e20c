//! Drives one lane: reads its records, calls its function, and hands in what comes of it.

use crate::{
    LanePhase, LaneStatus, Mapping,
    answer::{self, Expects},
    commit::{Halted, LaneCommits, LaneId, Side},
    event::{self, InWindow},
    filter::Filters,
    handler::{Called, Handler},
    lane::{Amount, Batch, Condition, Failure, Lane, Outcome, Plan, Taken, View, Wanted, Window},
    letter::{self, Letter, Sender},
    limits::{LAZY_MS, LAZY_POSITIONS, LOOK_AHEAD_BYTES, LOOK_AHEAD_RECORDS, PAYLOAD_BYTES_MAX},
    parked,
    read::{Page, Reader, Want},
    record::{KeyId, Record},
    wake::Synced,
};
use db::Db;
use item::Seq;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use wire::{Place, names};

/// What the lanes of one trigger share.
pub struct Shared {
    pub db: Db,
    pub place: Place,
    pub handler: Arc<dyn Handler>,
    pub synced: Arc<Synced>,
    pub mapping: Arc<Mapping>,
    pub filters: Arc<Filters>,
    pub stop: watch::Receiver<bool>,
    /// What each lane shows.
    pub shown: Mutex<BTreeMap<LaneId, LaneStatus>>,
    /// What each lane has parked, all within one bound.
    pub held: Mutex<BTreeMap<LaneId, Amount>>,
    /// The deepest record that came through functions.
    pub recursion: Mutex<Option<u8>>,
}

/// Asked of a lane from outside.
pub type Ask = (KeyId, Wanted);

pub struct Driver {
    pub shared: Arc<Shared>,
    pub reader: Reader,
    pub lane: Lane,
    pub commits: LaneCommits,
    pub asked: mpsc::Receiver<Ask>,
    pub id: LaneId,
    buffer: VecDeque<Record>,
    seen: Seq,
    more: bool,
    ended: bool,
    /// What was handed in last, and when.
    kept: (Seq, u64),
}

/// The row of a lane's state.
pub fn lane_row((shard, lane): LaneId) -> Vec<u8> {
    format!("lane/{shard:05}/{lane:02}").into_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    pub fn new(
        shared: Arc<Shared>,
        reader: Reader,
        lane: Lane,
        commits: LaneCommits,
        asked: mpsc::Receiver<Ask>,
    ) -> Driver {
        let (id, seen) = ((reader.shard, reader.lane), lane.state.next);
        let kept = (seen, shared.db.now_ms());
        let buffer = VecDeque::new();
        Driver { shared, reader, lane, commits, asked, id, buffer, seen, more: true, ended: false, kept }
    }

    /// Runs until it is to stop, its stream ends, or nothing can be committed any more.
    pub async fn run(mut self) -> Result<(), Halted> {
        while !*self.shared.stop.borrow() {
            while let Ok(ask) = self.asked.try_recv() {
                self.ask(ask).await?;
            }
            let plan = self.lane.plan(self.view());
            self.carry_out(plan).await?;
        }
        self.hand_in(Side::default()).await?;
        self.commits.settled().await
    }

    fn view(&self) -> View<'_> {
        let room = self.room();
        View { buffer: &self.buffer, seen: self.seen, more: self.more, now_ms: self.shared.db.now_ms(), room }
    }

    fn room(&self) -> Amount {
        let Some(bound) = self.shared.mapping.settings.quarantine else { return Amount::default() };
        let held = lock(&self.shared.held).values().fold(Amount::default(), |all, lane| all.and(*lane));
        Amount { records: u64::from(bound.records), bytes: bound.bytes }.less(held)
    }

    async fn carry_out(&mut self, plan: Plan) -> Result<(), Halted> {
        match plan {
            Plan::Read => self.read().await,
            Plan::Gather { until_ms } => self.gather(until_ms).await,
            Plan::BackOff { until_ms } => {
                self.show(LanePhase::BackingOff { until_ms });
                self.sleep_until(until_ms).await;
                Ok(())
            }
            Plan::Call(batch) => self.call(&batch).await,
            Plan::Close { early } => self.close(early).await,
            Plan::Pass { span } => {
                let taken = self.lane.pass(&self.buffer, span);
                let side = self.take(taken, BTreeSet::new());
                self.hand_in(side).await
            }
            Plan::Park(batch) => self.park(&batch).await,
            Plan::GiveUp(batch, condition) => self.give_up(&batch, condition).await,
            Plan::Redeliver(key) => self.redeliver(key).await,
            Plan::Drop(key) => self.drop_first(key).await,
            Plan::Stop { reason } => {
                tracing::warn!("the trigger of {} stands still: {reason}", self.shared.mapping.function);
                self.show(LanePhase::Stopped { reason });
                self.idle(std::future::pending()).await
            }
        }
    }

    async fn read(&mut self) -> Result<(), Halted> {
        let (reader, from) = (self.reader.clone(), self.seen);
        let batch = self.shared.mapping.settings.batch_size as usize;
        let want = Want {
            from,
            filters: self.shared.filters.clone(),
            records: (batch + LOOK_AHEAD_RECORDS).saturating_sub(self.buffer.len()).max(1),
            bytes: PAYLOAD_BYTES_MAX + LOOK_AHEAD_BYTES,
        };
        let read = tokio::task::spawn_blocking(move || reader.page(&want)).await;
        match read {
            Ok(Ok(page)) => {
                self.add(page);
                self.pass_lazily().await
            }
            Ok(Err(db::Error::Trimmed(_))) => {
                let oldest = self.shared.db.trimmed().next();
                let lost = self.lane.lost(oldest);
                self.seen = self.seen.max(oldest);
                let function = &self.shared.mapping.function;
                tracing::error!("the trigger of {function} came too late: {lost} positions of the log were trimmed");
                self.hand_in(Side::default()).await
            }
            Ok(Err(error)) => Err(Halted(error.to_string())),
            Err(_) => Err(Halted("the program stops".to_owned())),
        }
    }

    fn add(&mut self, page: Page) {
        self.lane.state.counts.filtered += page.filtered;
        self.seen = self.seen.max(page.next);
        (self.more, self.ended) = (page.more, page.ended);
        self.buffer.extend(page.records);
    }

    /// A position that passed nothing of its own is committed now and then.
    async fn pass_lazily(&mut self) -> Result<(), Halted> {
        if !self.buffer.is_empty() {
            return Ok(());
        }
        self.lane.passed(self.seen);
        let (kept, at_ms) = self.kept;
        let is_far = self.seen.0 - kept.0 >= LAZY_POSITIONS || self.shared.db.now_ms() >= at_ms + LAZY_MS;
        if self.seen > kept && is_far { self.hand_in(Side::default()).await } else { Ok(()) }
    }

    async fn gather(&mut self, until_ms: Option<u64>) -> Result<(), Halted> {
        if self.ended && self.buffer.is_empty() && until_ms.is_none() {
            self.show(LanePhase::Ended);
            self.hand_in(Side::default()).await?;
            return self.idle(std::future::pending()).await;
        }
        let phase = match until_ms.filter(|_| !self.buffer.is_empty()) {
            Some(until_ms) => LanePhase::Gathering { until_ms },
            None => LanePhase::Idle,
        };
        self.show(phase);
        let (shared, seen) = (self.shared.clone(), self.seen);
        let grown = async move {
            tokio::select! {
                () = shared.synced.reaches(seen) => true,
                () = wait_until(&shared.db, until_ms) => false,
            }
        };
        tokio::select! {
            grown = grown => self.more |= grown,
            ask = self.asked.recv() => if let Some(ask) = ask { self.ask(ask).await? },
            () = stopped(self.shared.stop.clone()) => {}
        }
        Ok(())
    }

    /// Waits until somebody asks something, or for `until`.
    async fn idle(&mut self, until: impl Future<Output = ()>) -> Result<(), Halted> {
        tokio::select! {
            () = until => {}
            ask = self.asked.recv() => if let Some(ask) = ask { self.ask(ask).await? },
            () = stopped(self.shared.stop.clone()) => {}
        }
        Ok(())
    }

    async fn sleep_until(&self, until_ms: u64) {
        tokio::select! {
            () = wait_until(&self.shared.db, Some(until_ms)) => {}
            () = stopped(self.shared.stop.clone()) => {}
        }
    }

    async fn ask(&mut self, (key, wanted): Ask) -> Result<(), Halted> {
        if !self.lane.ask(key, wanted) {
            return Ok(());
        }
        let side = Side { rows: vec![self.key_row(key)], ..Side::default() };
        self.hand_in(side).await
    }

    async fn call(&mut self, batch: &Batch) -> Result<(), Halted> {
        let first = &self.buffer[batch.members[0]];
        let depth = first.depth;
        self.note_depth(depth);
        let window = self.lane.window(&self.buffer, batch);
        let records = batch.members.iter().map(|at| self.buffer[*at].event.as_slice());
        let payload =
            event::payload(records, self.in_window(window.as_ref(), false, false, &self.shard_id(), &self.arn()));
        let members: Vec<Seq> = batch.members.iter().map(|at| self.buffer[*at].seq).collect();
        self.show(LanePhase::Calling { records: members.len() });
        let outcome = self.outcome(payload, depth, &members).await;
        let taken = self.lane.called(&self.buffer, batch, outcome, self.shared.db.now_ms());
        let side = self.take(taken, BTreeSet::new());
        self.hand_in(side).await
    }

    /// Calls at the end of a window, with its state and no records.
    async fn close(&mut self, early: bool) -> Result<(), Halted> {
        let window = self.lane.state.window.clone();
        let payload = event::payload(
            std::iter::empty(),
            self.in_window(window.as_ref(), true, early, &self.shard_id(), &self.arn()),
        );
        self.show(LanePhase::Calling { records: 0 });
        // What it answers is nobody's state any more.
        let outcome = self.call_function(payload, 0, |_, _| Outcome::Done { state: None }).await;
        self.lane.closed(early, outcome, self.shared.db.now_ms());
        self.hand_in(Side::default()).await
    }

    fn shard_id(&self) -> String {
        names::shard_id(&self.reader.stream, self.id.0)
    }

    fn arn(&self) -> String {
        self.shared.mapping.source.arn(&self.shared.place)
    }

    fn in_window<'a>(
        &self,
        window: Option<&'a Window>,
        is_final: bool,
        is_early: bool,
        shard_id: &'a str,
        source_arn: &'a str,
    ) -> Option<InWindow<'a>> {
        window.map(|window| InWindow { window, shard_id, source_arn, is_final, is_early })
    }

    async fn outcome(&self, payload: bytes::Bytes, depth: u8, members: &[Seq]) -> Outcome {
        let settings = &self.shared.mapping.settings;
        let expects = Expects { report: settings.report_item_failures, state: settings.tumbling_window_s > 0 };
        self.call_function(payload, depth, |payload, id| answer::read(payload, id, expects, members)).await
    }

    async fn call_function(
        &self,
        payload: bytes::Bytes,
        depth: u8,
        read: impl FnOnce(&[u8], &str) -> Outcome,
    ) -> Outcome {
        let function = &self.shared.mapping.function;
        match self.shared.handler.call(function, payload, depth).await {
            Called::Answered { payload, request_id } => read(&payload, &request_id),
            Called::Failed { kind, payload, request_id } => {
                Outcome::Failed(Failure { error: answer::error_text(&payload), request_id, function_error: Some(kind) })
            }
            Called::Throttled { why } => Outcome::NoRoom { why },
            Called::Gone => Outcome::NoRoom { why: format!("function {function} does not exist") },
        }
    }

    fn note_depth(&self, depth: u8) {
        let mut deepest = lock(&self.shared.recursion);
        if depth < 2 || deepest.is_some_and(|deepest| deepest >= depth) {
            return;
        }
        if deepest.is_none() {
            let Mapping { function, source, .. } = &*self.shared.mapping;
            let arn = source.arn(&self.shared.place);
            tracing::warn!(
                "records of {arn} come through functions time and again: does {function} write to what feeds it?"
            );
        }
        *deepest = Some(depth);
    }

    async fn park(&mut self, batch: &Batch) -> Result<(), Halted> {
        let poison = &self.buffer[batch.members[0]];
        let (key, text) = (poison.key, parked::key_text(&poison.event));
        tracing::warn!("the trigger of {} parks {text}: its call fails", self.shared.mapping.function);
        let taken = self.lane.park(&self.buffer, batch, text, self.shared.db.now_ms());
        let side = self.take(taken, BTreeSet::from([key]));
        self.hand_in(side).await
    }

    async fn give_up(&mut self, batch: &Batch, condition: Condition) -> Result<(), Halted> {
        let mut letters = Vec::new();
        let records: Vec<&Record> = batch.members.iter().map(|at| &self.buffer[*at]).collect();
        let mapping = &self.shared.mapping;
        let (count, word) = (records.len(), condition.name());
        tracing::warn!("the trigger of {} gives up {count} records: {word}", mapping.function);
        if mapping.settings.on_failure.is_some() || condition == Condition::RecursionDetected {
            let (db, place) = (&self.shared.db, &self.shared.place);
            let sender = Sender { place, mapping, stream: &self.reader.stream, timeline: db.timeline() };
            let letter = Letter {
                shard: self.id.0,
                condition,
                records: &records,
                attempts: self.lane.state.attempts,
                failure: self.lane.state.failure.as_ref(),
                now_ms: db.now_ms(),
                uuid: &uuid(db),
            };
            letters = letter::items(&sender, &letter);
            self.lane.state.counts.dead_letters += 1;
        }
        let taken = self.lane.give_up(&self.buffer, batch, condition);
        let mut side = self.take(taken, BTreeSet::new());
        side.letters = letters;
        self.hand_in(side).await
    }

    /// Calls with the first parked record of a key.
    async fn redeliver(&mut self, key: KeyId) -> Result<(), Halted> {
        let Some(record) = self.first_parked(key).await? else { return self.forget(key).await };
        self.show(LanePhase::Calling { records: 1 });
        let payload = event::payload(std::iter::once(record.event.as_slice()), None);
        let outcome = self.outcome(payload, record.depth, &[record.seq]).await;
        let done = self.lane.redelivered(key, &record, outcome, self.shared.db.now_ms());
        self.unparked(key, done.then_some(record.seq)).await
    }

    async fn drop_first(&mut self, key: KeyId) -> Result<(), Halted> {
        let Some(record) = self.first_parked(key).await? else { return self.forget(key).await };
        self.lane.dropped(key, &record);
        self.unparked(key, Some(record.seq)).await
    }

    async fn first_parked(&mut self, key: KeyId) -> Result<Option<Record>, Halted> {
        self.commits.settled().await?;
        let (db, follower, start) = (self.shared.db.clone(), self.commits.follower(), parked::records_start(key));
        let halted = |error: db::Error| Halted(error.to_string());
        let found = db.follower_states(follower, &start, 1).map_err(halted)?;
        let own = found.into_iter().find(|(row, _)| row.starts_with(&start));
        Ok(own.and_then(|(_, bytes)| parked::decode_record(key, &bytes)))
    }

    async fn forget(&mut self, key: KeyId) -> Result<(), Halted> {
        self.lane.forget(key);
        self.unparked(key, None).await
    }

    async fn unparked(&mut self, key: KeyId, gone: Option<Seq>) -> Result<(), Halted> {
        let mut rows = vec![self.key_row(key)];
        rows.extend(gone.map(|seq| (parked::record_row(key, seq), None)));
        self.hand_in(Side { rows, ..Side::default() }).await
    }

    fn key_row(&self, key: KeyId) -> (Vec<u8>, Option<Vec<u8>>) {
        let row = self.lane.parked().get(&key).map(|parked| parked::encode_key(parked, self.id.0));
        (parked::key_row(key), row)
    }

    /// Takes records off the buffer; those of parked keys are kept, and `touched` keys' rows as well.
    fn take(&mut self, Taken(span): Taken, mut touched: BTreeSet<KeyId>) -> Side {
        let mut side = Side::default();
        for record in self.buffer.drain(..span) {
            if self.lane.is_parked(&record) {
                side.rows.push((parked::record_row(record.key, record.seq), Some(parked::encode_record(&record))));
                touched.insert(record.key);
            }
        }
        side.rows.extend(touched.into_iter().map(|key| self.key_row(key)));
        side
    }

    async fn hand_in(&mut self, side: Side) -> Result<(), Halted> {
        let held = self.lane.parked().values().fold(Amount::default(), |all, parked| all.and(parked.amount));
        lock(&self.shared.held).insert(self.id, held);
        self.kept = (self.lane.state.next, self.shared.db.now_ms());
        self.commits.hand_in((lane_row(self.id), self.lane.state.encode()), side).await
    }

    fn show(&self, phase: LanePhase) {
        let state = &self.lane.state;
        let mut counts = state.counts;
        counts.parked_now = self.lane.parked().values().map(|parked| parked.amount.records).sum();
        let (db, is_idle) = (&self.shared.db, matches!(phase, LanePhase::Idle | LanePhase::Ended));
        let age = |record: &Record| db.now_ms().saturating_sub(record.time_ms);
        let shown = LaneStatus {
            shard: self.id.0,
            lane: self.id.1,
            position: state.next,
            lag: if is_idle { 0 } else { (db.head().0 + 1).saturating_sub(state.next.0) },
            age_ms: self.buffer.front().map_or(0, age),
            attempts: state.attempts,
            phase,
            counts,
            last_error: state.last_error.clone(),
            gave_up: state.gave_up.clone(),
        };
        lock(&self.shared.shown).insert(self.id, shown);
    }
}

/// Ready when the database's clock shows this time; never without one.
async fn wait_until(db: &Db, until_ms: Option<u64>) {
    match until_ms {
        Some(until_ms) => tokio::time::sleep(Duration::from_millis(until_ms.saturating_sub(db.now_ms()))).await,
        None => std::future::pending().await,
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // Whoever could say so is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A random one, of version 4.
pub fn uuid(db: &Db) -> String {
    let mut bytes = [0; 16];
    db.roll(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("writing to memory cannot fail");
    }
    text
}

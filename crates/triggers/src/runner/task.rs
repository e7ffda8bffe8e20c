//! A lane at work: one task that carries out what the lane plans.

use super::shared::{Ask, Live, SeenLane, Trigger};
use crate::{
    Called, LanePhase,
    answer::{self, Expects},
    commit::{Halted, LaneCommits, LaneId, Side},
    event::{self, InWindow},
    lane::{Amount, Batch, Condition, Failure, Lane, Outcome, Plan, Rules, Taken, View, Window},
    letter::{self, Letter, Sender},
    limits, parked,
    post::Parcel,
    read::{Page, Reader, Want},
    record::{KeyId, Record},
    runner::load::lane_row,
};
use bytes::Bytes;
use item::Seq;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use wire::names;

/// What a lane's task works with.
pub struct Task {
    pub trigger: Arc<Trigger>,
    pub id: LaneId,
    pub reader: Reader,
    pub live: watch::Receiver<Arc<Live>>,
    pub stop: watch::Receiver<bool>,
    pub asks: mpsc::Receiver<Ask>,
    pub commits: LaneCommits,
    pub lane: Lane,
    pub at: At,
}

/// What a lane has before it, and how far it got.
pub struct At {
    buffer: VecDeque<Record>,
    /// The log was read up to here, exclusive.
    seen: Seq,
    more: bool,
    /// The stream has no more records for all time.
    ended: bool,
    /// The position that was handed in last, and when.
    kept: (Seq, u64),
    /// The function does not exist.
    gone: bool,
}

impl At {
    pub fn start(next: Seq, now_ms: u64) -> At {
        At { buffer: VecDeque::new(), seen: next, more: true, ended: false, kept: (next, now_ms), gone: false }
    }
}

/// Why a task goes on after it waited.
enum Woken {
    Time,
    Growth,
    Settings,
    Asked(Ask),
}

impl Task {
    /// Works until it is told to stop; its position is committed then.
    pub async fn run(mut self) -> Result<(), Halted> {
        while !*self.stop.borrow() {
            if self.live.has_changed().unwrap_or(false) {
                self.follow_settings();
            }
            let (plan, needs) = self.plan();
            let settled = self.carry_out(plan).await?;
            self.trigger.room.free(needs.less(settled));
            self.keep_if_due().await?;
        }
        if self.at.kept.0 < self.lane.state.next {
            self.hand_in(Side::default()).await?;
        }
        self.commits.settled().await
    }

    /// What to do next, and what of the quarantine's room is kept for it.
    fn plan(&self) -> (Plan, Amount) {
        let At { buffer, seen, more, .. } = &self.at;
        let now_ms = self.now_ms();
        let quarantine = self.live.borrow().mapping.settings.quarantine;
        self.trigger.room.plan(quarantine, |room| {
            let plan = self.lane.plan(View { buffer, seen: *seen, more: *more, now_ms, room });
            let needs = match &plan {
                Plan::Call(batch) | Plan::Pass(batch) | Plan::Park(batch) | Plan::GiveUp(batch, _) => batch.behind,
                _ => Amount::default(),
            };
            (plan, needs)
        })
    }

    /// Carries a plan out; answers how much was parked.
    async fn carry_out(&mut self, plan: Plan) -> Result<Amount, Halted> {
        match plan {
            Plan::Read => self.read().await?,
            Plan::Gather { until_ms } => self.gather(until_ms).await?,
            Plan::BackOff { until_ms } => self.back_off(until_ms).await?,
            Plan::Call(batch) => return self.call(&batch).await,
            Plan::Close { early } => self.close(early).await?,
            Plan::Pass(batch) => {
                let taken = self.lane.pass(&self.at.buffer, &batch);
                return self.settle(taken, Side::default()).await;
            }
            Plan::Park(batch) => return self.park(&batch).await,
            Plan::GiveUp(batch, condition) => return self.give_up(&batch, condition).await,
            Plan::Redeliver(key) => self.redeliver(key).await?,
            Plan::Drop(key) => self.drop_first(key).await?,
            Plan::Stop { reason } => self.stand_still(reason).await?,
        }
        Ok(Amount::default())
    }

    fn now_ms(&self) -> u64 {
        self.trigger.world.db.now_ms()
    }

    /// Shows what the lane is doing.
    fn show(&self, phase: LanePhase) {
        let mut seen = SeenLane::of(&self.lane.state, phase);
        seen.read = self.at.seen;
        seen.oldest_ms = self.at.buffer.front().map(|record| record.time_ms);
        let parked = self.lane.parked().values().map(|parked| parked.amount.records);
        seen.counts.parked_now = parked.sum();
        self.trigger.set_lane(self.id, seen);
    }

    // Reading.

    async fn read(&mut self) -> Result<(), Halted> {
        if let Some(page) = self.reader.nothing(self.at.seen) {
            self.take_page(page);
            return Ok(());
        }
        let (reader, want) = (self.reader.clone(), self.want());
        match blocking(move || reader.page(&want)).await? {
            Ok(page) => self.take_page(page),
            Err(db::Error::Trimmed(oldest)) => self.lose(oldest).await?,
            Err(error) => return Err(Halted(error.to_string())),
        }
        Ok(())
    }

    /// As much as the largest batch takes, and a little more.
    fn want(&self) -> Want {
        let ahead = self.lane.rules.batch_size.max(limits::LOOK_AHEAD_RECORDS);
        let held: usize = self.at.buffer.iter().map(|record| record.event.len()).sum();
        Want {
            from: self.at.seen,
            filters: Arc::clone(&self.live.borrow().filters),
            records: ahead.saturating_sub(self.at.buffer.len()).max(1),
            bytes: (limits::PAYLOAD_BYTES_MAX + limits::LOOK_AHEAD_BYTES).saturating_sub(held).max(1),
        }
    }

    fn take_page(&mut self, page: Page) {
        self.at.buffer.extend(page.records);
        self.lane.state.counts.filtered += page.filtered;
        (self.at.seen, self.at.more, self.at.ended) = (page.next, page.more, page.ended);
        self.lane.rules.keep_ms = page.keep_ms;
        if self.at.buffer.is_empty() {
            self.lane.passed(page.next);
        }
    }

    /// What lay before the log's oldest position is lost, and that is said.
    async fn lose(&mut self, oldest: Seq) -> Result<(), Halted> {
        let from = self.lane.state.next;
        self.at.buffer.clear();
        // A position that the log has by now, should it have been trimmed further meanwhile.
        let lost = self.lane.lost(oldest.max(self.trigger.world.db.trimmed()).max(from.next()));
        self.at.seen = self.lane.state.next;
        let live = Arc::clone(&self.live.borrow());
        tracing::warn!(
            "trigger {} of {}: {lost} positions from {from} on were trimmed before they were read",
            live.mapping.uuid,
            live.mapping.function
        );
        self.hand_in(Side::default()).await
    }

    // Waiting.

    async fn gather(&mut self, until_ms: Option<u64>) -> Result<(), Halted> {
        let phase = match until_ms {
            Some(until_ms) if !self.at.buffer.is_empty() => LanePhase::Gathering { until_ms },
            _ if self.at.ended => LanePhase::Ended,
            _ => LanePhase::Idle,
        };
        self.show(phase);
        let growth = !self.at.ended;
        self.wait(until_ms, growth, None).await
    }

    async fn back_off(&mut self, until_ms: u64) -> Result<(), Halted> {
        let phase = if self.at.gone {
            LanePhase::Stopped { reason: self.lane.state.last_error.clone().unwrap_or_default() }
        } else {
            LanePhase::BackingOff { until_ms }
        };
        self.show(phase);
        self.wait(Some(until_ms), false, None).await
    }

    /// Waits for somebody to make room.
    async fn stand_still(&mut self, reason: String) -> Result<(), Halted> {
        // Watch before looking once more: what became free in between is seen.
        let freed = self.trigger.room.watch();
        let (plan, needs) = self.plan();
        self.trigger.room.free(needs);
        if !matches!(plan, Plan::Stop { .. }) {
            return Ok(());
        }
        let mapping = Arc::clone(&self.live.borrow().mapping);
        tracing::error!(
            "trigger {} of {} stopped at {}: {reason}",
            mapping.uuid,
            mapping.function,
            self.lane.state.next
        );
        self.show(LanePhase::Stopped { reason });
        self.wait(None, false, Some(freed)).await
    }

    /// Waits for time, growth of the log, room, new settings, a request, or the end.
    async fn wait(
        &mut self,
        until_ms: Option<u64>,
        growth: bool,
        freed: Option<watch::Receiver<u64>>,
    ) -> Result<(), Halted> {
        let pause = Duration::from_millis(until_ms.unwrap_or_default().saturating_sub(self.now_ms()));
        let synced = Arc::clone(&self.trigger.world.synced);
        let (wants_room, mut freed) = (freed.is_some(), freed);
        let has_room = async { freed.as_mut().expect("asked only where there is one").changed().await };
        let woken = tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => return Ok(()),
            _ = self.live.changed() => Woken::Settings,
            Some(ask) = self.asks.recv() => Woken::Asked(ask),
            () = synced.reaches(self.at.seen), if growth => Woken::Growth,
            _ = has_room, if wants_room => Woken::Time,
            () = tokio::time::sleep(pause), if until_ms.is_some() => Woken::Time,
        };
        match woken {
            Woken::Time => {}
            Woken::Growth => self.at.more = true,
            Woken::Settings => self.follow_settings(),
            Woken::Asked(ask) => self.take_ask(ask).await?,
        }
        Ok(())
    }

    /// What was read under other settings is read again.
    fn follow_settings(&mut self) {
        let live = Arc::clone(&self.live.borrow_and_update());
        self.lane.rules = Rules { keep_ms: self.lane.rules.keep_ms, ..Rules::from(&live.mapping.settings) };
        self.lane.hurry();
        self.at = At { kept: self.at.kept, ..At::start(self.lane.state.next, 0) };
    }

    // Calling.

    async fn call(&mut self, batch: &Batch) -> Result<Amount, Halted> {
        let window = self.lane.window(&self.at.buffer, batch);
        let records = batch.members.iter().map(|&at| self.at.buffer[at].event.as_slice());
        let payload = self.payload(records, window.as_ref(), false, false);
        let members: Vec<Seq> = batch.members.iter().map(|&at| self.at.buffer[at].seq).collect();
        let depth = self.at.buffer[batch.members[0]].depth;
        self.notice_recursion(depth);
        self.show(LanePhase::Calling { records: members.len() });
        let called = self.invoke(payload, depth).await?;
        let outcome = self.read_answer(called, &members, window.is_some());
        let taken = self.lane.called(&self.at.buffer, batch, outcome, self.now_ms());
        self.settle(taken, Side::default()).await
    }

    /// Calls with a window's state and no records.
    async fn close(&mut self, early: bool) -> Result<(), Halted> {
        let window = self.lane.state.window.clone();
        let payload = self.payload(std::iter::empty(), window.as_ref(), true, early);
        self.show(LanePhase::Calling { records: 0 });
        let called = self.invoke(payload, 0).await?;
        let outcome = self.read_answer(called, &[], false);
        self.lane.closed(early, outcome, self.now_ms());
        self.hand_in(Side::default()).await
    }

    fn payload<'r>(
        &self,
        records: impl Iterator<Item = &'r [u8]> + Clone,
        window: Option<&Window>,
        is_final: bool,
        is_early: bool,
    ) -> Bytes {
        let shard_id = self.reader.stream.shard_id(self.id.0);
        let source_arn = self.reader.source.arn(&self.reader.place);
        let (shard_id, source_arn) = (&shard_id, &source_arn);
        event::payload(records, window.map(|window| InWindow { window, shard_id, source_arn, is_final, is_early }))
    }

    /// Calls the function; requests are noted meanwhile.
    async fn invoke(&mut self, payload: Bytes, depth: u8) -> Result<Called, Halted> {
        let handler = Arc::clone(&self.trigger.world.handler);
        let function = self.live.borrow().mapping.function.clone();
        let mut call = handler.call(&function, payload, depth);
        loop {
            tokio::select! {
                called = &mut call => return Ok(called),
                Some(ask) = self.asks.recv() => self.take_ask(ask).await?,
            }
        }
    }

    fn read_answer(&mut self, called: Called, members: &[Seq], state: bool) -> Outcome {
        self.at.gone = called == Called::Gone;
        match called {
            Called::Answered { payload, request_id } => {
                let report = self.live.borrow().mapping.settings.report_item_failures && !members.is_empty();
                answer::read(&payload, &request_id, Expects { report, state }, members)
            }
            Called::Failed { kind, payload, request_id } => {
                let error = answer::error_text(&payload);
                Outcome::Failed(Failure { error, request_id, function_error: Some(kind) })
            }
            Called::Throttled { why } => Outcome::NoRoom { why },
            Called::Gone => {
                let why = format!("function {} does not exist", self.live.borrow().mapping.function);
                Outcome::NoRoom { why }
            }
        }
    }

    /// Says once that a function feeds itself.
    fn notice_recursion(&self, depth: u8) {
        if depth == 0 || !self.trigger.is_new_recursion(depth) {
            return;
        }
        let mapping = Arc::clone(&self.live.borrow().mapping);
        tracing::warn!(
            "function {} gets records that its own writes have made, through trigger {}: it feeds itself, and is stopped \
             after {} rounds",
            mapping.function,
            mapping.uuid,
            limits::DEPTH_MAX
        );
    }

    // Giving up and parking.

    async fn give_up(&mut self, batch: &Batch, condition: Condition) -> Result<Amount, Halted> {
        let mapping = Arc::clone(&self.live.borrow().mapping);
        let mut side = Side::default();
        let is_wanted = mapping.settings.on_failure.is_some() || condition.is_always_told();
        // What tells of a recursion calls nobody, and leaves no letter either: it is the letter.
        if is_wanted && self.at.buffer[batch.members[0]].depth < limits::DEPTH_LAST {
            side.letters = vec![Arc::new(self.letter(batch, condition))];
            self.lane.state.counts.dead_letters += 1;
        }
        let taken = self.lane.give_up(&self.at.buffer, batch, condition);
        if let Some(gave_up) = &self.lane.state.gave_up {
            tracing::warn!(
                "trigger {} of {} gave up {} records, {} to {}: {}; {}",
                mapping.uuid,
                mapping.function,
                gave_up.records,
                gave_up.first,
                gave_up.last,
                gave_up.condition,
                gave_up.error.as_deref().unwrap_or("no call failed")
            );
        }
        self.settle(taken, side).await
    }

    fn letter(&self, batch: &Batch, condition: Condition) -> Parcel {
        let world = &self.trigger.world;
        let live = self.live.borrow();
        let (mapping, stream) = (&*live.mapping, &self.reader.stream);
        let sender = Sender { place: &world.place, mapping, stream, timeline: world.db.timeline() };
        let records: Vec<&Record> = batch.members.iter().map(|&at| &self.at.buffer[at]).collect();
        let letter = Letter {
            shard: self.id.0,
            condition,
            records: &records,
            attempts: self.lane.state.attempts,
            failure: self.lane.state.failure.as_ref(),
            now_ms: world.db.now_ms(),
            uuid: &names::random_uuid(&world.db),
        };
        letter::parcel(&sender, &letter)
    }

    async fn park(&mut self, batch: &Batch) -> Result<Amount, Halted> {
        let key = parked::key_text(&self.at.buffer[batch.members[0]].event);
        let mapping = Arc::clone(&self.live.borrow().mapping);
        let error = self.lane.state.failure.as_ref().map_or("", |failure| &failure.error);
        tracing::warn!("trigger {} of {} parks {key}: {error}", mapping.uuid, mapping.function);
        let taken = self.lane.park(&self.at.buffer, batch, key, self.now_ms());
        self.settle(taken, Side::default()).await
    }

    /// Takes off what is done with, parks what of it belongs behind parked records, and hands in the lane. Answers how
    /// much was parked.
    async fn settle(&mut self, taken: Taken, mut side: Side) -> Result<Amount, Halted> {
        let mut amount = Amount::default();
        let mut keys = BTreeSet::new();
        for record in self.at.buffer.drain(..taken.0) {
            if self.lane.is_parked(&record) {
                amount = amount.plus(&record);
                side.rows.push((parked::record_row(record.key, record.seq), Some(parked::encode_record(&record))));
                keys.insert(record.key);
            }
        }
        keys.into_iter().for_each(|key| side.rows.push(self.key_row(key)));
        if self.at.buffer.is_empty() {
            self.lane.passed(self.at.seen);
        }
        self.hand_in(side).await?;
        Ok(amount)
    }

    /// The row of a parked key, or its removal.
    fn key_row(&self, key: KeyId) -> (Vec<u8>, Option<Vec<u8>>) {
        let parked = self.lane.parked().get(&key);
        (parked::key_row(key), parked.map(|parked| parked::encode_key(parked, self.id.0)))
    }

    async fn take_ask(&mut self, ask: Ask) -> Result<(), Halted> {
        let is_parked = self.lane.ask(ask.key, ask.wanted);
        if is_parked {
            self.hand_in(Side { rows: vec![self.key_row(ask.key)], ..Side::default() }).await?;
            self.commits.settled().await?;
        }
        // Whoever asked may not wait any more.
        let _ = ask.reply.send(is_parked);
        Ok(())
    }

    async fn redeliver(&mut self, key: KeyId) -> Result<(), Halted> {
        let Some(record) = self.first_parked(key).await? else { return Ok(()) };
        self.show(LanePhase::Calling { records: 1 });
        let payload = self.payload(std::iter::once(record.event.as_slice()), None, false, false);
        let called = self.invoke(payload, record.depth).await?;
        let outcome = self.read_answer(called, &[record.seq], false);
        let is_taken = self.lane.redelivered(key, &record, outcome, self.now_ms());
        self.settle_parked(key, is_taken.then_some(&record)).await
    }

    async fn drop_first(&mut self, key: KeyId) -> Result<(), Halted> {
        let Some(record) = self.first_parked(key).await? else { return Ok(()) };
        let mapping = Arc::clone(&self.live.borrow().mapping);
        let words = parked::key_text(&record.event);
        tracing::warn!("trigger {}: the parked record {} of {words} was dropped", mapping.uuid, record.seq);
        self.lane.dropped(key, &record);
        self.settle_parked(key, Some(&record)).await
    }

    async fn settle_parked(&mut self, key: KeyId, taken: Option<&Record>) -> Result<(), Halted> {
        let mut side = Side { rows: vec![self.key_row(key)], ..Side::default() };
        side.rows.extend(taken.map(|record| (parked::record_row(key, record.seq), None)));
        self.hand_in(side).await?;
        if let Some(record) = taken {
            self.trigger.room.free(Amount::of(record));
        }
        Ok(())
    }

    /// The first record that waits under a key; a key without one is parked no longer.
    async fn first_parked(&mut self, key: KeyId) -> Result<Option<Record>, Halted> {
        // What was handed in is not to be read before it is there.
        self.commits.settled().await?;
        let (db, follower) = (self.trigger.world.db.clone(), self.trigger.follower);
        let start = parked::records_start(key);
        let rows = blocking(move || db.follower_states(follower, &start, 1)).await?;
        let rows = rows.map_err(|error| Halted(error.to_string()))?;
        let start = parked::records_start(key);
        let found = rows.first().filter(|(row, _)| row.starts_with(&start));
        let record = found.and_then(|(_, value)| parked::decode_record(key, value));
        if record.is_none() {
            self.lane.forget(key);
            self.settle_parked(key, None).await?;
        }
        Ok(record)
    }

    // Keeping.

    /// A position that moved over nothing of its own is handed in now and then.
    async fn keep_if_due(&mut self) -> Result<(), Halted> {
        let (next, (kept, kept_ms)) = (self.lane.state.next, self.at.kept);
        let moved = next.0.saturating_sub(kept.0);
        let is_due = moved >= limits::LAZY_POSITIONS || moved > 0 && self.now_ms() >= kept_ms + limits::LAZY_MS;
        if is_due { self.hand_in(Side::default()).await } else { Ok(()) }
    }

    async fn hand_in(&mut self, side: Side) -> Result<(), Halted> {
        self.at.kept = (self.lane.state.next, self.now_ms());
        self.commits.hand_in((lane_row(self.id), self.lane.state.encode()), side).await
    }
}

/// Runs what may touch the disk on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Halted> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Halted(format!("reading failed: {error}")))
}

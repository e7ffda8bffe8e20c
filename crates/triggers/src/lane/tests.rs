//! A lane driven by scripts: what it plans, as text.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write;

/// A lane with a log before it and a function that is scripted.
struct Drive {
    lane: Lane,
    log: Vec<Record>,
    buffer: VecDeque<Record>,
    /// Records of the log that were read.
    read: usize,
    /// Records that one reading brings.
    page: usize,
    now_ms: u64,
    room: Amount,
    trace: String,
}

/// A record of item `key`, committed at `time_ms`.
fn record(seq: u64, key: u128, time_ms: u64) -> Record {
    let event = format!(r#"{{"seq":{seq}}}"#).into_bytes();
    Record { seq: Seq(seq), time_ms, depth: 0, key: KeyId(key), arrived_ms: 0, event }
}

/// One record of an item of its own at each of these positions.
fn records(seqs: std::ops::RangeInclusive<u64>) -> Vec<Record> {
    seqs.map(|seq| record(seq, u128::from(seq), 1000 * seq)).collect()
}

fn failure(error: &str) -> Failure {
    let function_error = Some("Unhandled".to_owned());
    Failure { error: error.to_owned(), request_id: "r".to_owned(), function_error }
}

fn done() -> Outcome {
    Outcome::Done { state: None }
}

impl Drive {
    fn new(settings: &Settings, log: Vec<Record>) -> Drive {
        Drive {
            lane: Lane::new(Rules::from(settings), State::at(Seq(1)), BTreeMap::new()),
            log,
            buffer: VecDeque::new(),
            read: 0,
            page: 100,
            now_ms: 100_000,
            room: Amount { records: 100, bytes: 10_000 },
            trace: String::new(),
        }
    }

    fn plan(&self) -> Plan {
        let more = self.read < self.log.len();
        let seen = if more { self.log[self.read].seq } else { Seq(1_000_000) };
        self.lane.plan(View { buffer: &self.buffer, seen, more, now_ms: self.now_ms, room: self.room })
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.trace, "{text}").expect("writing to memory cannot fail");
    }

    fn seqs(&self, batch: &Batch) -> Vec<u64> {
        batch.members.iter().map(|&at| self.buffer[at].seq.0).collect()
    }

    fn read_page(&mut self) {
        let end = (self.read + self.page).min(self.log.len());
        let now_ms = self.now_ms;
        self.buffer
            .extend(self.log[self.read..end].iter().cloned().map(|record| Record { arrived_ms: now_ms, ..record }));
        self.read = end;
    }

    fn take(&mut self, taken: Taken) {
        for record in self.buffer.drain(..taken.0).collect::<Vec<_>>() {
            if self.lane.is_parked(&record) {
                self.room = self.room.less(Amount::of(&record));
                self.say(format_args!("  parked {}", record.seq));
            }
        }
    }

    /// As it would be after a crash right now.
    fn restart(&mut self) {
        let state = State::decode(&self.lane.state.encode()).expect("its own row");
        self.lane = Lane::new(self.lane.rules.clone(), state, self.lane.parked().clone());
        self.buffer.clear();
        let next = self.lane.state.next;
        self.read = self.log.iter().position(|record| record.seq >= next).unwrap_or(self.log.len());
        self.say(format_args!("restart at {next}"));
    }

    /// Carries out plans until there is nothing to do, at most so many.
    fn run(&mut self, steps: usize, mut function: impl FnMut(&[u64]) -> Outcome) {
        for _ in 0..steps {
            let plan = self.plan();
            let said = match &plan {
                Plan::Call(batch) => format!("{} call {:?}", self.now_ms, self.seqs(batch)),
                Plan::GiveUp(batch, condition) => {
                    format!("{} give up {:?} {condition:?}", self.now_ms, self.seqs(batch))
                }
                Plan::Park(batch) => format!("{} park {:?}", self.now_ms, self.seqs(batch)),
                other => format!("{} {other:?}", self.now_ms),
            };
            let quiet = matches!(plan, Plan::Read | Plan::BackOff { .. });
            if !quiet {
                self.say(format_args!("{said}"));
            }
            match plan {
                Plan::Read => self.read_page(),
                Plan::BackOff { until_ms } | Plan::Gather { until_ms: Some(until_ms) } => self.now_ms = until_ms,
                Plan::Gather { until_ms: None } | Plan::Stop { .. } | Plan::Redeliver(_) | Plan::Drop(_) => return,
                Plan::Call(batch) => {
                    let outcome = function(&self.seqs(&batch));
                    let taken = self.lane.called(&self.buffer, &batch, outcome, self.now_ms);
                    self.take(taken);
                }
                Plan::Close { early } => {
                    let outcome = function(&[]);
                    self.lane.closed(early, outcome, self.now_ms);
                }
                Plan::Pass(batch) => {
                    let taken = self.lane.pass(&self.buffer, &batch);
                    self.take(taken);
                }
                Plan::Park(batch) => {
                    let taken = self.lane.park(&self.buffer, &batch, String::new(), self.now_ms);
                    self.take(taken);
                }
                Plan::GiveUp(batch, condition) => {
                    let taken = self.lane.give_up(&self.buffer, &batch, condition);
                    self.take(taken);
                }
            }
        }
    }
}

/// Fails whatever holds one of these positions.
fn poison(poison: &[u64]) -> impl FnMut(&[u64]) -> Outcome + '_ {
    |seqs| if seqs.iter().any(|seq| poison.contains(seq)) { Outcome::Failed(failure("no")) } else { done() }
}

/// Names the first of these positions as failed.
fn reported(poison: &[u64]) -> impl FnMut(&[u64]) -> Outcome + '_ {
    |seqs| match seqs.iter().position(|seq| poison.contains(seq)) {
        Some(first) => {
            Outcome::Partial { first, state: None, failure: Failure { function_error: None, ..failure("named") } }
        }
        None => done(),
    }
}

fn check(settings: &Settings, log: Vec<Record>, function: impl FnMut(&[u64]) -> Outcome, expected: Expect) {
    let mut drive = Drive::new(settings, log);
    drive.run(60, function);
    expected.assert_eq(&drive.trace);
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings.check().expect("settings in range");
    settings
}

#[test]
fn batches_are_as_large_as_they_may_be_and_what_is_left_goes_at_once() {
    let settings = settings(|s| s.batch_size = 4);
    check(
        &settings,
        records(1..=10),
        |_| done(),
        expect![[r#"
        100000 call [1, 2, 3, 4]
        100000 call [5, 6, 7, 8]
        100000 call [9, 10]
        100000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_batch_that_is_not_full_waits_for_its_window_from_its_first_record_on() {
    let settings = settings(|s| (s.batch_size, s.batching_window_s) = (4, 5));
    check(
        &settings,
        records(1..=6),
        |_| done(),
        expect![[r#"
        100000 call [1, 2, 3, 4]
        100000 Gather { until_ms: Some(105000) }
        105000 call [5, 6]
        105000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn batches_do_not_grow_past_what_a_call_carries_and_a_record_that_none_carries_is_given_up() {
    let mut log = records(0..=4);
    log[0].seq = Seq(5);
    log.rotate_left(1);
    log[4].event = vec![b'x'; (6 << 20) - event::ENVELOPE_BYTES + 1];
    log[0].event = vec![b'x'; (6 << 20) - event::ENVELOPE_BYTES];
    log[1].event = vec![b'x'; 4 << 20];
    log[2].event = vec![b'x'; 3 << 20];
    check(
        &Settings::default(),
        log,
        |_| done(),
        expect![[r#"
        100000 call [1]
        100000 call [2]
        100000 call [3, 4]
        100000 give up [5] PayloadTooLarge
        100000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn records_of_different_depth_are_not_mixed_and_those_too_deep_are_given_up() {
    let mut log = records(1..=6);
    (log[1].depth, log[2].depth, log[3].depth, log[4].depth) = (1, 1, 16, 17);
    check(
        &Settings::default(),
        log,
        |_| done(),
        expect![[r#"
        100000 call [1]
        100000 call [2, 3]
        100000 give up [4] RecursionDetected
        100000 give up [5] RecursionDetected
        100000 call [6]
        100000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_failing_batch_is_repeated_until_its_attempts_are_used_up() {
    let settings = settings(|s| (s.batch_size, s.retry_attempts) = (2, Some(2)));
    check(
        &settings,
        records(1..=4),
        poison(&[2]),
        expect![[r#"
        100000 call [1, 2]
        100100 call [1, 2]
        100300 call [1, 2]
        100300 give up [1, 2] RetryAttemptsExhausted
        100300 call [3, 4]
        100300 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn without_a_number_of_attempts_it_is_repeated_for_ever_with_waits_that_grow() {
    let settings = settings(|s| s.batch_size = 2);
    check(
        &settings,
        records(1..=4),
        poison(&[2]),
        expect![[r#"
        100000 call [1, 2]
        100100 call [1, 2]
        100300 call [1, 2]
        100700 call [1, 2]
        101500 call [1, 2]
        103100 call [1, 2]
        106300 call [1, 2]
        112700 call [1, 2]
        125500 call [1, 2]
        151100 call [1, 2]
        181100 call [1, 2]
        211100 call [1, 2]
        241100 call [1, 2]
        271100 call [1, 2]
        301100 call [1, 2]
        331100 call [1, 2]
        361100 call [1, 2]
        391100 call [1, 2]
        421100 call [1, 2]
        451100 call [1, 2]
        481100 call [1, 2]
        511100 call [1, 2]
        541100 call [1, 2]
        571100 call [1, 2]
        601100 call [1, 2]
        631100 call [1, 2]
        661100 call [1, 2]
        691100 call [1, 2]
        721100 call [1, 2]
        751100 call [1, 2]
    "#]],
    );
}

#[test]
fn a_restart_goes_on_counting_attempts_with_the_same_batch() {
    let settings = settings(|s| (s.batch_size, s.retry_attempts) = (2, Some(3)));
    let mut drive = Drive::new(&settings, records(1..=5));
    drive.run(6, poison(&[3]));
    drive.restart();
    drive.page = 1;
    drive.lane.rules.batch_size = 5;
    drive.run(60, poison(&[3]));
    expect![[r#"
        100000 call [1, 2]
        100000 call [3, 4]
        100100 call [3, 4]
        restart at 3
        100300 call [3, 4]
        100700 call [3, 4]
        100700 give up [3, 4] RetryAttemptsExhausted
        100700 call [5]
        100700 Gather { until_ms: None }
    "#]]
    .assert_eq(&drive.trace);
}

#[test]
fn calls_that_find_no_room_are_no_attempts() {
    let settings = settings(|s| s.retry_attempts = Some(0));
    let mut left = 3;
    let function = |_: &[u64]| {
        left -= 1;
        if left >= 0 { Outcome::NoRoom { why: "full".to_owned() } } else { done() }
    };
    check(
        &settings,
        records(1..=2),
        function,
        expect![[r#"
        100000 call [1, 2]
        100100 call [1, 2]
        100300 call [1, 2]
        100700 call [1, 2]
        100700 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn bisecting_halves_down_to_the_record_and_splits_consume_no_attempts() {
    let settings = settings(|s| (s.bisect, s.retry_attempts) = (true, Some(1)));
    check(
        &settings,
        records(1..=8),
        poison(&[3, 7]),
        expect![[r#"
        100000 call [1, 2, 3, 4, 5, 6, 7, 8]
        100000 call [1, 2, 3, 4]
        100000 call [1, 2]
        100000 call [3, 4]
        100000 call [3]
        100100 call [3]
        100100 give up [3] RetryAttemptsExhausted
        100100 call [4]
        100100 call [5, 6, 7, 8]
        100100 call [5, 6]
        100100 call [7, 8]
        100100 call [7]
        100200 call [7]
        100200 give up [7] RetryAttemptsExhausted
        100200 call [8]
        100200 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_restart_amid_halves_goes_on_with_them() {
    let settings = settings(|s| (s.bisect, s.retry_attempts) = (true, Some(1)));
    let mut drive = Drive::new(&settings, records(1..=8));
    for _ in 0..14 {
        drive.run(2, poison(&[3]));
        drive.restart();
    }
    expect![[r#"
        100000 call [1, 2, 3, 4, 5, 6, 7, 8]
        restart at 1
        100000 call [1, 2, 3, 4]
        restart at 1
        100000 call [1, 2]
        restart at 3
        100000 call [3, 4]
        restart at 3
        100000 call [3]
        restart at 3
        100000 call [3]
        restart at 3
        100000 give up [3] RetryAttemptsExhausted
        restart at 4
        100000 call [4]
        restart at 5
        100000 call [5, 6, 7, 8]
        restart at 9
        100000 Gather { until_ms: None }
        restart at 9
        100000 Gather { until_ms: None }
        restart at 9
        100000 Gather { until_ms: None }
        restart at 9
        100000 Gather { until_ms: None }
        restart at 9
        100000 Gather { until_ms: None }
        restart at 9
    "#]]
    .assert_eq(&drive.trace);
}

#[test]
fn the_first_record_named_as_failed_is_where_the_rest_begins_with_all_its_attempts() {
    // As recorded on AWS: three retries mean four calls with the record that fails, after the one with the whole batch.
    let settings = settings(|s| (s.batch_size, s.retry_attempts, s.report_item_failures) = (3, Some(3), true));
    check(
        &settings,
        records(1..=6),
        reported(&[6]),
        expect![[r#"
        100000 call [1, 2, 3]
        100000 call [4, 5, 6]
        100100 call [6]
        100300 call [6]
        100700 call [6]
        101500 call [6]
        101500 give up [6] RetryAttemptsExhausted
        101500 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn named_records_and_bisecting_split_where_the_name_says() {
    let settings = settings(|s| (s.bisect, s.retry_attempts, s.report_item_failures) = (true, Some(1), true));
    check(
        &settings,
        records(1..=6),
        reported(&[3]),
        expect![[r#"
        100000 call [1, 2, 3, 4, 5, 6]
        100100 call [3, 4, 5, 6]
        100100 call [3]
        100200 call [3]
        100200 give up [3] RetryAttemptsExhausted
        100200 call [4, 5, 6]
        100200 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn records_too_old_are_given_up_before_a_call_and_while_a_batch_is_repeated() {
    let settings = settings(|s| (s.record_age_s, s.batch_size) = (Some(60), 3));
    let log = vec![record(1, 1, 39_999), record(2, 2, 40_000), record(3, 3, 40_500), record(4, 4, 99_000)];
    check(
        &settings,
        log,
        |_| Outcome::Failed(failure("no")),
        expect![[r#"
        100000 give up [1] RecordAgeExceeded
        100000 call [2, 3, 4]
        100100 give up [2] RecordAgeExceeded
        100100 call [3, 4]
        100200 call [3, 4]
        100400 call [3, 4]
        100800 give up [3] RecordAgeExceeded
        100800 call [4]
        100900 call [4]
        101100 call [4]
        101500 call [4]
        102300 call [4]
        103900 call [4]
        107100 call [4]
        113500 call [4]
        126300 call [4]
        151900 call [4]
        181900 give up [4] RecordAgeExceeded
        181900 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn quarantine_parks_the_poison_and_what_comes_after_it_of_its_key() {
    let settings = settings(|s| s.quarantine = Some(crate::Quarantine::default()));
    let keys = [1, 2, 3, 2, 1, 2, 4];
    let log = (1..).zip(keys).map(|(seq, key)| record(seq, key, 0)).collect();
    check(
        &settings,
        log,
        poison(&[2]),
        expect![[r#"
        100000 call [1, 2, 3, 4, 5, 6, 7]
        100000 call [1, 2, 3]
        100000 call [1]
        100000 call [2, 3]
        100000 call [2]
        100100 call [2]
        100300 call [2]
        100300 park [2]
          parked 2
        100300 call [3]
        100300 call [5, 7]
          parked 4
          parked 6
        100300 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_record_named_as_failed_is_parked_without_halving() {
    let settings = settings(|s| (s.quarantine, s.retry_attempts) = (Some(crate::Quarantine::default()), Some(0)));
    check(
        &settings,
        records(1..=8),
        reported(&[5]),
        expect![[r#"
        100000 call [1, 2, 3, 4, 5, 6, 7, 8]
        100100 call [5, 6, 7, 8]
        100100 call [5]
        100100 park [5]
          parked 5
        100100 call [6, 7, 8]
        100100 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_full_quarantine_stops_the_lane_until_there_is_room() {
    let settings = settings(|s| (s.quarantine, s.batch_size) = (Some(crate::Quarantine::default()), 1));
    let keys = [1, 2, 1, 3];
    let mut drive = Drive::new(&settings, (1..).zip(keys).map(|(seq, key)| record(seq, key, 0)).collect());
    for room in [(0, 1000), (1, 8), (1, 9), (0, 1000), (1, 1000)] {
        drive.say(format_args!("room for {room:?}"));
        drive.room = Amount { records: room.0, bytes: room.1 };
        drive.run(60, poison(&[1]));
    }
    expect![[r#"
        room for (0, 1000)
        100000 call [1]
        100100 call [1]
        100300 call [1]
        100300 Stop { reason: "the quarantine is full: retry or drop what is parked, or let it hold more" }
        room for (1, 8)
        100300 Stop { reason: "the quarantine is full: retry or drop what is parked, or let it hold more" }
        room for (1, 9)
        100300 park [1]
          parked 1
        100300 call [2]
        100300 Stop { reason: "the quarantine is full: retry or drop what is parked, or let it hold more" }
        room for (0, 1000)
        100300 Stop { reason: "the quarantine is full: retry or drop what is parked, or let it hold more" }
        room for (1, 1000)
        100300 call [4]
          parked 3
        100300 Gather { until_ms: None }
    "#]]
    .assert_eq(&drive.trace);
}

#[test]
fn what_is_parked_is_delivered_again_in_order_when_somebody_asks() {
    let settings = settings(|s| s.quarantine = Some(crate::Quarantine::default()));
    let log: Vec<Record> = [1, 1, 1].iter().zip(1..).map(|(key, seq)| record(seq, *key, 0)).collect();
    let mut drive = Drive::new(&settings, log.clone());
    drive.run(60, poison(&[1]));
    let key = KeyId(1);
    assert!(!drive.lane.ask(KeyId(2), Wanted::Retry));
    assert!(drive.lane.ask(key, Wanted::Retry));
    assert_eq!(drive.plan(), Plan::Redeliver(key));
    assert!(!drive.lane.redelivered(key, &log[0], Outcome::Failed(failure("still")), 0));
    // It failed, so the request is over.
    assert_eq!(drive.plan(), Plan::Gather { until_ms: None });
    let parked = &drive.lane.parked()[&key];
    assert_eq!((parked.amount.records, parked.attempts, parked.error.as_str()), (3, 4, "still"));
    assert!(drive.lane.ask(key, Wanted::Drop));
    drive.restart();
    assert_eq!(drive.plan(), Plan::Drop(key));
    drive.lane.dropped(key, &log[0]);
    for (at, expected) in [(1, Plan::Redeliver(key)), (2, Plan::Redeliver(key))] {
        assert_eq!(drive.plan(), expected);
        assert!(drive.lane.redelivered(key, &log[at], done(), 0));
    }
    assert_eq!(drive.plan(), Plan::Gather { until_ms: None });
    assert!(drive.lane.parked().is_empty());
    let counts = drive.lane.state.counts;
    assert_eq!((counts.parked, counts.delivered, counts.given_up), (3, 2, 1));
}

#[test]
fn what_is_parked_already_is_passed_when_it_is_read_again() {
    let settings = settings(|s| s.quarantine = Some(crate::Quarantine::default()));
    let log: Vec<Record> = [1, 2, 1, 1].iter().zip(1..).map(|(key, seq)| record(seq, *key, 0)).collect();
    let mut drive = Drive::new(&settings, log);
    drive.run(60, poison(&[1]));
    // As another number of lanes has it.
    drive.lane.state.next = Seq(1);
    drive.restart();
    (drive.trace, drive.room) = (String::new(), Amount::default());
    drive.run(60, |_| done());
    expect![[r#"
        100300 call [2]
        100300 Gather { until_ms: None }
    "#]]
    .assert_eq(&drive.trace);
    assert_eq!(drive.lane.parked()[&KeyId(1)].amount.records, 3);
}

/// A function that keeps the number of its records as its state.
fn counting(trace: &mut Vec<String>) -> impl FnMut(&[u64]) -> Outcome + '_ {
    |seqs| {
        trace.push(format!("{seqs:?}"));
        Outcome::Done { state: Some(format!(r#"{{"n":{}}}"#, seqs.len())) }
    }
}

#[test]
fn windows_follow_the_records_times_and_close_when_the_next_one_begins_or_time_is_over() {
    let settings = settings(|s| s.tumbling_window_s = 10);
    let log = vec![record(1, 1, 80_000), record(2, 2, 89_999), record(3, 3, 90_000), record(4, 4, 101_000)];
    check(
        &settings,
        log,
        counting(&mut Vec::new()),
        expect![[r#"
        100000 call [1, 2]
        100000 Close { early: false }
        100000 call [3]
        100000 Close { early: false }
        100000 call [4]
        100000 Gather { until_ms: Some(111000) }
        111000 Close { early: false }
        111000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_window_keeps_its_state_over_a_restart_and_over_a_failure() {
    let settings = settings(|s| (s.tumbling_window_s, s.batch_size) = (10, 1));
    let mut drive = Drive::new(&settings, records(91..=93));
    drive.run(2, counting(&mut Vec::new()));
    let open = drive.lane.state.window.clone();
    assert_eq!(open.as_ref().map(|window| window.state.as_str()), Some(r#"{"n":1}"#));
    drive.restart();
    drive.run(3, poison(&[92]));
    assert_eq!(drive.lane.state.window, open);
    assert_eq!(drive.lane.state.next, Seq(92));
}

#[test]
fn a_window_whose_last_call_fails_stops_its_shard_until_it_succeeds() {
    let settings = settings(|s| (s.tumbling_window_s, s.retry_attempts) = (10, Some(0)));
    let log = vec![record(1, 1, 80_000), record(2, 2, 90_000)];
    let mut closings = 0;
    let function = |seqs: &[u64]| {
        closings += i32::from(seqs.is_empty());
        if seqs.is_empty() && closings < 3 {
            return Outcome::Failed(failure("no"));
        }
        Outcome::Done { state: Some("{}".to_owned()) }
    };
    check(
        &settings,
        log,
        function,
        expect![[r#"
        100000 call [1]
        100000 Close { early: false }
        100100 Close { early: false }
        100300 Close { early: false }
        100300 call [2]
        100300 Gather { until_ms: Some(101000) }
        101000 Close { early: false }
        101000 Gather { until_ms: None }
    "#]],
    );
}

#[test]
fn a_state_that_is_too_large_ends_the_window_early_and_it_goes_on_empty() {
    let settings = settings(|s| (s.tumbling_window_s, s.batch_size) = (10, 1));
    let mut drive = Drive::new(&settings, vec![record(1, 1, 90_000), record(2, 2, 90_001)]);
    let large = format!(r#"{{"s":"{}"}}"#, "x".repeat(1 << 20));
    drive.run(2, |_| Outcome::Done { state: Some(large.clone()) });
    assert_eq!(drive.plan(), Plan::Close { early: true });
    drive.lane.closed(true, done(), 100_000);
    let window = drive.lane.state.window.clone().expect("it goes on");
    assert_eq!((window.start_ms, window.end_ms, window.state.as_str()), (90_000, 100_000, "{}"));
    assert!(matches!(drive.plan(), Plan::Call(_)));
}

#[test]
fn positions_that_were_trimmed_are_counted_and_passed() {
    let mut drive = Drive::new(&Settings::default(), records(1..=4));
    drive.run(2, poison(&[1]));
    assert_eq!(drive.lane.state.ranges, [Seq(4)]);
    assert_eq!(drive.lane.lost(Seq(9)), 8);
    assert_eq!((drive.lane.state.next, drive.lane.state.counts.lost), (Seq(9), 8));
    assert_eq!((drive.lane.state.ranges.len(), drive.lane.state.attempts), (0, 0));
}

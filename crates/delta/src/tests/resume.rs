//! Operations read on from where somebody stopped; deltas that are watched, stopped, and tried again.

use super::{Place, lines};
use crate::{Config, Error, Input, Kind, Operations, Phase, Progress, Watch, full, sample::Sample};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

fn versions(place: &Place, rows: u64) -> (Input, Input) {
    let sample = Sample::new(rows, 3);
    let version = |version: u32| {
        let mut text = Vec::new();
        sample.write(version, &mut text).unwrap();
        place.export(&format!("v{version}-"), &[text])
    };
    (version(1), version(2))
}

#[test]
fn operations_are_read_on_from_any_ordinal() {
    let place = Place::new();
    let (first, _) = versions(&place, 3000);
    let operations = place.full(&place.config(), None, &first, "first").unwrap().operations;
    let all = lines(&operations);
    let all: Vec<&str> = all.lines().filter(|line| line.starts_with('+')).collect();
    assert_eq!(all.len(), 3000);
    // What was published before a crash is not needed to go on, nor is anything else in memory.
    for ordinal in (0..3000).step_by(97).chain([1, 2998, 2999, 3000, 4000]) {
        let operations = Operations::open(place.output("first").operations).unwrap();
        let mut reader = operations.read_from(ordinal).unwrap();
        let mut next = ordinal.min(3000);
        while let Some(operation) = reader.next().unwrap() {
            assert_eq!(operation.ordinal, next);
            assert_eq!(operation.kind, Kind::Insert);
            let key = operation.key().next().unwrap().1;
            assert!(all[next as usize].contains(key), "{key}: {}", all[next as usize]);
            next += 1;
        }
        assert_eq!(next, 3000);
    }
}

#[test]
fn damaged_operations_are_never_read_as_others() {
    let place = Place::new();
    let previous = place.export("previous", &["PK,name\n1,Ana\n2,Bo\n3,Chloé\n"]);
    let next = place.export("next", &["PK,name\n1,Anna\n2,Bo\n4,Dmitri\n"]);
    let path = place.output("full").operations;
    place.full(&place.config(), Some(&previous), &next, "full").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let read = |bytes: &[u8], from: u64| -> Result<u64, Error> {
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Operations::open(&path)?.read_from(from)?;
        let mut count = 0;
        while reader.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    };
    assert_eq!(read(&whole, 0).unwrap(), 3);
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        for from in [0, 2] {
            let result = read(&bytes, from);
            assert!(matches!(result, Err(Error::Operations { .. })), "bit {bit} from {from}: {result:?}");
        }
    }
    for length in 0..whole.len() {
        assert!(matches!(read(&whole[..length], 0), Err(Error::Operations { .. })), "cut to {length}");
    }
}

#[test]
fn progress_goes_on_to_the_end_of_each_phase() {
    let place = Place::new();
    let (previous, next) = versions(&place, 20_000);
    let seen: Mutex<Vec<Progress>> = Mutex::default();
    let report = |progress: Progress| seen.lock().unwrap().push(progress);
    let never = AtomicBool::new(false);
    let watch = Watch { report: &report, cancelled: &never };
    full(&place.config(), Some(&previous), &next, &place.output("full"), watch).unwrap();
    let seen = seen.into_inner().unwrap();
    for phase in [Phase::Reading, Phase::Comparing, Phase::Writing] {
        let of: Vec<&Progress> = seen.iter().filter(|progress| progress.phase == phase).collect();
        assert!(of.iter().all(|progress| progress.done <= progress.total), "{of:?}");
        assert!(of.iter().any(|progress| progress.done == progress.total), "{phase:?}: {of:?}");
    }
}

#[test]
fn a_delta_that_is_stopped_leaves_nothing_and_can_be_tried_again() {
    let place = Place::new();
    let (previous, next) = versions(&place, 20_000);
    let expected = lines(&place.full(&place.config(), Some(&previous), &next, "expected").unwrap().operations);
    for phase in [Phase::Reading, Phase::Comparing, Phase::Writing] {
        let cancelled = AtomicBool::new(false);
        let report = |progress: Progress| cancelled.store(progress.phase == phase, Ordering::Relaxed);
        let watch = Watch { report: &report, cancelled: &cancelled };
        let stopped = full(&place.config(), Some(&previous), &next, &place.output("full"), watch);
        assert!(matches!(stopped, Err(Error::Cancelled)), "{phase:?}: {stopped:?}");
        assert_eq!(place.left_behind(), ["expected.operations", "expected.state"]);
    }
    // As if killed: half-written results lie around.
    for ending in ["operations.partial", "state.partial"] {
        std::fs::write(place.path("results").join(format!("full.{ending}")), vec![b'x'; 1 << 20]).unwrap();
    }
    let again = place.full(&place.config(), Some(&previous), &next, "full").unwrap();
    assert_eq!(lines(&again.operations), expected);
    assert_eq!(place.left_behind().len(), 4);
}

#[test]
fn a_delta_that_fails_leaves_the_results_of_the_one_before() {
    let place = Place::new();
    let good = place.export("good", &["PK,name\n1,a\n"]);
    let bad = place.export("bad", &["PK,name\n1,a\n1,a\n"]);
    place.full(&place.config(), None, &good, "full").unwrap();
    let read =
        || ["operations", "state"].map(|ending| std::fs::read(place.path(&format!("results/full.{ending}"))).unwrap());
    let before = read();
    assert!(place.full(&Config { memory: 0, ..place.config() }, Some(&good), &bad, "full").is_err());
    assert_eq!(read(), before);
    assert_eq!(place.left_behind(), ["full.operations", "full.state"]);
}

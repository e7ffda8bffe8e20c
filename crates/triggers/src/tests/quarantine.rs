//! Quarantine: one key waits, the others go on; and what becomes of it.

use super::*;

fn quarantine(records: u32) -> Settings {
    settings(|s| {
        s.quarantine = Some(Quarantine { records, ..Quarantine::default() });
        s.retry_attempts = Some(1);
    })
}

fn poison(call: &Call) -> Reply {
    if call.records().iter().any(|name| name == "b2") { Reply::Raise("b2 is bad") } else { fine() }
}

/// The one key that is parked.
fn parked(life: &Life, uuid: &str) -> ParkedKey {
    let page = life.triggers.quarantine(uuid, None, 10).expect("read");
    let [key] = page.keys.as_slice() else { panic!("{page:?}") };
    key.clone()
}

fn records(life: &Life, uuid: &str, id: &str) -> Vec<String> {
    let (_, records) = life.triggers.parked(uuid, id, None, 10).expect("read");
    records.iter().map(|record| record_text(&serde_json::from_str(&record.event).expect("JSON"))).collect()
}

#[test]
fn a_poison_record_parks_its_key_and_the_others_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b2 c3 b4 a5");
    let uuid = life.feed("votes", quarantine(10));
    life.settle(&uuid);
    life.puts("votes", "b6 a7");
    let status = life.settle(&uuid);
    let delivered: Vec<String> = script.records().into_iter().filter(|record| !record.starts_with('b')).collect();
    assert_eq!(delivered.iter().filter(|record| *record == "a7").count(), 1);
    let key = parked(&life, &uuid);
    assert_eq!((key.key.as_str(), key.records, key.attempts), (r#"{"id":{"S":"b"}}"#, 3, 2));
    assert_eq!((key.error.as_str(), key.wanted), ("ValueError: b2 is bad", None));
    assert_eq!(records(&life, &uuid, &key.id), ["b2", "b4", "b6"]);
    let counts = status.counts;
    assert_eq!((counts.parked, counts.parked_now, counts.delivered, counts.given_up), (3, 3, 4, 0));
    assert!(!script.records().iter().any(|record| record == "b6"), "it was called though it should wait");
}

#[test]
fn what_is_parked_is_there_after_a_crash_and_comes_back_in_order_when_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "b2 b4 a5");
    let uuid = life.feed("votes", quarantine(10));
    life.settle(&uuid);
    life.crash();

    let life = Life::start(dir.path(), &script);
    life.put("votes", "b6");
    life.settle(&uuid);
    let key = parked(&life, &uuid);
    assert_eq!(records(&life, &uuid, &key.id), ["b2", "b4", "b6"]);
    let ask = |id: &str| life.runtime.block_on(life.triggers.retry_parked(&uuid, id));
    assert!(matches!(ask("no"), Err(Error::NotParked { .. })));
    // It fails once more, and stays.
    ask(&key.id).expect("asked");
    life.until("it was tried", |life| parked(life, &uuid).attempts == 3);
    assert_eq!(parked(&life, &uuid).wanted, None);
    // Then it does not, and everything comes in order, one by one.
    let before = script.calls().len();
    script.becomes(|_| fine());
    ask(&key.id).expect("asked");
    life.until("none is parked", |life| life.status(&uuid).counts.parked_now == 0);
    life.put("votes", "b8");
    life.settle(&uuid);
    assert_eq!(script.names().split_off(before), ["b2", "b4", "b6", "b8"]);
    assert!(matches!(ask(&key.id), Err(Error::NotParked { .. })));
}

#[test]
fn dropping_takes_the_poison_away_and_delivers_what_waited_behind_it_also_after_a_crash() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "b2 b4 b5");
    let uuid = life.feed("votes", quarantine(10));
    life.settle(&uuid);
    let key = parked(&life, &uuid);
    script.becomes(|_| Reply::Hold);
    life.runtime.block_on(life.triggers.drop_parked(&uuid, &key.id)).expect("asked");
    life.until("the next one is called", |life| life.script.names().last().is_some_and(|name| name == "b4"));
    life.crash();
    let script = Script::new(|_| fine());
    let life = Life::start(dir.path(), &script);
    life.until("none is parked", |life| life.triggers.quarantine(&uuid, None, 10).expect("read").keys.is_empty());
    assert_eq!(script.names(), ["b4", "b5"]);
    let status = life.settle(&uuid);
    assert_eq!((status.counts.given_up, status.counts.parked_now), (1, 0));
}

#[test]
fn a_full_quarantine_stops_with_an_alarm_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(poison);
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "b2 a3 b4 a5 b6 a7");
    let uuid = life.feed("votes", quarantine(2));
    life.until("it stops", |life| {
        let status = life.status(&uuid);
        status.trouble.is_some() && life.is_on_disk(&status)
    });
    let status = life.status(&uuid);
    assert!(status.trouble.as_deref().is_some_and(|trouble| trouble.starts_with("the quarantine is full")));
    assert!(matches!(status.lanes[0].phase, LanePhase::Stopped { .. }));
    assert_eq!(status.counts.parked_now, 2);
    assert!(!script.records().is_empty(), "{:?}", script.names());
    let key = parked(&life, &uuid);
    assert_eq!(records(&life, &uuid, &key.id), ["b2", "b4"]);
    script.becomes(|_| fine());
    life.runtime.block_on(life.triggers.retry_parked(&uuid, &key.id)).expect("asked");
    let status = life.settle(&uuid);
    assert_eq!((status.trouble, status.counts.parked_now), (None, 0));
    let of_b: Vec<String> = script.records().into_iter().filter(|record| record.starts_with('b')).collect();
    assert_eq!(of_b[of_b.len() - 3..], ["b2", "b4", "b6"]);
    assert_eq!(script.records().last().map(String::as_str), Some("a7"));
}

#[test]
fn many_parked_keys_are_shown_page_by_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = Script::new(|_| Reply::Raise("no"));
    let life = Life::start(dir.path(), &script);
    life.table("votes");
    life.puts("votes", "a1 b1 c1 d1 e1");
    let quarantined = settings(|s| (s.quarantine, s.retry_attempts) = (Some(Quarantine::default()), Some(0)));
    let uuid = life.feed("votes", quarantined);
    life.settle(&uuid);
    let mut keys = Vec::new();
    let mut after = None;
    loop {
        let page = life.triggers.quarantine(&uuid, after.as_deref(), 2).expect("read");
        assert!(page.keys.len() <= 2);
        keys.extend(page.keys.into_iter().map(|key| key.key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    keys.sort();
    assert_eq!(keys, ["a", "b", "c", "d", "e"].map(|id| format!(r#"{{"id":{{"S":"{id}"}}}}"#)));
}

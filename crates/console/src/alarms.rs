//! What a person should know at once about functions, triggers, schedules, buckets and exports, from their rows. Pure.

use crate::executions::ExportTableRow;
use crate::objects::BucketRow;
use crate::running::{FunctionRow, LanePhase, ScheduleRow, TriggerRow};
use serde_json::{Value, json};

/// Alarms on one page; further ones are counted.
const ALARMS_MAX: usize = 12;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;

/// Something that stands still or is about to.
#[derive(Debug, PartialEq, Eq)]
pub struct Alarm {
    pub text: String,
    /// The page to look at.
    pub href: String,
}

/// `{shown: [{text, href}], more}`.
pub fn frame(alarms: &[Alarm]) -> Value {
    let shown = alarms.iter().take(ALARMS_MAX).map(|alarm| json!({ "text": alarm.text, "href": alarm.href }));
    json!({ "shown": shown.collect::<Vec<Value>>(), "more": alarms.len().saturating_sub(ALARMS_MAX) })
}

pub fn all(functions: &[FunctionRow], triggers: &[TriggerRow], schedules: &[ScheduleRow]) -> Vec<Alarm> {
    let functions = functions.iter().filter_map(function);
    functions.chain(triggers.iter().flat_map(trigger)).chain(schedules.iter().filter_map(schedule)).collect()
}

/// Executions that wait for a person.
pub fn buckets(rows: &[BucketRow]) -> Vec<Alarm> {
    let stands = |row: &BucketRow| {
        let why = row.trouble.as_deref()?;
        let text = format!("Events of the bucket {} wait: {}", row.name, cut(why));
        Some(Alarm { text, href: format!("/buckets/{}", row.name) })
    };
    rows.iter().filter_map(stands).collect()
}

pub fn exports(tables: &[ExportTableRow]) -> Vec<Alarm> {
    let each = |row: &ExportTableRow, versions: &[String], what: &str| -> Vec<Alarm> {
        let alarm = |version: &String| Alarm {
            text: format!("The export {version} of {} {what}", row.table),
            href: format!("/exports/{}/{version}", row.table),
        };
        versions.iter().map(alarm).collect()
    };
    let of = |row: &ExportTableRow| {
        let mut alarms = each(row, &row.held, "is held: nothing of it is published until somebody releases it");
        alarms.extend(each(row, &row.failed, "has failed"));
        alarms
    };
    tables.iter().flat_map(of).collect()
}

pub fn function(row: &FunctionRow) -> Option<Alarm> {
    let why = row.init_error.as_deref()?;
    Some(Alarm {
        text: format!("The function {} does not start: {}", row.name, cut(why)),
        href: function_page(&row.name),
    })
}

/// A stopped lane tells more than the trigger's own trouble, which it is.
pub fn trigger(row: &TriggerRow) -> Vec<Alarm> {
    let name = format!("{} → {}", row.source.name, row.function);
    let stopped: Vec<&str> = row.lanes.iter().filter_map(|lane| stopped(&lane.phase)).collect();
    let mut texts = Vec::new();
    if row.enabled {
        match stopped.first() {
            Some(why) if stopped.len() == 1 => texts.push(format!("A lane of {name} has stopped: {}", cut(why))),
            Some(why) => texts.push(format!("{} lanes of {name} have stopped: {}", stopped.len(), cut(why))),
            None => texts.extend(row.trouble.as_deref().map(|why| format!("{name} does nothing: {}", cut(why)))),
        }
    }
    if let Some(records) = full(row) {
        texts.push(format!("The quarantine of {name} is full: {records} records are parked, as many as may be"));
    }
    if let Some(depth) = row.recursion_depth {
        texts.push(format!(
            "{name} feeds itself: what the function writes comes back to it, {depth} functions deep so far"
        ));
    }
    let href = format!("/triggers/{}", row.uuid);
    texts.into_iter().map(|text| Alarm { text, href: href.clone() }).collect()
}

pub fn schedule(row: &ScheduleRow) -> Option<Alarm> {
    let why = row.trouble.as_deref().filter(|_| row.enabled)?;
    Some(Alarm { text: format!("The schedule {} does not run: {}", row.name, cut(why)), href: "/schedules".into() })
}

/// Records that are parked, where no more may be.
pub fn full(row: &TriggerRow) -> Option<u64> {
    let bound = row.settings.quarantine?;
    (row.counts.parked_now >= u64::from(bound.records)).then_some(row.counts.parked_now)
}

/// Why a lane has stopped, if it has.
pub fn stopped(phase: &LanePhase) -> Option<&str> {
    match phase {
        LanePhase::Stopped(why) => Some(why),
        _ => None,
    }
}

fn function_page(name: &str) -> String {
    format!("/functions/{name}")
}

/// The reason's first line, no longer than is read at a glance.
fn cut(why: &str) -> String {
    let line = why.lines().next().unwrap_or("").trim();
    match line.char_indices().nth(REASON_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::{LaneRow, QuarantineBound, TriggerCounts, TriggerSettings, TriggerSource};
    use expect_test::expect;
    use item::Seq;

    fn lane(phase: LanePhase) -> LaneRow {
        LaneRow {
            shard: "shard-0".into(),
            lane: 0,
            position: Seq(1),
            lag: 0,
            age_ms: 0,
            attempts: 0,
            phase,
            counts: TriggerCounts::default(),
            last_error: None,
            gave_up: None,
        }
    }

    fn trigger(uuid: &str) -> TriggerRow {
        let source = TriggerSource { name: "votes".into(), ..TriggerSource::default() };
        TriggerRow { uuid: uuid.into(), function: "count".into(), enabled: true, source, ..TriggerRow::default() }
    }

    #[test]
    fn what_stands_still_is_said_once_with_its_reason() {
        let broken = FunctionRow {
            name: "count".into(),
            init_error: Some("No module named 'app'\nTraceback".into()),
            ..FunctionRow::default()
        };
        let stopped = || lane(LanePhase::Stopped("the quarantine is full".into()));
        let bound = QuarantineBound { records: 10, bytes: 1 << 20 };
        let full = TriggerRow {
            trouble: Some("a lane is stopped".into()),
            lanes: vec![stopped(), lane(LanePhase::Idle), stopped()],
            settings: TriggerSettings { quarantine: Some(bound), ..TriggerSettings::default() },
            counts: TriggerCounts { parked_now: 10, ..TriggerCounts::default() },
            ..trigger("full")
        };
        let streamless = TriggerRow { trouble: Some("x".repeat(400)), ..trigger("streamless") };
        let paused = TriggerRow { enabled: false, ..streamless.clone() };
        let recursive = TriggerRow { recursion_depth: Some(3), ..trigger("recursive") };
        let late = ScheduleRow {
            name: "nightly".into(),
            enabled: true,
            trouble: Some("the function is gone".into()),
            ..ScheduleRow::default()
        };
        let alarms =
            all(&[broken, FunctionRow::default()], &[full, streamless, paused, recursive, trigger("fine")], &[late]);
        let lines: Vec<String> = alarms.iter().map(|alarm| format!("{} ({})", alarm.text, alarm.href)).collect();
        expect![[r#"
            The function count does not start: No module named 'app' (/functions/count)
            2 lanes of votes → count have stopped: the quarantine is full (/triggers/full)
            The quarantine of votes → count is full: 10 records are parked, as many as may be (/triggers/full)
            votes → count does nothing: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (/triggers/streamless)
            votes → count feeds itself: what the function writes comes back to it, 3 functions deep so far (/triggers/recursive)
            The schedule nightly does not run: the function is gone (/schedules)"#]]
        .assert_eq(&lines.join("\n"));
    }
}

//! What `Metadata: Streamfold:` of a function or a trigger says: whether poison records are quarantined, and what becomes
//! of missed runs. AWS passes it over.

use crate::field::Field;
use crate::model::{Missed, Quarantine};
use crate::scope::{Resource, Scope};
use crate::yaml::{Node, Value};

/// Most records that may wait in quarantine.
const MAX_RECORDS: u64 = 10_000;
const DEFAULT_RECORDS: u32 = 1_000;

/// What kind of event a mark can be about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stream,
    Schedule,
    Other,
}

/// The marks of a function, by the names of its events.
#[derive(Default)]
pub(super) struct Marks {
    quarantine: Vec<(String, Quarantine)>,
    missed: Vec<(String, Missed)>,
}

impl Marks {
    pub(super) fn quarantine(&self, event: &str) -> Option<Quarantine> {
        self.quarantine.iter().find(|(name, _)| name == event).map(|(_, quarantine)| *quarantine)
    }

    pub(super) fn missed(&self, event: &str) -> Missed {
        self.missed.iter().find(|(name, _)| name == event).map(|(_, missed)| *missed).unwrap_or_default()
    }
}

/// What stands under `Metadata: Streamfold:`, worked out.
fn node(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<Node> {
    let written = resource.field.get("Metadata")?.get("Streamfold")?;
    Some(scope.resolve(&written).unwrap_or_else(|| Node::broken(written.node.span)))
}

/// The same as a field, if it is a map with nothing but `known`.
fn field<'n>(resource: &Resource<'n>, node: &'n Node, known: &[&str]) -> Option<Field<'n>> {
    let written = resource.field.get("Metadata")?.get("Streamfold")?;
    let field = written.with_node(node);
    (!matches!(node.value, Value::Broken) && field.only(known)).then_some(field)
}

/// Reads the marks of a function with these events.
pub(super) fn of_function(scope: &Scope<'_>, resource: &Resource<'_>, events: &[(&str, Kind)]) -> Marks {
    let mut marks = Marks::default();
    let Some(node) = node(scope, resource) else { return marks };
    let Some(field) = field(resource, &node, &["Triggers", "Schedules"]) else { return marks };
    for (name, mark) in about(&field, "Triggers", Kind::Stream, events) {
        if mark.only(&["Quarantine"]) {
            let found = mark.get("Quarantine").and_then(|f| quarantine(&f));
            marks.quarantine.extend(found.map(|found| (name.to_string(), found)));
        }
    }
    for (name, mark) in about(&field, "Schedules", Kind::Schedule, events) {
        if mark.only(&["Missed"]) {
            let found = mark.get("Missed").and_then(|f| missed(&f));
            marks.missed.extend(found.map(|found| (name.to_string(), found)));
        }
    }
    marks
}

/// The members of `key` that are the names of events of this kind; a complaint about any other.
fn about<'f>(field: &Field<'f>, key: &str, kind: Kind, events: &[(&str, Kind)]) -> Vec<(&'f str, Field<'f>)> {
    let entries = field.get(key).map(|f| f.entries()).unwrap_or_default();
    let fitting: Vec<&str> = events.iter().filter(|(_, found)| *found == kind).map(|(name, _)| *name).collect();
    let what = if kind == Kind::Stream { "trigger on a stream" } else { "schedule" };
    entries
        .into_iter()
        .filter(|(name, field)| {
            let fits = fitting.contains(name);
            if !fits {
                field.error_known(format!("the function has no event `{name}` that is a {what}"), name, &fitting);
            }
            fits
        })
        .collect()
}

/// The mark of a trigger that is a resource by itself.
pub(super) fn of_mapping(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<Quarantine> {
    let node = node(scope, resource)?;
    quarantine(&field(resource, &node, &["Quarantine"])?.get("Quarantine")?)
}

/// `true`, `false`, or `{ Records: 1000 }`.
fn quarantine(field: &Field<'_>) -> Option<Quarantine> {
    if !matches!(field.node.value, Value::Map(_)) {
        return field.boolean()?.then_some(Quarantine { records: DEFAULT_RECORDS });
    }
    field.only(&["Records"]);
    let records = match field.get("Records") {
        Some(records) => u32::try_from(records.integer(1, MAX_RECORDS)?).expect("at most MAX_RECORDS"),
        None => DEFAULT_RECORDS,
    };
    Some(Quarantine { records })
}

/// The mark of a schedule that is a resource by itself.
pub(super) fn missed_of(scope: &Scope<'_>, resource: &Resource<'_>) -> Missed {
    let Some(node) = node(scope, resource) else { return Missed::default() };
    let mark = field(resource, &node, &["Missed"]).and_then(|marks| marks.get("Missed"));
    mark.and_then(|f| missed(&f)).unwrap_or_default()
}

/// `run` or `skip`.
fn missed(field: &Field<'_>) -> Option<Missed> {
    field.one_of(&[("run", Missed::Run), ("skip", Missed::Skip)])
}

/// Says of a resource that no mark means anything on it.
pub(super) fn none(resource: &Resource<'_>) {
    if let Some(mark) = resource.field.get("Metadata").and_then(|metadata| metadata.get("Streamfold")) {
        mark.warning(format!("this mark means nothing on {}", resource.type_name), None);
    }
}

//! What `up` would do: a template's tables against those that exist. Decides everything before anything is done;
//! knows the database by what it is told of its tables, and writes nothing. `indexes` does the same for the indexes of
//! one table, `streams` for Kinesis streams.

mod indexes;
mod streams;

pub use streams::StreamStep;

use db::{Billing, StreamViewType, TableSpec, TableUpdate, ViewSpec};
use item::{KeyAttribute, KeyKind, KeySchema};
use project::{AttrType, BillingMode, Diagnostic, KeyElement, KeyType, Location, Project, Severity, Table};
use std::collections::BTreeMap;

/// What is to be done, in this order.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// Tables that are missing; views after the tables they read.
    pub create: Vec<TableSpec>,
    /// Tables whose settings the template changes.
    pub update: Vec<Update>,
    /// Names of tables that are as the template wants them.
    pub unchanged: Vec<String>,
    /// Kinesis streams that are missing or change.
    pub streams: Vec<StreamStep>,
    /// What the template no longer asks for and stays nevertheless.
    pub notes: Vec<Diagnostic>,
}

/// A change to one table's settings.
#[derive(Debug, PartialEq)]
pub struct Update {
    pub table: String,
    pub update: TableUpdate,
    /// What changes, for people: "stream on".
    pub changes: Vec<String>,
}

/// A table that exists as a template would ask for it: its indexes as they were created.
pub fn existing(table: &db::Table) -> TableSpec {
    let indexes = table.indexes.iter().map(|index| index.spec.clone()).collect();
    TableSpec { indexes, ..table.spec.clone() }
}

/// Compares a project with the tables (see [`existing`]) and the streams that exist, by name.
///
/// # Errors
/// Everything in the template that contradicts what exists.
pub fn plan(
    project: &Project,
    existing: &BTreeMap<String, TableSpec>,
    streams: &BTreeMap<String, kinesis::Definition>,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut plan = Plan::default();
    let mut errors = Vec::new();
    match streams::plan(project, streams) {
        Ok(steps) => plan.streams = steps,
        Err(found) => errors = found,
    }
    for table in &project.tables {
        let wanted = spec(table);
        match existing.get(&wanted.name) {
            None => plan.create.push(wanted),
            Some(found) => {
                errors.extend(contradictions(table, &wanted, found));
                errors.extend(indexes::contradictions(table, &wanted, found));
                plan.notes.extend(left_alone(table, &wanted, found));
                plan.notes.extend(indexes::left_alone(table, &wanted, found));
                let update = update(table, &wanted, found);
                if update.changes.is_empty() { plan.unchanged.push(wanted.name) } else { plan.update.push(update) }
            }
        }
    }
    sort_views_last(&mut plan.create);
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

/// The table as the database wants it.
pub fn spec(table: &Table) -> TableSpec {
    let mut spec = TableSpec::new(table.name.clone(), key_schema(table));
    spec.stream = table.stream.map(stream);
    spec.shards = table.shards;
    spec.view = table.view.as_ref().map(|view| ViewSpec { sql: view.sql.clone(), sources: view.sources.clone() });
    spec.deletion_protection = table.deletion_protection;
    spec.billing = billing(table, table.provisioned);
    spec.ttl = table.ttl.clone();
    spec.tags = table.tags.clone();
    spec.indexes = indexes::specs(table);
    spec
}

/// The billing of the table or of one of its indexes, by its capacity units.
fn billing(table: &Table, units: Option<(u64, u64)>) -> Billing {
    match (table.billing, units) {
        (BillingMode::Provisioned, Some((read, write))) => Billing::Provisioned { read, write },
        _ => Billing::OnDemand,
    }
}

fn key_schema(table: &Table) -> KeySchema {
    let partition = attributes(&table.key, KeyType::Hash).next().expect("a project's tables have a partition key");
    KeySchema { partition, sort: attributes(&table.key, KeyType::Range).next() }
}

/// The attributes of a key that have this place in it.
fn attributes(key: &[KeyElement], wanted: KeyType) -> impl Iterator<Item = KeyAttribute> {
    key.iter().filter(move |element| element.key_type == wanted).map(|element| KeyAttribute {
        name: element.name.clone(),
        kind: match element.attr_type {
            AttrType::S => KeyKind::S,
            AttrType::N => KeyKind::N,
            AttrType::B => KeyKind::B,
        },
    })
}

fn stream(view_type: project::StreamViewType) -> StreamViewType {
    match view_type {
        project::StreamViewType::KeysOnly => StreamViewType::KeysOnly,
        project::StreamViewType::NewImage => StreamViewType::NewImage,
        project::StreamViewType::OldImage => StreamViewType::OldImage,
        project::StreamViewType::NewAndOldImages => StreamViewType::NewAndOldImages,
    }
}

/// What to do about a table that cannot become what the template says.
const ANOTHER: &str = "give the table another name, or delete it and run `up` again";

/// What cannot be changed without losing something, and differs.
fn contradictions(table: &Table, wanted: &TableSpec, found: &TableSpec) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    if wanted.key != found.key {
        let message = format!(
            "table `{}` exists with another key: {}, not {}",
            wanted.name,
            describe(&found.key),
            describe(&wanted.key)
        );
        errors.push(table.error("KeySchema", message).with_help(ANOTHER));
    }
    if let (Some(wanted_type), Some(found_type)) = (wanted.stream, found.stream)
        && wanted_type != found_type
    {
        let message = format!(
            "the stream of table `{}` shows {}, not {}",
            wanted.name,
            view_type_name(found_type),
            view_type_name(wanted_type)
        );
        let help = "as on AWS, a stream keeps its type: turn it off with UpdateTable, which closes it, then run `up`";
        errors.push(table.error("StreamSpecification", message).with_help(help));
    }
    if wanted.shards != found.shards {
        let message =
            format!("table `{}` exists with {} stream shards, not {}", wanted.name, found.shards, wanted.shards);
        errors.push(marked(table, message).with_help(ANOTHER));
    }
    match (&wanted.view, &found.view) {
        (Some(_), None) => {
            let message = format!("table `{}` exists as an ordinary table and cannot become a view", wanted.name);
            errors.push(marked(table, message).with_help(ANOTHER));
        }
        (None, Some(_)) => {
            let message = format!("table `{}` exists as a view and cannot become an ordinary table", wanted.name);
            errors.push(marked(table, message).with_help(ANOTHER));
        }
        _ => {}
    }
    errors
}

/// An error about the table's `Metadata: Streamfold:`.
fn marked(table: &Table, message: String) -> Diagnostic {
    let location: Location = table.view.as_ref().map_or(&table.location, |view| &view.location).clone();
    Diagnostic::error(message)
        .with_location(location)
        .with_logical_id(&table.logical_id)
        .with_property("Metadata.Streamfold")
}

/// What the template does not ask for but the table has: it stays, and is mentioned.
fn left_alone(table: &Table, wanted: &TableSpec, found: &TableSpec) -> Vec<Diagnostic> {
    let mut notes = Vec::new();
    if wanted.stream.is_none() && found.stream.is_some() {
        let message = format!("table `{}` has a stream that the template does not ask for; it stays on", wanted.name);
        notes.push(note(table, "StreamSpecification", message).with_help("turn it off with UpdateTable"));
    }
    if let (false, Some(attribute)) = (table.properties.contains_key(TTL), &found.ttl) {
        let message = format!(
            "items of table `{}` expire by `{attribute}`, which the template does not ask for; they still do",
            wanted.name
        );
        notes.push(note(table, TTL, message).with_help("turn it off with `Enabled: false`"));
    }
    notes
}

/// A note about a property that the template leaves out.
fn note(table: &Table, property: &str, message: String) -> Diagnostic {
    Diagnostic::new(Severity::Note, message)
        .with_location(table.location.clone())
        .with_logical_id(&table.logical_id)
        .with_property(format!("Properties.{property}"))
}

const TTL: &str = "TimeToLiveSpecification";

/// Settings that follow the template. Those it leaves open stay as they are.
fn update(table: &Table, wanted: &TableSpec, found: &TableSpec) -> Update {
    let given = |property: &str| table.properties.contains_key(property);
    let mut update = TableUpdate::default();
    let mut changes: Vec<String> = Vec::new();
    if wanted.stream.is_some() && found.stream.is_none() {
        update.stream = Some(wanted.stream);
        changes.push("stream on".into());
    }
    if wanted.view != found.view {
        update.view = wanted.view.clone();
        changes.push("view rebuilt by its new query".into());
    }
    if given(TTL) && wanted.ttl != found.ttl {
        update.ttl = Some(wanted.ttl.clone());
        changes.push(wanted.ttl.as_ref().map_or("expiry off".into(), |attribute| format!("expiry by {attribute}")));
    }
    if given("DeletionProtectionEnabled") && wanted.deletion_protection != found.deletion_protection {
        update.deletion_protection = Some(wanted.deletion_protection);
        changes.push("deletion protection".into());
    }
    if (given("BillingMode") || given("ProvisionedThroughput")) && wanted.billing != found.billing {
        update.billing = Some(wanted.billing);
        changes.push("billing".into());
    }
    let tags = merge(&found.tags, &wanted.tags);
    if tags != found.tags {
        update.tags = Some(tags);
        changes.push("tags".into());
    }
    for (change, what) in indexes::updates(wanted, found) {
        update.indexes.push(change);
        changes.push(what);
    }
    Update { table: wanted.name.clone(), update, changes }
}

/// The tags that exist, with the template's laid over them.
fn merge(found: &[(String, String)], wanted: &[(String, String)]) -> Vec<(String, String)> {
    let mut tags = found.to_vec();
    for (name, value) in wanted {
        match tags.iter_mut().find(|(other, _)| other == name) {
            Some((_, found)) => found.clone_from(value),
            None => tags.push((name.clone(), value.clone())),
        }
    }
    tags
}

/// Tables first, then views, each after the views that it reads; the template's order otherwise. Views that read each
/// other in a ring have been refused by then; should they come here, they keep their order.
fn sort_views_last(create: &mut Vec<TableSpec>) {
    let mut left = std::mem::take(create);
    while !left.is_empty() {
        let waiting: Vec<String> = left.iter().map(|spec| spec.name.clone()).collect();
        let reads_none = |spec: &TableSpec| {
            let sources = spec.view.iter().flat_map(|view| &view.sources);
            sources.map(|(_, table)| table).all(|table| !waiting.contains(table) || *table == spec.name)
        };
        let (ready, later): (Vec<_>, Vec<_>) = left.into_iter().partition(reads_none);
        if ready.is_empty() {
            create.extend(later);
            return;
        }
        create.extend(ready);
        left = later;
    }
}

fn describe(key: &KeySchema) -> String {
    list(std::iter::once(&key.partition).chain(&key.sort))
}

/// `id (S), year (N)`.
fn list<'k>(attributes: impl Iterator<Item = &'k KeyAttribute>) -> String {
    let shown = attributes.map(|attribute| format!("{} ({:?})", attribute.name, attribute.kind));
    shown.collect::<Vec<_>>().join(", ")
}

fn view_type_name(view_type: StreamViewType) -> &'static str {
    match view_type {
        StreamViewType::KeysOnly => "KEYS_ONLY",
        StreamViewType::NewImage => "NEW_IMAGE",
        StreamViewType::OldImage => "OLD_IMAGE",
        StreamViewType::NewAndOldImages => "NEW_AND_OLD_IMAGES",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const TEMPLATE: &str = "
Resources:
  Totals:
    Type: AWS::DynamoDB::Table
    Metadata:
      Streamfold: { View: totals.sql }
    Properties:
      TableName: totals
      AttributeDefinitions: [{ AttributeName: region, AttributeType: S }]
      KeySchema: [{ AttributeName: region, KeyType: HASH }]
      BillingMode: PAY_PER_REQUEST
  Votes:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: votes
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      Tags: [{ Key: team, Value: green }]
  Messages:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: messages
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
        - { AttributeName: group, AttributeType: S }
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 }
      GlobalSecondaryIndexes:
        - IndexName: by-group
          KeySchema: [{ AttributeName: group, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
          Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [user, message] }
          ProvisionedThroughput: { ReadCapacityUnits: 2, WriteCapacityUnits: 3 }
      LocalSecondaryIndexes:
        - IndexName: in-group
          KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: group, KeyType: RANGE }]
          Projection: { ProjectionType: KEYS_ONLY }
      TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
";

    fn project() -> Project {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("template.yaml"), TEMPLATE).expect("a file can be written");
        let sql = "SELECT region, COUNT(*) AS n FROM votes GROUP BY region";
        std::fs::write(folder.path().join("totals.sql"), sql).expect("a file can be written");
        project::load(folder.path(), &project::Options::default()).expect("the template is right")
    }

    /// What `up` would do where both tables exist, after `change` was made to one of them.
    fn check(change: impl FnOnce(&mut BTreeMap<String, TableSpec>), expected: &Expect) {
        let project = project();
        let mut existing = project.tables.iter().map(|table| (table.name.clone(), spec(table))).collect();
        change(&mut existing);
        let text = match plan(&project, &existing, &BTreeMap::new()) {
            Ok(plan) => {
                let created = plan.create.iter().map(|spec| format!("create {}", spec.name));
                let updated =
                    plan.update.iter().map(|update| format!("{}: {}", update.table, update.changes.join(", ")));
                let unchanged = plan.unchanged.iter().map(|name| format!("{name} unchanged"));
                let notes = plan.notes.iter().map(|note| format!("note: {}", note.message));
                created.chain(updated).chain(unchanged).chain(notes).collect::<Vec<_>>()
            }
            Err(errors) => {
                let line = |error: &Diagnostic| error.location.as_ref().map_or(0, |location| location.line);
                let id = |error: &Diagnostic| error.logical_id.clone().unwrap_or_default();
                errors.iter().map(|error| format!("{} {}: {}", line(error), id(error), error.message)).collect()
            }
        };
        expected.assert_eq(&text.join("\n"));
    }

    fn table<'a>(existing: &'a mut BTreeMap<String, TableSpec>, name: &str) -> &'a mut TableSpec {
        existing.get_mut(name).expect("the project has this table")
    }

    #[test]
    fn what_is_missing_is_created_with_views_last() {
        check(
            BTreeMap::clear,
            &expect![[r"
            create votes
            create messages
            create totals"]],
        );
        check(
            |existing| drop(existing.remove("votes")),
            &expect![[r"
            create votes
            totals unchanged
            messages unchanged"]],
        );
    }

    #[test]
    fn what_is_there_stays_and_settings_follow_the_template() {
        check(
            |_| {},
            &expect![[r"
            totals unchanged
            votes unchanged
            messages unchanged"]],
        );
        let more = |existing: &mut BTreeMap<String, TableSpec>| {
            let votes = table(existing, "votes");
            votes.stream = None;
            votes.tags = vec![("team".into(), "red".into()), ("mine".into(), "kept".into())];
            votes.ttl = Some("mine".into());
            votes.deletion_protection = true;
        };
        check(
            more,
            &expect![[r"
            votes: stream on, tags
            totals unchanged
            messages unchanged
            note: items of table `votes` expire by `mine`, which the template does not ask for; they still do"]],
        );
        let query = |existing: &mut BTreeMap<String, TableSpec>| {
            table(existing, "totals").stream = Some(StreamViewType::NewImage);
            table(existing, "totals").view.as_mut().expect("it is a view").sql.push(' ');
        };
        check(
            query,
            &expect![[r"
            totals: view rebuilt by its new query
            votes unchanged
            messages unchanged
            note: table `totals` has a stream that the template does not ask for; it stays on"]],
        );
    }

    #[test]
    fn what_contradicts_is_refused_by_line_and_logical_id() {
        let all = |existing: &mut BTreeMap<String, TableSpec>| {
            let votes = table(existing, "votes");
            votes.key.partition.kind = KeyKind::N;
            votes.stream = Some(StreamViewType::KeysOnly);
            votes.shards = 4;
            table(existing, "totals").view = None;
        };
        check(
            all,
            &expect![[r"
            6 Totals: table `totals` exists as an ordinary table and cannot become a view
            17 Votes: table `votes` exists with another key: id (N), not id (S)
            19 Votes: the stream of table `votes` shows KEYS_ONLY, not NEW_IMAGE
            12 Votes: table `votes` exists with 4 stream shards, not 1"]],
        );
    }

    #[test]
    fn global_indexes_and_expiry_follow_the_template() {
        let change = |existing: &mut BTreeMap<String, TableSpec>| {
            let messages = table(existing, "messages");
            messages.ttl = Some("old".into());
            messages.indexes[0].name = "of-before".into();
        };
        check(
            change,
            &expect![[r"
            messages: expiry by expires, index of-before removed, index by-group added
            totals unchanged
            votes unchanged"]],
        );
        let settings = |existing: &mut BTreeMap<String, TableSpec>| {
            let messages = table(existing, "messages");
            messages.indexes[0].billing = Billing::OnDemand;
            messages.indexes[0].projected = db::Projected::Include(vec!["message".into(), "user".into()]);
            messages.indexes.swap(0, 1);
            messages.indexes.push(db::IndexSpec { name: "mine".into(), ..messages.indexes[0].clone() });
        };
        check(
            settings,
            &expect![[r"
            messages: billing of index by-group
            totals unchanged
            votes unchanged
            note: table `messages` has a local index `mine` that the template does not name; it stays"]],
        );
    }

    #[test]
    fn an_index_keeps_its_key_its_projection_and_its_kind() {
        let all = |existing: &mut BTreeMap<String, TableSpec>| {
            let indexes = &mut table(existing, "messages").indexes;
            indexes[0].key.sort.clear();
            indexes[0].projected = db::Projected::All;
            indexes[1].local = false;
        };
        check(
            all,
            &expect![[r#"
                32 Messages: index `by-group` of table `messages` exists with another key: group (S), not group (S), sk (S)
                32 Messages: index `by-group` of table `messages` exists with another projection: whole items, not the keys, user, message
                37 Messages: index `in-group` of table `messages` exists as a global index and cannot become a local one"#]],
        );
        let missing = |existing: &mut BTreeMap<String, TableSpec>| table(existing, "messages").indexes.truncate(1);
        check(missing, &expect!["37 Messages: table `messages` exists without the local index `in-group`"]);
    }
}

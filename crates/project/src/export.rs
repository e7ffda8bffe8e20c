//! The mark on a bucket that binds exports: `Metadata: Streamfold: Export:`, one map or a list of them. Knows the names
//! of tables and streams, and nothing of how a delta is computed.

use crate::diagnostic::Severity;
use crate::field::{Field, NO_LIMIT, short};
use crate::model::{AttrType, Brake, Complete, Empty, Export, Origin, OtherColumns, Project, Table, stream_table};
use crate::resources::checked_name;
use crate::scope::{Resource, Scope};
use crate::suggest::did_you_mean;
use crate::view;
use crate::yaml::{Node, Value};

/// The type of resource that carries the mark.
const BUCKET: &str = "AWS::S3::Bucket";

const PROPERTIES: [&str; 9] =
    ["Prefix", "Key", "Stream", "Target", "Numbers", "Empty", "Registry", "Brake", "Complete"];
/// Where executions are looked up unless the mark says otherwise.
const REGISTRY: &str = "registry";
/// The key column unless the mark says otherwise.
const KEY: &str = "PK";
const EMPTY: [(&str, Empty); 2] = [("text", Empty::Text), ("absent", Empty::Absent)];
/// Most columns of a key. Tables have two; an export that only goes to a stream may have more.
const MAX_KEY: usize = 16;
const MAX_NUMBERS: usize = 1000;
/// Most files of one version.
const MAX_FILES: u64 = 1_000;
/// Longest key of an object.
const MAX_OBJECT_KEY: usize = 1024;

/// Reads the marks of every bucket that is created. All tables and streams are known by then.
pub(crate) fn read(scope: &Scope<'_>, project: &Project) -> Vec<Export> {
    let buckets = scope.resources.iter().filter(|one| one.type_name == BUCKET && scope.is_included(one));
    let mut exports = Vec::new();
    for bucket in buckets {
        of_bucket(scope, bucket, project, &mut exports);
    }
    exports
}

fn of_bucket(scope: &Scope<'_>, resource: &Resource<'_>, project: &Project, exports: &mut Vec<Export>) {
    let Some(written) = resource.field.get("Metadata").and_then(|metadata| metadata.get("Streamfold")) else { return };
    let node = scope.resolve(&written).unwrap_or_else(|| Node::broken(written.node.span));
    let field = written.with_node(&node);
    if matches!(node.value, Value::Broken) || !field.only(&["Export"]) {
        return;
    }
    let (Some(mark), Some(bucket)) = (field.get("Export"), name(scope, resource)) else { return };
    let marks = if matches!(mark.node.value, Value::List(_)) { mark.items() } else { vec![mark] };
    for mark in marks {
        let before = scope.report.errors();
        let reader = Reader { project, bucket: &bucket };
        let Some(export) = reader.export(resource, &mark) else { continue };
        // After a fault in a prefix it would only repeat it.
        if scope.report.errors() == before {
            apart(&mark, &export, exports);
        }
        exports.push(export);
    }
}

/// What `!Ref` gives for a resource.
fn name(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<String> {
    match (resource.resource_type?.reference)(scope, resource) {
        Value::Text { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Complains if an object could belong to `export` and to another one.
fn apart(mark: &Field<'_>, export: &Export, exports: &[Export]) {
    let other = exports.iter().find(|other| {
        let (one, two) = (other.prefix.as_str(), export.prefix.as_str());
        other.bucket == export.bucket && (one.starts_with(two) || two.starts_with(one))
    });
    if let Some(other) = other {
        let (at, line) = (mark.get("Prefix").unwrap_or_else(|| mark.clone()), other.origin.location.line);
        at.error_help(
            format!("objects could belong to this export and to the one on line {line}"),
            "give each a Prefix that no other one begins with",
        );
    }
}

struct Reader<'r> {
    project: &'r Project,
    bucket: &'r str,
}

impl Reader<'_> {
    fn export(&self, resource: &Resource<'_>, field: &Field<'_>) -> Option<Export> {
        if !field.only_with(&PROPERTIES, advice) {
            return None;
        }
        let key = field.get("Key").map(|f| columns(&f, MAX_KEY)).unwrap_or_else(|| vec![KEY.into()]);
        let numbers = field.get("Numbers").map(|f| columns(&f, MAX_NUMBERS)).unwrap_or_default();
        let registry = field.get("Registry").and_then(|f| self.registry(&f)).unwrap_or_else(|| REGISTRY.into());
        let export = Export {
            origin: Origin {
                logical_id: resource.logical_id.to_string(),
                path: field.path.clone(),
                location: field.location(),
                properties: field.locations(),
            },
            bucket: self.bucket.to_string(),
            prefix: field.get("Prefix").and_then(|f| prefix(&f)).unwrap_or_default(),
            stream: field.get("Stream").and_then(|f| self.stream(&f)),
            target: field.get("Target").and_then(|f| self.target(&f, &key, &numbers, &registry)),
            key,
            numbers,
            empty: field.get("Empty").and_then(|f| f.one_of(&EMPTY)).unwrap_or_default(),
            registry,
            brake: field.get("Brake").map(|f| brake(&f)).unwrap_or_default(),
            complete: field.get("Complete").and_then(|f| complete(&f)).unwrap_or(Complete::Files(1)),
        };
        Some(export)
    }

    /// The table of executions is made by whoever writes to it.
    fn registry(&self, field: &Field<'_>) -> Option<String> {
        let name = checked_name(field)?;
        if let Some(table) = view::table(&name, &self.project.tables) {
            field.error_help(
                format!("`{}` is a table of the template", table.name),
                "the registry is made and kept up to date here: give it a name of its own",
            );
            return None;
        }
        Some(name)
    }

    /// The name of a Kinesis stream, from its name, its ARN or a logical id.
    fn stream(&self, field: &Field<'_>) -> Option<String> {
        let given = field.name()?;
        if let Some(table) = stream_table(&given) {
            field.error_help(
                format!("this is the stream of table `{table}`, which holds the table's own changes"),
                "operations are published to an AWS::Kinesis::Stream",
            );
            return None;
        }
        let given = after(&given, ":stream/");
        let streams = &self.project.streams;
        let found = streams.iter().find(|one| one.origin.logical_id == given);
        if let Some(stream) = found.or_else(|| streams.iter().find(|one| one.name == given)) {
            return Some(stream.name.clone());
        }
        let names = streams.iter().flat_map(|one| [one.origin.logical_id.as_str(), &one.name]);
        not_in_template(field, "stream", &given, names);
        Some(given)
    }

    /// The name of a table whose items the rows of an export can be.
    fn target(&self, field: &Field<'_>, key: &[String], numbers: &[String], registry: &str) -> Option<String> {
        let given = field.name()?;
        let given = after(&given, ":table/");
        let Some(table) = view::table(&given, &self.project.tables) else {
            if given == registry {
                field.error(format!("`{given}` is the registry: rows of exports cannot go there"));
                return None;
            }
            not_in_template(field, "table", &given, view::names(&self.project.tables));
            return Some(given);
        };
        if table.view.is_some() {
            field.error(format!("`{}` is a view: only its query writes to it", table.name));
            return None;
        }
        fits(field, table, key, numbers);
        Some(table.name.clone())
    }
}

/// `name` of an ARN with `kind` in it; any other text as it is.
fn after(text: &str, kind: &str) -> String {
    match text.split_once(kind) {
        Some((before, name)) if before.starts_with("arn:") => name.to_string(),
        _ => text.to_string(),
    }
}

/// It may be there already, which only the database knows.
fn not_in_template<'k>(field: &Field<'_>, what: &str, name: &str, known: impl Iterator<Item = &'k str>) {
    let message = format!("there is no {what} `{}` in the template, so it must be there already", short(name));
    let near = did_you_mean(name, known);
    let severity = if near.is_some() { Severity::Warning } else { Severity::Note };
    let mut diagnostic = field.diagnostic(severity, message);
    diagnostic.help = near;
    field.report.push(diagnostic);
}

/// Complains unless rows that these columns tell apart are items that the table's key tells apart.
fn fits(field: &Field<'_>, table: &Table, key: &[String], numbers: &[String]) {
    let names: Vec<&str> = table.key.iter().map(|element| element.name.as_str()).collect();
    if let Some(missing) = names.iter().find(|name| !key.iter().any(|column| column == *name)) {
        return field.error_help(
            format!("`{missing}` is in the key of table `{}`, but not among the key columns", table.name),
            format!("the columns in Key and the table's key are the same: `Key: [{}]`", names.join(", ")),
        );
    }
    if let Some(more) = key.iter().find(|column| !names.contains(&column.as_str())) {
        return field.error_help(
            format!("rows that differ only in `{more}` would be one item of table `{}`", table.name),
            format!("the columns in Key and the table's key are the same: `Key: [{}]`", names.join(", ")),
        );
    }
    for element in &table.key {
        let listed = numbers.contains(&element.name);
        let (name, of) = (&element.name, &table.name);
        match element.attr_type {
            AttrType::B => field.error(format!("`{name}` is binary in the key of table `{of}`; columns are text")),
            AttrType::N if !listed => field.error_help(
                format!("`{name}` is a number in the key of table `{of}`, and a string in the export"),
                format!("`Numbers: [{name}]` makes it a number"),
            ),
            AttrType::S if listed => {
                field.error(format!("`{name}` is a string in the key of table `{of}`, and one of Numbers"))
            }
            _ => {}
        }
    }
}

fn advice(key: &str) -> Option<String> {
    let advice = match key {
        "Bucket" | "BucketName" => "it is the bucket that carries the mark",
        "Keys" | "PrimaryKey" | "KeySchema" => "did you mean Key?",
        "Table" | "TargetTable" => "did you mean Target?",
        "MaxDeleteShare" | "MinRows" | "AddedColumns" | "DroppedColumns" => "it stands under Brake",
        "Files" | "Marker" => "it stands under Complete",
        _ => return None,
    };
    Some(advice.to_string())
}

/// Names of columns, each once: a list of at least one, or just one.
fn columns(field: &Field<'_>, most: usize) -> Vec<String> {
    let items = if matches!(field.node.value, Value::Text { .. }) { vec![field.clone()] } else { field.items() };
    if items.len() > most || (items.is_empty() && matches!(field.node.value, Value::List(_))) {
        field.error(format!("1 to {most} columns are named, found {}", items.len()));
        return Vec::new();
    }
    let mut columns: Vec<String> = Vec::new();
    for item in items {
        match item.name() {
            Some(name) if columns.contains(&name) => item.error(format!("`{}` is named twice", short(&name))),
            Some(name) => columns.push(name),
            None => {}
        }
    }
    columns
}

fn prefix(field: &Field<'_>) -> Option<String> {
    let prefix = field.text()?;
    let fault = match prefix.as_str() {
        "" => return Some(prefix),
        long if long.len() > MAX_OBJECT_KEY => "is longer than the key of an object",
        rooted if rooted.starts_with('/') => "begins with a slash, which keys of objects do not",
        open if !open.ends_with('/') => "does not end with a slash: the tenant's name comes after it",
        _ => return Some(prefix),
    };
    field.error_help(format!("`{}` {fault}", short(&prefix)), format!("for instance: {}/", prefix.trim_matches('/')));
    None
}

fn brake(field: &Field<'_>) -> Brake {
    if !field.only(&["MaxDeleteShare", "MinRows", "AddedColumns", "DroppedColumns"]) {
        return Brake::default();
    }
    let words = [("accept", OtherColumns::Accept), ("hold", OtherColumns::Hold)];
    Brake {
        max_delete_share: field.get("MaxDeleteShare").and_then(|f| share(&f)),
        min_rows: field.get("MinRows").and_then(|f| f.integer(0, NO_LIMIT)),
        added_columns: field.get("AddedColumns").and_then(|f| f.one_of(&words)),
        dropped_columns: field.get("DroppedColumns").and_then(|f| f.one_of(&words)),
    }
}

/// A part of a whole.
fn share(field: &Field<'_>) -> Option<f64> {
    let text = field.text()?;
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Some(share),
        _ => {
            field.error_help(
                format!("expected a share from 0 to 1, found `{}`", short(&text)),
                "0.3 holds an export that deletes more than 30 % of the rows; 1 never does",
            );
            None
        }
    }
}

fn complete(field: &Field<'_>) -> Option<Complete> {
    if !field.only(&["Files", "Marker"]) {
        return None;
    }
    match (field.get("Files"), field.get("Marker")) {
        (Some(files), None) => {
            files.integer(1, MAX_FILES).map(|files| Complete::Files(u32::try_from(files).expect("at most MAX_FILES")))
        }
        (None, Some(marker)) => {
            let name = marker.name()?;
            if name.contains('/') {
                marker.error("the marker is an object beside the files of its version: a name without slashes");
                return None;
            }
            Some(Complete::Marker(name))
        }
        _ => {
            field.error("a version is complete with so many Files, or with a Marker: one of the two");
            None
        }
    }
}

//! What the marks on a template's buckets ask for, in the words of the room that carries out exports. Most was checked by
//! `project`; what only the database knows is checked here.

use db::{Db, Keeper};
use exports::{Binding, Brake, Complete, Empty, Policy};
use item::KeyKind;
use kinesis::Streams;
use project::{Diagnostic, Export, OtherColumns, Project};

/// The bindings that a project asks for.
pub fn bindings(project: &Project) -> Vec<Binding> {
    project.exports.iter().map(binding).collect()
}

fn binding(export: &Export) -> Binding {
    let usual = Brake::default();
    let policy = |columns: Option<OtherColumns>, usual| match columns {
        None => usual,
        Some(OtherColumns::Accept) => Policy::Accept,
        Some(OtherColumns::Hold) => Policy::Hold,
    };
    Binding {
        bucket: export.bucket.clone(),
        prefix: export.prefix.clone(),
        key: export.key.clone(),
        stream: export.stream.clone(),
        target: export.target.clone(),
        numbers: export.numbers.clone(),
        empty: match export.empty {
            project::Empty::Text => Empty::Text,
            project::Empty::Absent => Empty::Absent,
        },
        brake: Brake {
            delete_share_max: export.brake.max_delete_share.unwrap_or(usual.delete_share_max),
            rows_min: export.brake.min_rows.unwrap_or(usual.rows_min),
            added: policy(export.brake.added_columns, usual.added),
            dropped: policy(export.brake.dropped_columns, usual.dropped),
        },
        complete: match &export.complete {
            project::Complete::Files(count) => Complete::Files(*count),
            project::Complete::Marker(name) => Complete::Marker(name.clone()),
        },
        registry: export.registry.clone(),
    }
}

/// What is wrong with targets and streams that the template names and does not create.
pub fn check(project: &Project, db: &Db, streams: &Streams) -> Vec<Diagnostic> {
    let mut wrong = Vec::new();
    for export in &project.exports {
        if export.target.as_ref().is_some_and(|target| project.table(target).is_none()) {
            wrong.extend(target(export, db));
        }
        if let Some(name) = &export.stream
            && !project.streams.iter().any(|stream| stream.name == *name)
            && streams.find(name).is_none()
        {
            let message = format!("there is no stream `{name}`, neither in the template nor here");
            wrong.push(export.origin.error("Stream", message));
        }
    }
    wrong
}

fn target(export: &Export, db: &Db) -> Option<Diagnostic> {
    let name = export.target.as_deref()?;
    let error = |message: String| Some(export.origin.error("Target", message));
    let Some(table) = db.table(name).filter(|_| !db::is_internal(name)) else {
        return error(format!("there is no table `{name}`, neither in the template nor here"));
    };
    match table.spec.keeper() {
        Some(Keeper::View) => return error(format!("`{name}` is a view: only its query writes to it")),
        Some(Keeper::Room(who)) => return error(format!("`{name}` is kept by {who}")),
        None => {}
    }
    let key = || std::iter::once(&table.spec.key.partition).chain(&table.spec.key.sort);
    let same = key().count() == export.key.len() && key().all(|one| export.key.contains(&one.name));
    if !same {
        let names: Vec<&str> = key().map(|one| one.name.as_str()).collect();
        return error(format!(
            "the key columns and the key of table `{name}` are not the same: its key is {}",
            names.join(", ")
        ));
    }
    let fits = |kind: KeyKind, is_number: bool| kind == if is_number { KeyKind::N } else { KeyKind::S };
    let wrong = key().find(|one| !fits(one.kind, export.numbers.contains(&one.name)))?;
    error(format!(
        "`{}` is of type {} in the key of table `{name}`: a column is a string, or a number if it is one of Numbers",
        wrong.name,
        wrong.kind.code()
    ))
}

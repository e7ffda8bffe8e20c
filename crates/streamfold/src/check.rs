//! What is wrong with a project that only other rooms can tell: queries of views against the keys of the tables they read
//! and write, and functions that cannot both be called for the same event of a bucket.

use crate::{plan, wanted};
use project::{Diagnostic, Project};

/// Everything that is wrong with the project's queries, placed in their files.
pub fn views(project: &Project) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for table in &project.tables {
        let Some(view) = &table.view else { continue };
        let key_of = |name: &str| {
            let (_, source) = view.sources.iter().find(|(written, _)| written == name)?;
            project.table(source).map(|table| plan::spec(table).key)
        };
        let Err(wrong) = pipeline::check_view(&view.sql, &key_of, &plan::spec(table).key) else { continue };
        found.extend(wrong.into_iter().map(|wrong| {
            let diagnostic = view.error(wrong.line, wrong.column, wrong.message).with_logical_id(&table.logical_id);
            match wrong.help {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            }
        }));
    }
    found
}

/// Everything that S3 refuses of the events that call functions, placed at the last one of its bucket.
pub fn notifications(project: &Project) -> Vec<Diagnostic> {
    let refused = |definition: &control::NotificationDefinition| {
        let error = definition.check().err()?;
        let (kind, name) = (control::NOTIFICATION, definition.bucket.clone());
        Some(wanted::refusal(project, &control::Refused { kind, name, error }))
    };
    wanted::notifications(project).iter().filter_map(refused).collect()
}

//! The queries of a project's views, checked against the keys of the tables they read and write.

use crate::plan;
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

//! Views: the file that a mark names, and the tables that its query reads. The query itself is the planner's business.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity};
use crate::field::{Field, Report, short};
use crate::model::{Table, View};
use crate::sql;
use crate::suggest::did_you_mean;
use crate::yaml::Span;

/// Longest query.
const MAX_SQL: u64 = 1 << 20;

/// Reads the file that `View: views/total_votes.sql` names. Its sources are found later, when all tables are known.
pub(crate) fn read(field: &Field<'_>, root: &Path) -> Option<View> {
    let name = field.name()?;
    let file = if root == Path::new(".") { PathBuf::from(&name) } else { root.join(&name) };
    match read_file(&file) {
        Ok(sql) if sql.trim().is_empty() => {
            field.error(format!("the view's file {} is empty", short(&name)));
            None
        }
        Ok(sql) => Some(View { sql, file, location: field.report.location(field.span()), sources: Vec::new() }),
        Err(why) => {
            let mut diagnostic =
                field.diagnostic(Severity::Error, format!("the view's file cannot be read: {}: {why}", short(&name)));
            let beside = neighbours(&file);
            let wanted = Path::new(&name).file_name().and_then(|n| n.to_str()).unwrap_or_default();
            diagnostic.help = did_you_mean(wanted, beside.iter().map(String::as_str))
                .or_else(|| Some("the path is relative to the template's folder".into()));
            field.report.push(diagnostic);
            None
        }
    }
}

fn read_file(file: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(file).map_err(|error| plain(&error))?;
    if !metadata.is_file() {
        return Err("not a file".into());
    }
    if metadata.len() > MAX_SQL {
        return Err(format!("longer than {MAX_SQL} bytes"));
    }
    std::fs::read_to_string(file).map_err(|error| plain(&error))
}

/// What the operating system says, in our words where they are clearer.
pub(crate) fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".into(),
        std::io::ErrorKind::InvalidData => "not UTF-8 text".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// What lies beside a file that is not there.
pub(crate) fn neighbours(file: &Path) -> Vec<String> {
    let Some(entries) = file.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.take(1000).flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The table that `name` means: a logical id first, then a table name.
pub(crate) fn table<'t>(name: &str, tables: &'t [Table]) -> Option<&'t Table> {
    tables.iter().find(|table| table.logical_id == name).or_else(|| tables.iter().find(|table| table.name == name))
}

/// All names by which a table can be meant.
pub(crate) fn names(tables: &[Table]) -> impl Iterator<Item = &str> {
    tables.iter().flat_map(|table| [table.logical_id.as_str(), table.name.as_str()])
}

/// Finds the tables that each view reads, and refuses views that read themselves, however indirectly.
pub(crate) fn connect(tables: &mut [Table], report: &Report) {
    for i in 0..tables.len() {
        let Some(view) = &tables[i].view else { continue };
        let sources = resolve(view, tables, report);
        if let Some(view) = &mut tables[i].view {
            view.sources = sources;
        }
    }
    let mut reported: Vec<String> = Vec::new();
    for table in tables.iter().filter(|table| table.view.is_some()) {
        if reported.contains(&table.name) {
            continue;
        }
        if let Some(ring) = ring(tables, table, &mut vec![&table.name], &mut Vec::new())
            && let Some(view) = &table.view
        {
            reported.extend(ring.iter().cloned());
            let message = format!("views read one another in a circle: {}", ring.join(" <- "));
            report.push(
                Diagnostic::error(message)
                    .with_location(view.location.clone())
                    .with_logical_id(&table.logical_id)
                    .with_property("Metadata.Streamfold.View"),
            );
        }
    }
}

fn resolve(view: &View, tables: &[Table], report: &Report) -> Vec<(String, String)> {
    let text = Report::new(&view.file, &view.sql);
    let mut sources = Vec::new();
    for source in sql::sources(&view.sql) {
        if let Some(table) = table(&source.name, tables) {
            sources.push((source.name, table.name.clone()));
            continue;
        }
        let span = Span { line: source.line, column: source.column, width: source.width };
        let mut diagnostic = Diagnostic::error(format!("there is no table `{}` in the template", short(&source.name)));
        diagnostic.help = did_you_mean(&source.name, names(tables));
        report.push(text.place(span, diagnostic));
    }
    sources
}

/// The way from `table` back to itself through views. Tables that do not lead there are `done`.
fn ring<'t>(
    tables: &'t [Table],
    table: &'t Table,
    trail: &mut Vec<&'t str>,
    done: &mut Vec<&'t str>,
) -> Option<Vec<String>> {
    for (_, source) in table.view.iter().flat_map(|view| &view.sources) {
        if trail.first() == Some(&source.as_str()) {
            return Some(trail.iter().copied().chain([source.as_str()]).map(str::to_string).collect());
        }
        if trail.contains(&source.as_str()) || done.contains(&source.as_str()) {
            continue;
        }
        let Some(next) = tables.iter().find(|table| table.name == *source) else { continue };
        trail.push(&next.name);
        let found = ring(tables, next, trail, done);
        trail.pop();
        if found.is_some() {
            return found;
        }
    }
    done.push(&table.name);
    None
}

//! Dashboards, from the template's top-level `Metadata: Streamfold: Dashboards:`. CloudFormation works out no
//! functions there, so only literals are allowed. Knows tables by their names only.

use crate::diagnostic::Severity;
use crate::field::Field;
use crate::intrinsics::call;
use crate::model::{Chart, Dashboard, Rate, Recent, Table};
use crate::sql;
use crate::suggest::did_you_mean;
use crate::view;
use crate::yaml::Value;

/// Most items of a table of recent ones.
const MAX_RECENT: u64 = 100;
const DEFAULT_RECENT: usize = 20;

/// Reads the dashboards below the template's Metadata.
pub(crate) fn read(metadata: &Field<'_>, tables: &[Table]) -> Vec<Dashboard> {
    let Some(marks) = metadata.get("Streamfold") else { return Vec::new() };
    if !literals(&marks) || !marks.only(&["Dashboards"]) {
        return Vec::new();
    }
    let entries = marks.get("Dashboards").map(|dashboards| dashboards.entries()).unwrap_or_default();
    entries.iter().map(|(name, field)| Reader { tables }.dashboard(name, field)).collect()
}

/// Complains about every function below; true if there is none.
fn literals(field: &Field<'_>) -> bool {
    if let Some(call) = call(field) {
        field.error_help(
            format!("{} cannot stand in the template's Metadata", call.name),
            "CloudFormation works out no functions there: write the value itself, for a table its logical id",
        );
        return false;
    }
    let members = match &field.node.value {
        Value::List(_) => field.items(),
        Value::Map(_) => field.entries().into_iter().map(|(_, member)| member).collect(),
        _ => Vec::new(),
    };
    // All of them, not only up to the first that is wrong.
    members.iter().filter(|member| !literals(member)).count() == 0
}

struct Reader<'t> {
    tables: &'t [Table],
}

impl<'t> Reader<'t> {
    fn dashboard(&self, name: &str, field: &Field<'_>) -> Dashboard {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !letters || !(1..=64).contains(&name.len()) {
            let help = "1 to 64 characters of a-z, A-Z, 0-9, _ and -: it is part of the dashboard's address";
            field.error_help(format!("`{}` cannot be the name of a dashboard", crate::field::short(name)), help);
        }
        field.only(&["Title", "Recent", "Charts", "Rate"]);
        if matches!(&field.node.value, Value::Map(entries) if entries.iter().all(|entry| entry.key == "Title")) {
            field.error("a dashboard shows something: Recent, Charts or Rate");
        }
        Dashboard {
            name: name.to_string(),
            title: field.get("Title").and_then(|f| f.name()).unwrap_or_else(|| name.to_string()),
            recent: field.get("Recent").and_then(|f| self.recent(&f)),
            charts: field
                .get("Charts")
                .map(|f| f.items())
                .unwrap_or_default()
                .iter()
                .filter_map(|f| self.chart(f))
                .collect(),
            rate: field.get("Rate").and_then(|f| self.rate(&f)),
        }
    }

    /// The table that `Table:` names.
    fn table(&self, field: &Field<'_>) -> Option<&'t Table> {
        let at = field.require("Table")?;
        let name = at.name()?;
        let found = view::table(&name, self.tables);
        if found.is_none() {
            let mut diagnostic = at.diagnostic(Severity::Error, format!("there is no table `{name}` in the template"));
            diagnostic.help = did_you_mean(&name, view::names(self.tables));
            at.report.push(diagnostic);
        }
        found
    }

    fn recent(&self, field: &Field<'_>) -> Option<Recent> {
        if !field.only(&["Table", "Columns", "Limit"]) {
            return None;
        }
        let table = self.table(field);
        let columns = field.get("Columns").map(|f| f.items()).unwrap_or_default();
        let columns = columns.iter().filter_map(|f| self.column(table, Some(f.clone()))).collect();
        let limit = match field.get("Limit") {
            Some(limit) => usize::try_from(limit.integer(1, MAX_RECENT)?).expect("at most MAX_RECENT"),
            None => DEFAULT_RECENT,
        };
        Some(Recent { table: table?.name.clone(), columns, limit })
    }

    fn chart(&self, field: &Field<'_>) -> Option<Chart> {
        if !field.only(&["Title", "Table", "Group", "Value"]) {
            return None;
        }
        let table = self.table(field);
        let group = self.column(table, field.require("Group"));
        let value = self.column(table, field.require("Value"));
        let (table, group, value) = (table?.name.clone(), group?, value?);
        let title = field.get("Title").and_then(|f| f.name()).unwrap_or_else(|| format!("{value} per {group}"));
        Some(Chart { title, table, group, value })
    }

    fn rate(&self, field: &Field<'_>) -> Option<Rate> {
        if !field.only(&["Table"]) {
            return None;
        }
        Some(Rate { table: self.table(field)?.name.clone() })
    }

    /// An attribute's name. Items may have any attributes, but those of a view are known from its query.
    fn column(&self, table: Option<&Table>, field: Option<Field<'_>>) -> Option<String> {
        let field = field?;
        let name = field.name()?;
        let known = table.and_then(|table| table.view.as_ref()).and_then(|view| sql::columns(&view.sql));
        if let (Some(mut known), Some(table)) = (known, table) {
            known.extend(table.key.iter().map(|element| element.name.clone()));
            if !known.contains(&name) {
                known.dedup();
                let words: Vec<&str> = known.iter().map(String::as_str).collect();
                field.error_known(format!("view `{}` has no column `{name}`", table.name), &name, &words);
            }
        }
        Some(name)
    }
}

//! What `streamfold check` and `up` ask: is this SQL a view of those sources with that key?

use super::{
    plan::{KeySource, Kind, Path, Plan},
    text::Diagnostic,
};
use item::{KeyKind, KeySchema};

/// A view that can be maintained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedView {
    /// Its source table, as the SQL names it.
    pub source: String,
}

/// Checks a view's SQL against the key of its source (`sources`: a name in the SQL to the key of that table, `None`
/// where there is no such table) and the key of its output.
///
/// # Errors
/// Every reason why the view cannot be maintained, in the order of the text.
pub fn check_view(
    sql: &str,
    sources: &dyn Fn(&str) -> Option<KeySchema>,
    output: &KeySchema,
) -> Result<CheckedView, Vec<Diagnostic>> {
    let plan = Plan::parse(sql, output)?;
    let Some(source) = sources(plan.source()) else {
        let (line, column) = plan.source_at;
        let message = format!("table {} does not exist", plan.source());
        return Err(vec![Diagnostic { line, column, message, help: None }]);
    };
    let found = plan.contradictions(&source);
    if found.is_empty() { Ok(CheckedView { source: plan.source }) } else { Err(found) }
}

impl Plan {
    /// Where the types of the source's key leave no item that fits.
    fn contradictions(&self, source: &KeySchema) -> Vec<Diagnostic> {
        let kind_of = |path: &Path| {
            let mut attributes = std::iter::once(&source.partition).chain(&source.sort);
            attributes
                .find(|attribute| path.rest.is_empty() && attribute.name == path.first)
                .map(|attribute| attribute.kind)
        };
        let complain =
            |path: &Path, message: String| Diagnostic { line: path.at.0, column: path.at.1, message, help: None };
        let groups = self.key.iter().filter_map(|column| {
            let KeySource::Path(path) = column.from else { return None };
            let path = &self.paths[usize::from(path)];
            let kind = kind_of(path).filter(|kind| *kind != column.kind)?;
            let (is, needs) = (kind.code(), column.kind.code());
            Some(complain(
                path,
                format!("{path} is {is} in {}, but {} is {needs} in the view's key", self.source, column.name),
            ))
        });
        let sums = self.arguments.iter().filter(|argument| argument.number).filter_map(|argument| {
            let path = &self.paths[usize::from(argument.path)];
            let kind = kind_of(path).filter(|kind| *kind != KeyKind::N).map(Kind::from)?;
            Some(complain(path, format!("{path} is {} in {}, SUM and AVG need N", kind.code(), self.source)))
        });
        let mut found: Vec<Diagnostic> = groups.chain(sums).collect();
        found.sort();
        found
    }
}

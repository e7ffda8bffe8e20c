//! From a statement to the four clauses a view has, refusing every other with the reason. The clauses of a SELECT
//! are taken apart without `..`, so that a parser that learns a new one does not slip it past us.

use super::text::{Diagnostic, EXAMPLE, Text};
use sqlparser::{
    ast::{
        Expr, GroupByExpr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Spanned, Statement,
        TableFactor, TableWithJoins,
    },
    keywords::Keyword,
};

/// What is left of a SELECT when everything that cannot be maintained is refused.
pub(super) struct Clauses<'a> {
    pub projection: &'a [SelectItem],
    /// Table name as written, and its alias.
    pub source: &'a Ident,
    pub alias: Option<&'a Ident>,
    pub filter: Option<&'a Expr>,
    pub group_by: &'a [Expr],
}

const ONE_TABLE: &str = "a view reads one table: joins and subqueries would have to be matched anew at every change";

pub(super) fn clauses<'a>(text: &'a Text, found: &mut Vec<Diagnostic>) -> Option<Clauses<'a>> {
    let Statement::Query(query) = &text.statement else {
        let help = match &text.statement {
            Statement::CreateView { .. } => {
                "write the SELECT only; the view's name and key are those of its table".into()
            }
            _ => format!("write {EXAMPLE}"),
        };
        found.push(Diagnostic::new(text.start(), "a view is a SELECT").help(help));
        return None;
    };
    let select = query_body(text, query, found)?;
    refuse_select_extras(text, select, found);
    let group_by = group_by(text, &select.group_by, found);
    let (source, alias) = source(text, &select.from, found)?;
    Some(Clauses { projection: &select.projection, source, alias, filter: select.selection.as_ref(), group_by })
}

/// The SELECT inside, and refusals of what may stand around it.
fn query_body<'a>(text: &Text, query: &'a Query, found: &mut Vec<Diagnostic>) -> Option<&'a Select> {
    let Query { with, body, order_by, limit_clause, fetch, locks, for_clause, settings, format_clause, pipe_operators } =
        query;
    let mut refuse = |is_there: bool, keyword: Keyword, why: &str| {
        if is_there {
            found.push(Diagnostic::new(text.keyword(keyword), why));
        }
    };
    refuse(with.is_some(), Keyword::WITH, "WITH is not supported: a view is one SELECT from one table");
    let unordered = "ORDER BY is not supported: a view is a table, its sort key orders it";
    refuse(order_by.is_some(), Keyword::ORDER, unordered);
    let limit = if text.has(Keyword::LIMIT) { Keyword::LIMIT } else { Keyword::OFFSET };
    let all_others =
        "LIMIT and OFFSET cannot be maintained: whether a row is in the view would depend on all the others";
    refuse(limit_clause.is_some(), limit, all_others);
    refuse(fetch.is_some(), Keyword::FETCH, &all_others.replace("LIMIT and OFFSET", "FETCH"));
    let foreign = !locks.is_empty() || for_clause.is_some() || settings.is_some() || format_clause.is_some();
    let unknown = "this clause has no meaning in a view";
    refuse(foreign, if text.has(Keyword::FOR) { Keyword::FOR } else { Keyword::SELECT }, unknown);
    refuse(!pipe_operators.is_empty(), Keyword::SELECT, unknown);
    match &**body {
        SetExpr::Select(select) => return Some(select),
        SetExpr::Query(_) => found.push(Diagnostic::new(text.start(), "write the SELECT without parentheses")),
        SetExpr::SetOperation { op, left, .. } => {
            let why = format!("{op} is not supported: a view is one SELECT from one table");
            found.push(Diagnostic::new(left.span().end, why));
        }
        _ => found.push(Diagnostic::new(text.start(), "a view is a SELECT").help(format!("write {EXAMPLE}"))),
    }
    None
}

fn refuse_select_extras(text: &Text, select: &Select, found: &mut Vec<Diagnostic>) {
    let Select {
        select_token: _,
        // Comments to an optimizer; there is nothing to choose.
        optimizer_hints: _,
        distinct,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection: _,
        exclude,
        into,
        from: _,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by: _,
        cluster_by,
        distribute_by,
        sort_by,
        having,
        named_window,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor: _,
    } = select;
    let mut refuse = |is_there: bool, keyword: Keyword, why: &str| {
        if is_there {
            let at = if text.has(keyword) { text.keyword(keyword) } else { text.start() };
            found.push(Diagnostic::new(at, why));
        }
    };
    refuse(
        distinct.is_some(),
        Keyword::DISTINCT,
        "DISTINCT is not supported: GROUP BY gives one row per group already",
    );
    let having_why = "HAVING is not supported: a view keeps all its groups; filter when reading it";
    refuse(having.is_some(), Keyword::HAVING, having_why);
    let top_why = "TOP cannot be maintained: whether a row is in the view would depend on all the others";
    refuse(top.is_some(), Keyword::TOP, top_why);
    refuse(into.is_some(), Keyword::INTO, "INTO is not supported: the view's table is where its rows go");
    let window = !named_window.is_empty() || qualify.is_some();
    refuse(window, Keyword::WINDOW, "window functions cannot be maintained: a row would depend on its neighbours");
    let foreign = select_modifiers.is_some()
        || exclude.is_some()
        || !lateral_views.is_empty()
        || prewhere.is_some()
        || !connect_by.is_empty()
        || !cluster_by.is_empty()
        || !distribute_by.is_empty()
        || !sort_by.is_empty()
        || value_table_mode.is_some();
    refuse(foreign, Keyword::SELECT, "a view has SELECT, FROM, WHERE and GROUP BY; this SELECT has something else");
}

fn group_by<'a>(text: &Text, clause: &'a GroupByExpr, found: &mut Vec<Diagnostic>) -> &'a [Expr] {
    match clause {
        GroupByExpr::Expressions(columns, modifiers) => {
            if !modifiers.is_empty() {
                found.push(Diagnostic::new(
                    text.keyword(Keyword::GROUP),
                    "GROUP BY takes attributes, and nothing after them",
                ));
            }
            columns
        }
        GroupByExpr::All(_) => {
            let at = text.keyword(Keyword::GROUP);
            found.push(Diagnostic::new(at, "GROUP BY ALL is not supported").help("name the attributes"));
            &[]
        }
    }
}

fn source<'a>(
    text: &Text,
    from: &'a [TableWithJoins],
    found: &mut Vec<Diagnostic>,
) -> Option<(&'a Ident, Option<&'a Ident>)> {
    let Some(first) = from.first() else {
        found.push(
            Diagnostic::new(text.start(), "FROM is missing: a view reads a table").help(format!("write {EXAMPLE}")),
        );
        return None;
    };
    if let Some(second) = from.get(1) {
        found.push(Diagnostic::new(second.span().start, ONE_TABLE));
    }
    if let Some(join) = first.joins.first() {
        found.push(Diagnostic::new(join.relation.span().start, ONE_TABLE));
    }
    let TableFactor::Table {
        name,
        alias,
        args,
        with_hints,
        version,
        with_ordinality,
        partitions,
        json_path,
        sample,
        index_hints,
    } = &first.relation
    else {
        let at = first.relation.span().start;
        let at = if at.line == 0 { text.keyword(Keyword::FROM) } else { at };
        found.push(Diagnostic::new(at, ONE_TABLE));
        return None;
    };
    let foreign = args.is_some()
        || !with_hints.is_empty()
        || version.is_some()
        || *with_ordinality
        || !partitions.is_empty()
        || json_path.is_some()
        || sample.is_some()
        || !index_hints.is_empty()
        || alias.as_ref().is_some_and(|alias| !alias.columns.is_empty() || alias.at.is_some());
    if foreign {
        found.push(Diagnostic::new(name.span().start, "FROM takes the name of a table, and an alias"));
    }
    Some((table_name(name, found)?, alias.as_ref().map(|alias| &alias.name)))
}

fn table_name<'a>(name: &'a ObjectName, found: &mut Vec<Diagnostic>) -> Option<&'a Ident> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] => Some(name),
        _ => {
            let quoted = format!("quote a name with dots or dashes: \"{name}\"");
            found.push(Diagnostic::new(name.span().start, "tables have no schema name").help(quoted));
            None
        }
    }
}

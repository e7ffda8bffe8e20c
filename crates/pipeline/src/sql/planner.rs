//! From the clauses of a SELECT to a [`Plan`]. Collects every complaint before it gives up.

use super::{
    plan::{Aggregate, Argument, Column, KeyColumn, KeySource, Path, PathId, Plan},
    refuse::{Clauses, clauses},
    text::{Diagnostic, Text},
};
use item::{KeyAttribute, KeyKind, KeySchema, KeyValue, Number, PARTITION_BYTES_MAX, SORT_BYTES_MAX, Value};
use sqlparser::{
    ast::{
        self, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, SelectItem,
        Spanned, UnaryOperator,
    },
    tokenizer::Location,
};

impl Plan {
    /// Plans a view whose output table has this key.
    pub fn parse(sql: &str, output: &KeySchema) -> Result<Plan, Vec<Diagnostic>> {
        let text = Text::parse(sql).map_err(|diagnostic| vec![diagnostic])?;
        let mut found = Vec::new();
        let Some(clauses) = clauses(&text, &mut found) else { return Err(found) };
        let mut planner = Planner { table: clauses.source, alias: clauses.alias, paths: Vec::new(), found };
        let plan = planner.plan(&text, &clauses, output);
        match (plan, planner.found) {
            (Some(plan), found) if found.is_empty() => Ok(plan),
            (_, mut found) => {
                found.sort();
                found.dedup();
                Err(found)
            }
        }
    }
}

pub(super) struct Planner<'a> {
    table: &'a Ident,
    alias: Option<&'a Ident>,
    paths: Vec<Path>,
    pub found: Vec<Diagnostic>,
}

/// One expression of the SELECT list, understood.
enum Output {
    Key(KeySource),
    Aggregate(Aggregate),
}

struct Named {
    name: String,
    at: Location,
    output: Output,
}

impl Planner<'_> {
    fn plan(&mut self, text: &Text, clauses: &Clauses<'_>, output: &KeySchema) -> Option<Plan> {
        let group_by: Vec<(PathId, Location)> = clauses
            .group_by
            .iter()
            .filter_map(|column| Some((self.group_column(column)?, column.span().start)))
            .collect();
        let mut arguments = Vec::new();
        let named: Vec<Named> =
            clauses.projection.iter().filter_map(|item| self.select_item(item, &mut arguments)).collect();
        let filter = clauses.filter.and_then(|filter| self.predicate(filter));
        if !self.found.is_empty() {
            return None;
        }
        self.check_names(&named);
        self.check_groups(&named, &group_by);
        let key = self.key(text, &named, output);
        let columns = named
            .into_iter()
            .filter_map(|named| match named.output {
                Output::Aggregate(aggregate) => Some(Column { name: named.name, aggregate }),
                Output::Key(_) => None,
            })
            .collect();
        let source_at = place(clauses.source.span.start);
        let (source, paths) = (clauses.source.value.clone(), self.paths.clone());
        let mut order: Vec<PathId> = (0..PathId::try_from(paths.len()).expect("paths have ids")).collect();
        order.sort_by_key(|path| &paths[usize::from(*path)].first);
        Some(Plan { source, source_at, paths, order, filter, key, arguments, columns, output: output.clone() })
    }

    pub fn refuse(&mut self, at: Location, why: impl Into<String>) {
        self.found.push(Diagnostic::new(at, why));
    }

    pub fn refuse_with_help(&mut self, at: Location, why: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic::new(at, why).help(help));
    }

    /// The attribute an expression names, if it names one.
    pub fn path(&mut self, expr: &Expr) -> Option<PathId> {
        let names = match expr {
            Expr::Nested(inner) => return self.path(inner),
            Expr::Identifier(name) => std::slice::from_ref(name),
            Expr::CompoundIdentifier(names) => names,
            _ => return None,
        };
        let is_table = |name: &Ident| match self.alias {
            // An alias hides the name.
            Some(alias) => name.value == alias.value,
            None => name.value == self.table.value,
        };
        let names = match names {
            [table, rest @ ..] if !rest.is_empty() && is_table(table) => rest,
            all => all,
        };
        let (first, rest) = names.split_first()?;
        let rest = rest.iter().map(|name| name.value.clone()).collect();
        let path = Path { first: first.value.clone(), rest, at: place(first.span.start) };
        let same = |other: &Path| other.first == path.first && other.rest == path.rest;
        let id = self.paths.iter().position(same).unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        });
        Some(PathId::try_from(id).expect("a view has at most a thousand words"))
    }

    fn group_column(&mut self, expr: &Expr) -> Option<PathId> {
        let path = self.path(expr);
        if path.is_none() {
            let at = expr.span().start;
            match expr {
                Expr::Value(_) => {
                    self.refuse_with_help(at, "GROUP BY takes attributes, not positions", "name the attribute");
                }
                _ => self.refuse(at, "GROUP BY takes attributes: expressions are not supported"),
            }
        }
        path
    }

    fn select_item(&mut self, item: &SelectItem, arguments: &mut Vec<Argument>) -> Option<Named> {
        let (expr, alias) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
            _ => {
                let why = "* is not supported: a view's row has the group's attributes and aggregates";
                self.refuse_with_help(item.span().start, why, "name them");
                return None;
            }
        };
        let at = expr.span().start;
        let (default, output) = match expr {
            Expr::Function(function) => self.function(function, arguments)?,
            other => match (self.path(other), literal(other)) {
                (Some(path), _) => {
                    let path_name = &self.paths[usize::from(path)];
                    let name = path_name.rest.last().unwrap_or(&path_name.first).clone();
                    (Some(name), Output::Key(KeySource::Path(path)))
                }
                (None, Some(Value::S(text))) => (None, Output::Key(KeySource::Constant(KeyValue::S(text)))),
                (None, Some(Value::N(number))) => (None, Output::Key(KeySource::Constant(KeyValue::N(number)))),
                _ => {
                    let why = "SELECT takes the attributes of GROUP BY, COUNT, SUM and AVG, and constants for the key";
                    self.refuse(at, why);
                    return None;
                }
            },
        };
        let Some(name) = alias.map(|alias| alias.value.clone()).or(default) else {
            self.refuse_with_help(at, "a constant has no name", "write AS and the name of the key attribute");
            return None;
        };
        Some(Named { name, at: alias.map_or(at, |alias| alias.span.start), output })
    }

    /// An aggregate and its default name.
    fn function(&mut self, function: &Function, arguments: &mut Vec<Argument>) -> Option<(Option<String>, Output)> {
        let at = function.span().start;
        let name = function.name.to_string().to_uppercase();
        if !matches!(name.as_str(), "COUNT" | "SUM" | "AVG") {
            let why = match name.as_str() {
                "MIN" | "MAX" => {
                    format!("{name} cannot be maintained: taking back the extreme value needs all the others")
                }
                _ => format!("{name} is not supported: a view can COUNT, SUM and AVG"),
            };
            self.refuse(at, why);
            return None;
        }
        let argument = self.function_argument(function, &name)?;
        let path = match (&argument, name.as_str()) {
            (FunctionArgExpr::Wildcard, "COUNT") => None,
            (FunctionArgExpr::Wildcard, _) => {
                self.refuse(at, format!("{name} takes an attribute, not *"));
                return None;
            }
            (FunctionArgExpr::Expr(expr), _) => match self.path(expr) {
                Some(path) => Some(path),
                None if name == "COUNT" && literal(expr).is_some() => None,
                None => {
                    self.refuse(expr.span().start, format!("{name} takes an attribute: expressions are not supported"));
                    return None;
                }
            },
            _ => {
                self.refuse(at, format!("{name} takes one attribute"));
                return None;
            }
        };
        let aggregate = match path {
            None => Aggregate::CountAll,
            Some(path) if name == "COUNT" => Aggregate::Count(intern(arguments, path, false)),
            Some(path) if name == "SUM" => Aggregate::Sum(intern(arguments, path, true)),
            Some(path) => Aggregate::Avg(intern(arguments, path, true)),
        };
        Some((Some(name.to_lowercase()), Output::Aggregate(aggregate)))
    }

    /// The one argument, with everything else that may stand in a call refused.
    fn function_argument<'f>(&mut self, function: &'f Function, name: &str) -> Option<&'f FunctionArgExpr> {
        let at = function.span().start;
        let Function { name: _, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } =
            function;
        if over.is_some() {
            self.refuse(at, "window functions cannot be maintained: a row would depend on its neighbours");
            return None;
        }
        if filter.is_some() {
            self.refuse_with_help(at, "FILTER is not supported", "use WHERE, or a second view");
            return None;
        }
        let FunctionArguments::List(list) = args else {
            self.refuse(at, format!("{name} takes one attribute"));
            return None;
        };
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            let why = format!("{name}(DISTINCT) cannot be maintained: taking back a value needs all the others");
            self.refuse(at, why);
            return None;
        }
        let plain = *parameters == FunctionArguments::None
            && within_group.is_empty()
            && null_treatment.is_none()
            && list.clauses.is_empty();
        match list.args.as_slice() {
            [FunctionArg::Unnamed(argument)] if plain => Some(argument),
            _ => {
                self.refuse(at, format!("{name} takes one attribute"));
                None
            }
        }
    }

    fn check_names(&mut self, named: &[Named]) {
        for (index, column) in named.iter().enumerate() {
            if named[..index].iter().any(|earlier| earlier.name == column.name) {
                let why = format!("two columns are named {}", column.name);
                self.refuse_with_help(column.at, why, "give one another name with AS");
            }
        }
    }

    /// GROUP BY and the attributes of SELECT must be the same set.
    fn check_groups(&mut self, named: &[Named], group_by: &[(PathId, Location)]) {
        for column in named {
            let Output::Key(KeySource::Path(path)) = column.output else { continue };
            if !group_by.iter().any(|(group, _)| *group == path) {
                let why = format!(
                    "{} is neither in GROUP BY nor in an aggregate: a row of the view is a group",
                    self.paths[usize::from(path)]
                );
                self.refuse_with_help(column.at, why, "add GROUP BY, or COUNT, SUM or AVG");
            }
        }
        for (path, at) in group_by {
            let is_it = |column: &Named| matches!(column.output, Output::Key(KeySource::Path(other)) if other == *path);
            if !named.iter().any(is_it) {
                let path = &self.paths[usize::from(*path)];
                self.refuse_with_help(
                    *at,
                    format!("{path} is in GROUP BY but not in SELECT, so that two groups could have one row"),
                    format!("select {path}, and make it part of the key of the view's table"),
                );
            }
        }
    }

    /// The key's columns in the order of the output's key. The key must be the group: no less, no more.
    fn key(&mut self, text: &Text, named: &[Named], output: &KeySchema) -> Vec<KeyColumn> {
        for column in named {
            let why = match column.output {
                Output::Key(_) if !output.has(&column.name) => {
                    format!(
                        "{} is not in the key of the view's table ({}): its key must be the group",
                        column.name,
                        keys(output)
                    )
                }
                Output::Aggregate(_) if output.has(&column.name) => {
                    format!("{} is in the key of the view's table and cannot be an aggregate", column.name)
                }
                _ => continue,
            };
            self.refuse(column.at, why);
        }
        let limits = [PARTITION_BYTES_MAX, SORT_BYTES_MAX];
        let attributes = std::iter::once(&output.partition).chain(&output.sort).zip(limits);
        attributes.filter_map(|(attribute, limit)| self.key_column(text, named, attribute, limit)).collect()
    }

    fn key_column(
        &mut self,
        text: &Text,
        named: &[Named],
        attribute: &KeyAttribute,
        limit: usize,
    ) -> Option<KeyColumn> {
        let Some((column, from)) = named.iter().find_map(|column| match &column.output {
            Output::Key(from) if column.name == attribute.name => Some((column, from)),
            _ => None,
        }) else {
            // An aggregate of that name has been refused already.
            if !named.iter().any(|column| column.name == attribute.name) {
                let why = format!("{} is in the key of the view's table but not in SELECT", attribute.name);
                let help = format!("select and group by {0}, or select a constant AS {0}", attribute.name);
                self.refuse_with_help(text.start(), why, help);
            }
            return None;
        };
        if let KeySource::Constant(constant) = from {
            let why = match constant {
                other if other.kind() != attribute.kind => {
                    let (is, needs) = (other.kind().code(), attribute.kind.code());
                    format!("this constant is {is}, but {} is {needs} in the key of the view's table", attribute.name)
                }
                KeyValue::S(text) if text.is_empty() => "a key cannot be empty".to_string(),
                KeyValue::S(text) if text.len() > limit => format!("a key has at most {limit} bytes here"),
                _ => String::new(),
            };
            if !why.is_empty() {
                self.refuse(column.at, why);
            }
        }
        Some(KeyColumn { name: attribute.name.clone(), kind: attribute.kind, bytes_max: limit, from: from.clone() })
    }

    /// A number literal's value; too many digits or too large a magnitude is refused.
    pub fn check_number(&mut self, expr: &Expr) {
        if let Some((text, at)) = number_text(expr)
            && let Err(error) = Number::parse(&text)
        {
            self.refuse(at, format!("{text} is not a number of DynamoDB: {error}"));
        }
    }
}

/// A string, number or truth value.
pub(super) fn literal(expr: &Expr) -> Option<Value> {
    if let Some((text, _)) = number_text(expr) {
        return Number::parse(&text).ok().map(Value::N);
    }
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => Some(Value::S(text.clone())),
            ast::Value::Boolean(holds) => Some(Value::Bool(*holds)),
            _ => None,
        },
        _ => None,
    }
}

/// The text and place of a number literal with its sign.
fn number_text(expr: &Expr) -> Option<(String, Location)> {
    match expr {
        Expr::Value(value) => match &value.value {
            ast::Value::Number(text, false) => Some((text.clone(), value.span.start)),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            number_text(expr).map(|(text, at)| match text.strip_prefix('-') {
                Some(positive) => (positive.to_string(), at),
                None => (format!("-{text}"), at),
            })
        }
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => number_text(expr),
        _ => None,
    }
}

/// The index of an argument, added if it is new. One that is summed is counted as well.
fn intern(arguments: &mut Vec<Argument>, path: PathId, number: bool) -> usize {
    match arguments.iter().position(|argument| argument.path == path) {
        Some(index) => {
            arguments[index].number |= number;
            index
        }
        None => {
            arguments.push(Argument { path, number });
            arguments.len() - 1
        }
    }
}

fn keys(output: &KeySchema) -> String {
    let kind = |kind: KeyKind| kind.code();
    let sort = output.sort.as_ref().map(|sort| format!(", {} {}", sort.name, kind(sort.kind))).unwrap_or_default();
    format!("{} {}{sort}", output.partition.name, kind(output.partition.kind))
}

fn place(at: Location) -> (usize, usize) {
    (usize::try_from(at.line).unwrap_or(1).max(1), usize::try_from(at.column).unwrap_or(1).max(1))
}

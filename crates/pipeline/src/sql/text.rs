//! The text of a view: tokens with their places, syntax errors as diagnostics. Knows nothing of what the SQL means.

use sqlparser::{
    ast::{Spanned, Statement},
    dialect::Dialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer},
};

/// Longest SQL, in tokens that are not space: bounds the depth of the syntax tree, which is walked recursively.
const TOKENS_MAX: usize = 1000;
/// Deepest nesting the parser follows: its frames take tens of kilobytes each when it is built for debugging.
const NESTING_MAX: usize = 25;

/// What is wrong with a view's SQL, and where: line and column count from 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{line}:{column}: {message}{}", .help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default())]
pub struct Diagnostic {
    pub line: usize,
    pub column: usize,
    /// What is wrong and why: lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(super) fn new(at: Location, message: impl Into<String>) -> Diagnostic {
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Diagnostic { line: place(at.line), column: place(at.column), message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

/// Standard SQL with two liberties: names may be quoted with backticks too, and letters are those of any language.
#[derive(Debug)]
struct ViewDialect;

impl Dialect for ViewDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    // Parsed, so that it is refused with a reason instead of a syntax error.
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }
}

/// A parsed text.
pub(super) struct Text {
    pub statement: Statement,
    tokens: Vec<TokenWithSpan>,
}

impl Text {
    pub fn parse(sql: &str) -> Result<Text, Diagnostic> {
        let tokens = Tokenizer::new(&ViewDialect, sql)
            .tokenize_with_location()
            .map_err(|error| Diagnostic::new(error.location, lower(&error.message)))?;
        if let Some(over) = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).nth(TOKENS_MAX) {
            return Err(Diagnostic::new(over.span.start, format!("a view has at most {TOKENS_MAX} words and signs")));
        }
        let mut statements = Parser::new(&ViewDialect)
            .with_recursion_limit(NESTING_MAX)
            .with_tokens_with_locations(tokens.clone())
            .parse_statements()
            .map_err(|error| syntax_error(&error, sql))?;
        if let Some(second) = statements.get(1) {
            return Err(Diagnostic::new(second.span().start, "a view is one SELECT, and this is a second statement"));
        }
        let Some(statement) = statements.pop() else {
            return Err(Diagnostic::new(end_of(sql), "there is no SELECT here").help(EXAMPLE));
        };
        Ok(Text { statement, tokens })
    }

    /// Where a keyword first stands; the start of the text when it does not.
    pub fn keyword(&self, keyword: Keyword) -> Location {
        self.find(keyword).unwrap_or_else(|| self.start())
    }

    pub fn has(&self, keyword: Keyword) -> bool {
        self.find(keyword).is_some()
    }

    fn find(&self, keyword: Keyword) -> Option<Location> {
        let is_it =
            |token: &Token| matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none());
        self.tokens.iter().find(|token| is_it(&token.token)).map(|token| token.span.start)
    }

    /// The first word.
    pub fn start(&self) -> Location {
        let blank = |token: &Token| matches!(token, Token::Whitespace(_));
        self.tokens
            .iter()
            .find(|token| !blank(&token.token))
            .map_or(Location { line: 1, column: 1 }, |token| token.span.start)
    }
}

pub(super) const EXAMPLE: &str = "SELECT a, COUNT(*) AS n FROM t GROUP BY a";

/// The parser's words in our style, its place as numbers.
fn syntax_error(error: &ParserError, sql: &str) -> Diagnostic {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Diagnostic::new(Location { line: 1, column: 1 }, "the expressions nest too deeply");
        }
    };
    let (message, at) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, parse_place(place).unwrap_or_else(|| end_of(sql))),
        None => (text.as_str(), end_of(sql)),
    };
    let message = message.replace("Expected: ", "expected ").replace("found: EOF", "found the end of the text");
    Diagnostic::new(at, lower(&message.replace("found: ", "found ")))
}

fn parse_place(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// One past the last character.
fn end_of(sql: &str) -> Location {
    let text = sql.trim_end();
    let line = text.matches('\n').count() as u64 + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Location { line, column }
}

fn lower(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    match chars.next() {
        // An abbreviation keeps its capitals.
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_string(),
    }
}

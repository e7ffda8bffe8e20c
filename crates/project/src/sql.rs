//! A tolerant look at a query: which names stand after FROM and JOIN, and what its output columns are called. It
//! refuses nothing: the planner does the real parse.

/// A name of a table in a query and where it stands (line and column from 1, width in characters).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Unquoted: a keyword or a name.
    Word,
    /// In `"` or backquotes: a name.
    Quoted,
    Symbol,
    /// A string or a number.
    Literal,
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    text: String,
    line: usize,
    column: usize,
    width: usize,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        match self.kind {
            Kind::Word => self.text.eq_ignore_ascii_case(word),
            Kind::Symbol => self.text == word,
            _ => false,
        }
    }

    fn is_name(&self) -> bool {
        match self.kind {
            Kind::Quoted => true,
            Kind::Word => !KEYWORDS.iter().any(|keyword| self.is(keyword)),
            _ => false,
        }
    }
}

/// Words that end a list of tables or cannot be a table's name without quotes.
const KEYWORDS: [&str; 28] = [
    "AS",
    "BY",
    "CROSS",
    "EXCEPT",
    "FETCH",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "INNER",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIMIT",
    "NATURAL",
    "OFFSET",
    "ON",
    "ORDER",
    "OUTER",
    "RIGHT",
    "SELECT",
    "TABLE",
    "UNION",
    "USING",
    "VALUES",
    "WHERE",
    "WITH",
];

struct Scanner<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
    column: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            (self.line, self.column) = (self.line + 1, 1);
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.chars.peek() == Some(&wanted);
        if found {
            self.next();
        }
        found
    }

    fn comment(&mut self) {
        let mut before = ' ';
        while let Some(c) = self.next() {
            if before == '*' && c == '/' {
                return;
            }
            before = c;
        }
    }

    /// Up to the closing quote; a doubled quote stands for itself.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.next() {
            if c == quote && !self.eat(quote) {
                break;
            }
            text.push(c);
        }
        text
    }

    fn word(&mut self, first: char) -> String {
        let mut text = String::from(first);
        while let Some(c) = self.chars.peek().copied().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
            text.push(c);
            self.next();
        }
        text
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut scanner = Scanner { chars: sql.chars().peekable(), line: 1, column: 1 };
    let mut tokens = Vec::new();
    loop {
        let (line, column) = (scanner.line, scanner.column);
        let Some(c) = scanner.next() else { return tokens };
        let (kind, text) = match c {
            '-' if scanner.eat('-') => {
                while scanner.next().is_some_and(|c| c != '\n') {}
                continue;
            }
            '/' if scanner.eat('*') => {
                scanner.comment();
                continue;
            }
            c if c.is_whitespace() => continue,
            '\'' => (Kind::Literal, scanner.quoted('\'')),
            '"' | '`' => (Kind::Quoted, scanner.quoted(c)),
            c if c.is_ascii_digit() => (Kind::Literal, scanner.word(c)),
            c if c.is_alphabetic() || c == '_' => (Kind::Word, scanner.word(c)),
            c => (Kind::Symbol, c.to_string()),
        };
        let width = if scanner.line == line { scanner.column - column } else { 1 };
        tokens.push(Token { kind, text, line, column, width });
    }
}

/// The tables that `sql` reads, in the order in which they are named, each name once.
pub(crate) fn sources(sql: &str) -> Vec<Source> {
    let tokens = tokens(sql);
    let own = common_tables(&tokens);
    let mut found: Vec<Source> = Vec::new();
    // Whether a SELECT was seen in each open parenthesis: in `EXTRACT(day FROM x)` FROM names no table.
    let mut selects = vec![false];
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        i += 1;
        if token.is("(") {
            selects.push(false);
        } else if token.is(")") && selects.len() > 1 {
            selects.pop();
        } else if let (true, Some(seen)) = (token.is("SELECT"), selects.last_mut()) {
            *seen = true;
        }
        let distinct_from = i > 1 && tokens[i - 2].is("DISTINCT");
        let from = token.is("FROM") && selects.last() == Some(&true) && !distinct_from;
        if from || token.is("JOIN") {
            i = table_list(&tokens, i, &own, &mut found);
        }
    }
    found
}

/// Reads `a AS x, b` from `i` on; returns where it stopped.
fn table_list(tokens: &[Token], mut i: usize, own: &[&str], found: &mut Vec<Source>) -> usize {
    while let Some(token) = tokens.get(i).filter(|token| token.is_name()) {
        i += 1;
        let is_call = tokens.get(i).is_some_and(|next| next.is("("));
        let known = found.iter().any(|source| source.name == token.text) || own.contains(&token.text.as_str());
        if !is_call && !known {
            let Token { text, line, column, width, .. } = token.clone();
            found.push(Source { name: text, line, column, width });
        }
        if is_call {
            return i;
        }
        i += usize::from(tokens.get(i).is_some_and(|next| next.is("AS")));
        i += usize::from(tokens.get(i).is_some_and(Token::is_name));
        if !tokens.get(i).is_some_and(|next| next.is(",")) {
            return i;
        }
        i += 1;
    }
    i
}

/// Names that `WITH name AS (` gives to subqueries.
fn common_tables(tokens: &[Token]) -> Vec<&str> {
    if !tokens.iter().any(|token| token.is("WITH")) {
        return Vec::new();
    }
    tokens.windows(3).filter(|w| w[0].is_name() && w[1].is("AS") && w[2].is("(")).map(|w| w[0].text.as_str()).collect()
}

/// The names of the output columns, if all of them are plain to see: each is a name or has an alias.
pub(crate) fn columns(sql: &str) -> Option<Vec<String>> {
    let tokens = tokens(sql);
    let start = tokens.first().filter(|token| token.is("SELECT")).map(|_| 1)?;
    let mut columns = Vec::new();
    let mut depth = 0usize;
    let mut column: Vec<&Token> = Vec::new();
    for token in &tokens[start..] {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth = depth.checked_sub(1)?;
        }
        let ends = depth == 0 && (token.is(",") || token.is("FROM"));
        if ends {
            columns.push(column_name(&column)?);
            column.clear();
        } else {
            column.push(token);
        }
        if ends && token.is("FROM") {
            return Some(columns);
        }
    }
    None
}

fn column_name(tokens: &[&Token]) -> Option<String> {
    let plain = tokens.iter().skip(1).step_by(2).all(|token| token.is("."));
    match tokens {
        [.., before, name] if before.is("AS") && matches!(name.kind, Kind::Word | Kind::Quoted) => {
            Some(name.text.clone())
        }
        // `region`, or `votes.region`.
        [.., name] if tokens.len() % 2 == 1 && plain && name.is_name() => Some(name.text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{columns, sources};

    fn names(sql: &str) -> String {
        sources(sql).iter().map(|s| format!("{}@{}:{}", s.name, s.line, s.column)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tables_are_the_names_after_from_and_join() {
        let cases = [
            ("SELECT region, COUNT(*) AS n FROM votes GROUP BY region", "votes@1:35"),
            ("-- FROM nothing\nselect a /* FROM b */ from \"my-table\" as m", "my-table@2:28"),
            ("SELECT 'FROM x' FROM a, b AS c JOIN d ON a.id = d.id WHERE a.x = 1", "a@1:22 b@1:25 d@1:37"),
            ("SELECT EXTRACT(day FROM created) FROM a", "a@1:39"),
            ("SELECT * FROM (SELECT x FROM inner_one) t JOIN a USING (x)", "inner_one@1:30 a@1:48"),
            ("WITH w AS (SELECT x FROM a) SELECT x FROM w", "a@1:26"),
            ("SELECT x FROM a WHERE x IS DISTINCT FROM y", "a@1:15"),
            ("SELECT x FROM", ""),
            ("", ""),
            ("SELECT 'not closed FROM a", ""),
        ];
        for (sql, expected) in cases {
            assert_eq!(names(sql), expected, "{sql}");
        }
    }

    #[test]
    fn columns_are_known_only_if_every_one_has_a_name() {
        let cases = [
            ("SELECT region, COUNT(*) AS total FROM votes", Some("region total")),
            ("SELECT v.region, SUM(a + (b)) AS \"the sum\" FROM votes v", Some("region the sum")),
            ("SELECT region, COUNT(*) FROM votes", None),
            ("SELECT * FROM votes", None),
            ("FROM votes", None),
        ];
        for (sql, expected) in cases {
            assert_eq!(columns(sql).map(|c| c.join(" ")).as_deref(), expected, "{sql}");
        }
    }
}

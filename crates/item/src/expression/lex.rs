//! Text of an expression into tokens. Knows no grammar.

/// What a token is. Keywords are the same in every kind of expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare name: a letter, then letters, digits, underscores.
    Name,
    /// `#name`.
    NamePlaceholder,
    /// `:value`.
    ValuePlaceholder,
    /// A list index.
    Integer,
    And,
    Or,
    Not,
    Between,
    In,
    Set,
    Remove,
    Add,
    Delete,
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`.
    Comparator,
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
    Dot,
    Plus,
    Minus,
    /// A character that begins no token.
    Bad,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    pub text: &'t str,
    /// Byte offset of its first character.
    pub start: usize,
    /// Byte offset past its last character.
    pub end: usize,
}

/// Every token, the last of them `End`.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(text.len() / 4 + 2);
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if matches!(first, ' ' | '\t' | '\n' | '\r') {
            at += 1;
            continue;
        }
        let (kind, length) = token(&text[at..], first);
        tokens.push(Token { kind, text: &text[at..at + length], start: at, end: at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, text: "<EOF>", start: text.len(), end: text.len() });
    tokens
}

/// Kind and length of the token at the front of `rest`.
fn token(rest: &str, first: char) -> (Kind, usize) {
    let span = |from: usize, accept: fn(&u8) -> bool| {
        from + rest.as_bytes()[from..].iter().take_while(|byte| accept(byte)).count()
    };
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match first {
        'a'..='z' | 'A'..='Z' => {
            let length = span(1, word);
            (keyword(&rest[..length]), length)
        }
        '#' | ':' => match (span(1, word), first) {
            (1, _) => (Kind::Bad, 1),
            (length, '#') => (Kind::NamePlaceholder, length),
            (length, _) => (Kind::ValuePlaceholder, length),
        },
        // As in AWS's grammar an index has no leading zeros: `01` is two tokens.
        '0' => (Kind::Integer, 1),
        '1'..='9' => (Kind::Integer, span(1, u8::is_ascii_digit)),
        '<' if rest.starts_with("<>") || rest.starts_with("<=") => (Kind::Comparator, 2),
        '>' if rest.starts_with(">=") => (Kind::Comparator, 2),
        '=' | '<' | '>' => (Kind::Comparator, 1),
        '(' => (Kind::Open, 1),
        ')' => (Kind::Close, 1),
        '[' => (Kind::OpenIndex, 1),
        ']' => (Kind::CloseIndex, 1),
        ',' => (Kind::Comma, 1),
        '.' => (Kind::Dot, 1),
        '+' => (Kind::Plus, 1),
        '-' => (Kind::Minus, 1),
        other => (Kind::Bad, other.len_utf8()),
    }
}

fn keyword(word: &str) -> Kind {
    const KEYWORDS: [(&str, Kind); 9] = [
        ("AND", Kind::And),
        ("OR", Kind::Or),
        ("NOT", Kind::Not),
        ("BETWEEN", Kind::Between),
        ("IN", Kind::In),
        ("SET", Kind::Set),
        ("REMOVE", Kind::Remove),
        ("ADD", Kind::Add),
        ("DELETE", Kind::Delete),
    ];
    KEYWORDS.iter().find(|(text, _)| text.eq_ignore_ascii_case(word)).map_or(Kind::Name, |(_, kind)| *kind)
}

//! Tokens into a syntax tree that still holds names as written; one grammar for all kinds of expression, as in AWS.
//! Knows no placeholders' meanings, no types, no items.

use super::lex::{self, Kind, Token};

/// Levels of parentheses and calls, and of NOTs. With no redundant parentheses each level needs an operator, and
/// DynamoDB allows 300 of those; the bound keeps the parser's and every later walk's recursion off the stack's end.
pub(super) const DEPTH_MAX: usize = 301;

/// An operand, condition or arithmetic as written.
#[derive(Debug)]
pub(super) enum Node<'t> {
    Value(&'t str),
    Path(RawPath<'t>),
    Call(&'t str, Vec<Node<'t>>),
    Parens(Box<Node<'t>>),
    Or(Vec<Node<'t>>),
    And(Vec<Node<'t>>),
    Not(Box<Node<'t>>),
    Compare(&'t str, Box<[Node<'t>; 2]>),
    Between(Box<[Node<'t>; 3]>),
    In(Box<Node<'t>>, Vec<Node<'t>>),
    /// `+` or `-`.
    Arithmetic(&'t str, Box<[Node<'t>; 2]>),
}

impl<'t> Node<'t> {
    /// The node inside its parentheses.
    pub fn bare(&self) -> &Node<'t> {
        match self {
            Node::Parens(inner) => inner.bare(),
            other => other,
        }
    }

    pub fn children(&self) -> Vec<&Node<'t>> {
        match self {
            Node::Value(_) | Node::Path(_) => vec![],
            Node::Parens(inner) | Node::Not(inner) => vec![inner],
            Node::Call(_, nodes) | Node::Or(nodes) | Node::And(nodes) => nodes.iter().collect(),
            Node::Compare(_, nodes) | Node::Arithmetic(_, nodes) => nodes.iter().collect(),
            Node::Between(nodes) => nodes.iter().collect(),
            Node::In(first, rest) => std::iter::once(&**first).chain(rest).collect(),
        }
    }

    /// Operators and functions, as DynamoDB counts them against its limit.
    pub fn operators(&self) -> usize {
        let mut count = match self {
            Node::Value(_) | Node::Path(_) | Node::Parens(_) => 0,
            Node::Or(nodes) | Node::And(nodes) => nodes.len() - 1,
            _ => 1,
        };
        for child in self.children() {
            count += child.operators();
        }
        count
    }
}

/// A document path as written: the first step is a name or a placeholder.
#[derive(Debug)]
pub(super) struct RawPath<'t>(pub Vec<RawStep<'t>>);

#[derive(Clone, Copy, Debug)]
pub(super) enum RawStep<'t> {
    Name(&'t str),
    Placeholder(&'t str),
    /// Digits, of any count.
    Index(&'t str),
}

/// One section of an update, in the order written.
#[derive(Debug)]
pub(super) struct Section<'t> {
    /// `SET`, `REMOVE`, `ADD`, `DELETE`.
    pub keyword: &'static str,
    /// The value of a REMOVE is none.
    pub actions: Vec<(RawPath<'t>, Option<Node<'t>>)>,
}

/// Where reading stopped, or a complaint without a place.
#[derive(Debug)]
pub(super) enum Failure {
    /// Index of the token.
    Syntax(usize),
    RedundantParentheses,
    TooDeep,
}

type Parsed<T> = Result<T, Failure>;

pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    at: usize,
    /// Parentheses and calls around the place.
    depth: usize,
    /// NOTs around the place.
    nots: usize,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str) -> Parser<'t> {
        Parser { text, tokens: lex::tokens(text), at: 0, depth: 0, nots: 0 }
    }

    /// Runs one grammar over the whole text; the error is AWS's wording after the prefix.
    pub fn whole<T>(mut self, grammar: impl FnOnce(&mut Self) -> Parsed<T>) -> Result<T, String> {
        let parsed = grammar(&mut self).and_then(|tree| self.expect(Kind::End).map(|_| tree));
        parsed.map_err(|failure| match failure {
            Failure::Syntax(at) => self.syntax_error(at),
            Failure::RedundantParentheses => "The expression has redundant parentheses;".to_string(),
            Failure::TooDeep => {
                format!("The expression contains too many operators; operator count: {DEPTH_MAX}")
            }
        })
    }

    /// The token, and the text from the token before it to the one after it.
    fn syntax_error(&self, at: usize) -> String {
        let token = self.tokens[at];
        let from = at.checked_sub(1).map_or(token.start, |before| self.tokens[before].start);
        let to = self.tokens.get(at + 1).filter(|after| after.kind != Kind::End).map_or(token.end, |after| after.end);
        format!("Syntax error; token: \"{}\", near: \"{}\"", token.text, self.text[from..to].trim_end())
    }

    fn peek(&self) -> Token<'t> {
        self.tokens[self.at]
    }

    fn is(&self, kind: Kind) -> bool {
        self.peek().kind == kind
    }

    fn next_is(&self, kind: Kind) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| token.kind == kind)
    }

    fn fail<T>(&self) -> Parsed<T> {
        Err(Failure::Syntax(self.at))
    }

    /// Steps over a token; the end stays.
    fn advance(&mut self) -> Token<'t> {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn accept(&mut self, kind: Kind) -> bool {
        let is = self.is(kind);
        if is {
            self.advance();
        }
        is
    }

    fn expect(&mut self, kind: Kind) -> Parsed<Token<'t>> {
        if self.is(kind) { Ok(self.advance()) } else { self.fail() }
    }

    /// Enters parentheses or a call; every way out of them is followed by `self.depth -= 1`.
    fn enter(&mut self) -> Parsed<()> {
        if self.depth == DEPTH_MAX {
            return Err(Failure::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    /// One or more, separated by commas.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = vec![read(self)?];
        while self.accept(Kind::Comma) {
            list.push(read(self)?);
        }
        Ok(list)
    }

    // The functions that call one another around each level of nesting are few and have no closures between them: 300
    // levels must fit a thread's stack in an unoptimised build too.

    /// OR of ANDs of conditions, each perhaps under NOTs.
    pub fn condition(&mut self) -> Parsed<Node<'t>> {
        let mut ors = Vec::new();
        loop {
            let mut ands = Vec::new();
            loop {
                let mut nots = 0;
                while self.accept(Kind::Not) {
                    nots += 1;
                }
                self.nots += nots;
                if self.nots > DEPTH_MAX {
                    return Err(Failure::TooDeep);
                }
                let mut node = if self.is(Kind::Open) { self.parens()? } else { self.comparison()? };
                self.nots -= nots;
                for _ in 0..nots {
                    node = Node::Not(Box::new(node));
                }
                ands.push(node);
                if !self.accept(Kind::And) {
                    break;
                }
            }
            ors.push(single(ands, Node::And));
            if !self.accept(Kind::Or) {
                return Ok(single(ors, Node::Or));
            }
        }
    }

    /// After `(` there may be a condition or the left operand of one: both are tried, and the error is that of
    /// the one that read further.
    fn parens(&mut self) -> Parsed<Node<'t>> {
        let (start, nots) = (self.at, self.nots);
        self.enter()?;
        self.advance();
        let inner = self.condition();
        self.depth -= 1;
        let as_condition = match self.close(inner) {
            Err(Failure::Syntax(at)) => at,
            done => return done,
        };
        // A failure left them as they were where it happened.
        (self.at, self.nots) = (start, nots);
        match self.comparison() {
            Err(Failure::Syntax(at)) => Err(Failure::Syntax(at.max(as_condition))),
            done => done,
        }
    }

    /// The closing parenthesis; a pair straight around another pair is refused.
    fn close(&mut self, inner: Parsed<Node<'t>>) -> Parsed<Node<'t>> {
        let node = inner?;
        self.expect(Kind::Close)?;
        if matches!(node, Node::Parens(_)) {
            return Err(Failure::RedundantParentheses);
        }
        Ok(Node::Parens(Box::new(node)))
    }

    fn comparison(&mut self) -> Parsed<Node<'t>> {
        let left = self.operand()?;
        match self.peek().kind {
            Kind::Comparator => {
                let operator = self.advance().text;
                Ok(Node::Compare(operator, Box::new([left, self.operand()?])))
            }
            Kind::Between => {
                self.advance();
                let low = self.operand()?;
                self.expect(Kind::And)?;
                Ok(Node::Between(Box::new([left, low, self.operand()?])))
            }
            Kind::In => {
                self.advance();
                self.expect(Kind::Open)?;
                let list = self.list(Parser::operand)?;
                self.expect(Kind::Close)?;
                Ok(Node::In(Box::new(left), list))
            }
            _ if matches!(left, Node::Call(..)) => Ok(left),
            _ => self.fail(),
        }
    }

    fn operand(&mut self) -> Parsed<Node<'t>> {
        match self.peek().kind {
            Kind::ValuePlaceholder => Ok(Node::Value(self.advance().text)),
            Kind::Open => {
                self.enter()?;
                self.advance();
                let inner = self.operand();
                self.depth -= 1;
                self.close(inner)
            }
            Kind::Name if self.next_is(Kind::Open) => {
                self.enter()?;
                let call = self.call();
                self.depth -= 1;
                call
            }
            Kind::Name | Kind::NamePlaceholder => self.path().map(Node::Path),
            _ => self.fail(),
        }
    }

    fn call(&mut self) -> Parsed<Node<'t>> {
        let name = self.advance().text;
        self.expect(Kind::Open)?;
        let mut arguments = vec![self.operand()?];
        while self.accept(Kind::Comma) {
            arguments.push(self.operand()?);
        }
        self.expect(Kind::Close)?;
        Ok(Node::Call(name, arguments))
    }

    fn path(&mut self) -> Parsed<RawPath<'t>> {
        let mut steps = vec![self.field()?];
        loop {
            if self.accept(Kind::Dot) {
                steps.push(self.field()?);
            } else if self.accept(Kind::OpenIndex) {
                steps.push(RawStep::Index(self.expect(Kind::Integer)?.text));
                self.expect(Kind::CloseIndex)?;
            } else {
                return Ok(RawPath(steps));
            }
        }
    }

    fn field(&mut self) -> Parsed<RawStep<'t>> {
        match self.peek().kind {
            Kind::Name => Ok(RawStep::Name(self.advance().text)),
            Kind::NamePlaceholder => Ok(RawStep::Placeholder(self.advance().text)),
            _ => self.fail(),
        }
    }

    pub fn projection(&mut self) -> Parsed<Vec<RawPath<'t>>> {
        self.list(Parser::path)
    }

    pub fn update(&mut self) -> Parsed<Vec<Section<'t>>> {
        let mut sections = Vec::new();
        loop {
            let section = match self.peek().kind {
                Kind::Set => self.section("SET", |parser| {
                    let path = parser.path()?;
                    if parser.peek().text != "=" {
                        return parser.fail();
                    }
                    parser.advance();
                    Ok((path, Some(parser.assigned()?)))
                }),
                Kind::Remove => self.section("REMOVE", |parser| Ok((parser.path()?, None))),
                Kind::Add => self.section("ADD", Parser::path_and_value),
                Kind::Delete => self.section("DELETE", Parser::path_and_value),
                _ => self.fail(),
            };
            sections.push(section?);
            if self.is(Kind::End) {
                return Ok(sections);
            }
        }
    }

    fn section(
        &mut self,
        keyword: &'static str,
        action: impl FnMut(&mut Self) -> Parsed<(RawPath<'t>, Option<Node<'t>>)>,
    ) -> Parsed<Section<'t>> {
        self.advance();
        Ok(Section { keyword, actions: self.list(action)? })
    }

    fn path_and_value(&mut self) -> Parsed<(RawPath<'t>, Option<Node<'t>>)> {
        let path = self.path()?;
        let value = self.expect(Kind::ValuePlaceholder)?;
        Ok((path, Some(Node::Value(value.text))))
    }

    /// The right side of a SET: an operand, or two with `+` or `-`, perhaps in parentheses.
    fn assigned(&mut self) -> Parsed<Node<'t>> {
        if !self.is(Kind::Open) {
            return self.sum();
        }
        let start = self.at;
        self.advance();
        let inner = self.sum();
        let in_parentheses = match self.close(inner) {
            Ok(Node::Parens(inner)) if matches!(*inner, Node::Arithmetic(..)) => return Ok(*inner),
            // An operand in parentheses: perhaps the first of two.
            Ok(_) => self.at,
            Err(Failure::Syntax(at)) => at,
            Err(other) => return Err(other),
        };
        self.at = start;
        match self.sum() {
            Err(Failure::Syntax(at)) => Err(Failure::Syntax(at.max(in_parentheses))),
            done => done,
        }
    }

    fn sum(&mut self) -> Parsed<Node<'t>> {
        let left = self.operand()?;
        if self.is(Kind::Plus) || self.is(Kind::Minus) {
            let operator = self.advance().text;
            return Ok(Node::Arithmetic(operator, Box::new([left, self.operand()?])));
        }
        Ok(left)
    }
}

/// The one node itself, or all under `group`.
fn single<'t>(mut nodes: Vec<Node<'t>>, group: fn(Vec<Node<'t>>) -> Node<'t>) -> Node<'t> {
    if nodes.len() > 1 {
        return group(nodes);
    }
    nodes.pop().expect("the parser read at least one")
}

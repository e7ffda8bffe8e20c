//! YAML (and so JSON) text to a tree in which every value knows its line, column and tag, and every scalar keeps the
//! text it was written with. Bounded in depth and in size, aliases included. Knows nothing of templates.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// Deepest nesting; whatever walks the tree may recurse this far.
const MAX_DEPTH: usize = 64;
/// Most nodes (and 64 bytes of text count as one more) after aliases are followed.
const MAX_WEIGHT: usize = 400_000;

/// Nobody reads more duplicate keys than this at once.
const MAX_FAULTS: usize = 100;

/// A place in the text: line and column from 1, and how many characters to underline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

/// A value, where it stands, and its tag (`Ref` of `!Ref`).
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub span: Span,
    pub tag: Option<String>,
    pub value: Value,
}

/// What a value can be. The last two arise only when functions are worked out.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// Any scalar, as written. `plain`: without quotes, so it may also be a number or a boolean.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that exists only on AWS; the sentence says why.
    Away(String),
    /// An error was reported here; nobody complains about it again.
    Broken,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

impl Node {
    pub(crate) fn text(span: Span, text: impl Into<String>) -> Node {
        Node { span, tag: None, value: Value::Text { text: text.into(), plain: false } }
    }

    pub(crate) fn broken(span: Span) -> Node {
        Node { span, tag: None, value: Value::Broken }
    }
}

/// Why a text is not one YAML document, where, and what may help.
#[derive(Debug)]
pub(crate) struct Fault {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
}

impl Fault {
    fn new(span: Span, message: impl Into<String>) -> Fault {
        Fault { span, message: message.into(), help: None }
    }
}

/// The one document in `text`. All duplicate keys are reported, otherwise only the first fault: after it the text has
/// no certain structure.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Fault>> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, place(span.start, span.end)),
            Err(error) => Err(explain(error.info(), place(*error.marker(), *error.marker()), text)),
        };
        if let Err(fault) = step {
            builder.faults.push(fault);
            return Err(builder.faults);
        }
    }
    match builder.root {
        _ if !builder.faults.is_empty() => Err(builder.faults),
        Some(root) => Ok(root),
        None => Err(vec![Fault::new(Span { line: 1, column: 1, width: 1 }, "the file is empty")]),
    }
}

/// From the scanner's markers: lines count from 1 there, columns from 0.
fn place(start: Marker, end: Marker) -> Span {
    let width = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Span { line: start.line().max(1), column: start.col() + 1, width: width.max(1) }
}

/// The scanner's words, with what a person can do about them.
fn explain(info: &str, span: Span, text: &str) -> Fault {
    let line = text.lines().nth(span.line - 1).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        let column = indent.chars().take_while(|c| *c != '\t').count() + 1;
        let mut fault = Fault::new(Span { column, width: 1, ..span }, "a tab is used for indentation");
        fault.help = Some("YAML indents with spaces only".into());
        return fault;
    }
    let mut fault = Fault::new(span, format!("not valid YAML: {info}"));
    let indentation =
        ["did not find expected key", "did not find expected '-' indicator", "mapping values are not allowed"];
    let quoted = ["quoted scalar", "double-quoted", "single-quoted"];
    if indentation.iter().any(|part| info.contains(part)) || info.contains("indent") {
        fault.help = Some("compare the indentation of this line with the lines around it".into());
    } else if quoted.iter().any(|part| info.contains(part)) {
        fault.help = Some("a quote is opened and not closed".into());
    } else if info.contains("unknown anchor") {
        fault.help = Some("an alias `*name` needs an anchor `&name` above it; quote the text if it is no alias".into());
    }
    fault
}

/// A list or map that is being read.
struct Open {
    span: Span,
    tag: Option<String>,
    anchor: usize,
    items: Vec<Node>,
    entries: Vec<Entry>,
    is_map: bool,
    key: Option<(String, Span)>,
    /// Keys so far and their lines, to find duplicates.
    seen: HashMap<String, usize>,
    /// `<<` values: entries that explicit keys win over.
    merged: Vec<Entry>,
    weight: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    weight: usize,
    faults: Vec<Fault>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let weight = 1 + text.len() / 64;
                self.charge(weight, span)?;
                self.finish(scalar(text.into_owned(), style, tag.as_deref(), span), anchor, weight)
            }
            Event::SequenceStart(anchor, tag) => self.start(false, anchor, tag.as_deref(), span),
            Event::MappingStart(anchor, tag) => self.start(true, anchor, tag.as_deref(), span),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let weight = self.anchors.get(&anchor).map_or(0, |(_, weight)| *weight);
                // Before the copy is made, so that a few lines cannot ask for gigabytes.
                self.charge(weight, span)?;
                match self.anchors.get(&anchor) {
                    Some((node, weight)) => self.finish(node.clone(), 0, *weight),
                    None => Err(Fault::new(span, "an alias stands inside of what it names")),
                }
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                let mut fault = Fault::new(span, "a second document begins here");
                fault.help = Some("a template is one document: remove the `---`".into());
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    fn charge(&mut self, weight: usize, span: Span) -> Result<(), Fault> {
        self.weight += weight;
        if self.weight <= MAX_WEIGHT {
            return Ok(());
        }
        let mut fault = Fault::new(span, format!("the template holds more than {MAX_WEIGHT} values"));
        fault.help = Some("every alias counts as a copy of what it names".into());
        Err(fault)
    }

    fn start(&mut self, is_map: bool, anchor: usize, tag: Option<&Tag>, span: Span) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::new(span, format!("nested more than {MAX_DEPTH} deep")));
        }
        if self.open.last().is_some_and(|open| open.is_map && open.key.is_none()) {
            return Err(Fault::new(span, "a key must be text, not a list or a map"));
        }
        self.charge(1, span)?;
        self.open.push(Open {
            span: Span { width: 1, ..span },
            tag: tag.and_then(own_tag),
            anchor,
            items: Vec::new(),
            entries: Vec::new(),
            is_map,
            key: None,
            seen: HashMap::new(),
            merged: Vec::new(),
            weight: 1,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let mut open = self.open.pop().expect("the parser ends only what it started");
        for entry in std::mem::take(&mut open.merged) {
            if !open.seen.contains_key(&entry.key) {
                open.seen.insert(entry.key.clone(), entry.key_span.line);
                open.entries.push(entry);
            }
        }
        let value = if open.is_map { Value::Map(open.entries) } else { Value::List(open.items) };
        self.finish(Node { span: open.span, tag: open.tag, value }, open.anchor, open.weight)
    }

    /// A whole value has been read: into its list or map, under its anchor, or it is the document.
    fn finish(&mut self, node: Node, anchor: usize, weight: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.charge(weight, node.span)?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight += weight;
        if !open.is_map {
            open.items.push(node);
            return Ok(());
        }
        match open.key.take() {
            None => open.key = Some(key_of(node)?),
            Some((key, _)) if key == "<<" => open.merged.extend(merge(node)?),
            Some((key, key_span)) => {
                if let Some(line) = open.seen.insert(key.clone(), key_span.line) {
                    let mut fault = Fault::new(key_span, format!("`{key}` is given twice"));
                    fault.help = Some(format!("the first one is on line {line}"));
                    self.faults.push(fault);
                    if self.faults.len() == MAX_FAULTS {
                        return Err(Fault::new(key_span, "there is more, once this is put right"));
                    }
                }
                open.entries.push(Entry { key, key_span, value: node });
            }
        }
        Ok(())
    }
}

/// Tags of the template's own (`!Ref`); YAML's (`!!str`) say nothing that the text does not.
fn own_tag(tag: &Tag) -> Option<String> {
    (!tag.is_yaml_core_schema()).then(|| tag.suffix.clone())
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
    let plain =
        style == ScalarStyle::Plain && tag.is_none_or(|tag| !(tag.is_yaml_core_schema() && tag.suffix == "str"));
    let own = tag.and_then(own_tag);
    let null = plain && own.is_none() && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    Node { span, tag: own, value: if null { Value::Null } else { Value::Text { text, plain } } }
}

fn key_of(node: Node) -> Result<(String, Span), Fault> {
    match node.value {
        Value::Text { text, .. } if node.tag.is_none() => Ok((text, node.span)),
        Value::Text { .. } => Err(Fault::new(node.span, "a function cannot be a key")),
        _ => Err(Fault::new(node.span, "a key must be text")),
    }
}

/// What `<<` brings in: the entries of a map, or of several, the first of which wins.
fn merge(node: Node) -> Result<Vec<Entry>, Fault> {
    match node.value {
        Value::Map(entries) => Ok(entries),
        Value::List(items) => {
            let maps = items.into_iter().map(|item| match item.value {
                Value::Map(entries) => Ok(entries),
                _ => Err(Fault::new(item.span, "`<<` takes a map or a list of maps")),
            });
            Ok(maps.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
        _ => Err(Fault::new(node.span, "`<<` takes a map or a list of maps")),
    }
}

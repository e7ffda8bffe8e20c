//! A value together with where it stands and what it is called, read with checks: every way of taking a value out
//! reports what is wrong with it, once, at its place. Knows the tree, nothing of what is in a template.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Excerpt, Location, Severity, location};
use crate::suggest::{did_you_mean, distance};
use crate::yaml::{Node, Span, Value};

/// Nobody reads more than this at once, and a template of 4 MB can have a fault in every line.
const MAX_FOUND: usize = 500;

/// The upper end of a number that has none.
pub(crate) const NO_LIMIT: u64 = i64::MAX as u64;

/// Collects what is found in one file.
pub(crate) struct Report {
    pub(crate) file: PathBuf,
    lines: Vec<String>,
    found: RefCell<Vec<Diagnostic>>,
}

impl Report {
    pub(crate) fn new(file: &Path, text: &str) -> Report {
        let lines = text.lines().map(str::to_string).collect();
        Report { file: file.to_path_buf(), lines, found: RefCell::new(Vec::new()) }
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        location(&self.file, span.line, span.column)
    }

    /// `diagnostic`, placed at `span` of this file.
    pub(crate) fn place(&self, span: Span, mut diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.location = Some(self.location(span));
        if !self.is_full() {
            let line = self.lines.get(span.line - 1).map_or("", String::as_str);
            diagnostic.excerpt = Some(Excerpt::of(line, span.column, span.width));
        }
        diagnostic
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        let mut found = self.found.borrow_mut();
        match found.len() {
            MAX_FOUND => {}
            last if last + 1 == MAX_FOUND => found.push(Diagnostic::error("there is more, once this is put right")),
            _ => found.push(diagnostic),
        }
    }

    /// Whether more would be dropped, so that nobody needs to look for help.
    pub(crate) fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_FOUND
    }

    /// How many errors there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.found.borrow().iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Everything found, in the order of the text, each once: a value that several others refer to is worked out
    /// more than once.
    pub(crate) fn finish(&self) -> Vec<Diagnostic> {
        let mut found = self.found.take();
        found.sort_by(|a, b| a.location.cmp(&b.location).then_with(|| a.severity.cmp(&b.severity)));
        let mut once: Vec<Diagnostic> = Vec::with_capacity(found.len());
        for diagnostic in found {
            let same = |other: &&Diagnostic| other.location == diagnostic.location;
            if !once.iter().rev().take_while(same).any(|other| other.message == diagnostic.message) {
                once.push(diagnostic);
            }
        }
        once
    }
}

/// A value being read.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pub(crate) node: &'a Node,
    /// The key it stands under; a list or a map is pointed at by its key.
    pub(crate) key: Option<Span>,
    /// The resource it belongs to.
    pub(crate) logical_id: Option<String>,
    /// The dotted path below the resource, or from the top.
    pub(crate) path: String,
    pub(crate) report: &'a Report,
}

impl<'a> Field<'a> {
    pub(crate) fn root(node: &'a Node, report: &'a Report) -> Field<'a> {
        Field { node, key: None, logical_id: None, path: String::new(), report }
    }

    /// The same place with another value: what a function came to.
    pub(crate) fn with_node<'b>(&self, node: &'b Node) -> Field<'b>
    where
        'a: 'b,
    {
        let report: &'b Report = self.report;
        Field { node, key: self.key, logical_id: self.logical_id.clone(), path: self.path.clone(), report }
    }

    /// The value as the beginning of resource `logical_id`: paths start here.
    pub(crate) fn into_resource(mut self, logical_id: &str) -> Field<'a> {
        self.logical_id = Some(logical_id.to_string());
        self.path = String::new();
        self
    }

    /// Where a complaint about the value points.
    pub(crate) fn span(&self) -> Span {
        match (&self.node.value, self.key) {
            (Value::Text { .. } | Value::Away(_), _) | (_, None) => self.node.span,
            (_, Some(key)) => key,
        }
    }

    pub(crate) fn location(&self) -> Location {
        self.report.location(self.key.unwrap_or(self.node.span))
    }

    /// A diagnostic about this value, not reported yet.
    pub(crate) fn diagnostic(&self, severity: Severity, message: impl Into<String>) -> Diagnostic {
        self.diagnostic_at(self.span(), severity, message)
    }

    pub(crate) fn diagnostic_at(&self, span: Span, severity: Severity, message: impl Into<String>) -> Diagnostic {
        let mut diagnostic = self.report.place(span, Diagnostic::new(severity, message));
        diagnostic.logical_id = self.logical_id.clone();
        diagnostic.property = (!self.path.is_empty()).then(|| self.path.clone());
        diagnostic
    }

    pub(crate) fn error(&self, message: impl Into<String>) {
        self.report.push(self.diagnostic(Severity::Error, message));
    }

    pub(crate) fn error_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.report.push(self.diagnostic(Severity::Error, message).with_help(help));
    }

    pub(crate) fn warning(&self, message: impl Into<String>, help: Option<&str>) {
        let mut diagnostic = self.diagnostic(Severity::Warning, message);
        diagnostic.help = help.map(str::to_string);
        self.report.push(diagnostic);
    }

    /// An error about `word` with the nearest of `known`, or else all of them if they are few, as help.
    pub(crate) fn error_known(&self, message: impl Into<String>, word: &str, known: &[&str]) {
        let mut diagnostic = self.diagnostic(Severity::Error, message);
        diagnostic.help = did_you_mean(word, known.iter().copied()).or_else(|| one_of(known));
        self.report.push(diagnostic);
    }

    fn child(&self, node: &'a Node, key: Option<Span>, path: String) -> Field<'a> {
        Field { node, key, logical_id: self.logical_id.clone(), path, report: self.report }
    }

    fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// The value under `key`, if this is a map that has it. Says nothing.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'a>> {
        let Value::Map(entries) = &self.node.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(self.child(&entry.value, Some(entry.key_span), self.below(key)))
    }

    /// The value under `key`; a complaint if it is missing. If it is there but misspelled, [`Field::only`] says so.
    pub(crate) fn require(&self, key: &str) -> Option<Field<'a>> {
        let found = self.get(key);
        if found.is_none()
            && let Value::Map(entries) = &self.node.value
            && !entries.iter().any(|entry| is_misspelled(&entry.key, key))
        {
            self.error(format!("`{key}` is missing"));
        }
        found
    }

    /// The value's members if it is a map; a complaint and none otherwise.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        match &self.node.value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| {
                    (entry.key.as_str(), self.child(&entry.value, Some(entry.key_span), self.below(&entry.key)))
                })
                .collect(),
            _ => {
                self.unexpected("a map of names to values");
                Vec::new()
            }
        }
    }

    /// Where each member stands, if this is a map. Says nothing.
    pub(crate) fn locations(&self) -> BTreeMap<String, Location> {
        let Value::Map(entries) = &self.node.value else { return BTreeMap::new() };
        entries.iter().map(|entry| (entry.key.clone(), self.report.location(entry.key_span))).collect()
    }

    /// Like [`Field::entries`], for a section that AWS allows `most` entries; none if there are more.
    pub(crate) fn at_most(&self, most: usize) -> Vec<(&'a str, Field<'a>)> {
        let entries = self.entries();
        if entries.len() > most {
            self.error(format!("at most {most} are allowed, found {}", entries.len()));
            return Vec::new();
        }
        entries
    }

    /// The value's members if it is a list; a complaint and none otherwise.
    pub(crate) fn items(&self) -> Vec<Field<'a>> {
        match &self.node.value {
            Value::List(items) => self.indexed(items),
            _ => {
                self.unexpected("a list");
                Vec::new()
            }
        }
    }

    fn indexed(&self, items: &'a [Node]) -> Vec<Field<'a>> {
        items.iter().enumerate().map(|(i, item)| self.child(item, None, format!("{}[{i}]", self.path))).collect()
    }

    /// Complains about every key that is not one of `known`. True if this is a map.
    pub(crate) fn only(&self, known: &[&str]) -> bool {
        self.only_with(known, |_| None)
    }

    /// Like [`Field::only`]; `advice` knows more about some keys than their spelling.
    pub(crate) fn only_with(&self, known: &[&str], advice: impl Fn(&str) -> Option<String>) -> bool {
        for (key, field) in self.entries() {
            if known.contains(&key) {
                continue;
            }
            let at = field.key.unwrap_or(field.node.span);
            let mut diagnostic = field.diagnostic_at(at, Severity::Error, format!("`{key}` is not known here"));
            diagnostic.help =
                advice(key).or_else(|| did_you_mean(key, known.iter().copied())).or_else(|| one_of(known));
            self.report.push(diagnostic);
        }
        matches!(self.node.value, Value::Map(_))
    }

    /// The value's text: a string, or a number or boolean as it was written.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.node.value {
            Value::Text { text, .. } if text.contains("{{resolve:") => {
                self.error_help(
                    "a dynamic reference is resolved by AWS only",
                    "give the value itself, for instance through a parameter",
                );
                None
            }
            Value::Text { text, .. } => Some(text.clone()),
            _ => {
                self.unexpected("a string");
                None
            }
        }
    }

    /// A string of at most so many characters.
    pub(crate) fn text_within(&self, most: usize) -> Option<String> {
        let text = self.text()?;
        if text.chars().count() > most {
            self.error(format!("longer than {most} characters"));
            return None;
        }
        Some(text)
    }

    /// A string of at least one character.
    pub(crate) fn name(&self) -> Option<String> {
        let text = self.text()?;
        if text.is_empty() {
            self.error("is empty");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`, also as a string and in YAML 1.1's other spellings, as AWS takes them.
    pub(crate) fn boolean(&self) -> Option<bool> {
        let text = self.text()?;
        let plain = matches!(&self.node.value, Value::Text { plain: true, .. });
        match text.to_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            "yes" | "on" if plain => Some(true),
            "no" | "off" if plain => Some(false),
            _ => {
                self.error(format!("expected true or false, found `{}`", short(&text)));
                None
            }
        }
    }

    /// A whole number within `least..=most`. `NO_LIMIT` is as large as AWS's own numbers go.
    pub(crate) fn integer(&self, least: u64, most: u64) -> Option<u64> {
        let text = self.text()?;
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let range = if most == NO_LIMIT { format!("{least} on") } else { format!("{least} to {most}") };
                self.error(format!("expected a whole number from {range}, found `{}`", short(&text)));
                None
            }
        }
    }

    /// One of the words, turned into what it stands for.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.error_known(format!("`{}` is not a value it can have", short(&text)), &text, &known);
        }
        found
    }

    /// Complains that this is not `wanted`, unless somebody complained already.
    pub(crate) fn unexpected(&self, wanted: &str) {
        match &self.node.value {
            Value::Broken => {}
            Value::Away(why) => self.error(why.clone()),
            Value::Null => {
                self.error_help(format!("expected {wanted}, found nothing"), "give it a value or leave it out")
            }
            Value::Text { text, .. } => self.error(format!("expected {wanted}, found `{}`", short(text))),
            Value::List(_) => self.error(format!("expected {wanted}, found a list")),
            Value::Map(_) => self.error(format!("expected {wanted}, found a map")),
        }
    }
}

/// Whether `word` is no more than two letters away from `key`: then it is not missing but misspelled.
fn is_misspelled(word: &str, key: &str) -> bool {
    word.len() <= key.len() + 2 && {
        let chars = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
        distance(&chars(word), &chars(key)) <= 2
    }
}

/// `one of: A, B`, unless there are too many to read.
fn one_of(known: &[&str]) -> Option<String> {
    (known.len() <= 8).then(|| format!("one of: {}", known.join(", ")))
}

/// The beginning of a text that may be long.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

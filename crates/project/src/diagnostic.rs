//! What is said about a template and where: locations, severities, and the two ways a diagnostic is printed.
//! Knows text and paths only; nothing of templates or tables.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file as it was named on the way in (relative stays relative).
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// How bad it is. Only an [`Severity::Error`] keeps a project from loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The project cannot be created as written.
    Error,
    /// It can, but something in the template will not happen here.
    Warning,
    /// Worth knowing, nothing to do.
    Note,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
            Severity::Note => "\x1b[1;36m",
        }
    }
}

/// What a diagnostic shows of the line it points into, kept so that it prints the same if the file changes meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or the part around the place if it is long. Tabs are one space, so that columns stay columns.
    pub line: String,
    /// Where in `line` the place is, in characters from 0.
    pub start: usize,
    /// How many characters the caret underlines, at least 1.
    pub width: usize,
}

impl Excerpt {
    /// The part of `line` to show for `width` characters at `column` (from 1).
    pub fn of(line: &str, column: usize, width: usize) -> Excerpt {
        const MOST: usize = 140;
        const BEFORE: usize = 60;
        let column = column.max(1) - 1;
        let from = if line.chars().nth(MOST).is_some() { column.saturating_sub(BEFORE) } else { 0 };
        let part = line.chars().skip(from).take(MOST).map(|c| if c == '\t' { ' ' } else { c });
        Excerpt { line: clean(&part.collect::<String>()), start: column - from, width: width.max(1) }
    }
}

/// One finding.
///
/// `Display` is one line, for logs and editors:
/// `template.yaml:12:7: error: TotalVotes.Properties.KeySchema: message (help)`. [`Diagnostic::render`] shows the
/// source line with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, unless it concerns no file (a parameter on the command line).
    pub location: Option<Location>,
    /// The resource it concerns.
    pub logical_id: Option<String>,
    /// Dotted path below the resource (`Properties.KeySchema[0].KeyType`), or from the top of the template.
    pub property: Option<String>,
    /// What is wrong. Lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The line it points into. Without one, [`Diagnostic::render`] reads the file.
    pub excerpt: Option<Excerpt>,
}

impl std::error::Error for Diagnostic {}

impl Diagnostic {
    /// A diagnostic without a place; add what is known with the `with_` methods.
    pub fn new(severity: Severity, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            location: None,
            logical_id: None,
            property: None,
            message: message.into(),
            help: None,
            severity,
            excerpt: None,
        }
    }

    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, message)
    }

    /// Says where.
    pub fn with_location(mut self, location: Location) -> Diagnostic {
        self.location = Some(location);
        self
    }

    /// Says which resource.
    pub fn with_logical_id(mut self, logical_id: impl Into<String>) -> Diagnostic {
        self.logical_id = Some(logical_id.into());
        self
    }

    /// Says which property, as a dotted path.
    pub fn with_property(mut self, property: impl Into<String>) -> Diagnostic {
        self.property = Some(property.into());
        self
    }

    /// Says what to do.
    pub fn with_help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// `TotalVotes.Properties.KeySchema`, whichever parts are known.
    fn subject(&self) -> Option<String> {
        match (&self.logical_id, &self.property) {
            (Some(id), Some(property)) => Some(format!("{id}.{property}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        }
    }

    /// The finding in rustc's style, with the source line and a caret; ends with a line break.
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color };
        let mut out = paint.wrap(self.severity.color(), self.severity.word());
        let subject = self.subject().map(|s| format!("{}: ", clean(&s))).unwrap_or_default();
        out += &paint.wrap("\x1b[1m", &format!(": {subject}{}", clean(&self.message)));
        out.push('\n');
        let mut gutter = 0;
        if let Some(location) = &self.location {
            gutter = location.line.to_string().len();
            let arrow = paint.wrap("\x1b[1;34m", "-->");
            writeln!(out, "{:gutter$}{arrow} {}", "", clean(&location.to_string())).expect("a String takes any text");
            out += &self.render_excerpt(location, gutter, &paint);
        }
        if let Some(help) = &self.help {
            let mark = paint.wrap("\x1b[1;34m", "=");
            writeln!(out, "{:gutter$} {mark} help: {}", "", clean(help)).expect("a String takes any text");
        }
        out
    }

    fn render_excerpt(&self, location: &Location, gutter: usize, paint: &Paint) -> String {
        let Some(excerpt) = self.excerpt.clone().or_else(|| read_excerpt(location)) else { return String::new() };
        let Excerpt { line, start, width } = excerpt;
        let room = line.chars().count().saturating_sub(start).max(1);
        let caret = paint.wrap(self.severity.color(), &"^".repeat(width.clamp(1, room)));
        let bar = paint.wrap("\x1b[1;34m", "|");
        let number = paint.wrap("\x1b[1;34m", &location.line.to_string());
        format!("{0:gutter$} {bar}\n{number} {bar} {line}\n{0:gutter$} {bar} {0:start$}{caret}\n", "")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{}: ", clean(&location.to_string()))?;
        }
        write!(f, "{}: ", self.severity.word())?;
        if let Some(subject) = self.subject() {
            write!(f, "{}: ", clean(&subject))?;
        }
        f.write_str(&clean(&self.message))?;
        match &self.help {
            Some(help) => write!(f, " ({})", clean(help)),
            None => Ok(()),
        }
    }
}

struct Paint {
    color: bool,
}

impl Paint {
    fn wrap(&self, start: &str, text: &str) -> String {
        if self.color { format!("{start}{text}\x1b[0m") } else { text.to_string() }
    }
}

/// A template is somebody else's text: what it says must not drive the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn read_excerpt(location: &Location) -> Option<Excerpt> {
    let text = std::fs::read_to_string(&location.file).ok()?;
    let line = text.lines().nth(location.line.checked_sub(1)?)?;
    let width = line.chars().skip(location.column.max(1) - 1).take_while(|c| c.is_alphanumeric() || *c == '_').count();
    Some(Excerpt::of(line, location.column, width))
}

/// A location in `file`.
pub(crate) fn location(file: &Path, line: usize, column: usize) -> Location {
    Location { file: file.to_path_buf(), line, column }
}

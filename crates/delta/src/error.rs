//! What can go wrong, as coarse as callers act on it.

use std::{fmt, io, path::PathBuf};

/// Why there is no delta. Nothing of it is visible.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The export cannot be used as it is: another one is needed.
    #[error("{0}")]
    Export(Box<Fault>),
    /// Columns came or went, and the policy is to hold. Accepted, the same call goes through.
    #[error("columns changed: {}", changed_columns(added, dropped))]
    Columns { added: Vec<String>, dropped: Vec<String> },
    /// The state file is missing, damaged, or of another table or configuration: compare in full instead.
    #[error("state {}: {reason}", path.display())]
    State { path: PathBuf, reason: String },
    /// The operations file is damaged: compute the delta again.
    #[error("operations {}: {reason}", path.display())]
    Operations { path: PathBuf, reason: String },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A file could not be read or written; trying again may help.
    #[error("{doing}")]
    Io {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// The call makes no sense.
    #[error("{0}")]
    Config(String),
}

/// What is wrong with an export, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the file.
    pub file: String,
    /// Row, counted from 1 after the header; 0 is the header.
    pub row: Option<u64>,
    pub byte: Option<Byte>,
    pub problem: String,
    pub remedy: String,
}

/// A position in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byte {
    /// In the file as it is.
    Compressed(u64),
    /// In its decompressed text.
    Text(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match self.row {
            Some(0) => f.write_str(", header")?,
            Some(row) => write!(f, ", row {row}")?,
            None => {}
        }
        match self.byte {
            Some(Byte::Compressed(at)) => write!(f, ", byte {at} of the compressed file")?,
            Some(Byte::Text(at)) => write!(f, ", byte {at} of the text")?,
            None => {}
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::Export(Box::new(fault))
    }
}

impl Error {
    /// For `map_err`: says what was being done.
    pub(crate) fn io(doing: impl fmt::Display) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { doing: doing.to_string(), source }
    }
}

fn changed_columns(added: &[String], dropped: &[String]) -> String {
    let list = |what: &str, names: &[String]| match names {
        [] => None,
        names => Some(format!("{what} {}", names.join(", "))),
    };
    [list("added", added), list("dropped", dropped)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

//! Why the program ends before its time: one line for the person at the terminal, and one that says what to do.

use db::OpenError;
use std::{fmt, io, net::SocketAddr, path::Path};

/// The program's last words.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong: lower case, no full stop, one line.
    message: String,
    help: Option<String>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        // One line, whatever a source error put into its text.
        let message: String = message.into();
        Failure { message: message.split_whitespace().collect::<Vec<_>>().join(" "), help: None }
    }

    pub fn with_help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// The address cannot be listened on.
    pub fn listen(address: SocketAddr, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::AddrInUse => Failure::new(format!("port {} is already in use", address.port()))
                .with_help("stop what listens there, or take another one with --port"),
            io::ErrorKind::AddrNotAvailable => {
                Failure::new(format!("this machine has no address {}", address.ip())).with_help("see --host")
            }
            io::ErrorKind::PermissionDenied => {
                Failure::new(format!("port {} may not be listened on by this user", address.port()))
                    .with_help("take one above 1023 with --port")
            }
            _ => Failure::new(format!("cannot listen on {address}: {error}")),
        }
    }

    /// The data directory does not open. Nothing in it was changed.
    pub fn open(data: &Path, error: &OpenError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error {
            OpenError::Locked(..) => {
                failure.with_help("stop the other process, or give this one a directory of its own with --data")
            }
            OpenError::Newer { .. } => failure.with_help("run the newer Streamfold; nothing was changed"),
            OpenError::Corrupt { .. } => failure.with_help(format!(
                "nothing was changed; keep a copy of {}, then restore it from a backup or start afresh with --data",
                data.display()
            )),
            OpenError::Io { source, .. } => match io_help(source) {
                Some(help) => failure.with_help(help),
                None => failure,
            },
            OpenError::Store(_) => failure,
        }
    }

    /// The database refused a step of starting.
    pub fn database(doing: &str, error: &db::Error) -> Failure {
        Failure::new(format!("{doing}: {error}"))
    }
}

/// What a person can do about an error of the file system.
fn io_help(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("the disk is full: make room, then start again; nothing that was acknowledged is lost")
        }
        io::ErrorKind::PermissionDenied => Some("this user may not read and write there; see --data"),
        io::ErrorKind::ReadOnlyFilesystem => Some("the file system is read-only; see --data"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Some("a directory is wanted; see --data"),
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(failure: &Failure, expected: &Expect) {
        expected.assert_eq(&failure.to_string());
    }

    #[test]
    fn a_failure_is_one_line_and_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8000));
        check(
            &Failure::listen(address, &io::ErrorKind::AddrInUse.into()),
            &expect![[r"
                error: port 8000 is already in use
                help: stop what listens there, or take another one with --port"]],
        );
        let full = OpenError::Io { path: "data/log".into(), source: io::ErrorKind::StorageFull.into() };
        check(
            &Failure::open(Path::new("data"), &full),
            &expect![[r"
                error: data/log: no storage space
                help: the disk is full: make room, then start again; nothing that was acknowledged is lost"]],
        );
        let newer = OpenError::Newer { path: "data".into(), found: 9, known: 1 };
        check(
            &Failure::open(Path::new("data"), &newer),
            &expect![[r"
                error: data was written by a newer Streamfold (format 9; this one reads up to 1)
                help: run the newer Streamfold; nothing was changed"]],
        );
        check(&Failure::new("two\nlines"), &expect!["error: two lines"]);
    }
}

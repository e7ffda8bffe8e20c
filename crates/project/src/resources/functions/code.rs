//! Where a function's code lies: a folder beside the template. Looks whether it is there; reads nothing of it.

use std::path::Path;

use crate::diagnostic::Severity;
use crate::field::{Field, short};
use crate::model::Code;
use crate::suggest::did_you_mean;
use crate::view::neighbours;

/// Endings of files that hold a whole folder.
const ARCHIVES: [&str; 5] = [".zip", ".jar", ".tar", ".tgz", ".gz"];

/// The folder that `CodeUri: counter/` names, or the folder of the file that it names. None with a complaint.
pub(super) fn folder(field: &Field<'_>, root: &Path) -> Option<Code> {
    let name = field.name()?;
    if name.starts_with("s3://") || name.starts_with("https://") {
        in_bucket(field);
        return None;
    }
    let path = if name == "." { root.to_path_buf() } else { clean(root, &name) };
    if path.is_dir() {
        return Some(Code::Folder(path));
    }
    if ARCHIVES.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
        field.error_help(format!("`{}` is an archive", short(&name)), "unpack it, and name the folder");
        return None;
    }
    if path.is_file() {
        return path.parent().map(|folder| Code::Folder(folder.to_path_buf()));
    }
    let mut diagnostic =
        field.diagnostic(Severity::Error, format!("the code is not there: no folder {}", short(&name)));
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    diagnostic.help = did_you_mean(wanted, neighbours(&path).iter().map(String::as_str))
        .or_else(|| Some("the path is relative to the template's folder".into()));
    field.report.push(diagnostic);
    None
}

/// Says that code in a bucket cannot be had.
pub(super) fn in_bucket(field: &Field<'_>) {
    field.error_help(
        "the code lies in a bucket on AWS",
        "name a local folder: `aws cloudformation package` and `sam deploy` upload it, and change this to the bucket",
    );
}

/// `root/name`, without `./` where it says nothing.
fn clean(root: &Path, name: &str) -> std::path::PathBuf {
    let name = name.trim_start_matches("./");
    if root == Path::new(".") { name.into() } else { root.join(name) }
}

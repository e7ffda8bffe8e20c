//! Where a function's code lies: a folder beside the template. Looks whether it is there, and the handler's file in it;
//! reads nothing of them.

use std::path::Path;

use crate::diagnostic::Severity;
use crate::field::{Field, short};
use crate::model::{Code, RuntimeFamily};
use crate::scope::Resource;
use crate::suggest::did_you_mean;
use crate::view::neighbours;
use crate::yaml::Value;

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

/// Warns of a handler whose file is not in the folder: it might be among what the function requires, but hardly is.
pub(super) fn look_for_handler(resource: &Resource<'_>, function: &Field<'_>, family: RuntimeFamily, folder: &Path) {
    let Some(field) = function.get("Handler") else { return };
    let Value::Text { text: handler, .. } = &field.node.value else { return };
    let files = match family {
        RuntimeFamily::Python => python_files(handler),
        RuntimeFamily::Node => node_files(handler),
        // One that is built elsewhere first gets a warning for that.
        RuntimeFamily::Provided if is_built(resource) => return,
        RuntimeFamily::Provided => vec!["bootstrap".to_string()],
    };
    let Some(wanted) = files.first().filter(|_| !files.iter().any(|file| folder.join(file).is_file())) else { return };
    let message = format!("the handler is not there: no file {} in the code's folder", short(wanted));
    let path = folder.join(wanted);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let help = did_you_mean(name, neighbours(&path).iter().map(String::as_str));
    field.warning(message, help.as_deref());
}

/// Files that `functions/app.handler` or `functions.app.handler` may mean.
fn python_files(handler: &str) -> Vec<String> {
    let module = handler.rsplit_once('.').map_or(handler, |(module, _)| module).replace('.', "/");
    [".py", "/__init__.py", ".pyc", ".so"].map(|ending| format!("{module}{ending}")).to_vec()
}

/// Files that `functions/app.handler` may mean.
fn node_files(handler: &str) -> Vec<String> {
    let name = handler.rfind('/').map_or(0, |slash| slash + 1);
    let end = handler[name..].find('.').map_or(handler.len(), |dot| name + dot);
    [".js", ".mjs", ".cjs"].map(|ending| format!("{}{ending}", &handler[..end])).to_vec()
}

fn is_built(resource: &Resource<'_>) -> bool {
    resource.field.get("Metadata").is_some_and(|metadata| metadata.get("BuildMethod").is_some())
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

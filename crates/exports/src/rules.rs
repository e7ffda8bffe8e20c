//! The rules about versions: what becomes of a file that arrives. Pure.
//!
//! | the version | the file | then |
//! |---|---|---|
//! | is new | any | it is registered, unless a later one was imported: then it is refused |
//! | has this file, same ETag, and was not rejected | | it is ignored, and counted |
//! | waits for files | another one, or other content | it is taken, or takes the place of the old one |
//! | is queued, held, failed before publishing | other content of a file that it has | it begins anew with it |
//! | was rejected, or refused for coming too late | any, be it the same again | it begins anew with it, and needs all its files |
//! | is queued or later | a file that it has not | it is refused: the version was complete |
//! | is running, or has begun to publish | other content | it is refused until that came to its end |
//! | was imported | other content | it is refused |

use crate::{Binding, Complete, Execution, ExportFile, FILES_MAX, Status};

/// Most versions of a table that wait, are held or failed at a time.
pub const LIVE_MAX: usize = 1000;

/// What arrived.
#[derive(Clone, Debug)]
pub enum Arrival {
    File(ExportFile),
    Marker,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The execution as it then is.
    Take(Box<Execution>),
    /// It is here already: the execution, with one more ignored.
    Ignore(Box<Execution>),
    /// This very event was seen before: nothing to be told.
    Known,
    Refuse(String),
}

/// What is known of a table when something arrives.
pub struct Known<'k> {
    pub binding: &'k Binding,
    /// The version that was imported last.
    pub imported: Option<&'k str>,
    pub live: usize,
    pub now_ms: u64,
}

/// Whether all files of an execution are there.
pub fn is_complete(binding: &Binding, execution: &Execution) -> bool {
    match &binding.complete {
        Complete::Files(count) => execution.files.len() >= *count as usize,
        Complete::Marker(_) => execution.marked && !execution.files.is_empty(),
    }
}

/// Why a version cannot be imported any more, if so.
pub fn too_late(version: &str, imported: Option<&str>) -> Option<String> {
    let imported = imported.filter(|imported| version < *imported)?;
    Some(format!("is out of order: the later version {imported} was imported"))
}

/// Decides about what arrived for a version of which `found` is known.
pub fn decide(known: &Known<'_>, version: &str, found: Option<Execution>, arrival: Arrival) -> Verdict {
    let Some(execution) = found else {
        if let Some(why) = too_late(version, known.imported) {
            return Verdict::Refuse(why);
        }
        if known.live >= LIVE_MAX {
            return Verdict::Refuse(format!("is one too many: {LIVE_MAX} versions of the table wait"));
        }
        return take(known, Execution::new(version, known.now_ms), arrival);
    };
    match arrival {
        Arrival::Marker if execution.status == Status::Waiting && !execution.marked => {
            take(known, execution, Arrival::Marker)
        }
        Arrival::Marker => ignore(execution),
        Arrival::File(file) => decide_file(known, execution, file),
    }
}

fn decide_file(known: &Known<'_>, mut execution: Execution, file: ExportFile) -> Verdict {
    let refuse = |why: &str| Verdict::Refuse(why.to_owned());
    let same = execution.files.iter().find(|other| other.name == file.name);
    match same {
        Some(same) if same.local == file.local => return Verdict::Known,
        Some(same) if same.etag == file.etag && !execution.is_given_up() => return ignore(execution),
        _ => {}
    }
    let has_it = same.is_some();
    match execution.status {
        Status::Waiting => return take(known, execution, Arrival::File(file)),
        Status::Succeeded => return refuse("was imported already, with other content: it needs a version of its own"),
        Status::Running => return refuse("is being imported: upload it again when that has come to its end"),
        Status::Failed if execution.has_begun_to_publish() => {
            return refuse(
                "failed after it had begun to publish: retry it, and bring other content as a later version",
            );
        }
        Status::Queued | Status::Held | Status::Failed | Status::Rejected | Status::Refused => {}
    }
    if let Some(why) = too_late(&execution.version, known.imported) {
        return Verdict::Refuse(why);
    }
    if execution.is_given_up() {
        // Their bytes are not kept, and whoever did not want the version does not want parts of it in the next try.
        execution.files.clear();
        execution.marked = false;
    } else if !has_it {
        return refuse("was complete without this file");
    }
    execution.reset();
    take(known, execution, Arrival::File(file))
}

fn ignore(mut execution: Execution) -> Verdict {
    execution.ignored += 1;
    Verdict::Ignore(Box::new(execution))
}

fn take(known: &Known<'_>, mut execution: Execution, arrival: Arrival) -> Verdict {
    match arrival {
        Arrival::Marker => execution.marked = true,
        Arrival::File(file) => match execution.files.iter().position(|other| other.name == file.name) {
            Some(at) => execution.files[at] = file,
            None if execution.files.len() >= FILES_MAX as usize => {
                return Verdict::Refuse(format!("has {FILES_MAX} files already, as many as a version can have"));
            }
            None => execution.files.push(file),
        },
    }
    execution.files.sort_by(|one, two| one.name.cmp(&two.name));
    execution.status = if is_complete(known.binding, &execution) { Status::Queued } else { Status::Waiting };
    Verdict::Take(Box::new(execution))
}

//! A SAM or CloudFormation template read into what to create, with diagnostics that carry file, line, column, logical
//! id and property. Reads files and nothing else: it knows no engine, no server, no network and no clock.
//!
//! In reading order: [`load`] finds the file; `yaml` turns text into a tree that knows its positions; `template` goes
//! through its sections; `evaluate` works out functions; `references` checks names; `resources` holds one file for
//! each type of resource, and a folder for functions and one for schedules.

mod dashboard;
mod diagnostic;
mod evaluate;
mod export;
mod field;
mod intrinsics;
mod json;
mod model;
mod outputs;
mod parameters;
mod references;
mod resources;
mod scope;
mod sql;
mod suggest;
mod template;
mod view;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use diagnostic::{Diagnostic, Excerpt, Location, Severity};
pub use model::{
    AttrType, BillingMode, Brake, Bucket, BucketTrigger, Chart, Code, Complete, Dashboard, Empty, EventConfig,
    EventInvoke, Events, Export, Function, Index, KeyElement, KeyType, KinesisStream, Missed, Note, Origin,
    OtherColumns, ParameterKind, Project, Projection, Quarantine, Rate, Recent, RetryPolicy, Runtime, RuntimeFamily,
    Schedule, ScheduleKind, Source, SsmParameter, StartingPosition, StreamMode, StreamViewType, Table, Trigger,
    TriggerSettings, View, fill_stream_arns,
};

use field::{Field, Report};

/// What a template's author leaves to whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Values of parameters, from `--parameter NAME=VALUE`.
    pub parameters: BTreeMap<String, String>,
    /// `AWS::Region`, and the region in ARNs.
    pub region: String,
    /// `AWS::AccountId`, and the account in ARNs: 12 digits.
    pub account: String,
}

impl Default for Options {
    fn default() -> Options {
        Options { parameters: BTreeMap::new(), region: "us-east-1".into(), account: "000000000000".into() }
    }
}

/// File names that a folder is searched for, in this order.
const NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];
/// Longest template; AWS takes 1 MB.
const MAX_BYTES: u64 = 4 << 20;

/// Reads the template at `path`, a file or its folder.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text, warnings and notes included; at least one of them is an
/// [`Severity::Error`]. Text that is not YAML is reported up to the first place where its structure is lost.
pub fn load(path: &Path, options: &Options) -> Result<Project, Vec<Diagnostic>> {
    let file = find(path).map_err(|diagnostic| vec![*diagnostic])?;
    let text = read(&file).map_err(|diagnostic| vec![*diagnostic])?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let stack_name = template::stack_name(&folder);
    let report = Report::new(&file, text);
    let project = match yaml::parse(text) {
        Ok(root) => Some(template::read(&Field::root(&root, &report), options, file.clone(), folder, stack_name)),
        Err(faults) => {
            template::faults(&report, faults);
            None
        }
    };
    let found = report.finish();
    match project {
        Some(mut project) if found.iter().all(|diagnostic| diagnostic.severity != Severity::Error) => {
            project.notes = found;
            Ok(project)
        }
        _ => Err(found),
    }
}

fn find(path: &Path) -> Result<PathBuf, Box<Diagnostic>> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    // `template.yaml:3:1` reads better than `./template.yaml:3:1`.
    let folder = if path == Path::new(".") { Path::new("") } else { path };
    let found = NAMES.iter().map(|name| folder.join(name)).find(|file| file.exists());
    found.ok_or_else(|| {
        let message = format!("no template in {}: looked for {}", path.display(), NAMES.join(", "));
        Box::new(Diagnostic::error(message))
    })
}

fn read(file: &Path) -> Result<String, Box<Diagnostic>> {
    let refuse =
        |why: String| Box::new(Diagnostic::error(format!("the template {} cannot be read: {why}", file.display())));
    let metadata = std::fs::metadata(file).map_err(|error| refuse(view::plain(&error)))?;
    if !metadata.is_file() {
        return Err(refuse("not a file".into()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(refuse(format!("longer than {MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| refuse(view::plain(&error)))
}

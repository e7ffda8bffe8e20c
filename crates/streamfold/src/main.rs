//! The binary: reads the command line, opens the database, puts the rooms together and serves until told to stop.
//!
//! In reading order: `cli` and `units` say what was asked; `check` and `plan` say what a template would do; `serve`
//! does it, behind the sockets of `server` and `intake`; `banner`, `fills` and `failure` are what a person sees of it.

mod banner;
mod bindings;
mod check;
mod cli;
mod client;
mod executions;
mod exported;
mod failure;
mod fills;
mod intake;
mod objects;
mod plan;
mod processes;
mod serve;
mod server;
mod shown;
mod units;
mod wanted;
mod watch;
mod wiring;

use clap::Parser;
use cli::{Cli, Command, Template};
use failure::Failure;
use project::{Diagnostic, Project};
use std::{
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let outcome = match cli.command {
        Command::Version => {
            say(&format!("streamfold {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        Command::Check(template) => check(&template),
        Command::Up(up) => load(&up.template).and_then(|project| {
            let data = up.data.unwrap_or_else(|| project.root.join(".streamfold"));
            serve::serve(&up.server, &up.template.place, &data, Some(&project), up.watch)
        }),
        Command::Invoke(invoke) => client::invoke(&invoke),
        Command::Logs(logs) => client::logs(&logs),
        Command::Quarantine(quarantine) => client::quarantine(&quarantine),
        Command::Exports(exports) => executions::exports(&exports),
        Command::Serve(serve) => {
            existing(&serve.data).and_then(|()| serve::serve(&serve.server, &serve.place, &serve.data, None, false))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Starts, stops and errors go to stderr; requests are not logged.
fn start_log() {
    let level = std::env::var("STREAMFOLD_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level.unwrap_or(tracing::level_filters::LevelFilter::INFO))
        .init();
}

/// `streamfold check`: what is wrong with a template, and what is in it if nothing is.
fn check(template: &Template) -> Result<(), Failure> {
    let project = load(template)?;
    show(&project.notes);
    let views = project.tables.iter().filter(|table| table.view.is_some()).count();
    let counts = [
        (project.tables.len() - views, "table"),
        (views, "view"),
        (project.buckets.len(), "bucket"),
        (project.functions.len(), "function"),
        (project.schedules.len(), "schedule"),
        (project.exports.len(), "export"),
        (project.dashboards.len(), "dashboard"),
    ];
    let counts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| banner::count(count, what)).collect();
    say(&format!("{}: no errors; {}\n", project.path.display(), counts.join(", ")));
    Ok(())
}

/// The project, if nothing is wrong with it, its views' queries and its buckets' events included.
fn load(template: &Template) -> Result<Project, Failure> {
    let options = project::Options {
        parameters: template.all_parameters().into_iter().collect(),
        region: template.place.region.clone(),
        account: template.place.account.clone(),
    };
    let project = project::load(&template.path, &options).map_err(|found| refused(&found))?;
    let wrong = [check::views(&project), check::notifications(&project)].concat();
    if wrong.is_empty() { Ok(project) } else { Err(refused(&wrong)) }
}

/// `serve` runs what is there; it does not make a database where somebody mistyped a path.
fn existing(data: &Path) -> Result<(), Failure> {
    if data.is_dir() {
        return Ok(());
    }
    Err(Failure::new(format!("there is no data directory {}", data.display()))
        .with_help("`streamfold up` makes one from a template; an empty directory will do too"))
}

/// Shows diagnostics, and sums them up in the program's last line.
fn refused(diagnostics: &[Diagnostic]) -> Failure {
    show(diagnostics);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == project::Severity::Error).count();
    Failure::new(format!("{} in the template; nothing was created", banner::count(errors, "error")))
}

/// Diagnostics go to stderr, with colors where somebody reads them.
fn show(diagnostics: &[Diagnostic]) {
    let color = std::io::stderr().is_terminal();
    for diagnostic in diagnostics {
        eprintln!("{}", diagnostic.render(color));
    }
}

/// Writes to stdout. That nobody reads it is no reason to stop.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

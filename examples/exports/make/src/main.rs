//! `make-exports`: writes full exports of a table of products, `TENANT/TABLE/VERSION/export.csv.gz`, as a source system
//! would drop them into a bucket. Each version has some inserts, updates and deletes against the one before; the last
//! one lost half its rows.
//!
//! It writes files and knows no server. What the table holds and how it changes lives in `table`, what a file looks like
//! in `file`.

mod file;
mod options;
mod table;

use anyhow::Context;
use clap::Parser;
use options::Options;
use std::{
    fs,
    path::{Path, PathBuf},
};
use table::Table;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut dice = fastrand::Rng::with_seed(options.seed);
    let mut table = Table::of(options.rows, &mut dice);
    let mut said = format!("{} rows", table.rows.len());
    for number in 1..=options.versions {
        if number > 1 {
            said = format!("{}, {} rows", table.change(&mut dice), table.rows.len());
        }
        report(&write(&options, number, &table.export(&mut dice))?, &said);
    }
    if !options.only_good {
        let mut rows = table.export(&mut dice);
        rows.truncate(rows.len() / 2);
        let said = format!("only {} of {} rows: it will be held", rows.len(), table.rows.len());
        report(&write(&options, options.versions + 1, &rows)?, &said);
    }
    Ok(())
}

/// Writes a version, and says where.
fn write(options: &Options, number: u32, rows: &[table::Row]) -> anyhow::Result<PathBuf> {
    let folder = options.folder.join(&options.tenant).join(&options.table).join(file::version(number));
    fs::create_dir_all(&folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    let path = folder.join("export.csv.gz");
    fs::write(&path, file::compressed(rows)).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

#[allow(clippy::print_stdout, reason = "a program's output")]
fn report(path: &Path, said: &str) {
    println!("{}: {said}", path.display());
}

//! The command line of `make-exports`.

use clap::Parser;
use std::path::PathBuf;

/// Makes full exports of a table that changes from version to version, and a last one that lost half its rows.
#[derive(Clone, Debug, Parser)]
#[command(name = "make-exports", version)]
pub struct Options {
    /// Where TENANT/TABLE/VERSION/export.csv.gz are written
    #[arg(default_value = "target/exports")]
    pub folder: PathBuf,
    /// Rows of the first version
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    pub rows: u32,
    /// Good versions, before the one that lost half its rows
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub versions: u32,
    /// Leave the last one out
    #[arg(long)]
    pub only_good: bool,
    #[arg(long, default_value = "tenant")]
    pub tenant: String,
    #[arg(long, default_value = "test_table")]
    pub table: String,
    /// Dice: the same seed makes the same exports
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

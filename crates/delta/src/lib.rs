//! What changed between two exports of a table? CSV.gz files in, a file of operations out.
//!
//! An annihilating join: each side's rows, as hashes of key and of content, delete their equals on the other side on sight.
//! What is left over is what changed. Memory is bounded: entries that do not fit wait on disk, by hash of their key.
//!
//! This room reads and writes the files that it is given and nothing else. It knows no database, no network, no clock; when
//! to run, what to do with the operations and who decides about a held export is its callers' business.

mod blocks;
mod codec;
mod columns;
mod config;
mod csv;
mod decode;
mod duplicates;
mod emit;
mod error;
mod export;
mod gzip;
mod join;
mod operations;
mod rows;
mod run;
pub mod sample;
mod scan;
mod scatter;
mod settle;
mod spool;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod watch;

pub use config::{Config, Empty, Input, InputFile, Output, Policy};
pub use error::{Byte, Error, Fault};
pub use operations::{Kind, Operation, Operations, Reader};
pub use run::{Delta, Statistics, full, incremental};
pub use watch::{Phase, Progress, Watch};

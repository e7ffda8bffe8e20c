//! The database: one log, the tables it adds up to, and the commits of everyone who follows it.
//!
//! Sync throughout: callers wait on a [`Ticket`], blocking or as a future. Nothing here may know of JSON, HTTP or
//! an async runtime. Only `store/` names the storage engine; only `env/` touches the clock, the dice and the disk.

mod catalog;
mod commit;
mod database;
pub mod env;
mod error;
mod follower;
#[cfg(test)]
mod formats;
mod index;
mod keeper;
mod lock;
mod log;
mod read;
mod resource;
mod rows;
#[cfg(test)]
mod simulation;
mod store;
mod stream;
mod table;
mod write;

pub use database::{Db, Durability, Options, SimStore, Snapshot, Status};
pub use env::Env;
pub use error::{Error, OpenError};
pub use follower::{FollowerCommit, FollowerId, Row, StateEntry};
pub use index::{Backfill, Expiry, Index, Projected};
pub use read::{Image, IndexQuery, IndexScan, Page, PageEnd, Query, Scan};
pub use resource::{Expected, Record, Resource, ResourcePut};
pub use stream::{ChangePage, RawChange, Stream, StreamRead, StreamViewType};
pub use table::{
    Billing, Fingerprint, IndexSpec, IndexUpdate, Keeper, Table, TableClass, TableSpec, TableStats, TableUpdate,
    ViewSpec, is_internal,
};
pub use write::{Answered, Op, RetryToken, Ticket, Transacted, Write, Written};

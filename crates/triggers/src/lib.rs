//! What feeds functions? Event source mappings over streams: tables' and Kinesis's.
//!
//! A trigger is a follower of the log whose output is the world: at least once, in order for each item. Functions are
//! called through one trait ([`Handler`]); nothing here may know of processes, HTTP or AWS's control plane.

mod answer;
mod commit;
mod error;
mod event;
mod fields;
mod filter;
mod handler;
mod lane;
mod letter;
mod limits;
mod mapping;
mod parked;
mod post;
mod read;
mod record;
mod runner;
mod settings;
mod source;
mod status;
#[cfg(test)]
mod tests;
mod triggers;
mod wake;

pub use error::Error;
pub use filter::Filters;
pub use handler::{Answer, Called, Handler};
pub use limits::{DEPTH_LAST, DEPTH_MAX};
pub use mapping::{KIND, Mapping, NewMapping, StartingPosition};
pub use parked::{ParkedKey, ParkedPage, ParkedRecord};
pub use post::{Contents, Parcel, Post, PostError, TABLE as DEAD_LETTERS, bucket_of, dated, in_parts};
pub use record::{depth, told};
pub use settings::{FILTERS_MAX, PATTERN_CHARACTERS_MAX, Quarantine, Settings};
pub use source::Source;
pub use status::{CALL_FAILED, Counts, GaveUp, LanePhase, LaneStatus, NOTHING_YET, OK, State, TriggerStatus};
pub use triggers::Triggers;
pub use wake::Synced;

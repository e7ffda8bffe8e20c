//! What the log holds, as AWS writes it: attribute values, stream records, ARNs, sequence numbers, times. For every room
//! that shows changes to AWS's clients or to handlers. It only writes; decoding requests is the doors' affair. Knows no
//! HTTP, no operation, no clock.

pub mod names;
pub mod record;
pub mod time;
mod write;

pub use names::Place;
pub use write::{Array, Object, binary, image, item, string, value};

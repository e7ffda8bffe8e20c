//! What a table holds and what happens to it: values, numbers, keys, sizes, expressions, `Change`, `Seq`.
//!
//! Pure. Nothing here may know of files, clocks, threads, async or JSON; the doors translate to and from
//! their wire formats, and `db` decides where the bytes live.

mod change;
pub mod codec;
pub mod expression;
mod index;
mod key;
mod number;
pub mod size;
mod sum;
mod value;

pub use change::{Change, Origin, Seq, TableId};
pub use index::{INDEX_KEY_PARTS_MAX, IndexKey, IndexRange, IndexSchema};
pub use key::{
    Key, KeyAttribute, KeyError, KeyKind, KeySchema, KeyValue, PARTITION_BYTES_MAX, SORT_BYTES_MAX, SortRange,
    partition_hash,
};
pub use number::{Number, NumberError};
pub use sum::WideSum;
pub use value::{Item, NESTING_MAX, Value};

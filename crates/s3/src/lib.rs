//! How do S3 clients speak to us? Buckets, and the door to them.
//!
//! An object is an item plus a blob: the item is in a table of the bucket's, so that a put, a copy, a deletion are changes
//! of the log as any other, and a listing is a range; the blob is a file beside the database. [`Buckets`] is what other
//! rooms use, [`Door`] speaks S3 on top of it. The JSON doors, pages and whatever follows a bucket's table are not known
//! here.

mod alongside;
mod blobs;
mod buckets;
mod door;
mod error;
mod list;
mod notification;
mod object;
mod objects;
mod sums;
mod sweep;
#[cfg(test)]
mod tests;
mod uploads;
mod usage;

pub use alongside::Prepared;
pub use blobs::{Blob, BlobId, BlobReader};
pub use buckets::{Bucket, Buckets, KIND, TABLE_PREFIX, is_bucket_name};
pub use door::{Access, AccessKey, Body, Config, Door, OperationMetrics, Place, Traffic};
pub use error::{Error, Refusal};
pub use list::{ENTRIES_MAX, Entry, From, Listed, Listing};
pub use notification::{Later, Notifier, Target, check_targets};
pub use object::{Details, Event, KEY_BYTES_MAX, Object};
pub use objects::{CONTENT_BYTES_MAX, CopyOf, Expectation, Put, Staged};
pub use sums::{Algorithm, Checksum, ChecksumKind, Claims};
pub use sweep::Sweeping;
pub use uploads::{Begin, Complete, Named, PART_BYTES_MIN, PARTS_MAX, Part, Upload};
pub use usage::Usage;

//! Buckets and their objects as the console shows them.

use crate::shown::{Running, refused};
use console::{BucketRow, BucketTraffic, Cause, ObjectEntry, ObjectPage, ObjectRow, Refused, RequestRow, TargetRow};
use control::NotificationStatus;
use s3::{Bucket, Entry, From, Listed, Object};
use std::collections::HashMap;

/// Objects and folders in one page.
const PAGE: usize = 100;
/// Folders and objects are told apart by what begins a place in the pages.
const BEHIND_FOLDER: &str = "folder ";
const BEHIND_OBJECT: &str = "object ";

impl Running {
    pub fn buckets(&self) -> Vec<BucketRow> {
        let told = self.control.notifications().into_iter().map(|status| (status.definition.bucket.clone(), status));
        let mut told: HashMap<String, NotificationStatus> = told.collect();
        self.buckets.buckets().iter().map(|bucket| self.bucket(bucket, told.remove(&bucket.name))).collect()
    }

    fn bucket(&self, bucket: &Bucket, told: Option<NotificationStatus>) -> BucketRow {
        let usage = self.buckets.usage(bucket);
        let mut row = BucketRow {
            name: bucket.name.clone(),
            region: bucket.region.clone(),
            created_ms: bucket.created_ms,
            objects: usage.objects,
            bytes: usage.bytes,
            uploading: usage.upload_rows > 0,
            ..BucketRow::default()
        };
        if let Some(told) = told {
            row.targets = told.definition.targets.into_iter().map(|target| self.target(target)).collect();
            (row.told, row.dropped, row.lost) = (told.counts.told, told.counts.dropped, told.counts.lost);
            (row.behind, row.trouble) = (told.behind, told.trouble);
        }
        row
    }

    fn target(&self, target: s3::Target) -> TargetRow {
        let (_, waiting) = self.control.events(&target.function).unwrap_or_default();
        TargetRow {
            function: target.function,
            kinds: target.kinds,
            prefix: target.prefix,
            suffix: target.suffix,
            waiting: waiting as u64,
        }
    }

    /// A page of a folder of a bucket.
    pub fn objects(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, Refused> {
        let from = match after {
            None => From::Start,
            Some(place) => place_of(place).ok_or_else(|| refused(Cause::Invalid, "after is no place in a bucket"))?,
        };
        let listed = Listed { prefix: prefix.to_owned(), delimiter: Some("/".to_owned()), from, max: PAGE };
        let page = self.buckets.list(bucket, &listed).map_err(|error| match error {
            s3::Error::NoSuchBucket(_) => refused(Cause::Missing, error),
            error => refused(Cause::Failed, error),
        })?;
        let entry = |entry| match entry {
            Entry::One(object) => ObjectEntry::Object(self.object(bucket, object)),
            Entry::Group(prefix) => ObjectEntry::Folder(prefix),
        };
        Ok(ObjectPage { entries: page.entries.into_iter().map(entry).collect(), next: page.next.map(text_of) })
    }

    fn object(&self, bucket: &str, object: Object) -> ObjectRow {
        // A path of the console's, or a bucket that needs a signature, is nothing that a browser can ask for.
        let is_reachable = self.open && !console::SEGMENTS.contains(&bucket);
        ObjectRow {
            href: is_reachable.then(|| format!("/{bucket}/{}", encoded(&object.key))),
            key: object.key,
            size: object.size,
            etag: object.etag,
            modified_ms: object.modified_ms,
            content_type: object.details.headers.get("content-type").cloned(),
        }
    }
}

pub fn traffic(door: &s3::Door) -> BucketTraffic {
    let s3::Traffic { bytes_in, bytes_out } = door.traffic();
    let row = |row: s3::OperationMetrics| RequestRow {
        operation: row.operation.to_owned(),
        count: row.count,
        errors: row.errors,
    };
    BucketTraffic { requests: door.metrics().into_iter().map(row).collect(), bytes_in, bytes_out }
}

fn text_of(place: From) -> String {
    match place {
        From::BehindGroup(prefix) => format!("{BEHIND_FOLDER}{prefix}"),
        From::Behind(key) | From::Within(key, _) => format!("{BEHIND_OBJECT}{key}"),
        From::Start => String::new(),
    }
}

fn place_of(text: &str) -> Option<From> {
    let folder = text.strip_prefix(BEHIND_FOLDER).map(|prefix| From::BehindGroup(prefix.to_owned()));
    folder.or_else(|| text.strip_prefix(BEHIND_OBJECT).map(|key| From::Behind(key.to_owned())))
}

/// A key as a path: its slashes stay, a segment of dots does not become another path.
fn encoded(key: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~/".contains(&byte);
    let mut path = String::with_capacity(key.len());
    for byte in key.bytes() {
        if is_plain(byte) { path.push(char::from(byte)) } else { path += &format!("%{byte:02X}") }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_keys_are_paths() {
        for place in [From::BehindGroup("a b/".to_owned()), From::Behind("folder x".to_owned())] {
            assert_eq!(place_of(&text_of(place.clone())), Some(place));
        }
        assert_eq!(place_of("elsewhere"), None);
        assert_eq!(encoded("in/ä b.txt"), "in/%C3%A4%20b%2Etxt");
    }
}

//! Buckets as pages and clients of the API see them, and the frames of their pages.

use crate::{
    Inner, alarms,
    feed::Built,
    functions::ROWS_MAX,
    objects::{BucketRow, ObjectEntry, ObjectPage, TargetRow},
    respond::{Body, json as respond_json, refused},
};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// The frame of the list.
pub fn list(inner: &Inner) -> Built {
    let buckets = (inner.config.buckets)();
    let traffic = (inner.config.bucket_traffic)();
    let body = json!({
        "buckets": buckets.iter().take(ROWS_MAX).map(row).collect::<Vec<Value>>(),
        "buckets_count": buckets.len(),
        "requests": traffic.requests.iter()
            .map(|row| json!({ "operation": row.operation, "count": row.count, "errors": row.errors }))
            .collect::<Vec<Value>>(),
        "bytes_in": traffic.bytes_in,
        "bytes_out": traffic.bytes_out,
        "alarms": alarms::frame(&alarms::buckets(&buckets)),
    });
    inner.running(body)
}

/// The frame of one bucket's page; its objects are asked for page by page.
pub fn one(inner: &Inner, name: &str) -> Built {
    let buckets = (inner.config.buckets)();
    let Some(found) = buckets.iter().find(|bucket| bucket.name == name) else {
        return inner.running(json!({ "gone": true }));
    };
    let alarms = alarms::buckets(std::slice::from_ref(found));
    inner.running(json!({ "bucket": row(found), "alarms": alarms::frame(&alarms) }))
}

/// `/api/buckets`.
pub fn api(inner: &Inner) -> Value {
    json!({ "buckets": (inner.config.buckets)().iter().map(row).collect::<Vec<Value>>() })
}

/// `/api/buckets/NAME/objects?prefix=PREFIX&after=NEXT`.
pub async fn objects(inner: &Arc<Inner>, name: &str, prefix: Option<String>, after: Option<String>) -> Response<Body> {
    let (own, name) = (Arc::clone(inner), name.to_owned());
    // The page may have to come from the disk.
    let read = move || (own.config.objects)(&name, prefix.as_deref().unwrap_or_default(), after.as_deref());
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(page)) => respond_json(StatusCode::OK, &shown(&page)),
        Ok(Err(why)) => refused(&why),
        Err(_) => respond_json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "the objects could not be read" })),
    }
}

pub fn row(row: &BucketRow) -> Value {
    json!({
        "name": row.name,
        "region": row.region,
        "created_ms": row.created_ms,
        "objects": row.objects,
        "bytes": row.bytes,
        "uploading": row.uploading,
        "targets": row.targets.iter().map(target).collect::<Vec<Value>>(),
        "told": row.told,
        "dropped": row.dropped,
        "lost": row.lost,
        "behind": row.behind,
        "trouble": row.trouble,
    })
}

fn target(row: &TargetRow) -> Value {
    json!({
        "function": row.function,
        "kinds": row.kinds,
        "prefix": row.prefix,
        "suffix": row.suffix,
        "waiting": row.waiting,
    })
}

fn shown(page: &ObjectPage) -> Value {
    let entry = |entry: &ObjectEntry| match entry {
        ObjectEntry::Folder(prefix) => json!({ "folder": prefix }),
        ObjectEntry::Object(row) => json!({
            "key": row.key,
            "size": row.size,
            "etag": row.etag,
            "modified_ms": row.modified_ms,
            "content_type": row.content_type,
            "href": row.href,
        }),
    };
    json!({ "entries": page.entries.iter().map(entry).collect::<Vec<Value>>(), "next": page.next })
}

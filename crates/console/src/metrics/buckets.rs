//! Figures of buckets and of what their clients ask for. The number of buckets is not bounded, the number of labels is.

use super::{Text, running::Families};
use crate::objects::{BucketRow, BucketTraffic};

pub fn buckets(rows: &[BucketRow], text: &mut Text) {
    text.one(("buckets", "gauge", "Buckets."), rows.len());
    let mut each = Families::of(text, rows, |row| vec![("bucket", &row.name)]);
    each.gauge("bucket_objects", "Objects of a bucket.", |row| row.objects);
    each.gauge("bucket_events_behind_positions", "Positions with events nobody was told of yet.", |row| row.behind);
    each.counter("bucket_events_told_total", "Calls that a bucket's events made.", |row| row.told);
    each.counter("bucket_events_dropped_total", "Events whose function is gone.", |row| row.dropped);
    let help = "Positions of the log that were trimmed before they were read.";
    each.counter("bucket_events_lost_positions_total", help, |row| row.lost);
    let sizes = rows.iter().filter_map(|row| Some((vec![("bucket", row.name.as_str())], row.bytes?)));
    let help = "Bytes of a bucket's objects, once they are counted.";
    text.family(("bucket_size_bytes", "gauge", help), sizes.take(super::running::LABELLED_MAX));
}

pub fn traffic(traffic: &BucketTraffic, text: &mut Text) {
    let label = |name| vec![("operation", name)];
    let asked = || traffic.requests.iter().filter(|row| row.count > 0);
    let counts = asked().map(|row| (label(row.operation.as_str()), row.count));
    text.family(("s3_requests_total", "counter", "Requests of S3's clients that were answered."), counts);
    let errors = asked().map(|row| (label(row.operation.as_str()), row.errors));
    text.family(("s3_request_errors_total", "counter", "Requests of S3's clients answered with an error."), errors);
    text.one(("s3_received_bytes_total", "counter", "Bytes of objects that came."), traffic.bytes_in);
    text.one(("s3_sent_bytes_total", "counter", "Bytes of objects that went."), traffic.bytes_out);
}

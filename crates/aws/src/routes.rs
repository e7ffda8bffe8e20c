//! The route table: the only place where an operation's name stands. Knows no HTTP.

use crate::{
    Access, Inner,
    dynamodb::{backups, batch, items, query, tables, tags, transact, ttl},
    protocol::{Code, Fault},
    retry, streams,
};
use db::{RetryToken, Table, Ticket, Transacted, Written};
use http::HeaderMap;
use std::sync::Arc;

/// One request on its way.
pub(crate) struct Call<'a> {
    pub door: &'a Arc<Inner>,
    pub headers: &'a HeaderMap,
    /// `X-Amz-Target`.
    pub target: &'a [u8],
    pub body: &'a [u8],
    /// Whose it is, or says it is.
    pub access_key: &'a str,
    /// Nobody else asks for anything, so that nobody waits if this call holds its thread up.
    pub alone: bool,
}

impl Call<'_> {
    /// The SDK's name for this call, where it sends one.
    pub fn retry_token(&self) -> Option<RetryToken> {
        retry::token(self.headers, [self.access_key.as_bytes(), self.target, self.body])
    }
}

/// How an operation goes on after its synchronous part.
pub(crate) enum Step {
    Done(Vec<u8>),
    Write(Ticket<Written>, items::Reply),
    Batch(Ticket<Vec<Written>>, batch::Reply),
    Transact(Ticket<Transacted>, transact::Reply),
    Table(Ticket<Arc<Table>>, TableAnswer),
    /// May take longer than the runtime's threads can spare.
    Blocking(Box<dyn FnOnce() -> Result<Vec<u8>, Fault> + Send>),
}

/// What a control operation answers about the table as it then is.
pub(crate) type TableAnswer = Box<dyn FnOnce(&Inner, &Table) -> Vec<u8> + Send>;

/// Decodes, validates and begins an operation.
type Begin = fn(&Call<'_>) -> Result<Step, Fault>;

pub(crate) struct Route {
    service: &'static str,
    pub name: &'static str,
    /// What the caller's key has to allow.
    pub needs: Access,
    pub begin: Begin,
}

const DYNAMODB: &str = "DynamoDB_20120810";
const STREAMS: &str = "DynamoDBStreams_20120810";

const fn reads(name: &'static str, begin: Begin) -> Route {
    Route { service: DYNAMODB, name, needs: Access::Read, begin }
}

const fn writes(name: &'static str, begin: Begin) -> Route {
    Route { service: DYNAMODB, name, needs: Access::Write, begin }
}

const fn stream(name: &'static str, begin: Begin) -> Route {
    Route { service: STREAMS, name, needs: Access::Read, begin }
}

/// Looked through from the top: the busiest stand first.
pub(crate) static ROUTES: &[Route] = &[
    writes("PutItem", items::put),
    reads("GetItem", items::get),
    writes("UpdateItem", items::update),
    reads("Query", query::query),
    writes("DeleteItem", items::delete),
    writes("BatchWriteItem", batch::write),
    reads("BatchGetItem", batch::get),
    reads("Scan", query::scan),
    writes("TransactWriteItems", transact::write),
    reads("TransactGetItems", transact::get),
    stream("GetRecords", streams::get_records),
    stream("GetShardIterator", streams::get_shard_iterator),
    stream("DescribeStream", streams::describe_stream),
    stream("ListStreams", streams::list_streams),
    writes("CreateTable", tables::create),
    writes("DeleteTable", tables::delete),
    reads("DescribeTable", tables::describe),
    reads("ListTables", tables::list),
    writes("UpdateTable", tables::update),
    writes("UpdateTimeToLive", ttl::update),
    reads("DescribeTimeToLive", ttl::describe),
    writes("TagResource", tags::tag),
    writes("UntagResource", tags::untag),
    reads("ListTagsOfResource", tags::list),
    reads("DescribeContinuousBackups", backups::describe),
    writes("UpdateContinuousBackups", backups::update),
    reads("DescribeLimits", tables::describe_limits),
    reads("DescribeEndpoints", tables::describe_endpoints),
];

/// Operations of DynamoDB that a client may expect and that do not work here, or not yet.
static NOT_HERE: &[&str] = &[
    "BatchExecuteStatement",
    "CreateBackup",
    "CreateGlobalTable",
    "DescribeBackup",
    "DescribeContributorInsights",
    "DescribeExport",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeTableReplicaAutoScaling",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ImportTable",
    "ListBackups",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "PutResourcePolicy",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
];

/// The place of the route that `X-Amz-Target` names.
pub(crate) fn find(target: &[u8]) -> Option<usize> {
    let dot = target.iter().position(|byte| *byte == b'.')?;
    let (service, name) = (&target[..dot], &target[dot + 1..]);
    ROUTES.iter().position(|route| route.name.as_bytes() == name && route.service.as_bytes() == service)
}

/// What a target without a route is answered.
pub(crate) fn unknown(target: &[u8]) -> Fault {
    let text = String::from_utf8_lossy(target);
    let message = match text.split_once('.') {
        Some((DYNAMODB, name)) if NOT_HERE.contains(&name) => Some(format!("{name} does not work here yet")),
        _ => None,
    };
    Fault { message, ..Fault::bare(Code::UnknownOperation) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_one_route() {
        for (place, route) in ROUTES.iter().enumerate() {
            assert_eq!(find(format!("{}.{}", route.service, route.name).as_bytes()), Some(place));
            assert!(!NOT_HERE.contains(&route.name));
        }
        for target in
            ["", "PutItem", "DynamoDB_20120810.", "DynamoDBStreams_20120810.PutItem", "DynamoDB_20111205.PutItem"]
        {
            assert_eq!(find(target.as_bytes()), None, "{target}");
        }
    }
}

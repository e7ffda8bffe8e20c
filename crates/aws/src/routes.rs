//! The route table: the only place where an operation's name stands, and its target or path. Knows no protocol.

use crate::{
    Access, Inner,
    dynamodb::{backups, batch, items, query, tables, tags, transact, ttl},
    kinesis,
    lambda::{self, events, functions, invoke, mappings},
    lineage,
    protocol::{Answer, Code, Fault, Protocol, REQUEST_BYTES_MAX},
    retry,
    service::{DYNAMODB, KINESIS, LAMBDA, SSM, STREAMS, Service, X_AMZ_TARGET, content_type, split_target},
    ssm, streams, uri,
};
use db::{RetryToken, Table, Ticket, Transacted, Written};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use item::Origin;
use std::{pin::Pin, sync::Arc};

pub(crate) const X_AMZ_INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");

/// The operation whose needs depend on a header.
const INVOKE: &str = "lambda:Invoke";

/// One request on its way.
pub(crate) struct Call<'a> {
    pub door: &'a Arc<Inner>,
    pub headers: &'a HeaderMap,
    /// `X-Amz-Target`.
    pub target: &'a [u8],
    /// The segments of the path that stand for `*` in the route's.
    pub arguments: &'a [String],
    /// The query string as it was sent.
    pub query: &'a str,
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

    /// Who makes the changes that this call asks for: a client, or a function on behalf of other changes.
    pub fn origin(&self) -> Origin {
        match lineage::depth(self.headers) {
            0 => Origin::Client,
            depth => Origin::Function { depth },
        }
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
    /// Waits for other rooms.
    Later(Later),
}

/// What a control operation answers about the table as it then is.
pub(crate) type TableAnswer = Box<dyn FnOnce(&Inner, &Table) -> Vec<u8> + Send>;

/// An answer that others are working on.
pub(crate) type Later = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

/// Decodes, validates and begins an operation.
type Begin = fn(&Call<'_>) -> Result<Step, Fault>;

pub(crate) struct Route {
    pub service: &'static Service,
    /// As metrics and documents call it: the operation's name, outside of DynamoDB with its service before it.
    pub name: &'static str,
    address: Address,
    /// What the caller's key has to allow.
    pub needs: Access,
    pub begin: Begin,
    /// Longest body.
    pub bytes_max: usize,
}

/// How a request names its operation.
#[derive(Clone, Copy)]
enum Address {
    /// After the dot of `X-Amz-Target`.
    Target,
    /// By method and path; `*` stands for one segment.
    Path(&'static str, &'static str),
}

impl Route {
    /// The operation's name alone.
    pub fn operation(&self) -> &'static str {
        self.name.split_once(':').map_or(self.name, |(_, operation)| operation)
    }

    /// What IAM calls it.
    pub fn action(&self) -> &'static str {
        if self.name == INVOKE { "InvokeFunction" } else { self.operation() }
    }

    /// What a caller's key has to allow for this request: a call that calls nothing is only a question.
    pub fn needs(&self, headers: &HeaderMap) -> Access {
        let dry = |value: &HeaderValue| value.as_bytes() == b"DryRun";
        if self.name == INVOKE && headers.get(X_AMZ_INVOCATION_TYPE).is_some_and(dry) {
            Access::Read
        } else {
            self.needs
        }
    }

    /// With a longest body of its own.
    const fn up_to(self, bytes_max: usize) -> Route {
        Route { bytes_max, ..self }
    }
}

const fn route(service: &'static Service, name: &'static str, needs: Access, begin: Begin) -> Route {
    Route { service, name, address: Address::Target, needs, begin, bytes_max: REQUEST_BYTES_MAX }
}

const fn reads(name: &'static str, begin: Begin) -> Route {
    route(&DYNAMODB, name, Access::Read, begin)
}

const fn writes(name: &'static str, begin: Begin) -> Route {
    route(&DYNAMODB, name, Access::Write, begin)
}

const fn stream(name: &'static str, begin: Begin) -> Route {
    route(&STREAMS, name, Access::Read, begin)
}

const fn at(name: &'static str, method: &'static str, path: &'static str, needs: Access, begin: Begin) -> Route {
    Route { address: Address::Path(method, path), ..route(&LAMBDA, name, needs, begin) }
}

const fn looks(name: &'static str, path: &'static str, begin: Begin) -> Route {
    at(name, "GET", path, Access::Read, begin)
}

const fn posts(name: &'static str, path: &'static str, begin: Begin) -> Route {
    at(name, "POST", path, Access::Write, begin)
}

const fn puts(name: &'static str, path: &'static str, begin: Begin) -> Route {
    at(name, "PUT", path, Access::Write, begin)
}

const fn deletes(name: &'static str, path: &'static str, begin: Begin) -> Route {
    at(name, "DELETE", path, Access::Write, begin)
}

const fn asks(name: &'static str, begin: Begin) -> Route {
    route(&SSM, name, Access::Read, begin)
}

const fn tells(name: &'static str, begin: Begin) -> Route {
    route(&SSM, name, Access::Write, begin)
}

const fn reads_stream(name: &'static str, begin: Begin) -> Route {
    route(&KINESIS, name, Access::Read, begin)
}

const fn changes_stream(name: &'static str, begin: Begin) -> Route {
    route(&KINESIS, name, Access::Write, begin)
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
    posts("lambda:Invoke", "/2015-03-31/functions/*/invocations", invoke::invoke).up_to(invoke::PAYLOAD_BYTES_MAX),
    posts("lambda:CreateFunction", "/2015-03-31/functions", functions::create).up_to(functions::REQUEST_BYTES_MAX),
    puts("lambda:UpdateFunctionCode", "/2015-03-31/functions/*/code", functions::update_code)
        .up_to(functions::REQUEST_BYTES_MAX),
    puts(
        "lambda:UpdateFunctionConfiguration",
        "/2015-03-31/functions/*/configuration",
        functions::update_configuration,
    ),
    looks("lambda:GetFunction", "/2015-03-31/functions/*", functions::get),
    looks("lambda:GetFunctionConfiguration", "/2015-03-31/functions/*/configuration", functions::get_configuration),
    looks("lambda:ListFunctions", "/2015-03-31/functions", functions::list),
    looks("lambda:ListVersionsByFunction", "/2015-03-31/functions/*/versions", functions::list_versions),
    deletes("lambda:DeleteFunction", "/2015-03-31/functions/*", functions::delete),
    puts("lambda:PutFunctionConcurrency", "/2017-10-31/functions/*/concurrency", lambda::put_concurrency),
    looks("lambda:GetFunctionConcurrency", "/2019-09-30/functions/*/concurrency", lambda::get_concurrency),
    deletes("lambda:DeleteFunctionConcurrency", "/2017-10-31/functions/*/concurrency", lambda::delete_concurrency),
    puts("lambda:PutFunctionEventInvokeConfig", "/2019-09-25/functions/*/event-invoke-config", events::put),
    posts("lambda:UpdateFunctionEventInvokeConfig", "/2019-09-25/functions/*/event-invoke-config", events::update),
    looks("lambda:GetFunctionEventInvokeConfig", "/2019-09-25/functions/*/event-invoke-config", events::get),
    looks("lambda:ListFunctionEventInvokeConfigs", "/2019-09-25/functions/*/event-invoke-config/list", events::list),
    deletes("lambda:DeleteFunctionEventInvokeConfig", "/2019-09-25/functions/*/event-invoke-config", events::delete),
    posts("lambda:CreateEventSourceMapping", "/2015-03-31/event-source-mappings", mappings::create),
    puts("lambda:UpdateEventSourceMapping", "/2015-03-31/event-source-mappings/*", mappings::update),
    looks("lambda:GetEventSourceMapping", "/2015-03-31/event-source-mappings/*", mappings::get),
    looks("lambda:ListEventSourceMappings", "/2015-03-31/event-source-mappings", mappings::list),
    deletes("lambda:DeleteEventSourceMapping", "/2015-03-31/event-source-mappings/*", mappings::delete),
    posts("lambda:TagResource", "/2017-03-31/tags/*", lambda::tags::tag),
    deletes("lambda:UntagResource", "/2017-03-31/tags/*", lambda::tags::untag),
    looks("lambda:ListTags", "/2017-03-31/tags/*", lambda::tags::list),
    looks("lambda:GetAccountSettings", "/2016-08-19/account-settings", lambda::account_settings),
    asks("ssm:GetParameter", ssm::get::one),
    asks("ssm:GetParameters", ssm::get::several),
    asks("ssm:GetParametersByPath", ssm::get::by_path),
    asks("ssm:DescribeParameters", ssm::describe::describe),
    asks("ssm:ListTagsForResource", ssm::tags::list),
    tells("ssm:PutParameter", ssm::put::put),
    tells("ssm:DeleteParameter", ssm::put::delete),
    tells("ssm:DeleteParameters", ssm::put::delete_several),
    tells("ssm:AddTagsToResource", ssm::tags::add),
    tells("ssm:RemoveTagsFromResource", ssm::tags::remove),
    reads_stream("kinesis:GetRecords", kinesis::get_records),
    reads_stream("kinesis:GetShardIterator", kinesis::get_shard_iterator),
    reads_stream("kinesis:DescribeStream", kinesis::describe),
    reads_stream("kinesis:DescribeStreamSummary", kinesis::summary),
    reads_stream("kinesis:ListStreams", kinesis::list_streams),
    reads_stream("kinesis:ListShards", kinesis::list_shards),
    reads_stream("kinesis:DescribeLimits", kinesis::describe_limits),
    reads_stream("kinesis:ListTagsForStream", kinesis::list_of_stream),
    reads_stream("kinesis:ListTagsForResource", kinesis::list_of_resource),
    changes_stream("kinesis:PutRecords", kinesis::put_records),
    changes_stream("kinesis:PutRecord", kinesis::put_record),
    changes_stream("kinesis:CreateStream", kinesis::create),
    changes_stream("kinesis:DeleteStream", kinesis::delete),
    changes_stream("kinesis:IncreaseStreamRetentionPeriod", kinesis::increase),
    changes_stream("kinesis:DecreaseStreamRetentionPeriod", kinesis::decrease),
    changes_stream("kinesis:UpdateStreamMode", kinesis::update_mode),
    changes_stream("kinesis:UpdateMaxRecordSize", kinesis::update_record_size),
    changes_stream("kinesis:AddTagsToStream", kinesis::add),
    changes_stream("kinesis:RemoveTagsFromStream", kinesis::remove),
    changes_stream("kinesis:TagResource", kinesis::tag),
    changes_stream("kinesis:UntagResource", kinesis::untag),
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

/// What a request asks for, as its head says. Found once for each request.
pub struct Asked {
    /// Whose protocol the answer speaks.
    pub(crate) service: &'static Service,
    /// The route's place; `None`: nobody knows the operation.
    pub(crate) place: Option<usize>,
    /// See [`Call::arguments`].
    pub(crate) arguments: Vec<String>,
}

impl Asked {
    #[must_use]
    pub fn of(parts: &Parts) -> Asked {
        let service = Service::of(parts);
        let (place, arguments) = match service.target {
            Some(_) => (find_target(service, target(&parts.headers)), Vec::new()),
            None => find_path(service, parts),
        };
        Asked { service, place, arguments }
    }

    pub(crate) fn route(&self) -> Option<&'static Route> {
        self.place.map(|place| &ROUTES[place])
    }

    /// Longest body of such a request.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.route().map_or(REQUEST_BYTES_MAX, |route| route.bytes_max)
    }

    /// Refuses a body in a format that is not spoken here. Some of AWS's SDKs send CBOR to Kinesis unless told otherwise.
    pub(crate) fn check_readable(&self, headers: &HeaderMap) -> Result<(), Fault> {
        if self.service != &KINESIS || !content_type(headers).starts_with(b"application/x-amz-cbor") {
            return Ok(());
        }
        Err(Fault::new(
            Code::Serialization,
            "CBOR is not spoken here, JSON is: set the environment variable AWS_CBOR_DISABLE=true, or the Java property \
             aws.cborEnabled=false, where the client runs",
        ))
    }

    /// What one with a longer body is answered.
    pub(crate) fn too_large(&self) -> Fault {
        let bytes = self.bytes_max();
        let message = match self.route() {
            Some(route) if route.service == &LAMBDA => {
                format!("Request must be smaller than {bytes} bytes for the {} operation", route.action())
            }
            _ => format!("Request size exceeded the maximum of {bytes} bytes"),
        };
        Fault::new(Code::RequestTooLarge, message)
    }

    /// What a request without a route is answered.
    pub(crate) fn unknown(&self, parts: &Parts) -> Fault {
        let text = String::from_utf8_lossy(target(&parts.headers));
        let message = match text.split_once('.') {
            _ if self.service.target.is_none() && self.service.protocol == Protocol::Rest => {
                Some(format!("{} {} does not work here", parts.method, parts.uri.path()))
            }
            Some((_, name)) if self.service == &DYNAMODB && NOT_HERE.contains(&name) => {
                Some(format!("{name} does not work here yet"))
            }
            Some((_, name)) if self.service == &KINESIS && kinesis::why_not(name).is_some() => {
                Some(format!("{name} does not work here: {}", kinesis::why_not(name).unwrap_or_default()))
            }
            Some((_, name)) if self.service != &DYNAMODB && self.service != &STREAMS => {
                Some(format!("{name} does not work here"))
            }
            _ => None,
        };
        Fault { message, ..Fault::bare(Code::UnknownOperation) }
    }
}

/// `X-Amz-Target`, empty where there is none.
pub(crate) fn target(headers: &HeaderMap) -> &[u8] {
    headers.get(X_AMZ_TARGET).map_or(&b""[..], |value| value.as_bytes())
}

/// The place of the route that `X-Amz-Target` names.
fn find_target(service: &Service, target: &[u8]) -> Option<usize> {
    let (prefix, name) = split_target(target)?;
    // The service may only be whose protocol the answer speaks.
    service.target.filter(|target| target.as_bytes() == prefix)?;
    let is_its = |route: &Route| std::ptr::eq(route.service, service);
    ROUTES.iter().position(|route| is_its(route) && route.operation().as_bytes() == name)
}

/// The place of the route that a path names, and the segments that are the operation's.
fn find_path(service: &Service, parts: &Parts) -> (Option<usize>, Vec<String>) {
    let path = parts.uri.path();
    // Older SDKs end some of them with a slash.
    let path = path.strip_suffix('/').unwrap_or(path);
    for (place, route) in ROUTES.iter().enumerate().filter(|(_, route)| std::ptr::eq(route.service, service)) {
        let Address::Path(method, pattern) = route.address else { continue };
        if let Some(arguments) = fits(pattern, path).filter(|_| parts.method == method) {
            return (Some(place), arguments);
        }
    }
    (None, Vec::new())
}

/// What stands where a pattern has `*`, if a path fits it.
fn fits(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut segments = path.split('/');
    let mut arguments = Vec::new();
    for expected in pattern.split('/') {
        match (expected, segments.next()?) {
            ("*", segment) if !segment.is_empty() => arguments.push(uri::decode_text(segment).into_owned()),
            (expected, segment) if expected == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn asked(request: http::request::Builder) -> Asked {
        Asked::of(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn every_operation_has_one_route() {
        let named = |target: &str| asked(Request::post("/").header("x-amz-target", target)).place;
        for (place, route) in ROUTES.iter().enumerate() {
            assert!(!NOT_HERE.contains(&route.name));
            assert_eq!(ROUTES.iter().filter(|other| other.name == route.name).count(), 1, "{}", route.name);
            let found = match (route.address, route.service.target) {
                (Address::Target, Some(service)) => named(&format!("{service}.{}", route.operation())),
                (Address::Path(method, path), None) => {
                    let path = path.replace('*', "x");
                    for path in [path.clone(), path + "/"] {
                        let asked = asked(Request::builder().method(method).uri(path));
                        assert!(asked.arguments.iter().all(|argument| argument == "x"));
                        assert_eq!(asked.place, Some(place));
                    }
                    Some(place)
                }
                other => panic!("{}: its service is addressed otherwise: {:?}", route.name, other.1),
            };
            assert_eq!(found, Some(place), "{}", route.name);
        }
        for target in
            ["", "PutItem", "DynamoDB_20120810.", "DynamoDBStreams_20120810.PutItem", "DynamoDB_20111205.PutItem"]
        {
            assert_eq!(named(target), None, "{target}");
        }
    }

    #[test]
    fn a_path_fits_its_pattern_segment_by_segment() {
        assert_eq!(fits("/f/*", "/f/arn%3Aaws"), Some(vec!["arn:aws".to_owned()]));
        assert_eq!(fits("/f/*/c", "/f/a/c"), Some(vec!["a".to_owned()]));
        for path in ["/f", "/f/", "/f/a", "/f/a/b", "/f/a/c/d", "/g/a/c", "/f//c", "f/a/c"] {
            assert_eq!(fits("/f/*/c", path), None, "{path}");
        }
    }
}

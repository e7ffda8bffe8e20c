//! What a caller is told whose key does not allow an operation, as IAM words it.

use crate::{
    Config,
    json::{self, List, Malformed, Map, Text},
    protocol::{Code, Fault, Protocol},
    routes::Route,
    service::KINESIS,
    ssm,
};
use serde::de::IgnoredAny;

shape! {
    /// The parameters that name what a request is about.
    Subject<'a> (request) {
        "TableName" => table: Text<'a>,
        "ResourceArn" => resource: Text<'a>,
        "RequestItems" => batch: Map<Text<'a>, IgnoredAny>,
        "TransactItems" => transaction: List<Map<Text<'a>, Part<'a>>>,
    }
}

shape! {
    /// One action of a transaction.
    Part<'a> (member) {
        "TableName" => table: Text<'a>,
    }
}

shape! {
    /// The parameter that a request is about.
    Named<'a> (request) {
        "Name" => name: Text<'a>,
    }
}

shape! {
    /// The stream that a request is about.
    OfStream<'a> (request) {
        "StreamName" => name: Text<'a>,
        "StreamARN" => arn: Text<'a>,
        "ResourceARN" => resource: Text<'a>,
    }
}

impl Subject<'_> {
    /// The first table it names.
    fn table(&self) -> Option<&str> {
        let of_batch = || Some(self.batch.as_ref()?.first()?.0.as_str());
        let of_transaction = || Some(self.transaction.as_ref()?.first()?.first()?.1.table.as_ref()?.as_str());
        self.table.as_ref().or(self.resource.as_ref()).map(Text::as_str).or_else(of_batch).or_else(of_transaction)
    }
}

/// The refusal of an operation on what the request is about.
pub(crate) fn denied(config: &Config, key: &str, route: &Route, arguments: &[String], body: &[u8]) -> Fault {
    let resource = match route.service.protocol {
        Protocol::Json10 => table(config, body),
        Protocol::Json11 if route.service == &KINESIS => stream(config, body),
        Protocol::Json11 => parameter(config, body),
        Protocol::Rest => Ok(arguments.first().map(|name| function(config, name))),
    };
    let resource = match resource {
        Ok(resource) => resource.unwrap_or_else(|| "*".to_owned()),
        Err(malformed) => return malformed.into(),
    };
    let action = format!("{}:{}", route.service.name, route.action());
    Fault::new(
        Code::AccessDenied,
        format!(
            "User: arn:aws:iam::{}:user/{key} is not authorized to perform: {action} on resource: {resource} because no \
             identity-based policy allows the {action} action",
            config.place.account
        ),
    )
}

fn table(config: &Config, body: &[u8]) -> Result<Option<String>, Malformed> {
    let subject: Subject<'_> = json::decode(body)?;
    Ok(subject.table().map(|table| config.place.table_arn(wire::names::table_name(table))))
}

fn parameter(config: &Config, body: &[u8]) -> Result<Option<String>, Malformed> {
    let subject: Named<'_> = json::decode(body)?;
    Ok(subject.name.map(|name| ssm::arn(&config.place, &name)))
}

fn stream(config: &Config, body: &[u8]) -> Result<Option<String>, Malformed> {
    let subject: OfStream<'_> = json::decode(body)?;
    let arn = subject.arn.or(subject.resource).map(|arn| arn.to_string());
    let of_name = |name: Text<'_>| config.place.arn("kinesis", &format!("stream/{}", name.as_str()));
    Ok(arn.or_else(|| subject.name.map(of_name)))
}

fn function(config: &Config, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { config.place.arn("lambda", &format!("function:{name}")) }
}

//! What a caller is told whose key does not allow an operation, as IAM words it.

use crate::{
    Config,
    json::{self, List, Map, Text},
    protocol::{Code, Fault},
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

impl Subject<'_> {
    /// The first table it names.
    fn table(&self) -> Option<&str> {
        let of_batch = || Some(self.batch.as_ref()?.first()?.0.as_str());
        let of_transaction = || Some(self.transaction.as_ref()?.first()?.first()?.1.table.as_ref()?.as_str());
        self.table.as_ref().or(self.resource.as_ref()).map(Text::as_str).or_else(of_batch).or_else(of_transaction)
    }
}

/// The refusal of an operation on the table that the body names.
pub(crate) fn denied(config: &Config, key: &str, operation: &str, body: &[u8]) -> Fault {
    let subject: Subject<'_> = match json::decode(body) {
        Ok(subject) => subject,
        Err(malformed) => return malformed.into(),
    };
    let resource =
        subject.table().map_or_else(|| "*".to_string(), |table| config.place.table_arn(wire::names::table_name(table)));
    Fault::new(
        Code::AccessDenied,
        format!(
            "User: arn:aws:iam::{}:user/{key} is not authorized to perform: dynamodb:{operation} on resource: \
             {resource} because no identity-based policy allows the dynamodb:{operation} action",
            config.place.account
        ),
    )
}

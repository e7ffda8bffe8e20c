//! Keys of requests, and AWS's words where they do not fit the table.

use crate::protocol::Fault;
use item::{Item, Key, KeyError, KeyKind, KeySchema};

/// The words for a key that does not fit, wherever it stands.
pub(super) const NO_MATCH: &str = "The provided key element does not match the schema";

/// The key within a whole item (PutItem).
pub(super) fn of_item(schema: &KeySchema, item: &Item) -> Result<Key, Fault> {
    schema.key_of(item).map_err(|error| match error {
        KeyError::Missing { name } => invalid(format!("Missing the key {name} in the item")),
        KeyError::WrongType { name, expected, actual } => {
            invalid(format!("Type mismatch for key {name} expected: {expected} actual: {actual}"))
        }
        other => Fault::validation(words(schema, other)),
    })
}

/// The key within a whole item of a BatchWriteItem, which has fewer words for it.
pub(super) fn of_batch_item(schema: &KeySchema, item: &Item) -> Result<Key, Fault> {
    schema.key_of(item).map_err(|error| Fault::validation(words(schema, error)))
}

/// A `Key` parameter: the key and nothing else.
pub(super) fn exact(schema: &KeySchema, key: &Item) -> Result<Key, Fault> {
    schema.exact_key(key).map_err(|error| Fault::validation(words(schema, error)))
}

fn words(schema: &KeySchema, error: KeyError) -> String {
    match error {
        KeyError::Missing { .. } | KeyError::WrongType { .. } | KeyError::Count => NO_MATCH.to_string(),
        KeyError::Empty { name } => {
            let sort = schema.sort.as_ref().filter(|sort| sort.name == name);
            let kind = if sort.unwrap_or(&schema.partition).kind == KeyKind::B { "binary" } else { "string" };
            format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain \
                 an empty {kind} value. Key: {name}"
            )
        }
        // The missing space is AWS's.
        KeyError::TooLong { name, .. } if schema.partition.name == name => {
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 \
             bytes"
                .to_string()
        }
        KeyError::TooLong { .. } => "One or more parameter values were invalid: Aggregated size of all range keys \
                                     has exceeded the size limit of 1024 bytes"
            .to_string(),
    }
}

pub(super) fn invalid(message: impl std::fmt::Display) -> Fault {
    Fault::validation(format!("One or more parameter values were invalid: {message}"))
}

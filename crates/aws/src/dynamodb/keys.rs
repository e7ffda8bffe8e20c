//! Keys of requests, and AWS's words where they do not fit the table or its indexes.

use crate::protocol::{self, Fault};
use db::Table;
use item::{
    Item, Key, KeyError, KeySchema,
    expression::{Path, Update},
};

/// The words for a key that does not fit, wherever it stands.
pub(super) const NO_MATCH: &str = "The provided key element does not match the schema";

/// The key within a whole item (PutItem).
pub(super) fn of_item(schema: &KeySchema, item: &Item) -> Result<Key, Fault> {
    schema.key_of(item).map_err(|error| match error {
        KeyError::Missing { name } => invalid(format!("Missing the key {name} in the item")),
        KeyError::WrongType { name, expected, actual } => {
            invalid(format!("Type mismatch for key {name} expected: {expected} actual: {actual}"))
        }
        other => Fault::validation(words(other)),
    })
}

/// The key within a whole item of a BatchWriteItem, which has fewer words for it.
pub(super) fn of_batch_item(schema: &KeySchema, item: &Item) -> Result<Key, Fault> {
    schema.key_of(item).map_err(|error| Fault::validation(words(error)))
}

/// A `Key` parameter: the key and nothing else.
pub(super) fn exact(schema: &KeySchema, key: &Item) -> Result<Key, Fault> {
    schema.exact_key(key).map_err(|error| Fault::validation(words(error)))
}

pub(super) fn words(error: KeyError) -> String {
    match error {
        KeyError::Missing { .. } | KeyError::WrongType { .. } | KeyError::Count => NO_MATCH.to_string(),
        KeyError::Empty { name, kind } => format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
             {} value. Key: {name}",
            protocol::empty_kind(kind)
        ),
        KeyError::TooLong { limit, .. } => protocol::too_long(limit).to_string(),
    }
}

/// A whole item's attributes that are keys of indexes. `db` checks them too, but after the condition, and it lets old
/// values pass; AWS looks before, and a put item has no old values.
pub(super) fn check_indexed(table: &Table, item: &Item) -> Result<(), Fault> {
    table.indexes.iter().try_for_each(|index| {
        let wrong = |error| Fault::from(db::Error::IndexKey { index: index.spec.name.clone(), error });
        index.spec.key.key_of(item).map(drop).map_err(wrong)
    })
}

/// What an update may write: no key attributes of the table, of those of its indexes no parts, and values that fit,
/// as far as the request spells them out.
pub(super) fn check_update(table: &Table, update: &Update) -> Result<(), Fault> {
    if let Some(name) = update.attributes().into_iter().find(|name| table.spec.key.has(name)) {
        return Err(Fault::from(db::Error::KeyChanged(name.to_string())));
    }
    if table.indexes.is_empty() {
        return Ok(());
    }
    check_scalar(table, update.paths())?;
    for index in &table.indexes {
        let assigned = |name: &str| Some((name.to_owned(), update.assigned(name)?.clone()));
        let values: Item = index.spec.key.attributes().filter_map(|attribute| assigned(&attribute.name)).collect();
        if let Err(error) = index.spec.key.key_of(&values) {
            return Err(updated(Some(update), db::Error::IndexKey { index: index.spec.name.clone(), error }));
        }
    }
    Ok(())
}

/// An error of a write: where an update made the value that cannot be an index's key, AWS has other words.
pub(super) fn updated(update: Option<&Update>, error: db::Error) -> Fault {
    let (Some(update), db::Error::IndexKey { error: cause, .. }) = (update, &error) else { return Fault::from(error) };
    match cause {
        KeyError::Empty { kind, .. } => Fault::validation(format!(
            "One or more parameter values are not valid. The update expression attempted to update a secondary index key \
             to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty {} value.",
            protocol::empty_kind(*kind)
        )),
        KeyError::WrongType { name, .. } if update.assigned(name).is_none() => {
            Fault::validation("The update expression attempted to update the secondary index key to unsupported type")
        }
        KeyError::TooLong { .. } => Fault::validation(
            "The update expression attempted to update the secondary index key beyond allowed size limits",
        ),
        _ => Fault::from(error),
    }
}

/// Key attributes, of the table or its indexes, have no parts.
pub(super) fn check_scalar<'p>(table: &Table, paths: impl Iterator<Item = &'p Path>) -> Result<(), Fault> {
    let nested: Vec<&str> = paths.filter(|path| path.is_nested()).map(|path| path.name.as_str()).collect();
    let refuse = |kind: &str, name: &str| {
        Err(Fault::validation(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {kind}: {name}"
        )))
    };
    if let Some(name) = nested.iter().find(|name| table.spec.key.has(name)) {
        return refuse("Key", name);
    }
    match nested.iter().find(|name| table.indexes.iter().any(|index| index.spec.key.has(name))) {
        Some(name) => refuse("IndexKey", name),
        None => Ok(()),
    }
}

pub(super) fn invalid(message: impl std::fmt::Display) -> Fault {
    Fault::validation(format!("One or more parameter values were invalid: {message}"))
}

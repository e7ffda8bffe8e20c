//! Attribute definitions and key schemas of requests, for tables and for indexes.

use super::{keys::invalid, validate::Checks};
use crate::{
    json::{List, Text},
    protocol::Fault,
};
use item::{INDEX_KEY_PARTS_MAX, IndexSchema, KeyAttribute, KeyKind, KeySchema};

shape! {
    AttributeDefinition<'a> (member) {
        "AttributeName" => name: Text<'a>,
        "AttributeType" => kind: Text<'a>,
    }
}

shape! {
    KeySchemaElement<'a> (member) {
        "AttributeName" => name: Text<'a>,
        "KeyType" => role: Text<'a>,
    }
}

fn text<'t>(text: &'t Option<Text<'_>>) -> &'t str {
    text.as_deref().unwrap_or_default()
}

fn check_name(checks: &mut Checks, at: &str, name: Option<&Text<'_>>) {
    checks.required(at, name.is_some());
    if let Some(name) = name.map(Text::as_str) {
        checks.check(!name.is_empty(), at, name, format_args!("have length greater than or equal to 1"));
        checks.check(name.len() <= 255, at, name, format_args!("have length less than or equal to 255"));
    }
}

pub(super) fn check_definitions(checks: &mut Checks, definitions: Option<&List<AttributeDefinition<'_>>>) {
    for (place, attribute) in definitions.iter().flat_map(|list| list.iter()).enumerate() {
        let at = |field: &str| format!("attributeDefinitions.{}.member.{field}", place + 1);
        check_name(checks, &at("attributeName"), attribute.name.as_ref());
        checks.required(at("attributeType"), attribute.kind.is_some());
        checks.one_of(at("attributeType"), attribute.kind.as_ref(), &["B", "N", "S"]);
    }
}

/// `at`: the parameter that holds it. `most`: how many elements it may have, where AWS says so at this point.
pub(super) fn check_key(checks: &mut Checks, at: &str, key: Option<&List<KeySchemaElement<'_>>>, most: Option<usize>) {
    checks.required(at, key.is_some());
    let Some(key) = key else { return };
    checks.check(!key.is_empty(), at, "[]", format_args!("have length greater than or equal to 1"));
    if let Some(most) = most.filter(|most| key.len() > *most) {
        let one = |element: &KeySchemaElement<'_>| {
            let text = |text: &Option<Text<'_>>| text.as_deref().unwrap_or("null").to_string();
            format!("KeySchemaElement(attributeName={}, keyType={})", text(&element.name), text(&element.role))
        };
        let shown = format!("[{}]", key.iter().map(one).collect::<Vec<_>>().join(", "));
        checks.check(false, at, shown, format_args!("have length less than or equal to {most}"));
    }
    for (place, element) in key.iter().enumerate() {
        let at = |field: &str| format!("{at}.{}.member.{field}", place + 1);
        check_name(checks, &at("attributeName"), element.name.as_ref());
        checks.required(at("keyType"), element.role.is_some());
        checks.one_of(at("keyType"), element.role.as_ref(), &["HASH", "RANGE"]);
    }
}

/// The types of attributes that a request defines.
pub(super) struct Definitions<'d>(Vec<(&'d str, KeyKind)>);

impl<'d> Definitions<'d> {
    pub fn new(list: &'d [AttributeDefinition<'_>]) -> Result<Definitions<'d>, Fault> {
        let mut definitions: Vec<(&str, KeyKind)> = Vec::with_capacity(list.len());
        for attribute in list {
            let name = text(&attribute.name);
            if definitions.iter().any(|(known, _)| *known == name) {
                return Err(Fault::validation(format!("Attribute Name is duplicated: {name}")));
            }
            let kind = match text(&attribute.kind) {
                "S" => KeyKind::S,
                "N" => KeyKind::N,
                _ => KeyKind::B,
            };
            definitions.push((name, kind));
        }
        Ok(Definitions(definitions))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The names as AWS lists them in complaints.
    fn names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The attributes of a key with their types.
    fn attributes(&self, key: &[KeySchemaElement<'_>]) -> Result<Vec<KeyAttribute>, Fault> {
        let attribute = |element: &KeySchemaElement<'_>| {
            let name = text(&element.name);
            let (_, kind) = self.0.iter().find(|(known, _)| *known == name)?;
            Some(KeyAttribute { name: name.to_owned(), kind: *kind })
        };
        key.iter().map(attribute).collect::<Option<_>>().ok_or_else(|| {
            let names: Vec<&str> = key.iter().map(|element| text(&element.name)).collect();
            invalid(format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: \
                 [{}]",
                names.join(", "),
                self.names()
            ))
        })
    }

    /// Refuses definitions that no key uses.
    pub fn check_used<'k>(&self, keys: impl Iterator<Item = &'k KeyAttribute>) -> Result<(), Fault> {
        let mut used: Vec<&str> = Vec::new();
        for attribute in keys {
            if !used.contains(&attribute.name.as_str()) {
                used.push(&attribute.name);
            }
        }
        if used.len() == self.len() {
            return Ok(());
        }
        Err(invalid(format!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            self.names(),
            used.join(", ")
        )))
    }

    /// A table's key.
    pub fn table_key(&self, key: &[KeySchemaElement<'_>]) -> Result<KeySchema, Fault> {
        if key.len() > self.len() {
            return Err(Fault::validation("Invalid KeySchema: Some index key attribute have no definition"));
        }
        let attributes = self.attributes(key)?;
        check_pair(key)?;
        let mut attributes = attributes.into_iter();
        let partition = attributes.next().expect("a key has at least one element");
        Ok(KeySchema { partition, sort: attributes.next() })
    }

    /// A local index's key, as a table's.
    pub fn local_key(&self, key: &[KeySchemaElement<'_>]) -> Result<IndexSchema, Fault> {
        let mut partition = self.attributes(key)?;
        check_pair(key)?;
        let sort = partition.split_off(1);
        Ok(IndexSchema { partition, sort })
    }

    /// A global index's key, of up to four attributes each.
    pub fn global_key(&self, key: &[KeySchemaElement<'_>]) -> Result<IndexSchema, Fault> {
        let mut partition = self.attributes(key)?;
        check_several(key)?;
        let sort = partition.split_off(key.iter().filter(|element| text(&element.role) == "HASH").count());
        Ok(IndexSchema { partition, sort })
    }
}

const SAME_NAME: &str = "Both the Hash Key and the Range Key element in the KeySchema have the same name";
const FIRST_NOT_HASH: &str = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type";

/// HASH, perhaps with RANGE.
fn check_pair(key: &[KeySchemaElement<'_>]) -> Result<(), Fault> {
    if key.len() == 2 && text(&key[0].name) == text(&key[1].name) {
        return Err(Fault::validation(SAME_NAME));
    }
    if text(&key[0].role) != "HASH" {
        return Err(Fault::validation(FIRST_NOT_HASH));
    }
    if key.get(1).is_some_and(|element| text(&element.role) != "RANGE") {
        return Err(Fault::validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"));
    }
    Ok(())
}

/// Some HASH, then perhaps some RANGE.
fn check_several(key: &[KeySchemaElement<'_>]) -> Result<(), Fault> {
    let repeated = |place: usize| key[..place].iter().any(|other| text(&other.name) == text(&key[place].name));
    if (1..key.len()).any(repeated) {
        let words = match key.len() {
            2 => SAME_NAME,
            _ => "The KeySchema contains multiple key attributes with the same name",
        };
        return Err(Fault::validation(words));
    }
    if text(&key[0].role) != "HASH" {
        return Err(Fault::validation(FIRST_NOT_HASH));
    }
    let is_hash = |element: &KeySchemaElement<'_>| text(&element.role) == "HASH";
    let hashes = key.iter().filter(|element| is_hash(element)).count();
    if !key[..hashes].iter().all(is_hash) {
        return Err(invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema"));
    }
    for (role, count) in [("HASH", hashes), ("RANGE", key.len() - hashes)] {
        if count > INDEX_KEY_PARTS_MAX {
            return Err(invalid(format!("The KeySchema exceeds the maximum allowed number of {role} key attributes")));
        }
    }
    Ok(())
}

//! A text read as every kind of expression and, where it is one, evaluated over an item. An input is the text, a NUL,
//! and an item's stored form.

#![no_main]

use fuzz::{names, text_and_item, values};
use item::{
    Item, KeyAttribute, KeyKind, KeySchema, codec,
    expression::{Condition, KeyCondition, Placeholders, Projection, Update},
};
use libfuzzer_sys::fuzz_target;

fn attribute(name: &str, kind: KeyKind) -> KeyAttribute {
    KeyAttribute { name: name.to_string(), kind }
}

/// What is stored or sent afterwards can be.
fn encodes(item: &Item) {
    let mut bytes = Vec::new();
    codec::encode(item, &mut bytes);
    assert_eq!(codec::decode(&bytes).as_ref(), Ok(item));
}

fuzz_target!(|data: &[u8]| {
    let Some((text, item)) = text_and_item(data) else { return };
    let (names, values) = (names(), values());
    let mut placeholders = Placeholders::new(&names, &values);
    if let Ok(condition) = Condition::parse("ConditionExpression", text, &mut placeholders) {
        let _ = (condition.matches(Some(&item)), condition.matches(None), condition.paths(), condition.attributes());
    }
    if let Ok(update) = Update::parse(text, &mut placeholders) {
        for image in [&item, &Item::new()] {
            if let Ok(changed) = update.apply(image) {
                encodes(&changed);
                encodes(&update.project(&changed));
            }
        }
    }
    if let Ok(projection) = Projection::parse(text, &mut placeholders) {
        encodes(&projection.apply(&item));
    }
    for sort in [None, Some(attribute("s", KeyKind::S)), Some(attribute("b", KeyKind::B))] {
        let schema = KeySchema { partition: attribute("n", KeyKind::N), sort };
        let _ = KeyCondition::parse(text, &schema, &mut placeholders);
    }
    let _ = placeholders.finish();
});

//! A text read as a view's SQL and, where it is one, evaluated over an item in memory and in its stored form, with the
//! same result. An input is the text, a NUL, and an item's stored form.

#![no_main]

use fuzz::text_and_item;
use item::{KeyAttribute, KeyKind, KeySchema, codec};
use libfuzzer_sys::fuzz_target;
use pipeline::sql::{Evaluated, Image, Plan, check_view, evaluate};

fn attribute(name: &str, kind: KeyKind) -> KeyAttribute {
    KeyAttribute { name: name.to_string(), kind }
}

fuzz_target!(|data: &[u8]| {
    let Some((text, item)) = text_and_item(data) else { return };
    let sources =
        |name: &str| (name == "votes").then(|| KeySchema { partition: attribute("id", KeyKind::S), sort: None });
    for sort in [Some(attribute("improvement", KeyKind::S)), None] {
        let output = KeySchema { partition: attribute("region", KeyKind::S), sort };
        let _ = check_view(text, &sources, &output);
        let Ok(plan) = Plan::parse(text, &output) else { continue };
        let _ = evaluate(&plan, [&item, &item]);
        let mut stored = Vec::new();
        codec::encode(&item, &mut stored);
        let (mut here, mut there) = (Evaluated::default(), Evaluated::default());
        here.set(&plan, Some(Image::Item(&item))).expect("an item in memory");
        there.set(&plan, Some(Image::Stored(&stored))).expect("well-formed bytes");
        assert_eq!(here, there);
    }
});

//! Bytes read as a stored item: what is read is written again as the same bytes, and single attributes are those of the
//! whole.

#![no_main]

use item::codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = codec::attribute(data, "id");
    let Ok(item) = codec::decode(data) else { return };
    for (name, value) in item.iter() {
        let found = codec::attribute(data, name).expect("the whole is well-formed").expect("it is there");
        assert_eq!(found.value().as_ref(), Ok(value));
    }
    let mut bytes = Vec::new();
    codec::encode(&item, &mut bytes);
    assert_eq!(bytes, data, "the stored form is canonical");
    let _ = item::size::item(&item);
});

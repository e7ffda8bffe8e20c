//! Random identifiers.

use db::Db;
use std::fmt::Write;

/// A random UUID, of version 4.
pub(crate) fn uuid(db: &Db) -> String {
    let mut bytes = [0; 16];
    db.roll(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("writing to memory cannot fail");
    }
    text
}

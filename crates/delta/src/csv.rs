//! How a field is quoted, and the one form of a row that does not depend on how it was.

use crate::scan::Row;
use std::borrow::Cow;

/// Bytes of the longest row; what is longer is most likely a quote that nobody closed.
pub(crate) const ROW_BYTES_MAX: usize = 4 << 20;

/// Bytes of the longest key; longer ones could be no key of a table.
pub(crate) const KEY_BYTES_MAX: usize = 4 << 10;

/// What a field says: without its quotes, with doubled quotes single.
pub(crate) fn unquote(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(field);
    };
    if !inner.contains(&b'"') {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.iter().position(|byte| *byte == b'"') {
        text.extend_from_slice(&rest[..=at]);
        rest = &rest[(at + 2).min(rest.len())..];
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// Whether a field says nothing, quoted or not.
pub(crate) fn is_empty(field: &[u8]) -> bool {
    matches!(field, b"" | b"\"\"")
}

/// Appends a field in its normal form: quoted only if it holds a comma, a quote or a line feed. Different texts have
/// different normal forms, also when they are joined by commas.
pub(crate) fn push_normal(field: &[u8], out: &mut Vec<u8>) {
    match field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(inner) if !inner.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n')) => out.extend_from_slice(inner),
        _ => out.extend_from_slice(field),
    }
}

/// Appends fields of a row in normal form, joined by commas; an absent one is an empty one.
pub(crate) fn push_fields(row: &Row<'_>, fields: impl Iterator<Item = Option<usize>>, out: &mut Vec<u8>) {
    let start = out.len();
    for (number, field) in fields.enumerate() {
        debug_assert!(number == 0 || out.len() >= start);
        if number > 0 {
            out.push(b',');
        }
        if let Some(field) = field {
            push_normal(row.field(field), out);
        }
    }
}

/// Without the empty fields at the end.
pub(crate) fn without_empty_end(row: &[u8]) -> &[u8] {
    let end = row.iter().rposition(|byte| *byte != b',').map_or(0, |at| at + 1);
    &row[..end]
}

/// The fields of a normal form.
pub(crate) fn split_normal(normal: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = Some(normal);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut inside = false;
        let end = text.iter().position(|byte| {
            inside ^= *byte == b'"';
            *byte == b',' && !inside
        });
        let field = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| &text[end + 1..]);
        Some(unquote(field))
    })
}

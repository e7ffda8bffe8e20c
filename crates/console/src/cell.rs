//! Attribute values as a person reads them: short, on one line. Not a wire format; nothing reads these back.

use item::Value;

/// Longest text of one cell, in characters.
pub const CELL_CHARS_MAX: usize = 160;

/// The value on one line, cut with an ellipsis after `chars_max` characters.
pub fn text(value: &Value, chars_max: usize) -> String {
    let mut out = Cut { text: String::new(), left: chars_max };
    write(value, &mut out);
    out.text
}

/// Text that stops growing: a value may have 400 KB, a cell has a line.
struct Cut {
    text: String,
    left: usize,
}

impl Cut {
    fn push(&mut self, text: &str) {
        for character in text.chars() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            self.text.push(match character {
                _ if self.left == 0 => '…',
                control if control.is_control() => ' ',
                other => other,
            });
        }
    }

    fn list<T>(&mut self, ends: [&str; 2], elements: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Cut, T)) {
        self.push(ends[0]);
        for (index, element) in elements.into_iter().enumerate() {
            if self.left == 0 {
                return;
            }
            if index > 0 {
                self.push(", ");
            }
            each(self, element);
        }
        self.push(ends[1]);
    }
}

fn write(value: &Value, out: &mut Cut) {
    match value {
        Value::S(text) => out.push(text),
        Value::N(number) => out.push(&number.to_string()),
        Value::B(bytes) => hex(bytes, out),
        Value::Bool(true) => out.push("true"),
        Value::Bool(false) => out.push("false"),
        Value::Null => out.push("null"),
        Value::Ss(set) => out.list(["{", "}"], set, |out, text| out.push(text)),
        Value::Ns(set) => out.list(["{", "}"], set, |out, number| out.push(&number.to_string())),
        Value::Bs(set) => out.list(["{", "}"], set, |out, bytes| hex(bytes, out)),
        Value::L(list) => out.list(["[", "]"], list, |out, value| write(value, out)),
        Value::M(map) => out.list(["{", "}"], map.iter(), |out, (name, value)| {
            out.push(name);
            out.push(": ");
            write(value, out);
        }),
    }
}

fn hex(bytes: &[u8], out: &mut Cut) {
    out.push("0x");
    // Two digits a byte: more bytes than characters left cannot show.
    for byte in &bytes[..bytes.len().min(out.left)] {
        out.push(&format!("{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use item::{Item, Number};

    #[test]
    fn values_fit_a_line_and_end_in_an_ellipsis_where_cut() {
        let number = |text| Number::parse(text).expect("a number");
        let map: Item =
            [("a", Value::N(number("1"))), ("b", Value::L(vec![Value::Null, Value::Bool(true)]))].into_iter().collect();
        let cases = [
            (Value::S("MORE_TREES".into()), "MORE_TREES"),
            (Value::S("two\nlines".into()), "two lines"),
            (Value::S("0123456789ABCDEF".into()), "0123456789A…"),
            (Value::B(vec![0, 255]), "0x00ff"),
            (Value::B(vec![7; 400_000]), "0x070707070…"),
            (Value::Ns([number("10"), number("9")].into()), "{9, 10}"),
            (Value::M(map), "{a: 1, b: […"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(&value, 12), expected);
        }
    }
}

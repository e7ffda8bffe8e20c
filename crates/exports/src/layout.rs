//! What an object's key says: `PREFIX TENANT/TABLE/EXPORT_VERSION/FILE.gz`, or why it does not fit.

use crate::{Binding, Complete};

/// Longest EXPORT_VERSION, bytes: it is part of the registry's sort keys.
const VERSION_BYTES_MAX: usize = 255;
/// How files of exports end.
const ENDING: &str = ".gz";

/// Where an object belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// `TENANT/TABLE`.
    pub table: String,
    pub version: String,
    /// The last part of the key.
    pub name: String,
    /// It is the marker that says that all files are there.
    pub is_marker: bool,
}

/// Reads a key that begins with the binding's prefix; the error is the reason why it does not fit.
pub fn read(binding: &Binding, key: &str) -> Result<Spot, String> {
    let rest = key.strip_prefix(&*binding.prefix).ok_or("it does not begin with the prefix")?;
    let parts: Vec<&str> = rest.split('/').collect();
    let [tenant, table, version, name] = parts[..] else {
        return Err(format!(
            "it has {} parts after the prefix, not TENANT/TABLE/EXPORT_VERSION/FILE{ENDING}",
            parts.len()
        ));
    };
    for (what, part) in [("TENANT", tenant), ("TABLE", table), ("EXPORT_VERSION", version), ("FILE", name)] {
        if part.is_empty() {
            return Err(format!("{what} is empty"));
        }
    }
    if version.contains('#') {
        return Err("EXPORT_VERSION must not contain `#`".to_owned());
    }
    if version.len() > VERSION_BYTES_MAX {
        return Err(format!("EXPORT_VERSION has {} bytes, more than {VERSION_BYTES_MAX}", version.len()));
    }
    let is_marker = matches!(&binding.complete, Complete::Marker(marker) if marker == name);
    if !is_marker && !name.ends_with(ENDING) {
        return Err(format!("FILE does not end with {ENDING}"));
    }
    Ok(Spot { table: format!("{tenant}/{table}"), version: version.to_owned(), name: name.to_owned(), is_marker })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(key: &str, expected: Expect) {
        let binding = Binding {
            prefix: "in/".to_owned(),
            complete: Complete::Marker("_SUCCESS".to_owned()),
            ..Binding::new("b")
        };
        let shown = match read(&binding, key) {
            Ok(Spot { table, version, name, is_marker }) => format!("{table} {version} {name} {is_marker}"),
            Err(reason) => reason,
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_key_fits_the_layout_or_says_why_not() {
        check("in/t/x/20201230_V0001/a.csv.gz", expect!["t/x 20201230_V0001 a.csv.gz false"]);
        check("in/t/x/1/_SUCCESS", expect!["t/x 1 _SUCCESS true"]);
        check("other/t/x/1/a.gz", expect!["it does not begin with the prefix"]);
        check("in/t/x/a.gz", expect!["it has 3 parts after the prefix, not TENANT/TABLE/EXPORT_VERSION/FILE.gz"]);
        check("in/t/x/1/2/a.gz", expect!["it has 5 parts after the prefix, not TENANT/TABLE/EXPORT_VERSION/FILE.gz"]);
        check("in/t//1/a.gz", expect!["TABLE is empty"]);
        check("in/t/x/1/", expect!["FILE is empty"]);
        check("in/t/x/1#2/a.gz", expect!["EXPORT_VERSION must not contain `#`"]);
        check("in/t/x/1/a.csv", expect!["FILE does not end with .gz"]);
        check(&format!("in/t/x/{}/a.gz", "9".repeat(256)), expect!["EXPORT_VERSION has 256 bytes, more than 255"]);
    }
}

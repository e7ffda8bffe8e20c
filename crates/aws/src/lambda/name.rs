//! How a request names a function: by its name, a part of its ARN, or all of it, perhaps with a qualifier. There are no
//! versions and aliases here, so `$LATEST` is the only qualifier that leads somewhere.

use super::{arn, fault};
use crate::{
    checks::Checks,
    protocol::{Code, Fault},
    routes::Call,
    uri,
};
use wire::Place;

/// What an operation takes for a name, as AWS's model has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Operations that change a function.
    Narrow,
    /// Operations that look at one, call it or delete it: names of older times may have dots.
    Wide,
}

const NARROW: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const WIDE: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

pub(super) const LATEST: &str = "$LATEST";

/// A function that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    /// It was named with a qualifier, which is `$LATEST`.
    pub qualified: bool,
}

/// A name taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'t> {
    region: Option<&'t str>,
    account: Option<&'t str>,
    name: &'t str,
    qualifier: Option<&'t str>,
}

impl Kind {
    fn pattern(self) -> &'static str {
        if self == Kind::Wide { WIDE } else { NARROW }
    }

    fn length_max(self) -> usize {
        if self == Kind::Wide { 256 } else { 140 }
    }
}

/// The function that the path names, with the qualifier of the query.
pub(super) fn of_path(call: &Call<'_>, kind: Kind) -> Result<Named, Fault> {
    let mut parameters = uri::parameters(call.query);
    let qualifier = parameters.find(|(name, _)| name == "Qualifier").map(|(_, value)| value);
    let text = call.arguments.first().map_or("", String::as_str);
    named(&call.door.config.place, text, qualifier.as_deref(), kind)
}

/// The function that a text and perhaps a qualifier name.
pub(super) fn named(place: &Place, text: &str, qualifier: Option<&str>, kind: Kind) -> Result<Named, Fault> {
    let parts = take_apart(text, kind);
    let mut checks = Checks::default();
    check(&mut checks, text, parts.is_some(), kind, kind.length_max());
    if let Some(qualifier) = qualifier {
        let fits = !qualifier.is_empty() && qualifier.bytes().all(|byte| is_word(byte) || byte == b'$');
        let pattern = format_args!("satisfy regular expression pattern: {QUALIFIER}");
        checks.check(fits || qualifier == "$LATEST.PUBLISHED", "qualifier", qualifier, pattern);
    }
    checks.finish()?;
    let Parts { region, account, name, qualifier: of_name } = parts.unwrap_or_default();
    if let Some(region) = region.filter(|region| *region != place.region) {
        let here = &place.region;
        let message = format!("Functions from '{region}' are not reachable in this region ('{here}')");
        return Err(Fault::new(Code::ResourceNotFound, message));
    }
    if account.is_some_and(|account| account != place.account) {
        return Err(fault::no_function(text));
    }
    if let (Some(one), Some(other)) = (of_name, qualifier)
        && one != other
    {
        let message = "The derived qualifier from the function name does not match the specified qualifier.";
        return Err(fault::invalid(message));
    }
    match qualifier.or(of_name) {
        None => Ok(Named { name: name.to_owned(), qualified: false }),
        Some(LATEST) => Ok(Named { name: name.to_owned(), qualified: true }),
        Some(qualifier) => Err(fault::no_function(&format!("{}:{qualifier}", arn(place, name)))),
    }
}

/// Checks the name of a function to be created, which may be an ARN as well.
pub(super) fn to_create(place: &Place, text: &str) -> Result<String, Fault> {
    let mut checks = Checks::default();
    let plain = text.bytes().all(is_word);
    if plain {
        check(&mut checks, text, !text.is_empty(), Kind::Narrow, 64);
        // The one case where such a complaint is no ValidationException.
        checks.finish().map_err(|fault| Fault { code: Code::InvalidParameterValue, ..fault })?;
    }
    named(place, text, None, Kind::Narrow).map(|named| named.name)
}

fn check(checks: &mut Checks, text: &str, fits: bool, kind: Kind, length_max: usize) {
    let length = format_args!("have length less than or equal to {length_max}");
    checks.check(text.len() <= length_max, "functionName", text, length);
    let pattern = format_args!("satisfy regular expression pattern: {}", kind.pattern());
    checks.check(fits, "functionName", text, pattern);
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Matches a kind's pattern.
fn take_apart(text: &str, kind: Kind) -> Option<Parts<'_>> {
    let mut rest: Vec<&str> = text.split(':').rev().collect();
    if text.starts_with("arn:") {
        rest.pop();
        let partition = rest.pop()?;
        let known =
            partition.is_empty() || partition.starts_with("aws") && !partition.contains(|c: char| c.is_ascii_digit());
        if !known || rest.pop()? != "lambda" {
            return None;
        }
    }
    // What is last is the name, whatever it looks like.
    let mut take = |fits: fn(&str) -> bool| {
        let there = rest.len() > 1 && fits(rest[rest.len() - 1]);
        there.then(|| rest.pop()).flatten()
    };
    let region = take(is_region);
    let account = take(|part| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit()));
    take(|part| part == "function");
    let name = rest.pop()?;
    let qualifier = rest.pop();
    let named = !name.is_empty() && name.bytes().all(|byte| is_word(byte) || kind == Kind::Wide && byte == b'.');
    let qualified = qualifier.is_none_or(|text| {
        text == LATEST
            || kind == Kind::Wide && text == "$LATEST.PUBLISHED"
            || !text.is_empty() && text.bytes().all(is_word)
    });
    (named && qualified && rest.is_empty()).then_some(Parts { region, account, name, qualifier })
}

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number = parts.next().is_some_and(|part| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    let lower = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    number && (2..=4).contains(&words.len()) && words.iter().all(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, qualifier: Option<&str>, kind: Kind, expected: Expect) {
        let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
        expected.assert_eq(&match named(&place, text, qualifier, kind) {
            Ok(Named { name, qualified }) => format!("{name}{}", if qualified { ", qualified" } else { "" }),
            Err(fault) => format!("{}: {}", fault.code.name(), fault.message.unwrap_or_default()),
        });
    }

    #[test]
    fn functions_are_named_by_name_part_of_an_arn_and_arn() {
        for text in [
            "count",
            "function:count",
            "000000000000:count",
            "000000000000:function:count",
            "us-east-1:000000000000:function:count",
            "arn:aws:lambda:us-east-1:000000000000:function:count",
        ] {
            check(text, None, Kind::Narrow, expect!["count"]);
            check(&format!("{text}:$LATEST"), None, Kind::Narrow, expect!["count, qualified"]);
            check(text, Some("$LATEST"), Kind::Wide, expect!["count, qualified"]);
        }
        check("function", None, Kind::Narrow, expect!["function"]);
        check("123456789012", None, Kind::Narrow, expect!["123456789012"]);
        check("us-east-1", None, Kind::Narrow, expect!["us-east-1"]);
        check("a.b", None, Kind::Wide, expect!["a.b"]);
    }

    #[test]
    fn what_names_no_function_here_is_refused_as_lambda_does() {
        let wide = Kind::Wide;
        check(
            "count",
            Some("7"),
            wide,
            expect![
                "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:count:7"
            ],
        );
        check(
            "count:live",
            None,
            wide,
            expect![
                "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:count:live"
            ],
        );
        check(
            "count:1",
            Some("2"),
            wide,
            expect![
                "InvalidParameterValueException: The derived qualifier from the function name does not match the specified qualifier."
            ],
        );
        check(
            "arn:aws:lambda:eu-west-1:000000000000:function:count",
            None,
            wide,
            expect![
                "ResourceNotFoundException: Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
            ],
        );
        check(
            "arn:aws:lambda:us-east-1:111111111111:function:count",
            None,
            wide,
            expect![
                "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:111111111111:function:count"
            ],
        );
        for text in ["", "a b", "a:b:c:d", "arn:aws:s3:us-east-1:000000000000:function:count", "arn:aws:lambda", "a.b"]
        {
            let place = Place { region: "us-east-1".into(), account: "000000000000".into() };
            let fault = named(&place, text, None, Kind::Narrow).expect_err(text);
            let message = fault.message.unwrap_or_default();
            assert!(message.starts_with(&format!("1 validation error detected: Value '{text}' at 'functionName'")));
            assert_eq!(fault.code, Code::Validation);
        }
        check(
            "count",
            Some("a b"),
            wide,
            expect![[
                r"ValidationException: 1 validation error detected: Value 'a b' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
            ]],
        );
    }
}

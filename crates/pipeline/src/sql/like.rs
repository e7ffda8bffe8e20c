//! LIKE patterns: `%` any characters, `_` one, an escape character before either. Knows text only.

/// A pattern, parsed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Any,
}

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DanglingEscape;

impl Pattern {
    pub fn parse(pattern: &str, escape: Option<char>) -> Result<Pattern, DanglingEscape> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = pattern.chars();
        while let Some(next) = chars.next() {
            let part = match next {
                _ if Some(next) == escape => {
                    text.push(chars.next().ok_or(DanglingEscape)?);
                    continue;
                }
                '%' => Part::Any,
                '_' => Part::One,
                other => {
                    text.push(other);
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Pattern(parts))
    }

    pub fn matches(&self, text: &str) -> bool {
        // Backtracks to the last `%` only: what an earlier one could take, the last can take as well.
        let (mut at, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let step = match self.0.get(at) {
                Some(Part::Any) => {
                    retry = Some((at + 1, rest));
                    at += 1;
                    continue;
                }
                Some(Part::Text(part)) => rest.strip_prefix(part.as_str()),
                Some(Part::One) => after_char(rest),
                None if rest.is_empty() => return true,
                None => None,
            };
            match (step, retry) {
                (Some(after), _) => (at, rest) = (at + 1, after),
                (None, None) => return false,
                (None, Some((part, from))) => {
                    let Some(from) = after_char(from) else { return false };
                    retry = Some((part, from));
                    (at, rest) = (part, from);
                }
            }
        }
    }
}

fn after_char(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percent_is_any_text_and_underscore_one_character() {
        let like = |text: &str, pattern: &str| Pattern::parse(pattern, Some('\\')).expect("a pattern").matches(text);
        for (text, pattern) in [
            ("MORE_TREES", "MORE%"),
            ("abc", "%"),
            ("", "%"),
            ("abc", "a_c"),
            ("aéc", "a_c"),
            ("xabyab", "%ab"),
            ("100%", "100\\%"),
        ] {
            assert!(like(text, pattern), "{text} LIKE {pattern}");
        }
        for (text, pattern) in
            [("abc", ""), ("abc", "ab"), ("abc", "_"), ("", "_"), ("abcd", "a%c"), ("100x", "100\\%"), ("ABC", "abc")]
        {
            assert!(!like(text, pattern), "{text} NOT LIKE {pattern}");
        }
        assert_eq!(Pattern::parse("a\\", Some('\\')), Err(DanglingEscape));
    }

    /// The definition, as a recursion.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|from| slow(rest, &text[from..])),
            Some(('_', rest)) => !text.is_empty() && slow(rest, &text[1..]),
            Some((first, rest)) => text.first() == Some(first) && slow(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab%_]{0,7}", text in "[ab]{0,8}") {
            let definition = slow(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(Pattern::parse(&pattern, None).expect("no escapes").matches(&text), definition);
        }
    }
}

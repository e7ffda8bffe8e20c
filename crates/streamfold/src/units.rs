//! Quantities as people write them on a command line: sizes, times, keys, `NAME=VALUE`. Knows nothing of what they
//! are for.

/// `256M`, `1G`, `1.5GiB`, `1000000`: bytes, by powers of 1024.
pub fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a size like 256M or 1G");
    let (number, unit) = split(text);
    let power = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * 1024_f64.powi(power);
    if (1.0..=1e15).contains(&bytes) { Ok(bytes as usize) } else { Err(wrong()) }
}

/// Sizes that the database can live in: from 16 MiB on.
pub fn memory(text: &str) -> Result<usize, String> {
    match bytes(text)? {
        bytes if bytes < 16 << 20 => Err("at least 16M is needed".to_owned()),
        bytes => Ok(bytes),
    }
}

/// `24h`, `7d`, `90m`, `3600s`, `forever`: milliseconds. A year is far from the longest.
pub fn period_ms(text: &str) -> Result<u64, String> {
    if text == "forever" {
        return Ok(FOREVER_MS);
    }
    let wrong = || format!("`{text}` is not a time like 24h or 7d");
    let (number, unit) = split(text);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(unit_ms) {
        Some(ms) if (1..=FOREVER_MS).contains(&ms) => Ok(ms),
        _ => Err(wrong()),
    }
}

/// A time as [`period_ms`] reads it, or `0`.
pub fn delay_ms(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { period_ms(text) }
}

/// A thousand years: longer than any log, and far from overflowing when added to a time.
const FOREVER_MS: u64 = 1_000 * 365 * 86_400_000;

/// `TENANT/TABLE/VERSION`: an execution of an export.
pub fn execution(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not like TENANT/TABLE/VERSION")),
    }
}

/// `ID:SECRET`, an access key that requests must be signed with.
pub fn key(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() && !id.contains('/') => {
            Ok((id.to_owned(), secret.to_owned()))
        }
        _ => Err("a key is ID:SECRET".to_owned()),
    }
}

/// `NAME=VALUE`, a template's parameter.
pub fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a parameter is NAME=VALUE".to_owned()),
    }
}

/// Twelve digits.
pub fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is twelve digits".to_owned())
    }
}

/// As in `us-east-1`: it becomes part of ARNs.
pub fn region(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("a region is like us-east-1".to_owned())
    }
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(bytes("256M"), Ok(256 << 20));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        assert_eq!(bytes("1.5g"), Ok(3 << 29));
        assert_eq!(bytes("2mb"), Ok(2 << 20));
        assert_eq!(bytes("4096"), Ok(4096));
        for wrong in ["", "G", "-1G", "1Q", "nan", "infG", "1e99"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert!(memory("1M").is_err());
    }

    #[test]
    fn times_carry_their_unit() {
        assert_eq!(period_ms("24h"), Ok(86_400_000));
        assert_eq!(period_ms("7d"), Ok(7 * 86_400_000));
        assert_eq!(period_ms("forever"), Ok(FOREVER_MS));
        assert_eq!(delay_ms("0"), Ok(0));
        assert_eq!(delay_ms("48h"), Ok(172_800_000));
        assert!(delay_ms("now").is_err());
        for wrong in ["24", "0h", "-1h", "1w", "99999999999999d", "1.5h", ""] {
            assert!(period_ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pairs_are_split_at_the_first_mark() {
        assert_eq!(key("dummy:a:b"), Ok(("dummy".into(), "a:b".into())));
        assert!(key("dummy").is_err() && key(":x").is_err() && key("x:").is_err());
        assert_eq!(parameter("Stage=a=b"), Ok(("Stage".into(), "a=b".into())));
        assert_eq!(parameter("Stage="), Ok(("Stage".into(), String::new())));
        assert!(parameter("=x").is_err() && parameter("Stage").is_err());
        assert!(account("000000000000").is_ok() && account("1").is_err() && account("00000000000x").is_err());
        assert!(region("eu-central-1").is_ok() && region("EU").is_err() && region("").is_err());
    }
}

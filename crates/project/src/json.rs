//! Texts that AWS wants to be JSON. Knows whether they are, nothing of what is in them.

use serde_json::Value;

/// Whether `text` is JSON; the reason if not.
pub(crate) fn any(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

/// Whether `text` is a JSON object; the reason if not.
pub(crate) fn object(text: &str) -> Result<(), String> {
    if parse(text)?.is_object() { Ok(()) } else { Err("not a JSON object".into()) }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

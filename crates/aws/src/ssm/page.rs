//! Pages of parameters: `MaxResults` and `NextToken`.

use super::{fault, filter::Filters};
use crate::protocol::{Code, Fault};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use control::{Control, Parameter};

/// Parameters read at once while looking for those that a filter wants.
const READ_AT_ONCE: usize = 100;

/// The parameters after a token that are wanted by name and by filters, at most so many; and the next token.
pub(super) fn take(
    control: &Control,
    token: Option<&str>,
    max: usize,
    wanted: impl Fn(&str) -> bool,
    filters: &Filters<'_>,
) -> Result<(Vec<Parameter>, Option<String>), Fault> {
    let mut after = token.map(read).transpose()?;
    let mut found: Vec<Parameter> = Vec::new();
    loop {
        let page = control.parameters(after.as_deref(), READ_AT_ONCE, &wanted).map_err(|error| fault::of(&error))?;
        for parameter in page.parameters.into_iter().filter(|parameter| filters.want(parameter)) {
            if found.len() == max {
                let last = found.last().map(|last| URL_SAFE_NO_PAD.encode(&last.definition.name));
                return Ok((found, last));
            }
            found.push(parameter);
        }
        after = page.next;
        if after.is_none() {
            return Ok((found, None));
        }
    }
}

fn read(token: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Fault::new(Code::InvalidNextToken, "The specified token isn't valid."))
}

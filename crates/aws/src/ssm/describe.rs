//! DescribeParameters.

use super::{
    filter::{Filters, ParameterStringFilter, ParametersFilter},
    page, shown,
};
use crate::{
    checks::Checks,
    json::{self, Flag, Integer, List, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};

shape! {
    DescribeParametersRequest<'a> (plain) {
        "Filters" => before: List<ParametersFilter<'a>>,
        "ParameterFilters" => filters: List<ParameterStringFilter<'a>>,
        "MaxResults" => max: Integer,
        "NextToken" => token: Text<'a>,
        "Shared" => shared: Flag,
    }
}

/// Parameters of a page.
const LISTED_MAX: usize = 50;

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DescribeParametersRequest<'_> = json::decode(call.body)?;
    let max = input.max.map(|max| max.0);
    let mut checks = Checks::default();
    checks.at_least("maxResults", max, 1);
    checks.at_most("maxResults", max, LISTED_MAX as i64);
    checks.finish()?;
    if input.before.is_some() && input.filters.is_some() {
        let words = "You can use either Filters or ParameterFilters in a single request.";
        return Err(Fault::validation(words));
    }
    let filters = match &input.before {
        Some(before) => Filters::of_before(Some(before))?,
        None => Filters::of(input.filters.as_ref(), &["tag:", "Name", "Type", "KeyId", "Path", "Tier", "DataType"])?,
    };
    let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(LISTED_MAX);
    // Nobody shares parameters with this account.
    let wanted = |_: &str| input.shared != Some(Flag(true));
    let (found, token) = page::take(call.door.control()?, input.token.as_deref(), max, wanted, &filters)?;
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut parameters = response.array("Parameters");
    found.iter().for_each(|parameter| shown::listed(&mut parameters, &call.door.config.place, parameter));
    parameters.end();
    if let Some(token) = token {
        response.text("NextToken", &token);
    }
    response.end();
    Ok(Step::Done(out))
}

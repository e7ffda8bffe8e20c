//! ARNs of tables, and names taken out of them.

use crate::Config;

/// The table's name where a parameter may hold its name or its ARN.
pub(crate) fn table(name_or_arn: &str) -> &str {
    match name_or_arn.strip_prefix("arn:") {
        Some(rest) => {
            rest.split_once(":table/").map_or(name_or_arn, |(_, path)| path.split('/').next().unwrap_or(path))
        }
        None => name_or_arn,
    }
}

/// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`.
pub(crate) fn arn(config: &Config, name: &str) -> String {
    format!("arn:aws:dynamodb:{}:{}:table/{name}", config.region, config.account)
}

//! Billing modes and provisioned throughput, of tables and of indexes: reported, not enforced.

use super::{keys::invalid, validate::Checks};
use crate::{
    json::{Long, Object, Text},
    protocol::Fault,
};
use db::Billing;

shape! {
    ProvisionedThroughput (field) {
        "ReadCapacityUnits" => read: Long,
        "WriteCapacityUnits" => write: Long,
    }
}

const UNITS_MAX: i64 = 1_000_000_000_000;
pub(super) const NOT_ON_DEMAND: &str =
    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST";

pub(super) fn check_mode(checks: &mut Checks, mode: Option<&Text<'_>>) {
    checks.one_of("billingMode", mode, &["PROVISIONED", "PAY_PER_REQUEST"]);
}

/// `at`: the parameter that holds it.
pub(super) fn check(checks: &mut Checks, at: &str, throughput: Option<&ProvisionedThroughput>) {
    let Some(throughput) = throughput else { return };
    for (name, units) in [("writeCapacityUnits", throughput.write), ("readCapacityUnits", throughput.read)] {
        let at = format_args!("{at}.{name}");
        checks.required(at, units.is_some());
        checks.at_least(at, units.map(|units| units.0), 1);
    }
}

/// `of`: what is said of a value out of bounds after the words for all of them.
pub(super) fn units(throughput: &ProvisionedThroughput, of: &str) -> Result<Billing, Fault> {
    let one = |name: &str, units: Option<Long>| {
        let units = units.map_or(0, |units| units.0);
        if units > UNITS_MAX {
            return Err(Fault::validation(format!("Given value {units} for {name} is out of bounds{of}")));
        }
        Ok(units.unsigned_abs())
    };
    Ok(Billing::Provisioned {
        read: one("ReadCapacityUnits", throughput.read)?,
        write: one("WriteCapacityUnits", throughput.write)?,
    })
}

/// A new table's.
pub(super) fn billing(mode: Option<&str>, throughput: Option<&ProvisionedThroughput>) -> Result<Billing, Fault> {
    match (mode, throughput) {
        (Some("PAY_PER_REQUEST"), None) => Ok(Billing::OnDemand),
        (Some("PAY_PER_REQUEST"), Some(_)) => Err(invalid(NOT_ON_DEMAND)),
        (_, Some(throughput)) => units(throughput, ""),
        (_, None) => Err(invalid(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
    }
}

/// What an update asks for.
pub(super) fn update(mode: Option<&str>, throughput: Option<&ProvisionedThroughput>) -> Result<Option<Billing>, Fault> {
    match (mode, throughput) {
        (None, None) => Ok(None),
        (Some("PROVISIONED"), None) => {
            Err(invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED"))
        }
        (None, Some(throughput)) => units(throughput, "").map(Some),
        (mode, throughput) => billing(mode, throughput).map(Some),
    }
}

/// What AWS says to a change that is none: `of` is `the table` or `the index NAME`, `at` the same later on.
pub(super) fn check_change(now: Billing, wanted: Billing, of: &str, at: &str) -> Result<(), Fault> {
    let (Billing::Provisioned { read, write }, true) = (now, now == wanted) else { return Ok(()) };
    Err(Fault::validation(format!(
        "The provisioned throughput for {of} will not change. The requested value equals the current value. Current \
         ReadCapacityUnits provisioned for {at}: {read}. Requested ReadCapacityUnits: {read}. Current WriteCapacityUnits \
         provisioned for {at}: {write}. Requested WriteCapacityUnits: {write}. Refer to the Amazon DynamoDB Developer \
         Guide for current limits and how to request higher limits."
    )))
}

/// Writes `ProvisionedThroughput`, which on-demand tables have too, with zeros.
pub(super) fn describe(mut throughput: Object<'_>, billing: Billing) {
    let (read, write) = match billing {
        Billing::OnDemand => (0, 0),
        Billing::Provisioned { read, write } => (read, write),
    };
    throughput.bare("NumberOfDecreasesToday", 0);
    throughput.bare("ReadCapacityUnits", read);
    throughput.bare("WriteCapacityUnits", write);
    throughput.end();
}

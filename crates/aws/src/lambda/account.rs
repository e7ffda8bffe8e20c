//! GetAccountSettings.

use super::{fault, shown::with};
use crate::{
    json::Object,
    protocol::Fault,
    routes::{Call, Step},
};
use control::{Code, PACKAGE_BYTES_MAX};

/// Calls at once that an account has on AWS by default; here processes are what bounds them.
const CONCURRENCY: u64 = 1_000;
/// Bytes that all packages may have together on AWS by default; here the disk bounds them.
const CODE_BYTES: u64 = 75 << 30;
const UNPACKED_BYTES: u64 = 250 << 20;

pub(crate) fn account_settings(call: &Call<'_>) -> Result<Step, Fault> {
    let functions = call.door.control()?.functions();
    let functions = functions.map_err(|error| fault::of_control(&call.door.config.place, &error))?;
    let definitions = || functions.iter().map(|function| &function.definition);
    let reserved: u64 = definitions().filter_map(|definition| definition.reserved_concurrency).map(u64::from).sum();
    let bytes = |code: &Code| if let Code::Stored { bytes, .. } = code { *bytes } else { 0 };
    let used: u64 = definitions().map(|definition| bytes(&definition.code)).sum();
    let mut out = Vec::with_capacity(256);
    let mut response = Object::new(&mut out);
    with(&mut response, "AccountLimit", |limit| {
        limit.bare("TotalCodeSize", CODE_BYTES);
        limit.bare("CodeSizeUnzipped", UNPACKED_BYTES);
        limit.bare("CodeSizeZipped", PACKAGE_BYTES_MAX);
        limit.bare("ConcurrentExecutions", CONCURRENCY);
        limit.bare("UnreservedConcurrentExecutions", CONCURRENCY.saturating_sub(reserved));
    });
    with(&mut response, "AccountUsage", |usage| {
        usage.bare("TotalCodeSize", used);
        usage.bare("FunctionCount", functions.len());
    });
    response.end();
    Ok(Step::Done(out))
}

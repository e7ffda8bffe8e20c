//! Continuous backups: there are none beside the log, which DescribeContinuousBackups says as AWS does.

use super::validate::Checks;
use crate::{
    json::{self, Flag, Object, Text},
    protocol::{Code, Fault},
    routes::{Call, Step},
};

shape! {
    DescribeContinuousBackupsInput<'a> (request) {
        "TableName" => table: Text<'a>,
    }
}

shape! {
    PointInTimeRecoverySpecification (field) {
        "PointInTimeRecoveryEnabled" => enabled: Flag,
    }
}

shape! {
    UpdateContinuousBackupsInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "PointInTimeRecoverySpecification" => specification: PointInTimeRecoverySpecification,
    }
}

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DescribeContinuousBackupsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.table_name(input.table.as_ref());
    checks.finish()?;
    check_table(call, input.table.as_deref().unwrap_or_default())?;
    Ok(Step::Done(none()))
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateContinuousBackupsInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.table_name(input.table.as_ref());
    checks.required("pointInTimeRecoverySpecification", input.specification.is_some());
    let enabled = input.specification.as_ref().and_then(|specification| specification.enabled);
    if input.specification.is_some() {
        checks.required("pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled", enabled.is_some());
    }
    checks.finish()?;
    check_table(call, input.table.as_deref().unwrap_or_default())?;
    match enabled {
        Some(Flag(true)) => {
            Err(Fault::validation("PointInTimeRecoveryEnabled: point-in-time recovery is not supported here"))
        }
        // It is off already, and stays so.
        _ => Ok(Step::Done(none())),
    }
}

fn check_table(call: &Call<'_>, name: &str) -> Result<(), Fault> {
    match call.clients_table(name) {
        Some(_) => Ok(()),
        // Not ResourceNotFoundException: AWS's backup operations have an error of their own.
        None => Err(Fault::new(Code::TableNotFound, format!("Table not found: {}", wire::names::table_name(name)))),
    }
}

fn none() -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    let mut response = Object::new(&mut out);
    let mut description = response.object("ContinuousBackupsDescription");
    description.text("ContinuousBackupsStatus", "ENABLED");
    let mut recovery = description.object("PointInTimeRecoveryDescription");
    recovery.text("PointInTimeRecoveryStatus", "DISABLED");
    recovery.end();
    description.end();
    response.end();
    out
}

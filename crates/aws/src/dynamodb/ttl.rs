//! UpdateTimeToLive and DescribeTimeToLive. What expires, and when it is deleted, is `db`'s.

use super::{
    tables::TableInput,
    validate::{Checks, control_table},
};
use crate::{
    Inner,
    json::{self, Flag, Object, Text},
    protocol::Fault,
    routes::{Call, Step},
};
use db::{Table, TableUpdate};

shape! {
    TimeToLiveSpecification<'a> (field) {
        "AttributeName" => attribute: Text<'a>,
        "Enabled" => enabled: Flag,
    }
}

shape! {
    UpdateTimeToLiveInput<'a> (request) {
        "TableName" => table: Text<'a>,
        "TimeToLiveSpecification" => specification: TimeToLiveSpecification<'a>,
    }
}

pub(crate) fn update(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateTimeToLiveInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.table_name(input.table.as_ref());
    checks.required("timeToLiveSpecification", input.specification.is_some());
    if let Some(specification) = &input.specification {
        let at = "timeToLiveSpecification.attributeName";
        checks.required(at, specification.attribute.is_some());
        checks.required("timeToLiveSpecification.enabled", specification.enabled.is_some());
        if let Some(name) = specification.attribute.as_deref() {
            checks.check(!name.is_empty(), at, name, format_args!("have length greater than or equal to 1"));
            checks.check(name.len() <= 255, at, name, format_args!("have length less than or equal to 255"));
        }
    }
    checks.finish()?;
    let table = call.table_named(input.table.as_deref().unwrap_or_default())?;
    // Its items come and go with those of its sources; deleting one by itself would make it differ from its query.
    if table.spec.view.is_some() {
        return Err(Fault::validation(format!(
            "Table {} is kept by a view: set TimeToLive on the tables that the view reads, whose expired items leave \
             the view as any deleted item does",
            table.spec.name
        )));
    }
    let specification = input.specification.unwrap_or_default();
    let name = specification.attribute.as_deref().unwrap_or_default();
    let enabled = specification.enabled.is_some_and(|flag| flag.0);
    let refusal = match (&table.spec.ttl, enabled) {
        (Some(now), true) if now == name => Some("TimeToLive is already enabled".to_string()),
        (Some(now), _) if now != name => {
            Some(format!("TimeToLive is active on a different AttributeName: current AttributeName is {now}"))
        }
        (None, false) => Some("TimeToLive is already disabled".to_string()),
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(Fault::validation(refusal));
    }
    let update = TableUpdate { ttl: Some(enabled.then(|| name.to_string())), ..TableUpdate::default() };
    let name = name.to_string();
    let answer = move |_: &Inner, _: &Table| {
        let mut out = Vec::new();
        let mut response = Object::new(&mut out);
        let mut specification = response.object("TimeToLiveSpecification");
        specification.text("AttributeName", &name);
        specification.bare("Enabled", enabled);
        specification.end();
        response.end();
        out
    };
    Ok(Step::Table(call.door.db.update_table(&table.spec.name, update), Box::new(answer)))
}

pub(crate) fn describe(call: &Call<'_>) -> Result<Step, Fault> {
    let input: TableInput<'_> = json::decode(call.body)?;
    let table = call.table_named(control_table(input.table.as_ref(), 1)?)?;
    let mut out = Vec::new();
    let mut response = Object::new(&mut out);
    let mut description = response.object("TimeToLiveDescription");
    if let Some(name) = &table.spec.ttl {
        description.text("AttributeName", name);
    }
    description.text("TimeToLiveStatus", status(&table));
    description.end();
    response.end();
    Ok(Step::Done(out))
}

/// Items that were there before are deleted once all of them are known; turning it off is done at once.
fn status(table: &Table) -> &'static str {
    match &table.expiry {
        Some(expiry) if expiry.backfill.is_none() => "ENABLED",
        Some(_) => "ENABLING",
        None => "DISABLED",
    }
}

//! PutFunctionConcurrency, GetFunctionConcurrency, DeleteFunctionConcurrency.

use super::{
    fault, functions, later,
    name::{self, Kind, Named},
};
use crate::{
    checks::Checks,
    json::{self, Integer, Object},
    protocol::{Answer, Fault},
    routes::{Call, Step},
};
use http::StatusCode;

shape! {
    PutFunctionConcurrencyRequest (plain) {
        "ReservedConcurrentExecutions" => reserved: Integer,
    }
}

pub(crate) fn put(call: &Call<'_>) -> Result<Step, Fault> {
    let input: PutFunctionConcurrencyRequest = json::decode(call.body)?;
    let reserved = input.reserved.map(|reserved| reserved.0);
    let mut checks = Checks::default();
    checks.required("reservedConcurrentExecutions", reserved.is_some());
    checks.at_least("reservedConcurrentExecutions", reserved, 0);
    checks.finish()?;
    let reserved = u32::try_from(reserved.unwrap_or_default()).unwrap_or(u32::MAX);
    set(call, Some(reserved), StatusCode::OK)
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    set(call, None, StatusCode::NO_CONTENT)
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let function = functions::find(call, &whole(call)?)?;
    Ok(Step::Done(shown(function.definition.reserved_concurrency)))
}

/// It is a whole function that concurrency is reserved for.
fn whole(call: &Call<'_>) -> Result<Named, Fault> {
    let named = name::of_path(call, Kind::Narrow)?;
    if named.qualified {
        return Err(fault::invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    Ok(named)
}

fn set(call: &Call<'_>, reserved: Option<u32>, status: StatusCode) -> Result<Step, Fault> {
    let named = whole(call)?;
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = move |definition: &mut control::FunctionDefinition| definition.reserved_concurrency = reserved;
        let updated = control.update_function(&named.name, None, change, None).await;
        updated.map_err(|error| fault::of_control(&place, &error))?;
        Ok(match reserved {
            None => Answer::empty(status),
            reserved => Answer::with(status, shown(reserved)),
        })
    })
}

fn shown(reserved: Option<u32>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut response = Object::new(&mut out);
    if let Some(reserved) = reserved {
        response.bare("ReservedConcurrentExecutions", reserved);
    }
    response.end();
    out
}

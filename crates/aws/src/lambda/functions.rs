//! CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, GetFunction, GetFunctionConfiguration, ListFunctions,
//! ListVersionsByFunction, DeleteFunction.

use super::{
    arn,
    fault::{self, invalid},
    later,
    name::{self, Kind, Named},
    package::PackageInput,
    page::Page,
    settings::{self, Settings},
    shown::{self, Shown},
    tags,
};
use crate::{
    checks::Checks,
    json::{self, Flag, List, Map, Object, Text},
    protocol::{Answer, Fault},
    routes::{Call, Step},
    uri,
};
use control::{Code, Control, Defined, FunctionDefinition};
use http::StatusCode;
use wire::Place;

pub(crate) use super::package::REQUEST_BYTES_MAX;

shape! {
    CreateFunctionRequest<'a> (plain) {
        "FunctionName" => name: Text<'a>,
        "Role" => role: Text<'a>,
        "Code" => code: PackageInput<'a>,
        "PackageType" => package_type: Text<'a>,
        "Architectures" => architectures: List<Text<'a>>,
        "Publish" => publish: Flag,
        "PublishTo" => publish_to: Text<'a>,
        "Tags" => tags: Map<Text<'a>, Text<'a>>,
    }
}

shape! {
    UpdateFunctionCodeRequest<'a> (plain) {
        "Architectures" => architectures: List<Text<'a>>,
        "Publish" => publish: Flag,
        "PublishTo" => publish_to: Text<'a>,
        "DryRun" => dry_run: Flag,
        "RevisionId" => revision: Text<'a>,
    }
}

shape! {
    UpdateFunctionConfigurationRequest<'a> (plain) {
        "RevisionId" => revision: Text<'a>,
    }
}

/// Functions of a page of ListFunctions, as AWS has it.
const LISTED_MAX: usize = 50;

pub(crate) fn create(call: &Call<'_>) -> Result<Step, Fault> {
    let input: CreateFunctionRequest<'_> = json::decode(call.body)?;
    let settings: Settings<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("functionName", input.name.is_some());
    checks.required("role", input.role.is_some());
    checks.required("code", input.code.is_some());
    checks.one_of("packageType", input.package_type.as_ref(), &["Zip", "Image"]);
    let architecture = architecture(&mut checks, input.architectures.as_ref());
    settings.check(&mut checks);
    checks.finish()?;
    let place = &call.door.config.place;
    let name = name::to_create(place, input.name.as_deref().unwrap_or_default())?;
    refuse_publishing(input.publish, input.publish_to.as_ref())?;
    settings.refuse_missing()?;
    if input.package_type.as_deref() == Some("Image") {
        return Err(invalid("PackageType Image: container images do not run here"));
    }
    if settings.runtime.is_none() || settings.handler.is_none() {
        let words = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(invalid(words));
    }
    let package = input.code.unwrap_or_default().package()?;
    // Its code is that of the package.
    let mut definition = FunctionDefinition::new(&name, "", "", Code::Folder("".into()));
    settings.change().apply(&mut definition);
    definition.architecture = architecture.unwrap_or(definition.architecture);
    definition.tags = tags::checked(settings::texts(input.tags))?;
    let (control, place) = (call.door.control()?.clone(), place.clone());
    later(async move {
        let created = control.create_function(definition, package).await;
        answer(StatusCode::CREATED, &place, created)
    })
}

pub(crate) fn update_code(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateFunctionCodeRequest<'_> = json::decode(call.body)?;
    let package: PackageInput<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    let architecture = architecture(&mut checks, input.architectures.as_ref());
    checks.finish()?;
    let named = name::of_path(call, Kind::Narrow)?;
    refuse_publishing(input.publish, input.publish_to.as_ref())?;
    let found = find(call, &named)?;
    let package = package.package()?;
    let revision = revision(&found, input.revision.as_ref())?;
    if input.dry_run == Some(Flag(true)) {
        let shown = Shown { place: &call.door.config.place, function: &found, qualified: false };
        return Ok(Step::Done(shown.configuration()));
    }
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = |definition: &mut FunctionDefinition| {
            if let Some(architecture) = architecture {
                definition.architecture = architecture;
            }
        };
        let updated = control.update_function(&named.name, revision, change, Some(package)).await;
        answer(StatusCode::OK, &place, updated)
    })
}

pub(crate) fn update_configuration(call: &Call<'_>) -> Result<Step, Fault> {
    let input: UpdateFunctionConfigurationRequest<'_> = json::decode(call.body)?;
    let settings: Settings<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    settings.check(&mut checks);
    checks.finish()?;
    let named = name::of_path(call, Kind::Narrow)?;
    settings.refuse_missing()?;
    let revision = revision(&find(call, &named)?, input.revision.as_ref())?;
    let change = settings.change();
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let change = |definition: &mut FunctionDefinition| change.apply(definition);
        let updated = control.update_function(&named.name, revision, change, None).await;
        answer(StatusCode::OK, &place, updated)
    })
}

pub(crate) fn get(call: &Call<'_>) -> Result<Step, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    let function = find(call, &named)?;
    let shown = Shown { place: &call.door.config.place, function: &function, qualified: named.qualified };
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    shown::with(&mut response, "Configuration", |configuration| shown.write(configuration));
    let folder = call.door.control()?.code_folder(&function.definition.code);
    shown::with(&mut response, "Code", |code| {
        code.text("RepositoryType", "file");
        code.text("Location", &shown::location(&folder));
    });
    if !function.definition.tags.is_empty() {
        shown::texts(&mut response, "Tags", &function.definition.tags);
    }
    if let Some(reserved) = function.definition.reserved_concurrency {
        shown::with(&mut response, "Concurrency", |concurrency| {
            concurrency.bare("ReservedConcurrentExecutions", reserved);
        });
    }
    response.end();
    Ok(Step::Done(out))
}

pub(crate) fn get_configuration(call: &Call<'_>) -> Result<Step, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    let function = find(call, &named)?;
    let shown = Shown { place: &call.door.config.place, function: &function, qualified: named.qualified };
    Ok(Step::Done(shown.configuration()))
}

pub(crate) fn list(call: &Call<'_>) -> Result<Step, Fault> {
    let page = Page::of(call.query, LISTED_MAX)?;
    let version = uri::parameters(call.query).find(|(name, _)| name == "FunctionVersion").map(|(_, value)| Text(value));
    let mut checks = Checks::default();
    // All versions of a function are its newest.
    let qualified = checks.one_of("functionVersion", version.as_ref(), &["ALL"]).is_some();
    checks.finish()?;
    let place = &call.door.config.place;
    let functions = call.door.control()?.functions();
    let functions = functions.map_err(|error| fault::of_control(place, &error))?;
    let (functions, marker) = page.take(functions, |function| &function.definition.name);
    Ok(Step::Done(listed("Functions", place, &functions, qualified, marker.as_deref())))
}

pub(crate) fn list_versions(call: &Call<'_>) -> Result<Step, Fault> {
    Page::of(call.query, LISTED_MAX)?;
    let named = name::of_path(call, Kind::Wide)?;
    let function = find(call, &named)?;
    Ok(Step::Done(listed("Versions", &call.door.config.place, &[function], true, None)))
}

fn listed(
    name: &str,
    place: &Place,
    functions: &[Defined<FunctionDefinition>],
    qualified: bool,
    marker: Option<&str>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut response = Object::new(&mut out);
    let mut list = response.array(name);
    for function in functions {
        let mut object = list.object();
        Shown { place, function, qualified }.write_listed(&mut object);
        object.end();
    }
    list.end();
    if let Some(marker) = marker {
        response.text("NextMarker", marker);
    }
    response.end();
    out
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let named = name::of_path(call, Kind::Wide)?;
    if named.qualified {
        return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
    }
    let (control, place) = (call.door.control()?.clone(), call.door.config.place.clone());
    later(async move {
        let deleted = control.delete_function(&named.name).await;
        deleted.map_err(|error| fault::of_control(&place, &error))?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// The function that was named.
pub(super) fn find(call: &Call<'_>, named: &Named) -> Result<Defined<FunctionDefinition>, Fault> {
    let place = &call.door.config.place;
    let found = call.door.control()?.function(&named.name);
    found.map_err(|error| match error {
        control::Error::NotFound { .. } if named.qualified => {
            fault::no_function(&format!("{}:{}", arn(place, &named.name), name::LATEST))
        }
        error => fault::of_control(place, &error),
    })
}

/// Whether a function exists.
pub(super) fn exists(control: &Control, name: &str) -> bool {
    !matches!(control.function(name), Err(control::Error::NotFound { .. }))
}

/// The revision that a change is made for; one that is not the function's is refused.
fn revision(found: &Defined<FunctionDefinition>, expected: Option<&Text<'_>>) -> Result<Option<u64>, Fault> {
    match expected {
        Some(expected) if expected.as_str() != shown::revision(found) => Err(fault::other_revision()),
        expected => Ok(expected.map(|_| found.revision)),
    }
}

fn architecture(checks: &mut Checks, architectures: Option<&List<Text<'_>>>) -> Option<String> {
    let [architecture] = &architectures?[..] else {
        checks
            .broken("Value at 'architectures' failed to satisfy constraint: Member must have length equal to 1".into());
        return None;
    };
    checks.one_of("architectures", Some(architecture), &["x86_64", "arm64"])?;
    Some(architecture.to_string())
}

/// There are no versions here.
fn refuse_publishing(publish: Option<Flag>, to: Option<&Text<'_>>) -> Result<(), Fault> {
    if publish == Some(Flag(true)) || to.is_some() {
        return Err(invalid("Versions cannot be published here: leave Publish out; functions run as $LATEST"));
    }
    Ok(())
}

fn answer(
    status: StatusCode,
    place: &Place,
    changed: Result<Defined<FunctionDefinition>, control::Error>,
) -> Result<Answer, Fault> {
    let function = changed.map_err(|error| fault::of_control(place, &error))?;
    Ok(Answer::with(status, Shown { place, function: &function, qualified: false }.configuration()))
}

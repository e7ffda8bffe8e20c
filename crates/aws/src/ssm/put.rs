//! PutParameter, DeleteParameter, DeleteParameters.

use super::{
    fault, get, shown,
    tags::{self, Tag},
};
use crate::{
    checks::Checks,
    json::{self, Flag, List, Object, Text, string},
    protocol::{Answer, Fault},
    routes::{Call, Step},
};
use control::{Parameter, ParameterDefinition, ParameterType, Tier};

shape! {
    PutParameterRequest<'a> (plain) {
        "Name" => name: Text<'a>,
        "Description" => description: Text<'a>,
        "Value" => value: Text<'a>,
        "Type" => kind: Text<'a>,
        "Overwrite" => overwrite: Flag,
        "AllowedPattern" => pattern: Text<'a>,
        "Tags" => tags: List<Tag<'a>>,
        "Tier" => tier: Text<'a>,
        "Policies" => policies: Text<'a>,
        "DataType" => data_type: Text<'a>,
    }
}

shape! {
    DeleteParameterRequest<'a> (plain) {
        "Name" => name: Text<'a>,
    }
}

shape! {
    DeleteParametersRequest<'a> (plain) {
        "Names" => names: List<Text<'a>>,
    }
}

pub(crate) fn put(call: &Call<'_>) -> Result<Step, Fault> {
    let input: PutParameterRequest<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("name", input.name.is_some());
    checks.required("value", input.value.is_some());
    checks.one_of("type", input.kind.as_ref(), &["SecureString", "StringList", "String"]);
    checks.one_of("tier", input.tier.as_ref(), &["Standard", "Advanced", "Intelligent-Tiering"]);
    checks.finish()?;
    let overwrite = input.overwrite == Some(Flag(true));
    if overwrite && input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(Fault::validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    if input.policies.as_deref().is_some_and(|policies| !matches!(policies, "" | "[]" | "{}")) {
        return Err(Fault::validation("Parameter policies do not work here: leave Policies out"));
    }
    let control = call.door.control()?.clone();
    let before = control.parameter(input.name.as_deref().unwrap_or_default()).ok();
    let definition = definition(input, before)?;
    Ok(Step::Later(Box::pin(async move {
        let parameter = control.put_parameter(definition, overwrite).await.map_err(|error| fault::of(&error))?;
        let mut out = Vec::with_capacity(64);
        let mut response = Object::new(&mut out);
        response.bare("Version", parameter.version);
        response.text("Tier", shown::tier(&parameter));
        response.end();
        Ok(Answer::from(out))
    })))
}

/// What a request asks for; what it leaves open stays as it was.
fn definition(input: PutParameterRequest<'_>, before: Option<Parameter>) -> Result<ParameterDefinition, Fault> {
    let before = before.map(|before| before.definition);
    let kind = input.kind.as_deref().and_then(ParameterType::parse).or(before.as_ref().map(|before| before.kind));
    let kind = kind.ok_or_else(|| Fault::validation("A parameter type is required when you create a parameter."))?;
    let name = input.name.as_deref().unwrap_or_default();
    let plain = ParameterDefinition::new(name, kind, input.value.as_deref().unwrap_or_default());
    let (description, tier) = match before {
        Some(before) => (before.description, before.tier),
        None => (plain.description.clone(), plain.tier),
    };
    Ok(ParameterDefinition {
        description: input.description.map_or(description, |text| text.0.into_owned()),
        allowed_pattern: input.pattern.map(|text| text.0.into_owned()).filter(|pattern| !pattern.is_empty()),
        tier: input.tier.as_deref().and_then(Tier::parse).unwrap_or(tier),
        data_type: input.data_type.map_or(plain.data_type.clone(), |text| text.0.into_owned()),
        tags: tags::taken(input.tags.as_ref())?,
        ..plain
    })
}

pub(crate) fn delete(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DeleteParameterRequest<'_> = json::decode(call.body)?;
    let mut checks = Checks::default();
    checks.required("name", input.name.is_some());
    checks.finish()?;
    let name = input.name.as_deref().unwrap_or_default().to_owned();
    let control = call.door.control()?.clone();
    Ok(Step::Later(Box::pin(async move {
        control.delete_parameter(&name).await.map_err(|error| fault::of(&error))?;
        Ok(Answer::from(b"{}".to_vec()))
    })))
}

pub(crate) fn delete_several(call: &Call<'_>) -> Result<Step, Fault> {
    let input: DeleteParametersRequest<'_> = json::decode(call.body)?;
    let names: Vec<String> = get::names(input.names.as_ref())?.iter().map(|name| name.to_string()).collect();
    let control = call.door.control()?.clone();
    Ok(Step::Later(Box::pin(async move {
        let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
        for name in &names {
            match control.delete_parameter(name).await {
                Ok(()) => deleted.push(name),
                Err(control::Error::NotFound { .. }) => invalid.push(name),
                Err(error) => return Err(fault::of(&error)),
            }
        }
        let mut out = Vec::with_capacity(128);
        let mut response = Object::new(&mut out);
        for (field, names) in [("DeletedParameters", deleted), ("InvalidParameters", invalid)] {
            let mut list = response.array(field);
            names.into_iter().for_each(|name| string(list.element(), name));
            list.end();
        }
        response.end();
        Ok(Answer::from(out))
    })))
}

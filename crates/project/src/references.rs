//! Checks every name that a template refers to, in branches taken or not, and that resources do not depend on one
//! another in a circle. Works on the template as written; knows nothing of what values come to, except conditions.

use std::collections::BTreeSet;

use crate::Severity;
use crate::evaluate::get_att_names;
use crate::field::Field;
use crate::intrinsics::{Piece, call, pieces};
use crate::resources::name::is_expanded_by_sam;
use crate::scope::{PSEUDO, Resource, Scope};
use crate::suggest::did_you_mean;
use crate::yaml::Value;

/// Checks all names in the template.
pub(crate) fn check(scope: &Scope<'_>, outputs: Option<&Field<'_>>) {
    for field in scope.conditions.values() {
        Walk { scope, severity: Severity::Error, resources: false, edges: Vec::new() }.value(field, true);
    }
    // Every function has what is global, so that what it refers to is looked up once, here.
    if let Some(globals) = &scope.function_globals {
        Walk { scope, severity: Severity::Error, resources: true, edges: Vec::new() }.value(globals, true);
    }
    let mut edges = Vec::new();
    for resource in &scope.resources {
        let mut walk = Walk { scope, severity: severity(resource), resources: true, edges: Vec::new() };
        walk.resource(resource);
        edges.push(walk.edges);
    }
    for (_, output) in outputs.map(|outputs| outputs.entries()).unwrap_or_default() {
        let mut walk = Walk { scope, severity: Severity::Error, resources: true, edges: Vec::new() };
        let live = walk.condition_of(&output);
        ["Value", "Export"].iter().filter_map(|key| output.get(key)).for_each(|field| walk.value(&field, live));
    }
    cycles(scope, &edges);
}

/// What is not run here is not held against the template: SAM and macros make names that are not in it.
fn severity(resource: &Resource<'_>) -> Severity {
    if resource.resource_type.is_some() { Severity::Error } else { Severity::Warning }
}

/// A resource that another one needs first, and where that is written.
type Edge<'a> = (usize, Field<'a>);

struct Walk<'s, 'a> {
    scope: &'s Scope<'a>,
    severity: Severity,
    /// Whether resources may be referred to; conditions are decided before there are any.
    resources: bool,
    edges: Vec<Edge<'a>>,
}

impl<'a> Walk<'_, 'a> {
    fn resource(&mut self, resource: &Resource<'a>) {
        let live = self.condition_of(&resource.field) && self.scope.is_included(resource);
        if let Some(properties) = resource.properties() {
            self.value(&properties, live);
        }
        if let Some(marks) = resource.field.get("Metadata").and_then(|metadata| metadata.get("Streamfold")) {
            self.value(&marks, live);
        }
        let Some(depends) = resource.field.get("DependsOn") else { return };
        let names = if matches!(depends.node.value, Value::List(_)) { depends.items() } else { vec![depends] };
        for field in names {
            let Some(name) = field.text() else { continue };
            match self.scope.resources.iter().position(|resource| resource.logical_id == name) {
                Some(target) if live && self.scope.is_included(&self.scope.resources[target]) => {
                    self.edges.push((target, field))
                }
                Some(_) => {}
                None => self.unknown(&field, &format!("`{name}` is not a resource of this template"), &name, false),
            }
        }
    }

    /// Checks the name of a `Condition:` beside a resource or output; true if it holds.
    fn condition_of(&mut self, field: &Field<'a>) -> bool {
        match field.get("Condition") {
            Some(condition) => self.condition(&condition).unwrap_or(true),
            None => true,
        }
    }

    fn condition(&mut self, field: &Field<'a>) -> Option<bool> {
        let name = field.text()?;
        if self.scope.conditions.contains_key(name.as_str()) {
            return self.scope.condition(&name);
        }
        if field.report.is_full() {
            return None;
        }
        let mut diagnostic = field.diagnostic(self.severity, format!("there is no condition `{name}`"));
        diagnostic.help = did_you_mean(&name, self.scope.conditions.keys().copied());
        field.report.push(diagnostic);
        None
    }

    /// `live`: whether the value is used, as far as conditions say.
    fn value(&mut self, field: &Field<'a>, live: bool) {
        let Some(call) = call(field) else { return self.members(field, live) };
        let argument = call.argument.field();
        match (call.name.as_str(), &argument.node.value) {
            ("Ref", Value::Text { text, .. }) => self.name(argument, text, live),
            ("Condition", Value::Text { .. }) => {
                self.condition(argument);
            }
            ("Fn::GetAtt", _) => match get_att_names(argument) {
                Some((id, attribute)) => self.attribute(argument, &id, &attribute, live),
                None => self.say(argument, "Fn::GetAtt takes a resource and an attribute: `Votes.Arn`"),
            },
            ("Fn::Sub", Value::Text { text, .. }) => self.variables(argument, text, None, live),
            ("Fn::Sub", Value::List(_)) => self.sub_list(argument, live),
            ("Fn::If", Value::List(_)) => {
                let items = argument.items();
                let verdict = items.first().and_then(|name| self.condition(name));
                for (branch, taken) in items.iter().skip(1).zip([Some(true), Some(false)]) {
                    self.value(branch, live && (verdict.is_none() || verdict == taken));
                }
            }
            _ => self.members(argument, live),
        }
    }

    fn members(&mut self, field: &Field<'a>, live: bool) {
        match &field.node.value {
            Value::List(_) => field.items().iter().for_each(|item| self.value(item, live)),
            Value::Map(entries) => {
                // In a condition, `Condition: Name` is a call; anywhere else it is a property.
                let named = field.get("Condition").filter(|_| !self.resources && entries.len() == 1);
                match named {
                    Some(condition) => {
                        self.condition(&condition);
                    }
                    None => field.entries().iter().for_each(|(_, member)| self.value(member, live)),
                }
            }
            _ => {}
        }
    }

    fn sub_list(&mut self, argument: &Field<'a>, live: bool) {
        let items = argument.items();
        let [template, variables] = items.as_slice() else { return };
        if !matches!(variables.node.value, Value::Map(_)) {
            return variables.unexpected("a map of variables");
        }
        if let Value::Text { text, .. } = &template.node.value {
            self.variables(template, text, Some(variables), live);
        }
        variables.entries().iter().for_each(|(_, value)| self.value(value, live));
    }

    fn variables(&mut self, at: &Field<'a>, text: &str, own: Option<&Field<'a>>, live: bool) {
        for piece in pieces(text).unwrap_or_default() {
            match piece {
                Piece::Variable(name) if own.is_some_and(|own| own.get(name).is_some()) => {}
                Piece::Variable(name) => match name.split_once('.') {
                    Some((id, attribute)) => self.attribute(at, id, attribute, live),
                    None => self.name(at, name, live),
                },
                Piece::Literal(_) => {}
            }
        }
    }

    fn name(&mut self, at: &Field<'a>, name: &str, live: bool) {
        if PSEUDO.contains(&name) || self.scope.parameters.contains_key(name) {
            return;
        }
        if name.starts_with("AWS::") {
            return at.error_known(format!("`{name}` is not a pseudo parameter"), name, &PSEUDO);
        }
        let what = if self.resources { "neither a parameter nor a resource" } else { "not a parameter" };
        self.target(at, name, what, live);
    }

    fn attribute(&mut self, at: &Field<'a>, id: &str, attribute: &str, live: bool) {
        self.target(at, id, "not a resource", live);
        let Some(kind) = self.scope.resource(id).and_then(|resource| resource.resource_type) else { return };
        if self.resources && !kind.attributes.contains(&attribute) {
            at.error_known(format!("{} has no attribute `{attribute}`", kind.name), attribute, kind.attributes);
        }
    }

    fn target(&mut self, at: &Field<'a>, name: &str, what: &str, live: bool) {
        let id = name.split('.').next().unwrap_or(name);
        match self.scope.resources.iter().position(|resource| resource.logical_id == id) {
            Some(_) if !self.resources => {
                self.say(at, &format!("`{id}` is a resource; conditions know parameters only"))
            }
            Some(target) if live && !self.scope.is_included(&self.scope.resources[target]) => {
                self.say(at, &format!("`{id}` is left out by its condition, but referred to here"));
            }
            Some(target) if live => self.edges.push((target, at.clone())),
            Some(_) => {}
            None => self.unknown(at, &format!("`{name}` is {what} of this template"), name, what != "not a resource"),
        }
    }

    fn unknown(&mut self, at: &Field<'a>, message: &str, name: &str, parameters: bool) {
        if at.report.is_full() {
            return;
        }
        let ids = || self.scope.resources.iter().map(|resource| resource.logical_id);
        if self.scope.is_made_by_sam(name) {
            return;
        }
        let mut diagnostic = at.diagnostic(self.severity, message);
        let names = self.scope.parameters.keys().map(String::as_str).filter(|_| parameters);
        diagnostic.help = did_you_mean(name, ids().filter(|_| self.resources).chain(names));
        at.report.push(diagnostic);
    }

    fn say(&self, at: &Field<'a>, message: &str) {
        at.report.push(at.diagnostic(self.severity, message));
    }
}

/// Reports each circle once. A template holds at most 500 resources, which bounds the recursion.
fn cycles(scope: &Scope<'_>, edges: &[Vec<Edge<'_>>]) {
    let mut done = BTreeSet::new();
    for start in 0..edges.len() {
        visit(scope, edges, start, &mut Vec::new(), &mut done);
    }
}

fn visit(scope: &Scope<'_>, edges: &[Vec<Edge<'_>>], at: usize, trail: &mut Vec<usize>, done: &mut BTreeSet<usize>) {
    if done.contains(&at) {
        return;
    }
    trail.push(at);
    for (target, field) in &edges[at] {
        let Some(begin) = trail.iter().position(|step| step == target) else {
            visit(scope, edges, *target, trail, done);
            continue;
        };
        let ring: Vec<&Resource<'_>> = trail[begin..].iter().map(|step| &scope.resources[*step]).collect();
        // SAM makes several resources of one, so that what looks like a circle here need not be one there.
        if ring.iter().any(|resource| is_expanded_by_sam(&resource.type_name)) {
            continue;
        }
        let mut names: Vec<&str> = ring.iter().map(|resource| resource.logical_id).collect();
        names.push(names[0]);
        field.error_help(
            format!("resources depend on one another in a circle: {}", names.join(" -> ")),
            "take one of the references out; DependsOn counts as one",
        );
    }
    trail.pop();
    done.insert(at);
}

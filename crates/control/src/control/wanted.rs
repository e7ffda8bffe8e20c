//! What a template wants, against what exists. A template says all there is to say about what it names; what it does not
//! name is left alone.

use super::{Control, functions, parameters, schedules, to_its_end};
use crate::{
    Code, Error, FUNCTION, FunctionDefinition, Origin, PARAMETER, Package, Parameter, ParameterDefinition, SCHEDULE,
    Schedule, ScheduleDefinition, code::CodeStore,
};
use item::Item;
use std::collections::BTreeSet;

/// Everything that a template names.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Each with its code; the `code` of the definition does not matter.
    pub functions: Vec<(FunctionDefinition, Package)>,
    pub schedules: Vec<ScheduleDefinition>,
    pub parameters: Vec<ParameterDefinition>,
}

/// What is to be done about one definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    /// The settings that change.
    Update(Vec<String>),
    Unchanged,
    /// It came from a template and is not in this one: it stays.
    Left,
}

/// One definition and its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// `function`, `schedule`, `parameter`.
    pub kind: &'static str,
    /// The resource's name; a schedule's key.
    pub name: String,
    pub step: Step,
}

/// A definition that is refused.
#[derive(Clone, Debug)]
pub struct Refused {
    pub kind: &'static str,
    pub name: String,
    pub error: Error,
}

impl Control {
    /// What [`Control::apply`] would do, parameters first, then functions, then schedules, in the template's order; what is
    /// left alone comes last.
    ///
    /// # Errors
    /// All definitions that are refused.
    pub fn plan(&self, wanted: &Wanted) -> Result<Vec<Planned>, Vec<Refused>> {
        let mut plan = Draft::default();
        for definition in &wanted.parameters {
            plan.add(PARAMETER, &definition.name, self.step_of_parameter(definition));
        }
        for (definition, package) in &wanted.functions {
            plan.add(FUNCTION, &definition.name, self.step_of_function(definition, package));
        }
        for definition in &wanted.schedules {
            plan.add(SCHEDULE, &definition.key(), self.step_of_schedule(definition));
        }
        self.add_left(&mut plan);
        if plan.refused.is_empty() { Ok(plan.planned) } else { Err(plan.refused) }
    }

    /// Creates and updates what a template wants; answers what was done. Twice changes nothing.
    ///
    /// # Errors
    /// All definitions that are refused, before anything is changed; or the first one that cannot be changed.
    pub async fn apply(&self, wanted: Wanted) -> Result<Vec<Planned>, Vec<Refused>> {
        let plan = self.plan(&wanted)?;
        let changes: BTreeSet<(&str, String)> = plan
            .iter()
            .filter(|planned| matches!(planned.step, Step::Create | Step::Update(_)))
            .map(|planned| (planned.kind, planned.name.clone()))
            .collect();
        let is_change = |kind: &'static str, name: &str| changes.contains(&(kind, name.to_owned()));
        let failed = |kind: &'static str, name: &str| {
            let name = name.to_owned();
            move |error: Error| vec![Refused { kind, name, error }]
        };
        for definition in wanted.parameters.into_iter().filter(|wanted| is_change(PARAMETER, &wanted.name)) {
            let failed = failed(PARAMETER, &definition.name);
            self.set_parameter(templated(definition)).await.map_err(failed)?;
        }
        for (definition, package) in
            wanted.functions.into_iter().filter(|(wanted, _)| is_change(FUNCTION, &wanted.name))
        {
            let failed = failed(FUNCTION, &definition.name);
            self.set_function(templated(definition), package).await.map_err(failed)?;
        }
        for definition in wanted.schedules.into_iter().filter(|wanted| is_change(SCHEDULE, &wanted.key())) {
            let failed = failed(SCHEDULE, &definition.key());
            self.set_schedule(templated(definition)).await.map_err(failed)?;
        }
        Ok(plan)
    }

    fn step_of_function(&self, definition: &FunctionDefinition, package: &Package) -> Result<Step, Error> {
        let mut wanted = templated(definition.clone());
        wanted.code = CodeStore::code_of(package, &wanted.runtime);
        wanted.check()?;
        self.0.check_runtime(&wanted.runtime)?;
        if let Code::Folder(folder) = &wanted.code {
            crate::code::check_folder(folder)?;
        }
        let found = self.0.db.resource(FUNCTION, &wanted.name).map(|found| functions::read(&found)).transpose()?;
        Ok(step(found.map(|found| found.definition.to_item()).as_ref(), &wanted.to_item()))
    }

    fn step_of_schedule(&self, definition: &ScheduleDefinition) -> Result<Step, Error> {
        let wanted = templated(definition.clone());
        wanted.check()?;
        let found = self.0.db.resource(SCHEDULE, &wanted.key()).map(|found| schedules::read(&found)).transpose()?;
        let item = |definition: ScheduleDefinition| Schedule::put(definition, None, 0).to_item();
        Ok(step(found.map(|found| item(found.definition.definition)).as_ref(), &item(wanted)))
    }

    fn step_of_parameter(&self, definition: &ParameterDefinition) -> Result<Step, Error> {
        let wanted = templated(definition.clone());
        wanted.check()?;
        let found = self.0.db.resource(PARAMETER, &wanted.name).map(|found| parameters::read(&found)).transpose()?;
        found.as_ref().map_or(Ok(()), |found: &Parameter| parameters::check_tier(found, &wanted))?;
        let item = |definition: &ParameterDefinition| definition.to_item(0, 0);
        Ok(step(found.map(|found| item(&found.definition)).as_ref(), &item(&wanted)))
    }

    fn add_left(&self, plan: &mut Draft) {
        let is_templated = |resource: &db::Resource| Origin::of(&resource.body) == Some(Origin::Template);
        for kind in [PARAMETER, FUNCTION, SCHEDULE] {
            for resource in self.0.db.resources(kind).iter().filter(|resource| is_templated(resource)) {
                if !plan.seen.contains(&(kind, resource.name.clone())) {
                    plan.planned.push(Planned { kind, name: resource.name.clone(), step: Step::Left });
                }
            }
        }
    }

    async fn set_function(&self, definition: FunctionDefinition, package: Package) -> Result<(), Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            inner.store(definition, Some(package), db::Expected::Anything).await.map(drop)
        })
        .await
    }

    async fn set_schedule(&self, definition: ScheduleDefinition) -> Result<(), Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            inner.put_schedule(definition).await.map(drop)
        })
        .await
    }
}

/// A plan in the making.
#[derive(Default)]
struct Draft {
    planned: Vec<Planned>,
    refused: Vec<Refused>,
    seen: BTreeSet<(&'static str, String)>,
}

impl Draft {
    fn add(&mut self, kind: &'static str, name: &str, step: Result<Step, Error>) {
        let first = self.seen.insert((kind, name.to_owned()));
        let step = if first { step } else { Err(Error::invalid("name", format!("{kind} {name} is named twice"))) };
        let name = name.to_owned();
        match step {
            Ok(step) => self.planned.push(Planned { kind, name, step }),
            Err(error) => self.refused.push(Refused { kind, name, error }),
        }
    }
}

/// Definitions that know where they came from.
trait Templated {
    fn origin(&mut self) -> &mut Origin;
}

impl Templated for FunctionDefinition {
    fn origin(&mut self) -> &mut Origin {
        &mut self.origin
    }
}

impl Templated for ScheduleDefinition {
    fn origin(&mut self) -> &mut Origin {
        &mut self.origin
    }
}

impl Templated for ParameterDefinition {
    fn origin(&mut self) -> &mut Origin {
        &mut self.origin
    }
}

/// A definition as it comes from a template, whatever it says.
fn templated<D: Templated>(mut definition: D) -> D {
    *definition.origin() = Origin::Template;
    definition
}

fn step(found: Option<&Item>, wanted: &Item) -> Step {
    let Some(found) = found else { return Step::Create };
    let names: BTreeSet<&str> = found.iter().chain(wanted.iter()).map(|(name, _)| name).collect();
    let changed: Vec<String> =
        names.into_iter().filter(|name| found.get(name) != wanted.get(name)).map(str::to_owned).collect();
    if changed.is_empty() { Step::Unchanged } else { Step::Update(changed) }
}

//! What a template wants, against what exists. A template says all there is to say about what it names; what it does not
//! name is left alone.

use super::{Control, functions, parameters, schedules, to_its_end};
use crate::{
    Code, Error, FUNCTION, FunctionDefinition, NOTIFICATION, NotificationDefinition, Origin, PARAMETER, Package,
    Parameter, ParameterDefinition, SCHEDULE, Schedule, ScheduleDefinition, code::CodeStore,
};
use item::{Item, Value};
use std::{collections::BTreeSet, sync::Arc};
use triggers::{Mapping, NewMapping, Source, StartingPosition};

/// The kind of a trigger's resource.
const TRIGGER: &str = triggers::KIND;

/// Everything that a template names.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Each with its code; the `code` of the definition does not matter.
    pub functions: Vec<(FunctionDefinition, Package)>,
    pub schedules: Vec<ScheduleDefinition>,
    pub parameters: Vec<ParameterDefinition>,
    pub triggers: Vec<WantedTrigger>,
    /// Of buckets that are there when they are applied.
    pub notifications: Vec<NotificationDefinition>,
}

/// A function fed by a stream. A function is fed once by each stream, so the two name the trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedTrigger {
    pub function: String,
    pub source: WantedSource,
    /// Where it starts when it is created; one that exists goes on where it is.
    pub starting: StartingPosition,
    pub settings: triggers::Settings,
    pub enabled: bool,
}

/// The stream of a trigger, by the name that a template knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedSource {
    /// The stream that the table of this name has now.
    Table(String),
    /// The Kinesis stream of this ARN.
    Kinesis(String),
}

impl WantedSource {
    fn name(&self) -> &str {
        match self {
            WantedSource::Table(name) => name,
            WantedSource::Kinesis(arn) => kinesis::stream_name(arn).unwrap_or(arn),
        }
    }
}

impl WantedTrigger {
    /// How it is called in a plan.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} from {}", self.function, self.source.name())
    }
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
    /// `function`, `schedule`, `parameter`, `trigger`, `notification`.
    pub kind: &'static str,
    /// The resource's name; a schedule's key; a trigger's function and table; a notification's bucket.
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
    /// What [`Control::apply`] would do: parameters first, then functions, triggers, notifications, schedules, in the template's order; what
    /// is left alone comes last.
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
        for trigger in &wanted.triggers {
            plan.add(TRIGGER, &trigger.name(), self.step_of_trigger(trigger, wanted));
        }
        for definition in &wanted.notifications {
            plan.add(NOTIFICATION, &definition.bucket, self.step_of_notification(definition, wanted));
        }
        for definition in &wanted.schedules {
            plan.add(SCHEDULE, &definition.key(), self.step_of_schedule(definition));
        }
        self.add_left(&mut plan);
        self.add_left_triggers(&mut plan, wanted);
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
        for trigger in wanted.triggers.into_iter().filter(|wanted| is_change(TRIGGER, &wanted.name())) {
            let failed = failed(TRIGGER, &trigger.name());
            self.set_trigger(trigger).await.map_err(failed)?;
        }
        for definition in wanted.notifications.into_iter().filter(|wanted| is_change(NOTIFICATION, &wanted.bucket)) {
            let failed = failed(NOTIFICATION, &definition.bucket);
            self.set_notification(templated(definition)).await.map_err(failed)?;
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

    /// The stream need not be there yet, nor the function if it is wanted, too.
    fn step_of_trigger(&self, trigger: &WantedTrigger, wanted: &Wanted) -> Result<Step, Error> {
        trigger.settings.check()?;
        if matches!(trigger.source, WantedSource::Kinesis(_)) {
            triggers::Filters::parse(&trigger.settings.filters)?.check_data()?;
        }
        let found = self.existing(trigger);
        if found.as_ref().is_none_or(|found| found.settings.on_failure != trigger.settings.on_failure) {
            self.0.triggers.check_destination(&trigger.settings)?;
        }
        self.check_function(&trigger.function, wanted)?;
        let Some(found) = found else { return Ok(Step::Create) };
        let on = |enabled| Value::Bool(enabled);
        let (mut before, mut after) = (found.settings.to_item(), trigger.settings.to_item());
        before.insert("enabled", on(found.enabled));
        after.insert("enabled", on(trigger.enabled));
        Ok(step(Some(&before), &after))
    }

    /// The bucket need not be there yet.
    fn step_of_notification(&self, definition: &NotificationDefinition, wanted: &Wanted) -> Result<Step, Error> {
        let definition = templated(definition.clone());
        definition.check()?;
        for target in &definition.targets {
            self.check_function(&target.function, wanted)?;
        }
        let found = self.notification(&definition.bucket)?;
        Ok(step(found.map(|found| found.to_item()).as_ref(), &definition.to_item()))
    }

    /// A function is there, or wanted.
    fn check_function(&self, name: &str, wanted: &Wanted) -> Result<(), Error> {
        let is_wanted = wanted.functions.iter().any(|(function, _)| function.name == name);
        if is_wanted { Ok(()) } else { self.0.resource(FUNCTION, name).map(drop) }
    }

    /// The trigger of this function on the stream of now.
    fn existing(&self, wanted: &WantedTrigger) -> Option<Arc<Mapping>> {
        let source = self.source(&wanted.source)?;
        let mut all = self.0.triggers.status().into_iter().map(|status| status.mapping);
        all.find(|mapping| mapping.function == wanted.function && mapping.source == source)
    }

    fn source(&self, wanted: &WantedSource) -> Option<Source> {
        let table = match wanted {
            WantedSource::Table(table) => table,
            WantedSource::Kinesis(arn) => return Source::of_arn(&self.0.db, &self.0.place, arn),
        };
        let streams = self.0.db.streams();
        let open = streams.iter().rfind(|stream| stream.table_name == *table && stream.closed.is_none());
        open.map(|stream| Source::of(stream))
    }

    async fn set_trigger(&self, wanted: WantedTrigger) -> Result<(), Error> {
        let existing = self.existing(&wanted);
        let source = self.source(&wanted.source);
        let WantedTrigger { function, source: named, starting, settings, enabled } = wanted;
        if let Some(existing) = existing {
            let change = move |mapping: &mut Mapping| (mapping.settings, mapping.enabled) = (settings, enabled);
            self.0.triggers.update(&existing.uuid, change).await?;
            return Ok(());
        }
        let source = source.ok_or_else(|| {
            let missing = match named {
                WantedSource::Table(table) => format!("table {table} has no stream"),
                WantedSource::Kinesis(arn) => format!("there is no stream {arn}"),
            };
            Error::invalid("EventSourceArn", missing)
        })?;
        self.0.triggers.create(NewMapping { function, source, starting, settings, enabled }).await?;
        Ok(())
    }

    /// Triggers that feed a function of the template and are not in it.
    fn add_left_triggers(&self, plan: &mut Draft, wanted: &Wanted) {
        let feeds = |mapping: &Mapping| wanted.functions.iter().any(|(function, _)| function.name == mapping.function);
        let is_wanted = |mapping: &Mapping| {
            let existing = wanted.triggers.iter().filter_map(|trigger| self.existing(trigger));
            existing.into_iter().any(|existing| existing.uuid == mapping.uuid)
        };
        let all = self.0.triggers.status().into_iter().map(|status| status.mapping);
        for mapping in all.filter(|mapping| feeds(mapping) && !is_wanted(mapping)) {
            let name = format!("{} from {} ({})", mapping.function, mapping.source.name(), mapping.uuid);
            plan.planned.push(Planned { kind: TRIGGER, name, step: Step::Left });
        }
    }

    fn add_left(&self, plan: &mut Draft) {
        let is_templated = |resource: &db::Resource| Origin::of(&resource.body) == Some(Origin::Template);
        for kind in [PARAMETER, FUNCTION, NOTIFICATION, SCHEDULE] {
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

impl Templated for NotificationDefinition {
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

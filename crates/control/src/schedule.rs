//! What a schedule is: its definition and the item it is stored as. When it is due is computed by the room `schedule`;
//! who is called then is the clock's affair.

use crate::{
    Error,
    fields::{Body, Fields, Malformed},
    function::{ORIGINS, Origin, length, within},
};
use ::schedule::{Expression, Runs, Service, Timetable, Zone};
use item::Item;

/// The kind of its resource.
pub const SCHEDULE: &str = "schedule";

const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 512;
/// AWS: what a rule's target takes.
const RULE_INPUT_BYTES_MAX: usize = 8192;
/// AWS takes 256 KB; the definition, which holds it, is stored whole in as much.
const INPUT_BYTES_MAX: usize = 192 << 10;
const RETRIES_MAX: u32 = 185;
const AGE_S: std::ops::RangeInclusive<u32> = 60..=86_400;
const WINDOW_MINUTES: std::ops::RangeInclusive<u32> = 1..=1440;

/// What becomes of runs that were due while nobody was there to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// One run for all of them, as soon as possible.
    Run,
    /// None.
    Skip,
}

pub(crate) const MISSED: [(&str, Missed); 2] = [("run", Missed::Run), ("skip", Missed::Skip)];
const SERVICES: [(&str, Service); 2] = [("rule", Service::Rule), ("scheduler", Service::Scheduler)];

/// How often a call that could not be delivered (the function is busy) is tried again. One that was delivered and failed
/// is tried again as the function's own settings for events say, like on AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// 0 to 185.
    pub attempts: u32,
    /// 60 to 86,400 s.
    pub age_s: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts: RETRIES_MAX, age_s: *AGE_S.end() }
    }
}

/// A schedule as it is to be: one target of a rule, or a schedule of EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleDefinition {
    pub service: Service,
    /// Scheduler's group, `default` unless named. A rule's bus.
    pub group: String,
    /// The rule's or the schedule's.
    pub name: String,
    /// A rule's target; a rule may have several, each is a definition. Empty for Scheduler.
    pub target_id: String,
    pub expression: String,
    /// IANA's name; rules know `UTC` only.
    pub zone: String,
    /// Milliseconds since the epoch.
    pub start_ms: Option<i64>,
    pub end_ms: Option<i64>,
    pub enabled: bool,
    pub description: String,
    /// Name of the function that is called.
    pub function: String,
    /// JSON. `None`: the document that AWS sends.
    pub input: Option<String>,
    pub missed: Missed,
    pub retry: RetryPolicy,
    /// ARN of what gets runs that were given up.
    pub dead_letter: Option<String>,
    /// Minutes in which a run may start; it starts at their beginning.
    pub window_minutes: Option<u32>,
    /// Delete it after its last run (`ActionAfterCompletion`).
    pub delete_after: bool,
    pub origin: Origin,
}

impl ScheduleDefinition {
    /// With AWS's defaults for all else.
    #[must_use]
    pub fn new(service: Service, name: &str, expression: &str, function: &str) -> ScheduleDefinition {
        ScheduleDefinition {
            service,
            group: "default".to_owned(),
            name: name.to_owned(),
            target_id: String::new(),
            expression: expression.to_owned(),
            zone: "UTC".to_owned(),
            start_ms: None,
            end_ms: None,
            enabled: true,
            description: String::new(),
            function: function.to_owned(),
            input: None,
            missed: Missed::Run,
            retry: RetryPolicy::default(),
            dead_letter: None,
            window_minutes: None,
            delete_after: false,
            origin: Origin::Api,
        }
    }

    /// The name of its resource: `rule/nightly/target`, `schedule/default/nightly`.
    #[must_use]
    pub fn key(&self) -> String {
        match self.service {
            Service::Rule => format!("rule/{}/{}", self.name, self.target_id),
            Service::Scheduler => format!("schedule/{}/{}", self.group, self.name),
        }
    }

    /// Its own ARN.
    #[must_use]
    pub fn arn(&self, place: &wire::Place) -> String {
        match self.service {
            Service::Rule => place.arn("events", &format!("rule/{}", self.name)),
            Service::Scheduler => place.arn("scheduler", &format!("schedule/{}/{}", self.group, self.name)),
        }
    }

    /// When it is due.
    ///
    /// # Errors
    /// [`Error::Invalid`] with AWS's words for an expression that is none.
    pub fn timetable(&self) -> Result<Timetable, Error> {
        let expression = Expression::parse(&self.expression, self.service);
        let expression = expression.map_err(|error| Error::invalid("ScheduleExpression", error.to_string()))?;
        let zone = Zone::named(&self.zone);
        let zone = zone.map_err(|error| Error::invalid("ScheduleExpressionTimezone", error.to_string()))?;
        Ok(Timetable { expression, zone, start_ms: self.start_ms, end_ms: self.end_ms })
    }

    /// Refuses what AWS refuses.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        check_name("Name", &self.name)?;
        check_name("GroupName", &self.group)?;
        if self.service == Service::Rule {
            check_name("Id", &self.target_id)?;
        }
        self.timetable()?;
        length("Description", &self.description, DESCRIPTION_MAX)?;
        within("MaximumRetryAttempts", "retries", self.retry.attempts, &(0..=RETRIES_MAX))?;
        within("MaximumEventAgeInSeconds", "seconds", self.retry.age_s, &AGE_S)?;
        if let Some(minutes) = self.window_minutes {
            within("MaximumWindowInMinutes", "minutes", minutes, &WINDOW_MINUTES)?;
        }
        self.check_input()
    }

    fn check_input(&self) -> Result<(), Error> {
        let Some(input) = &self.input else { return Ok(()) };
        let most = if self.service == Service::Rule { RULE_INPUT_BYTES_MAX } else { INPUT_BYTES_MAX };
        if input.len() > most {
            return Err(Error::invalid("Input", format!("Input has {} bytes, {most} at most", input.len())));
        }
        let json = serde_json::from_str::<serde_json::Value>(input);
        json.map(drop).map_err(|error| Error::invalid("Input", format!("Input is not JSON: {error}")))
    }

    /// The body of its resource.
    fn to_body(&self) -> Body {
        Body::default()
            .word("service", &SERVICES, &self.service)
            .text("group", &self.group)
            .text("name", &self.name)
            .text("target_id", &self.target_id)
            .text("expression", &self.expression)
            .text("zone", &self.zone)
            .optional_number("start_ms", self.start_ms)
            .optional_number("end_ms", self.end_ms)
            .flag("enabled", self.enabled)
            .text("description", &self.description)
            .text("function", &self.function)
            .optional_text("input", self.input.as_deref())
            .word("missed", &MISSED, &self.missed)
            .number("retry_attempts", i64::from(self.retry.attempts))
            .number("retry_age_s", i64::from(self.retry.age_s))
            .optional_text("dead_letter", self.dead_letter.as_deref())
            .optional_number("window_minutes", self.window_minutes.map(i64::from))
            .flag("delete_after", self.delete_after)
            .word("origin", &ORIGINS, &self.origin)
    }

    fn from_item(item: &Item) -> Result<ScheduleDefinition, Malformed> {
        let fields = Fields(item);
        Ok(ScheduleDefinition {
            service: fields.word("service", &SERVICES)?,
            group: fields.text("group")?,
            name: fields.text("name")?,
            target_id: fields.text_or_empty("target_id")?,
            expression: fields.text("expression")?,
            zone: fields.text("zone")?,
            start_ms: fields.optional_number("start_ms")?,
            end_ms: fields.optional_number("end_ms")?,
            enabled: fields.flag("enabled")?,
            description: fields.text_or_empty("description")?,
            function: fields.text("function")?,
            input: fields.optional_text("input")?,
            missed: fields.word("missed", &MISSED)?,
            retry: RetryPolicy { attempts: fields.number("retry_attempts")?, age_s: fields.number("retry_age_s")? },
            dead_letter: fields.optional_text("dead_letter")?,
            window_minutes: fields.optional_number("window_minutes")?,
            delete_after: fields.flag("delete_after")?,
            origin: fields.word("origin", &ORIGINS)?,
        })
    }
}

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub definition: ScheduleDefinition,
    /// What a rate counts from: when it got its expression. Milliseconds since the epoch.
    pub base_ms: i64,
    /// Runs that were due before are not owed: when it was last enabled, or got its expression.
    pub owed_ms: i64,
}

impl Schedule {
    /// What is kept of a definition that is put at `now_ms` in place of another, or of none.
    #[must_use]
    pub fn put(definition: ScheduleDefinition, before: Option<&Schedule>, now_ms: i64) -> Schedule {
        let same_times = |before: &&Schedule| {
            let times = |of: &ScheduleDefinition| (of.expression.clone(), of.zone.clone(), of.start_ms, of.end_ms);
            times(&before.definition) == times(&definition)
        };
        let Some(before) = before.filter(same_times) else {
            return Schedule { definition, base_ms: now_ms, owed_ms: now_ms };
        };
        let enabled_now = definition.enabled && !before.definition.enabled;
        let owed_ms = if enabled_now { now_ms } else { before.owed_ms };
        Schedule { definition, base_ms: before.base_ms, owed_ms }
    }

    /// The moments at which it is due.
    ///
    /// # Errors
    /// As [`ScheduleDefinition::timetable`].
    pub fn runs(&self) -> Result<Runs, Error> {
        Ok(self.definition.timetable()?.runs(self.base_ms))
    }

    /// The body of its resource.
    #[must_use]
    pub fn to_item(&self) -> Item {
        self.definition.to_body().number("base_ms", self.base_ms).number("owed_ms", self.owed_ms).item()
    }

    /// Reads the body of a resource.
    ///
    /// # Errors
    /// The attribute that does not read.
    pub fn from_item(item: &Item) -> Result<Schedule, Malformed> {
        let definition = ScheduleDefinition::from_item(item)?;
        let fields = Fields(item);
        Ok(Schedule { definition, base_ms: fields.number("base_ms")?, owed_ms: fields.number("owed_ms")? })
    }
}

/// Letters, digits, `-`, `_` and `.`.
fn check_name(field: &'static str, name: &str) -> Result<(), Error> {
    let fits = (1..=NAME_MAX).contains(&name.len());
    if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("{field} `{name}`: 1 to {NAME_MAX} letters, digits, -, _ and . are allowed")))
}

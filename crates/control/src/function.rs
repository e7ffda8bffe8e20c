//! What a function is: its definition, the limits that AWS has for it, and the item it is stored as. Knows nothing of
//! processes.

use crate::{
    Error,
    fields::{Body, Fields, Malformed},
};
use item::{Item, Value};
use std::{collections::BTreeMap, path::PathBuf};

/// The kind of its resource.
pub const FUNCTION: &str = "function";

/// Environment variables together, bytes of their JSON.
const ENVIRONMENT_BYTES_MAX: usize = 4096;
const NAME_MAX: usize = 64;
const HANDLER_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 256;
const TAGS_MAX: usize = 50;
/// Reserved concurrency above the whole account's on AWS by default; here processes are what bounds it.
const CONCURRENCY_MAX: u32 = 1_000;
const TIMEOUT_S: std::ops::RangeInclusive<u32> = 1..=900;
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;
const RETRIES_MAX: u32 = 2;
const EVENT_AGE_S: std::ops::RangeInclusive<u32> = 60..=21_600;

/// Variables that Lambda sets itself.
const RESERVED: [&str; 17] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Where a definition came from: what a template no longer names is left alone only if a template made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Template,
    Api,
}

pub(crate) const ORIGINS: [(&str, Origin); 2] = [("template", Origin::Template), ("api", Origin::Api)];

impl Origin {
    /// The origin of a stored definition.
    pub(crate) fn of(body: &Item) -> Option<Origin> {
        Fields(body).word("origin", &ORIGINS).ok()
    }
}

/// Where a function's code lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A folder that is run in place: a template's `CodeUri`.
    Folder(PathBuf),
    /// Unpacked in the code store. `sha256` is of the package as it came in, hexadecimal; `bytes` is its length.
    Stored { sha256: String, bytes: u64 },
}

/// What becomes of events that were accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// ARN of `DeadLetterConfig`: gets what is given up, unless the `EventInvokeConfig` names somebody.
    pub dead_letter: Option<String>,
    /// `EventInvokeConfig`, if there is one.
    pub invoke: Option<EventInvoke>,
}

/// How events are tried and whom their ends are told; what is not said is as AWS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventInvoke {
    /// Calls after the first one that failed, 0 to 2.
    pub retry_attempts: Option<u32>,
    /// Events older than this are given up, seconds.
    pub age_s: Option<u32>,
    /// ARNs of what gets records of events that are given up, and of those that succeed.
    pub on_failure: Option<String>,
    pub on_success: Option<String>,
}

impl Events {
    pub(crate) fn retry_attempts(&self) -> u32 {
        self.invoke.as_ref().and_then(|invoke| invoke.retry_attempts).unwrap_or(RETRIES_MAX)
    }

    pub(crate) fn age_s(&self) -> u32 {
        self.invoke.as_ref().and_then(|invoke| invoke.age_s).unwrap_or(*EVENT_AGE_S.end())
    }

    /// Who gets what is given up.
    pub(crate) fn on_failure(&self) -> Option<&str> {
        self.invoke.as_ref().and_then(|invoke| invoke.on_failure.as_deref()).or(self.dead_letter.as_deref())
    }

    /// Who is told of what succeeds.
    pub(crate) fn on_success(&self) -> Option<&str> {
        self.invoke.as_ref().and_then(|invoke| invoke.on_success.as_deref())
    }

    fn write(&self, body: Body) -> Body {
        let body = body.optional_text("dead_letter", self.dead_letter.as_deref());
        let Some(invoke) = &self.invoke else { return body };
        body.flag("event_invoke", true)
            .optional_number("event_retry_attempts", invoke.retry_attempts.map(i64::from))
            .optional_number("event_age_s", invoke.age_s.map(i64::from))
            .optional_text("event_on_failure", invoke.on_failure.as_deref())
            .optional_text("event_on_success", invoke.on_success.as_deref())
    }

    fn read(fields: Fields<'_>) -> Result<Events, Malformed> {
        let invoke = EventInvoke {
            retry_attempts: fields.optional_number("event_retry_attempts")?,
            age_s: fields.optional_number("event_age_s")?,
            on_failure: fields.optional_text("event_on_failure")?,
            on_success: fields.optional_text("event_on_success")?,
        };
        // Before there was this flag, numbers were always there, also where nobody had asked for any.
        let usual = EventInvoke {
            retry_attempts: Some(RETRIES_MAX),
            age_s: Some(*EVENT_AGE_S.end()),
            ..EventInvoke::default()
        };
        let is_there = fields.flag("event_invoke")? || (invoke != usual && invoke != EventInvoke::default());
        Ok(Events { dead_letter: fields.optional_text("dead_letter")?, invoke: is_there.then_some(invoke) })
    }
}

/// A function as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDefinition {
    pub name: String,
    /// As named: `python3.12`.
    pub runtime: String,
    pub handler: String,
    pub timeout_s: u32,
    pub memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    pub description: String,
    /// ARN; nothing here depends on it.
    pub role: String,
    /// `x86_64` or `arm64`; nothing here depends on it.
    pub architecture: String,
    /// `None`: as many at once as there are processes.
    pub reserved_concurrency: Option<u32>,
    pub code: Code,
    pub events: Events,
    pub tags: BTreeMap<String, String>,
    pub origin: Origin,
}

impl FunctionDefinition {
    /// With AWS's defaults for all else.
    #[must_use]
    pub fn new(name: &str, runtime: &str, handler: &str, code: Code) -> FunctionDefinition {
        FunctionDefinition {
            name: name.to_owned(),
            runtime: runtime.to_owned(),
            handler: handler.to_owned(),
            timeout_s: 3,
            memory_mb: 128,
            environment: BTreeMap::new(),
            description: String::new(),
            role: String::new(),
            architecture: "x86_64".to_owned(),
            reserved_concurrency: None,
            code,
            events: Events::default(),
            tags: BTreeMap::new(),
            origin: Origin::Api,
        }
    }

    /// The body of its resource.
    #[must_use]
    pub fn to_item(&self) -> Item {
        let body = Body::default()
            .text("runtime", &self.runtime)
            .text("handler", &self.handler)
            .number("timeout_s", i64::from(self.timeout_s))
            .number("memory_mb", i64::from(self.memory_mb))
            .texts("environment", &self.environment)
            .text("description", &self.description)
            .text("role", &self.role)
            .text("architecture", &self.architecture)
            .optional_number("reserved_concurrency", self.reserved_concurrency.map(i64::from))
            .texts("tags", &self.tags)
            .word("origin", &ORIGINS, &self.origin);
        let mut item = self.events.write(body).item();
        item.insert("code", Value::M(code_to_item(&self.code)));
        item
    }

    /// Reads the body of the resource of this name.
    ///
    /// # Errors
    /// The attribute that does not read.
    pub fn from_item(name: &str, item: &Item) -> Result<FunctionDefinition, Malformed> {
        let fields = Fields(item);
        Ok(FunctionDefinition {
            name: name.to_owned(),
            runtime: fields.text("runtime")?,
            handler: fields.text_or_empty("handler")?,
            timeout_s: fields.number("timeout_s")?,
            memory_mb: fields.number("memory_mb")?,
            environment: fields.texts("environment")?,
            description: fields.text_or_empty("description")?,
            role: fields.text_or_empty("role")?,
            architecture: fields.text_or_empty("architecture")?,
            reserved_concurrency: fields.optional_number("reserved_concurrency")?,
            code: code_from_item(item)?,
            events: Events::read(fields)?,
            tags: fields.texts("tags")?,
            origin: fields.word("origin", &ORIGINS)?,
        })
    }

    /// Refuses what AWS refuses. Which runtimes there are is for the room that runs them to say.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        length("handler", &self.handler, HANDLER_MAX)?;
        length("description", &self.description, DESCRIPTION_MAX)?;
        if self.handler.chars().any(char::is_whitespace) {
            return Err(Error::invalid("handler", format!("the handler `{}` has white space in it", self.handler)));
        }
        within("timeout", "seconds", self.timeout_s, &TIMEOUT_S)?;
        within("memorySize", "MB", self.memory_mb, &MEMORY_MB)?;
        within(
            "reservedConcurrentExecutions",
            "calls",
            self.reserved_concurrency.unwrap_or(0),
            &(0..=CONCURRENCY_MAX),
        )?;
        within("maximumRetryAttempts", "retries", self.events.retry_attempts(), &(0..=RETRIES_MAX))?;
        within("maximumEventAgeInSeconds", "seconds", self.events.age_s(), &EVENT_AGE_S)?;
        check_on_success(self.events.on_success())?;
        check_environment(&self.environment)?;
        check_tags(&self.tags)
    }
}

/// Buckets get records of failures only, as on AWS.
fn check_on_success(destination: Option<&str>) -> Result<(), Error> {
    if destination.is_some_and(|destination| triggers::bucket_of(destination).is_some()) {
        let message = "S3 buckets are supported only for on-failure destinations. To retain records of successful \
                       invocations, use another destination type.";
        return Err(Error::invalid("onSuccess", message.to_owned()));
    }
    Ok(())
}

fn code_to_item(code: &Code) -> Item {
    match code {
        Code::Folder(path) => Body::default().text("folder", &path.to_string_lossy()).item(),
        Code::Stored { sha256, bytes } => Body::default().text("sha256", sha256).number("bytes", *bytes).item(),
    }
}

fn code_from_item(item: &Item) -> Result<Code, Malformed> {
    let Some(Value::M(code)) = item.get("code") else { return Err(Malformed::new("code", "not a map")) };
    let fields = Fields(code);
    match fields.optional_text("folder")? {
        Some(folder) => Ok(Code::Folder(PathBuf::from(folder))),
        None => Ok(Code::Stored { sha256: fields.text("sha256")?, bytes: fields.number("bytes")? }),
    }
}

/// Letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=NAME_MAX).contains(&name.len());
    if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Ok(());
    }
    let message = format!("function name `{name}`: 1 to {NAME_MAX} letters, digits, - and _ are allowed");
    Err(Error::invalid("functionName", message))
}

pub(crate) fn length(field: &'static str, text: &str, most: usize) -> Result<(), Error> {
    let found = text.chars().count();
    if found > most {
        return Err(Error::invalid(field, format!("{field} has {found} characters, {most} at most")));
    }
    Ok(())
}

pub(crate) fn within(
    field: &'static str,
    unit: &str,
    value: u32,
    range: &std::ops::RangeInclusive<u32>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let message = format!("{field} is {value}, not within {} to {} {unit}", range.start(), range.end());
    Err(Error::invalid(field, message))
}

fn check_environment(environment: &BTreeMap<String, String>) -> Result<(), Error> {
    let cannot = "Lambda was unable to configure your environment variables because the environment variables you have \
                  provided";
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let reserved: Vec<&str> = environment.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        let names = reserved.join(", ");
        let message = format!(
            "{cannot} contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {names}"
        );
        return Err(Error::invalid("environment", message));
    }
    if let Some((name, _)) = environment.iter().find(|(name, value)| !is_name(name) || value.contains('\0')) {
        let message = format!("environment variable `{name}`: a name is a letter, then letters, digits and _");
        return Err(Error::invalid("environment", message));
    }
    let json = serde_json::to_string(environment).expect("a map of texts is JSON");
    if json.len() > ENVIRONMENT_BYTES_MAX {
        let message = format!("{cannot} exceeded the 4KB limit. String measured: {json}");
        return Err(Error::invalid("environment", message));
    }
    Ok(())
}

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::invalid("tags", format!("{} tags, {TAGS_MAX} at most", tags.len())));
    }
    for (key, value) in tags {
        length("tag key", key, 128)?;
        length("tag value", value, 256)?;
    }
    Ok(())
}

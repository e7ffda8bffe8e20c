//! The settings that a function is created with and that an update may change. What would change what a function does,
//! and is not done here, is refused; what changes nothing here is not looked at.

use super::fault::invalid;
use crate::{
    checks::Checks,
    json::{Integer, List, Map, Text},
    protocol::Fault,
};
use control::FunctionDefinition;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

shape! {
    Environment<'a> (plain) {
        "Variables" => variables: Map<Text<'a>, Text<'a>>,
    }
}

shape! {
    DeadLetterConfig<'a> (plain) {
        "TargetArn" => target: Text<'a>,
    }
}

shape! {
    /// Of CreateFunction and UpdateFunctionConfiguration.
    Settings<'a> (plain) {
        "Runtime" => runtime: Text<'a>,
        "Role" => role: Text<'a>,
        "Handler" => handler: Text<'a>,
        "Description" => description: Text<'a>,
        "Timeout" => timeout: Integer,
        "MemorySize" => memory: Integer,
        "Environment" => environment: Environment<'a>,
        "DeadLetterConfig" => dead_letter: DeadLetterConfig<'a>,
        "Layers" => layers: List<IgnoredAny>,
        "FileSystemConfigs" => file_systems: List<IgnoredAny>,
        "ImageConfig" => image: IgnoredAny,
        "CapacityProviderConfig" => capacity: IgnoredAny,
        "DurableConfig" => durable: IgnoredAny,
        "TenancyConfig" => tenancy: IgnoredAny,
        "RuntimeConfig" => runtime_config: IgnoredAny,
        "AcceleratorConfig" => accelerator: IgnoredAny,
    }
}

/// Settings to be applied; what is absent stays.
#[derive(Debug, Default)]
pub(crate) struct Change {
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout_s: Option<u32>,
    memory_mb: Option<u32>,
    environment: Option<BTreeMap<String, String>>,
    dead_letter: Option<Option<String>>,
}

const TIMEOUT_S_MAX: i64 = 900;
const MEMORY_MB: (i64, i64) = (128, 10_240);
const HANDLER_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 256;
const ROLE: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

impl Settings<'_> {
    /// The first of AWS's checks: each by itself.
    pub fn check(&self, checks: &mut Checks) {
        let (timeout, memory) = (self.timeout.map(|value| value.0), self.memory.map(|value| value.0));
        checks.at_least("timeout", timeout, 1);
        checks.at_most("timeout", timeout, TIMEOUT_S_MAX);
        checks.at_least("memorySize", memory, MEMORY_MB.0);
        checks.at_most("memorySize", memory, MEMORY_MB.1);
        if let Some(role) = self.role.as_deref() {
            checks.check(is_role(role), "role", role, format_args!("satisfy regular expression pattern: {ROLE}"));
        }
        if let Some(handler) = self.handler.as_deref() {
            checks.longest("handler", handler, HANDLER_MAX);
            let fits = !handler.is_empty() && !handler.contains(char::is_whitespace);
            checks.check(fits, "handler", handler, format_args!(r"satisfy regular expression pattern: [^\s]+"));
        }
        if let Some(description) = self.description.as_deref() {
            checks.longest("description", description, DESCRIPTION_MAX);
        }
    }

    /// Refuses what a function here would go without.
    pub fn refuse_missing(&self) -> Result<(), Fault> {
        let some = |list: &Option<List<IgnoredAny>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let asked = [
            ("Layers", some(&self.layers)),
            ("FileSystemConfigs", some(&self.file_systems)),
            ("ImageConfig", self.image.is_some()),
            ("CapacityProviderConfig", self.capacity.is_some()),
            ("DurableConfig", self.durable.is_some()),
            ("TenancyConfig", self.tenancy.is_some()),
            ("RuntimeConfig", self.runtime_config.is_some()),
            ("AcceleratorConfig", self.accelerator.is_some()),
        ];
        match asked.iter().find(|(_, asked)| *asked) {
            None => Ok(()),
            Some(("Layers", _)) => {
                Err(invalid("Layers do not work here: put their contents into the function's package, or its folder"))
            }
            Some((name, _)) => Err(invalid(format!("{name} does not work here"))),
        }
    }

    /// The change that they ask for, once checked.
    pub fn change(self) -> Change {
        let own = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned());
        let small = |value: Option<Integer>| value.and_then(|value| u32::try_from(value.0).ok());
        let variables = |environment: Environment<'_>| texts(environment.variables);
        Change {
            runtime: own(self.runtime),
            role: own(self.role),
            handler: own(self.handler),
            description: own(self.description),
            timeout_s: small(self.timeout),
            memory_mb: small(self.memory),
            environment: self.environment.map(variables),
            dead_letter: self.dead_letter.map(|config| own(config.target).filter(|target| !target.is_empty())),
        }
    }
}

impl Change {
    pub fn apply(self, definition: &mut FunctionDefinition) {
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut definition.runtime, self.runtime);
        set(&mut definition.role, self.role);
        set(&mut definition.handler, self.handler);
        set(&mut definition.description, self.description);
        set(&mut definition.timeout_s, self.timeout_s);
        set(&mut definition.memory_mb, self.memory_mb);
        set(&mut definition.environment, self.environment);
        set(&mut definition.events.dead_letter, self.dead_letter);
    }
}

/// A map of texts, as rooms keep it.
pub(super) fn texts(map: Option<Map<Text<'_>, Text<'_>>>) -> BTreeMap<String, String> {
    let pairs = map.map(|map| map.0).unwrap_or_default();
    pairs.into_iter().map(|(key, value)| (key.0.into_owned(), value.0.into_owned())).collect()
}

/// Matches [`ROLE`].
fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, role] = parts[..] else { return false };
    let path = role.strip_prefix("role").map(|path| path.strip_prefix('/').unwrap_or(path));
    let fits = |path: &str| {
        !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte))
    };
    (partition.is_empty() || partition.starts_with("aws"))
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && path.is_some_and(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_an_arn_of_iam() {
        for role in ["arn:aws:iam::000000000000:role/r", "arn:aws-cn:iam::123456789012:role/a/b+=,.@-_"] {
            assert!(is_role(role), "{role}");
        }
        for other in
            ["", "r", "arn:aws:iam::1:role/r", "arn:aws:iam::000000000000:user/r", "arn:aws:iam::000000000000:role/"]
        {
            assert!(!is_role(other), "{other}");
        }
    }
}

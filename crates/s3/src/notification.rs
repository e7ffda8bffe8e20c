//! Who is told of a bucket's events: which events of which keys call which function. What S3 takes for such a list, and
//! the seam to whoever keeps it and makes the calls.

use crate::{Error, Event, error::Refusal};
use std::{collections::HashSet, pin::Pin};

/// Most targets of a bucket, as in S3.
const TARGETS_MAX: usize = 100;
/// Longest id, and longest prefix or suffix, as in S3.
const ID_CHARACTERS_MAX: usize = 255;
const AFFIX_BYTES_MAX: usize = 1024;
/// Kinds of events that S3 has. Those that no change here is of never happen.
const KINDS: [&str; 27] = [
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// A function that is called for some of a bucket's events: a `LambdaFunctionConfiguration` of S3's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Unique within the bucket; events show it as `configurationId`.
    pub id: String,
    /// The function's name.
    pub function: String,
    /// `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`.
    pub kinds: Vec<String>,
    /// How keys begin and end; empty: any do.
    pub prefix: String,
    pub suffix: String,
}

/// What comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps who is told of which bucket's events, and tells them. The room of functions is one; this room must not know it.
pub trait Notifier: Send + Sync + 'static {
    /// The targets of a bucket.
    ///
    /// # Errors
    /// When they cannot be read.
    fn targets(&self, bucket: &str) -> Result<Vec<Target>, Error>;

    /// Replaces the targets of a bucket, which were checked.
    ///
    /// # Errors
    /// [`Refusal::Argument`] when there is no such function, and others.
    fn set_targets(&self, bucket: &str, targets: Vec<Target>) -> Later<'_, Result<(), Error>>;
}

impl Target {
    /// Whether it is to be told of this.
    #[must_use]
    pub fn wants(&self, event: Event, key: &str) -> bool {
        let name = event.name();
        let is_of = |kind: &String| {
            let kind = kind.strip_prefix("s3:").unwrap_or(kind);
            kind == name || kind.strip_suffix('*').is_some_and(|kind| name.starts_with(kind))
        };
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix) && self.kinds.iter().any(is_of)
    }

    /// Whether an event could be one for both.
    fn overlaps(&self, other: &Target) -> bool {
        let either = |one: &str, two: &str, within: fn(&str, &str) -> bool| within(one, two) || within(two, one);
        let is_shared = |kind: &String| other.kinds.iter().any(|other| either(kind, other, covers));
        self.kinds.iter().any(is_shared)
            && either(&self.prefix, &other.prefix, |one, two| one.starts_with(two))
            && either(&self.suffix, &other.suffix, |one, two| one.ends_with(two))
    }

    fn check(&self) -> Result<(), Error> {
        if self.id.chars().count() > ID_CHARACTERS_MAX {
            return refuse(format!("An id has at most {ID_CHARACTERS_MAX} characters: {}", self.id));
        }
        if self.prefix.len().max(self.suffix.len()) > AFFIX_BYTES_MAX {
            return refuse("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation");
        }
        match self.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            Some(kind) => refuse(format!("The event is not supported for notifications: {kind}")),
            None if self.kinds.is_empty() => refuse("A configuration names at least one event"),
            None => Ok(()),
        }
    }
}

/// Whether a kind of event is this one, or one of these.
fn covers(kinds: &str, kind: &str) -> bool {
    kinds == kind || kinds.strip_suffix('*').is_some_and(|kinds| kind.starts_with(kinds))
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::invalid(Refusal::Argument, message))
}

/// Refuses what S3 refuses of a bucket's targets.
///
/// # Errors
/// [`Refusal::Argument`], with S3's words where they are known.
pub fn check_targets(targets: &[Target]) -> Result<(), Error> {
    if targets.len() > TARGETS_MAX {
        return refuse(format!("A bucket has at most {TARGETS_MAX} configurations, not {}", targets.len()));
    }
    targets.iter().try_for_each(Target::check)?;
    let mut ids = HashSet::new();
    if let Some(twice) = targets.iter().find(|target| !ids.insert(&target.id)) {
        return refuse(format!("Same ID used for multiple configurations: {}. IDs must be unique", twice.id));
    }
    for (at, target) in targets.iter().enumerate() {
        if targets[at + 1..].iter().any(|other| target.overlaps(other)) {
            let message = "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
            return refuse(message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(id: &str, kind: &str, prefix: &str, suffix: &str) -> Target {
        let (id, kinds) = (id.to_owned(), vec![kind.to_owned()]);
        Target { id, function: "f".to_owned(), kinds, prefix: prefix.to_owned(), suffix: suffix.to_owned() }
    }

    #[test]
    fn a_target_wants_its_kinds_of_events_of_its_keys() {
        let created = target("a", "s3:ObjectCreated:*", "in/", ".csv");
        assert!(created.wants(Event::Put, "in/a.csv") && created.wants(Event::CompleteMultipartUpload, "in/.csv"));
        assert!(!created.wants(Event::Removed, "in/a.csv") && !created.wants(Event::Put, "out/a.csv"));
        assert!(!created.wants(Event::Put, "in/a.csv.gz"));
        let copied = target("a", "s3:ObjectCreated:Copy", "", "");
        assert!(copied.wants(Event::Copy, "k") && !copied.wants(Event::Put, "k"));
        assert!(!target("a", "s3:ObjectTagging:*", "", "").wants(Event::Put, "k"));
    }

    #[test]
    fn two_targets_never_want_the_same_event() {
        let check = |one: (&str, &str, &str), two: (&str, &str, &str)| {
            let two = [target("a", one.0, one.1, one.2), target("b", two.0, two.1, two.2)];
            check_targets(&two).is_ok()
        };
        let (all, put, copy) = ("s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Copy");
        assert!(!check((all, "", ""), (put, "", "")) && !check((put, "", ""), (all, "", "")));
        assert!(check((copy, "", ""), (put, "", "")) && check((all, "", ""), ("s3:ObjectRemoved:*", "", "")));
        assert!(check((all, "a/", ""), (all, "b/", "")) && !check((all, "a/", ""), (all, "a/b/", "")));
        assert!(check((all, "", ".csv"), (all, "", ".gz")) && !check((all, "", ".csv.gz"), (all, "", ".gz")));
        assert!(!check((all, "a/", ""), (all, "", ".gz")), "a/b.gz is of both");
        assert!(check_targets(&[target("a", all, "", ""), target("a", "s3:ObjectRemoved:*", "", "")]).is_err());
        assert!(check_targets(&[target("a", "s3:ObjectMade:*", "", "")]).is_err());
    }
}

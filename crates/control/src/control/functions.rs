//! Functions: stored first, then applied to whatever runs them.

use super::{Control, Defined, Inner, blocking, defined, to_its_end};
use crate::{
    Answer, Code, Counts, Error, FUNCTION, Function, FunctionDefinition, Invocation, Package, Runner,
    calls::{Owner, Waiting},
    code::CodeStore,
};
use db::{Db, Expected, Resource};
use functions::Runtime;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use wire::{Place, names};

/// Bytes of an event's payload.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

impl Control {
    /// Creates a function. Its `code` is that of the package, whatever the definition says.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Invalid`], [`Error::Code`], and those of disk and database.
    pub async fn create_function(
        &self,
        definition: FunctionDefinition,
        package: Package,
    ) -> Result<Defined<FunctionDefinition>, Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            if inner.db.resource(FUNCTION, &definition.name).is_some() {
                return Err(Error::Exists { kind: FUNCTION, name: definition.name });
            }
            inner.store(definition, Some(package), Expected::Absent).await
        })
        .await
    }

    /// Changes a function: its definition, its code, or both. `revision` is the one that the change was made for, if that
    /// matters.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Changed`], [`Error::Invalid`], [`Error::Code`], and those of disk and database.
    pub async fn update_function(
        &self,
        name: &str,
        revision: Option<u64>,
        change: impl FnOnce(&mut FunctionDefinition) + Send + 'static,
        package: Option<Package>,
    ) -> Result<Defined<FunctionDefinition>, Error> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            let found = read(&*inner.resource(FUNCTION, &name)?)?;
            if revision.is_some_and(|revision| revision != found.revision) {
                return Err(Error::Changed { kind: FUNCTION, name });
            }
            let mut definition = found.definition;
            change(&mut definition);
            definition.name = name;
            inner.store(definition, package, Expected::Revision(found.revision)).await
        })
        .await
    }

    /// Deletes a function with its events that wait; calls under way end as they do.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of disk and database.
    pub async fn delete_function(&self, name: &str) -> Result<(), Error> {
        let (inner, name) = (self.0.clone(), name.to_owned());
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            let gone = inner.delete(FUNCTION, &name).await?;
            inner.calls.remove(gone.id);
            inner.runner.remove(&name);
            inner.remove_unused_code().await
        })
        .await
    }

    /// The function of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn function(&self, name: &str) -> Result<Defined<FunctionDefinition>, Error> {
        read(&*self.0.resource(FUNCTION, name)?)
    }

    /// All functions, sorted by name.
    ///
    /// # Errors
    /// When one does not read.
    pub fn functions(&self) -> Result<Vec<Defined<FunctionDefinition>>, Error> {
        self.0.db.resources(FUNCTION).iter().map(|resource| read(resource)).collect()
    }

    /// The folder that a function's code lies in.
    #[must_use]
    pub fn code_folder(&self, code: &Code) -> PathBuf {
        folder(code, &self.0.code)
    }

    /// The ARN of the function of this name.
    #[must_use]
    pub fn function_arn(&self, name: &str) -> String {
        arn(name, &self.0.place)
    }

    /// Starts a function's processes anew: its code changed in place.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn restart_function(&self, name: &str) -> Result<(), Error> {
        self.0.resource(FUNCTION, name)?;
        self.0.runner.restart(name);
        Ok(())
    }

    /// Calls a function and waits for its answer.
    pub fn invoke(&self, name: &str, invocation: Invocation) -> Answer<'_> {
        self.0.runner.call(name, invocation)
    }

    /// Accepts an event for a function; answers the call's id. When it answers, the event is on disk, and is there until
    /// the function has answered or the event is given up: at least once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooLarge`], [`Error::TooManyRequests`] when as many wait as may, and those of the
    /// database.
    pub async fn invoke_event(&self, name: &str, invocation: Invocation) -> Result<String, Error> {
        let bytes = invocation.payload.len();
        if bytes > EVENT_BYTES_MAX {
            return Err(Error::TooLarge(format!(
                "{bytes} byte payload is too large for the Event invocation type (limit {EVENT_BYTES_MAX} bytes)"
            )));
        }
        let (inner, name) = (self.0.clone(), name.to_owned());
        to_its_end(async move {
            let function = inner.resource(FUNCTION, &name)?;
            let id = names::random_uuid(&inner.db);
            let waiting = Waiting::new(id.clone(), &name, invocation, inner.db.now_ms());
            inner.calls.accept(function.id, Owner::Function(name), waiting, Vec::new()).await?;
            Ok(id)
        })
        .await
    }

    /// What happened to a function's events since the start, and how many are not done.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn events(&self, name: &str) -> Result<(Counts, usize), Error> {
        let function = self.0.resource(FUNCTION, name)?;
        Ok(self.0.calls.known(function.id).map_or_else(Default::default, |queue| queue.counts()))
    }
}

/// Runs everything stored.
pub(super) fn apply_all(db: &Db, runner: &dyn Runner, place: &Place, code: &CodeStore) {
    for resource in db.resources(FUNCTION) {
        match read(&resource).and_then(|found| function_of(&found.definition, place, code)) {
            Ok(function) => runner.put(function),
            // One that does not read must not keep the others from running.
            Err(error) => tracing::error!("{error}; it is not run"),
        }
    }
}

impl Inner {
    pub(super) fn check_runtime(&self, runtime: &str) -> Result<(), Error> {
        self.runner.check_runtime(runtime).map_err(|message| Error::invalid("runtime", message))
    }

    /// Checks, stores the package, stores the definition, applies it: in this order, so that a definition never names code
    /// that is not there.
    pub(super) async fn store(
        self: &Arc<Inner>,
        mut definition: FunctionDefinition,
        package: Option<Package>,
        expected: Expected,
    ) -> Result<Defined<FunctionDefinition>, Error> {
        definition.check()?;
        self.check_runtime(&definition.runtime)?;
        let before = self.db.resource(FUNCTION, &definition.name).and_then(|found| read(&found).ok());
        let before = before.map(|before| before.definition.events).unwrap_or_default();
        self.check_destination(before.on_failure(), definition.events.on_failure())?;
        let has_package = package.is_some();
        if let Some(package) = package {
            let (inner, runtime) = (self.clone(), definition.runtime.clone());
            definition.code = blocking(move || inner.code.put(&package, &runtime)).await?;
        }
        let stored = self.put(FUNCTION, &definition.name, definition.to_item(), expected).await;
        let stored = stored.and_then(|stored| read(&stored));
        if let Ok(stored) = &stored {
            self.runner.put(function_of(&stored.definition, &self.place, &self.code)?);
        }
        if has_package {
            // The code of before, or that of a definition which was refused.
            self.remove_unused_code().await?;
        }
        stored
    }

    pub(super) async fn remove_unused_code(self: &Arc<Inner>) -> Result<(), Error> {
        let inner = self.clone();
        blocking(move || {
            let mut used = BTreeSet::new();
            for resource in inner.db.resources(FUNCTION) {
                // What does not read may name anything: then nothing is removed.
                let Ok(found) = read(&resource) else { return Ok(()) };
                if let Code::Stored { sha256, .. } = found.definition.code {
                    used.insert(sha256);
                }
            }
            inner.code.keep_only(&used)
        })
        .await
    }
}

fn folder(code: &Code, store: &CodeStore) -> PathBuf {
    match code {
        Code::Folder(path) => path.clone(),
        Code::Stored { sha256, .. } => store.folder(sha256),
    }
}

fn arn(name: &str, place: &Place) -> String {
    place.arn("lambda", &format!("function:{name}"))
}

/// What is needed to run a function.
fn function_of(definition: &FunctionDefinition, place: &Place, store: &CodeStore) -> Result<Function, Error> {
    let runtime = Runtime::parse(&definition.runtime);
    Ok(Function {
        name: definition.name.clone(),
        runtime: runtime.map_err(|error| Error::invalid("runtime", error.to_string()))?,
        handler: definition.handler.clone(),
        folder: folder(&definition.code, store),
        environment: definition.environment.clone(),
        timeout: Duration::from_secs(u64::from(definition.timeout_s)),
        memory_mb: definition.memory_mb,
        reserved_concurrency: definition.reserved_concurrency,
        arn: arn(&definition.name, place),
        version: match &definition.code {
            Code::Folder(path) => path.display().to_string(),
            Code::Stored { sha256, .. } => sha256.clone(),
        },
    })
}

pub(super) fn read(resource: &Resource) -> Result<Defined<FunctionDefinition>, Error> {
    defined(FUNCTION, resource, FunctionDefinition::from_item(&resource.name, &resource.body))
}

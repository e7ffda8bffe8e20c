//! Functions: stored first, then applied to whatever runs them.

use super::{Control, Defined, Inner, blocking, defined};
use crate::{Answer, Code, Error, FUNCTION, Function, FunctionDefinition, Invocation, Package, code::CodeStore};
use db::{Expected, Resource};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

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
        let _changing = self.0.changing.lock().await;
        if self.0.db.resource(FUNCTION, &definition.name).is_some() {
            return Err(Error::Exists { kind: FUNCTION, name: definition.name });
        }
        self.store(definition, Some(package), Expected::Absent).await
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
        change: impl FnOnce(&mut FunctionDefinition),
        package: Option<Package>,
    ) -> Result<Defined<FunctionDefinition>, Error> {
        let _changing = self.0.changing.lock().await;
        let found = self.function(name)?;
        if revision.is_some_and(|revision| revision != found.revision) {
            return Err(Error::Changed { kind: FUNCTION, name: name.to_owned() });
        }
        let mut definition = found.definition;
        change(&mut definition);
        name.clone_into(&mut definition.name);
        self.store(definition, package, Expected::Revision(found.revision)).await
    }

    /// Deletes a function; its calls under way go on, those that wait are dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`], and those of disk and database.
    pub async fn delete_function(&self, name: &str) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        self.0.delete(FUNCTION, name).await?;
        self.0.runner.remove(name);
        self.remove_unused_code().await
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
        self.0.folder(code)
    }

    /// The ARN of the function of this name.
    #[must_use]
    pub fn function_arn(&self, name: &str) -> String {
        self.0.function_arn(name)
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

    /// Checks, stores the package, stores the definition, applies it: in this order, so that a definition never names code
    /// that is not there.
    async fn store(
        &self,
        mut definition: FunctionDefinition,
        package: Option<Package>,
        expected: Expected,
    ) -> Result<Defined<FunctionDefinition>, Error> {
        definition.check()?;
        let unknown = |message| Error::invalid("runtime", message);
        self.0.runner.check_runtime(&definition.runtime).map_err(unknown)?;
        let has_package = package.is_some();
        if let Some(package) = package {
            let (inner, runtime) = (self.0.clone(), definition.runtime.clone());
            definition.code = blocking(move || inner.code.put(&package, &runtime)).await?;
        }
        let stored = self.0.put(FUNCTION, &definition.name, definition.to_item(), expected).await;
        if has_package {
            // The code of before, or that of a definition which was refused.
            self.remove_unused_code().await?;
        }
        let stored = read(&*stored?)?;
        self.0.runner.put(self.0.function_of(&stored.definition));
        Ok(stored)
    }

    pub(super) async fn apply_all(&self) -> Result<(), Error> {
        for resource in self.0.db.resources(FUNCTION) {
            match read(&resource) {
                Ok(found) => self.0.runner.put(self.0.function_of(&found.definition)),
                // One that does not read must not keep the others from running.
                Err(error) => tracing::error!("{error}; it is not run"),
            }
        }
        self.remove_unused_code().await
    }

    async fn remove_unused_code(&self) -> Result<(), Error> {
        let inner = self.0.clone();
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

impl Inner {
    fn folder(&self, code: &Code) -> PathBuf {
        match code {
            Code::Folder(path) => path.clone(),
            Code::Stored { sha256, .. } => self.code.folder(sha256),
        }
    }

    pub(super) fn function_arn(&self, name: &str) -> String {
        self.place.arn("lambda", &format!("function:{name}"))
    }

    fn function_of(&self, definition: &FunctionDefinition) -> Function {
        Function {
            name: definition.name.clone(),
            runtime: definition.runtime.clone(),
            handler: definition.handler.clone(),
            folder: self.folder(&definition.code),
            environment: definition.environment.clone(),
            timeout: Duration::from_secs(u64::from(definition.timeout_s)),
            memory_mb: definition.memory_mb,
            reserved_concurrency: definition.reserved_concurrency,
            arn: self.function_arn(&definition.name),
            version: match &definition.code {
                Code::Folder(path) => path.display().to_string(),
                Code::Stored { sha256, .. } => sha256.clone(),
            },
        }
    }
}

pub(super) fn read(resource: &Resource) -> Result<Defined<FunctionDefinition>, Error> {
    defined(FUNCTION, resource, FunctionDefinition::from_item(&resource.name, &resource.body))
}

/// The code that a package would be: for whoever compares without storing.
#[must_use]
pub(super) fn code_of(package: &Package, runtime: &str) -> Code {
    CodeStore::code_of(package, runtime)
}

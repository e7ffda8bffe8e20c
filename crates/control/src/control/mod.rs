//! What is defined, kept as resources, and applied: whoever changes a definition goes through here.

mod functions;
mod parameters;
mod schedules;

use crate::{Error, Runner, code::CodeStore};
use db::{Db, Expected, Resource, ResourcePut};
use std::{path::PathBuf, sync::Arc};
use wire::Place;

pub use parameters::ParameterPage;

/// How control runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packages are kept: `DATA/functions/code`.
    pub code: PathBuf,
}

impl Settings {
    /// The usual settings for a data directory.
    #[must_use]
    pub fn new(data: &std::path::Path) -> Settings {
        Settings { code: data.join("functions").join("code") }
    }
}

/// A definition and its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined<D> {
    pub definition: D,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    pub changed_ms: u64,
    /// 1 when created, one more with every change.
    pub revision: u64,
}

/// Functions, schedules and parameters. Clones share it.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    db: Db,
    runner: Arc<dyn Runner>,
    place: Place,
    code: CodeStore,
    /// Held while a definition changes: what runs is then changed in the same order.
    changing: tokio::sync::Mutex<()>,
}

impl Control {
    /// Applies everything stored.
    ///
    /// # Errors
    /// When the code store cannot be opened.
    pub async fn start(db: Db, runner: Arc<dyn Runner>, place: Place, settings: Settings) -> Result<Control, Error> {
        let code = blocking(move || CodeStore::open(settings.code)).await?;
        let inner = Inner { db, runner, place, code, changing: tokio::sync::Mutex::default() };
        let control = Control(Arc::new(inner));
        control.apply_all().await?;
        Ok(control)
    }
}

/// Runs what may take a disk's time where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

impl Inner {
    async fn put(
        &self,
        kind: &'static str,
        name: &str,
        body: item::Item,
        expected: Expected,
    ) -> Result<Arc<Resource>, Error> {
        let put = ResourcePut::new(kind, name, body, expected);
        self.db.put_resource(put).await.map_err(|error| Error::of(kind, error))
    }

    async fn delete(&self, kind: &'static str, name: &str) -> Result<Arc<Resource>, Error> {
        self.db.delete_resource(kind, name).await.map_err(|error| Error::of(kind, error))
    }

    fn resource(&self, kind: &'static str, name: &str) -> Result<Arc<Resource>, Error> {
        self.db.resource(kind, name).ok_or_else(|| Error::not_found(kind, name))
    }
}

/// A definition as it was read, with its resource's history.
fn defined<D>(
    kind: &'static str,
    resource: &Resource,
    definition: Result<D, crate::Malformed>,
) -> Result<Defined<D>, Error> {
    let malformed = |malformed| Error::Malformed { kind, name: resource.name.clone(), malformed };
    Ok(Defined {
        definition: definition.map_err(malformed)?,
        created_ms: resource.created_ms,
        changed_ms: resource.changed_ms,
        revision: resource.revision,
    })
}

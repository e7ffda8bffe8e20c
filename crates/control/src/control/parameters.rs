//! Parameters: read by name, by names, by path.

use super::Control;
use crate::{Error, PARAMETER, Parameter, ParameterDefinition, Tier};
use db::{Expected, Resource};
use std::{collections::BTreeMap, sync::Arc};

/// Some parameters in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterPage {
    pub parameters: Vec<Parameter>,
    /// Continue after this name; `None`: there are no more.
    pub next: Option<String>,
}

impl Control {
    /// Creates a parameter, or gives one another value. The tags of one that is overwritten stay.
    ///
    /// # Errors
    /// [`Error::Exists`] unless it may be overwritten, and what [`ParameterDefinition::check`] refuses.
    pub async fn put_parameter(&self, definition: ParameterDefinition, overwrite: bool) -> Result<Parameter, Error> {
        definition.check()?;
        let _changing = self.0.changing.lock().await;
        let Some(before) = self.0.db.resource(PARAMETER, &definition.name) else {
            return self.next_version(0, &definition).await;
        };
        if !overwrite {
            return Err(Error::Exists { kind: PARAMETER, name: definition.name });
        }
        let before = read(&before)?;
        self.next_version(before.version, &overwritten(&before, definition)?).await
    }

    /// Creates or replaces a parameter, tags and all, as a template wants it.
    pub(super) async fn set_parameter(&self, definition: ParameterDefinition) -> Result<Parameter, Error> {
        let _changing = self.0.changing.lock().await;
        let before = self.0.db.resource(PARAMETER, &definition.name).map(|before| read(&before)).transpose()?;
        self.next_version(before.map_or(0, |before| before.version), &definition).await
    }

    /// Nobody else changes parameters meanwhile: the lock is held.
    async fn next_version(&self, version: u64, definition: &ParameterDefinition) -> Result<Parameter, Error> {
        let body = definition.to_item(version + 1, self.0.db.now_ms());
        read(&*self.0.put(PARAMETER, &definition.name, body, Expected::Anything).await?)
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn parameter(&self, name: &str) -> Result<Parameter, Error> {
        read(&*self.0.resource(PARAMETER, name)?)
    }

    /// Parameters below a path like `/votes/prod`; those right below it, or (`recursive`) all.
    ///
    /// # Errors
    /// When one does not read.
    pub fn parameters_by_path(
        &self,
        path: &str,
        recursive: bool,
        after: Option<&str>,
        max: usize,
    ) -> Result<ParameterPage, Error> {
        let path = path.trim_end_matches('/');
        self.parameters(after, max, |name| is_below(path, name, recursive))
    }

    /// Parameters whose names `wanted` says yes to.
    ///
    /// # Errors
    /// When one does not read.
    pub fn parameters(
        &self,
        after: Option<&str>,
        max: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<ParameterPage, Error> {
        let all = self.0.db.resources(PARAMETER);
        let is_next = |name: &str| after.is_none_or(|after| name > after) && wanted(name);
        let mut left = all.iter().filter(|resource| is_next(&resource.name)).peekable();
        let page: Vec<&Arc<Resource>> = left.by_ref().take(max).collect();
        let next = left.peek().and(page.last()).map(|last| last.name.clone());
        let parameters = page.into_iter().map(|resource| read(resource)).collect::<Result<_, _>>()?;
        Ok(ParameterPage { parameters, next })
    }

    /// Deletes a parameter.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_parameter(&self, name: &str) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        self.0.delete(PARAMETER, name).await.map(drop)
    }

    /// Changes a parameter's tags; its version stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub async fn tag_parameter(
        &self,
        name: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        let resource = self.0.resource(PARAMETER, name)?;
        let mut found = read(&resource)?;
        change(&mut found.definition.tags);
        found.definition.check()?;
        let body = found.definition.to_item(found.version, found.modified_ms);
        self.0.put(PARAMETER, name, body, Expected::Revision(resource.revision)).await.map(drop)
    }
}

/// A parameter's next definition.
fn overwritten(before: &Parameter, next: ParameterDefinition) -> Result<ParameterDefinition, Error> {
    check_tier(before, &next)?;
    Ok(ParameterDefinition { tags: before.definition.tags.clone(), ..next })
}

/// Refuses what AWS refuses.
pub(super) fn check_tier(before: &Parameter, next: &ParameterDefinition) -> Result<(), Error> {
    if before.definition.is_advanced() && next.tier == Tier::Standard {
        let message = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                       advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the \
                       advanced parameter and recreate it as a standard parameter.";
        return Err(Error::invalid("tier", message));
    }
    Ok(())
}

/// Whether a name lies below a path without its last slash. A name without a slash lies right below the root.
fn is_below(path: &str, name: &str, recursive: bool) -> bool {
    let name = name.strip_prefix('/').unwrap_or(name);
    let path = path.strip_prefix('/').unwrap_or(path);
    let rest =
        if path.is_empty() { Some(name) } else { name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) };
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

pub(super) fn read(resource: &Resource) -> Result<Parameter, Error> {
    let parameter = Parameter::from_item(&resource.name, &resource.body);
    parameter.map_err(|malformed| Error::Malformed { kind: PARAMETER, name: resource.name.clone(), malformed })
}

//! Targets of buckets: stored, and followed. The seam through which the S3 door sets and shows them is here, too.

use super::{Control, Inner, to_its_end};
use crate::{
    Error, FUNCTION, NOTIFICATION, NotificationCounts, NotificationDefinition, Origin, notification::Notification,
};
use db::{Expected, Resource};
use s3::{Bucket, Later, Notifier, Refusal, Target};

/// What a bucket's events come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationStatus {
    pub definition: NotificationDefinition,
    pub counts: NotificationCounts,
    /// Positions of the log, at most, that hold events nobody was told of yet.
    pub behind: u64,
    /// Why it does not go on, if so.
    pub trouble: Option<String>,
}

impl Control {
    /// Replaces a bucket's targets; none: nobody is told. Who is new is told of what happens from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a bucket or function that is not there, [`Error::Invalid`].
    pub async fn set_notification(&self, definition: NotificationDefinition) -> Result<(), Error> {
        let inner = self.0.clone();
        to_its_end(async move {
            let _changing = inner.changing.lock().await;
            inner.put_notification(definition).await
        })
        .await
    }

    /// The targets of a bucket, if it has any.
    ///
    /// # Errors
    /// When they do not read.
    pub fn notification(&self, bucket: &str) -> Result<Option<NotificationDefinition>, Error> {
        Ok(self.0.notification(bucket)?.map(|found| found.definition))
    }

    /// What every bucket's events come to; a bucket without targets is not in it.
    #[must_use]
    pub fn notifications(&self) -> Vec<NotificationStatus> {
        self.0.db.resources(NOTIFICATION).iter().filter_map(|resource| self.0.standing(resource)).collect()
    }
}

impl Inner {
    fn notification(&self, bucket: &str) -> Result<Option<Notification>, Error> {
        let found = self.db.resource(NOTIFICATION, bucket).map(|resource| read(&resource)).transpose()?;
        let table = Bucket::find(&self.db, bucket).map(|bucket| bucket.objects.id);
        // Those of a bucket of before end with its events.
        Ok(found.filter(|found| Some(found.table) == table))
    }

    pub(super) async fn put_notification(&self, definition: NotificationDefinition) -> Result<(), Error> {
        definition.check()?;
        let name = definition.bucket.clone();
        let bucket = Bucket::find(&self.db, &name).ok_or_else(|| Error::not_found(s3::KIND, &name))?;
        if let Some(missing) =
            definition.targets.iter().find(|target| self.resource(FUNCTION, &target.function).is_err())
        {
            return Err(Error::not_found(FUNCTION, &missing.function));
        }
        let before = self.notification(&name)?;
        if definition.targets.is_empty() {
            return self.delete_notification(&name).await;
        }
        // Read before it is stored: of an event that comes in between somebody may be told, nobody misses one after it.
        let from = before.map_or_else(|| self.db.head().next(), |before| before.from);
        let kept = Notification { definition, table: bucket.objects.id, from };
        let stored = self.put(NOTIFICATION, &name, kept.to_item(), Expected::Anything).await?;
        self.notifications.put(&stored);
        Ok(())
    }

    async fn delete_notification(&self, bucket: &str) -> Result<(), Error> {
        match self.delete(NOTIFICATION, bucket).await {
            Ok(gone) => self.notifications.remove(gone.id),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// `None` for one that does not read, which its follower has said.
    fn standing(&self, resource: &Resource) -> Option<NotificationStatus> {
        let Notification { definition, table, .. } = read(resource).ok()?;
        let (counts, next, trouble) = self.notifications.standing(resource.id);
        let head = self.db.head();
        let waits = self.db.stats(table).changed >= next;
        let behind = if waits { head.next().0.saturating_sub(next.0) } else { 0 };
        Some(NotificationStatus { definition, counts, behind, trouble })
    }
}

fn read(resource: &Resource) -> Result<Notification, Error> {
    let read = Notification::from_item(&resource.name, &resource.body);
    read.map_err(|malformed| Error::Malformed { kind: NOTIFICATION, name: resource.name.clone(), malformed })
}

impl Notifier for Control {
    fn targets(&self, bucket: &str) -> Result<Vec<Target>, s3::Error> {
        let found = self.notification(bucket).map_err(refused)?;
        Ok(found.map(|found| found.targets).unwrap_or_default())
    }

    fn set_targets(&self, bucket: &str, targets: Vec<Target>) -> Later<'_, Result<(), s3::Error>> {
        let definition = NotificationDefinition { bucket: bucket.to_owned(), targets, origin: Origin::Api };
        Box::pin(async move { self.set_notification(definition).await.map_err(refused) })
    }
}

/// In S3's words.
fn refused(error: Error) -> s3::Error {
    match error {
        Error::NotFound { kind: s3::KIND, name } => s3::Error::NoSuchBucket(name),
        Error::NotFound { .. } => {
            let message = format!("Unable to validate the following destination configurations: {error}");
            s3::Error::Invalid(Refusal::Argument, message)
        }
        Error::Invalid { message, .. } => s3::Error::Invalid(Refusal::Argument, message),
        Error::Database(error) => s3::Error::Db(error),
        Error::Closed => s3::Error::Db(db::Error::Closed),
        other => s3::Error::Db(db::Error::Read(other.to_string())),
    }
}

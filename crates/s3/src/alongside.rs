//! Objects that another room commits together with what is its own. Their bytes are on disk before, their items are rows of
//! its commit: so neither is ever there without the other, wherever a crash comes.

use crate::{
    buckets::{Buckets, Inner},
    error::Error,
    object::{self, Object, check_key},
    objects::{Put, Sealed},
};
use db::{FollowerCommit, Row};
use item::{Origin, Seq};
use std::{collections::BTreeSet, sync::RwLockReadGuard};

/// An object whose bytes are on disk and that nobody sees yet. Dropped, it leaves nothing.
pub struct Prepared {
    sealed: Sealed,
    object: Object,
    origin: Origin,
}

impl Prepared {
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.object
    }
}

impl Buckets {
    /// Makes an object's bytes durable. Its key must be nobody else's: what the put expects is not looked at.
    ///
    /// # Errors
    /// As [`Buckets::put`].
    pub fn prepare(&self, bucket: &str, put: Put, bytes: &[u8]) -> Result<Prepared, Error> {
        check_key(&put.key)?;
        put.details.check()?;
        let mut staged = self.stage(bucket, None, false)?;
        staged.write(bytes)?;
        let sealed = staged.seal(&put.claims)?;
        let object = self.0.put_object(put.key, put.details, &sealed);
        Ok(Prepared { sealed, object, origin: put.origin })
    }

    /// Commits what another room has come to, and with it these objects, which it takes: all are there, or nothing is.
    /// Where it is refused the objects are left to the caller, who may try again.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when a bucket went meanwhile; else what the database says of the commit.
    pub fn commit_with(&self, mut commit: FollowerCommit, objects: &mut Vec<Prepared>) -> Result<Seq, Error> {
        let inner = &self.0;
        let gates = inner.pass_gates(objects.iter().map(|prepared| prepared.sealed.bucket.as_str()));
        for prepared in &*objects {
            commit.rows.push(inner.row(prepared)?);
        }
        let committed = inner.db.follower_commit(commit).wait();
        drop(gates);
        // After these, a restart may find that it was carried out, and decides.
        let is_decided = !matches!(committed, Err(db::Error::Poisoned(_) | db::Error::Closed));
        if committed.is_ok() || !is_decided {
            for prepared in objects.drain(..) {
                inner.settle(prepared.sealed.incoming, committed.as_ref().map(|seq| Some(*seq)));
            }
        }
        Ok(committed?)
    }
}

impl Inner {
    /// The gates of some buckets, each once and in one order, so that two who take several do not wait for each other.
    fn pass_gates<'a>(&self, buckets: impl Iterator<Item = &'a str>) -> Vec<RwLockReadGuard<'_, ()>> {
        let numbers: BTreeSet<usize> = buckets.map(|bucket| self.gate_of(bucket)).collect();
        numbers.into_iter().map(|number| self.gates[number].read().expect("no holder panics")).collect()
    }

    /// The row of an object, if its bucket is still the same.
    fn row(&self, prepared: &Prepared) -> Result<Row, Error> {
        let Sealed { bucket: name, number, .. } = &prepared.sealed;
        let bucket = self.bucket(name)?;
        if bucket.number() != *number {
            return Err(Error::NoSuchBucket(name.clone()));
        }
        let (key, new) = (object::table_key(&prepared.object.key), Some(prepared.object.to_item()));
        Ok(Row { table: bucket.objects.id, key, new, origin: prepared.origin })
    }
}

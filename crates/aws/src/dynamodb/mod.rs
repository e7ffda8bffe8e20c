//! DynamoDB's operations. Knows JSON shapes, AWS's order of checks and its words; what a write does is `db`'s.

pub(crate) mod backups;
pub(crate) mod batch;
mod capacity;
pub(crate) mod conflicts;
pub(crate) mod describe;
mod expressions;
mod indexes;
pub(crate) mod items;
mod key_schema;
mod keys;
mod legacy;
pub(crate) mod query;
mod source;
pub(crate) mod tables;
pub(crate) mod tags;
mod throughput;
pub(crate) mod transact;
pub(crate) mod ttl;
pub(crate) mod validate;

use crate::{protocol::Fault, routes::Call};
use db::Table;
use std::sync::Arc;

impl Call<'_> {
    /// The table a data operation names, by name or ARN.
    fn table(&self, name: &str) -> Result<Arc<Table>, Fault> {
        self.clients_table(name).ok_or_else(Fault::no_table)
    }

    /// The table a control operation names.
    fn table_named(&self, name: &str) -> Result<Arc<Table>, Fault> {
        self.clients_table(name).ok_or_else(|| Fault::no_table_named(wire::names::table_name(name)))
    }

    /// A table of clients', by name or ARN: those of other rooms are not there for this door.
    fn clients_table(&self, name: &str) -> Option<Arc<Table>> {
        let name = wire::names::table_name(name);
        self.door.db.table(name).filter(|_| !db::is_internal(name))
    }
}

//! Creating, changing and deleting tables: entries of the log like any write.

use super::Core;
use crate::{
    Backfill, Error, Expiry, FollowerId, Index, IndexUpdate, Stream, Table, TableSpec, TableUpdate,
    catalog::{Catalog, RowAfter},
    log::entry,
    rows,
};
use item::TableId;
use std::sync::Arc;

impl Core {
    pub(super) fn create_table(&mut self, mut spec: TableSpec) -> Result<Arc<Table>, Error> {
        let mut catalog = (*self.catalog).clone();
        if catalog.by_name.contains_key(&spec.name) {
            return Err(Error::TableExists(spec.name));
        }
        if spec.ttl.is_some() {
            super::evaluate::check_keeper(&spec)?;
        }
        let seq = self.next_seq();
        let id = catalog.number();
        let mut uuid = [0; 16];
        self.env.dice.fill(&mut uuid);
        let created_ms = self.group.time_ms;
        // Nothing is in the table, so its indexes are complete.
        let wanted = std::mem::take(&mut spec.indexes);
        let indexes: Vec<Index> =
            wanted.into_iter().map(|spec| Index { id: catalog.number(), spec, backfill: None }).collect();
        let expiry = spec.ttl.clone().map(|attribute| Expiry { id: catalog.number(), attribute, backfill: None });
        let table = Table { id, uuid, spec, created_ms, created: seq, view_generation: 1, indexes, expiry };
        let mut changed = vec![catalog.number_row()];
        for index in table.derived() {
            self.totals_mut(index).changed = seq;
        }
        if table.spec.stream.is_some() {
            changed.push(self.open_stream(&mut catalog, &table));
        }
        changed.push(catalog.put_table(table));
        // Totals from the start, so that a replay of the frame knows the table is empty.
        self.totals_mut(id).changed = seq;
        self.enter(catalog, changed);
        self.table(id)
    }

    pub(super) fn update_table(&mut self, name: &str, update: TableUpdate) -> Result<Arc<Table>, Error> {
        let mut catalog = (*self.catalog).clone();
        let old = catalog.by_name.get(name).cloned().ok_or_else(|| Error::TableNotFound(name.to_owned()))?;
        let mut table = (*old).clone();
        let mut changed = Vec::new();
        if let Some(stream) = update.stream
            && stream != table.spec.stream
        {
            changed.extend(self.close_stream(&mut catalog, table.id));
            table.spec.stream = stream;
            if stream.is_some() {
                changed.push(self.open_stream(&mut catalog, &table));
            }
        }
        let spec = &mut table.spec;
        spec.deletion_protection = update.deletion_protection.unwrap_or(spec.deletion_protection);
        spec.billing = update.billing.unwrap_or(spec.billing);
        spec.class = update.class.unwrap_or(spec.class);
        spec.tags = update.tags.unwrap_or_else(|| std::mem::take(&mut spec.tags));
        if let Some(view) = update.view
            && spec.view.as_ref() != Some(&view)
        {
            spec.view = Some(view);
            table.view_generation += 1;
        }
        if let Some(ttl) = update.ttl {
            set_ttl(&mut catalog, &mut table, ttl)?;
        }
        for update in update.indexes {
            update_index(&mut catalog, &mut table, update)?;
        }
        if *old == table {
            return Ok(old);
        }
        changed.extend(self.trees_changed(&catalog, &old, &table));
        let id = table.id;
        changed.push(catalog.put_table(table));
        self.enter(catalog, changed);
        self.table(id)
    }

    pub(super) fn delete_table(&mut self, name: &str) -> Result<Arc<Table>, Error> {
        let mut catalog = (*self.catalog).clone();
        let table = catalog.by_name.get(name).cloned().ok_or_else(|| Error::TableNotFound(name.to_owned()))?;
        if table.spec.deletion_protection {
            return Err(Error::Protected(name.to_owned()));
        }
        let follower = FollowerId::from(table.id);
        let mut changed: Vec<RowAfter> = self.close_stream(&mut catalog, table.id).into_iter().collect();
        catalog.remove_table(table.id);
        changed.push((rows::table(table.id), None));
        changed.push((rows::cursor(follower), None));
        changed.extend(std::iter::once(table.id).chain(table.derived()).flat_map(dropped));
        self.enter(catalog, changed);
        table.derived().chain([table.id]).for_each(|tree| {
            self.group.totals.remove(&tree);
        });
        self.group.cursors.remove(&follower);
        Ok(table)
    }

    /// Enters that trees of the table's came or went with a change of its description.
    fn trees_changed(&mut self, catalog: &Catalog, old: &Table, new: &Table) -> Vec<RowAfter> {
        let (before, after): (Vec<_>, Vec<_>) = (old.derived().collect(), new.derived().collect());
        let mut changed = Vec::new();
        for gone in before.iter().filter(|tree| !after.contains(tree)) {
            self.group.totals.remove(gone);
            changed.extend(dropped(*gone));
        }
        let seq = self.next_seq();
        for come in after.iter().filter(|tree| !before.contains(tree)) {
            self.totals_mut(*come).changed = seq;
            changed.push(catalog.number_row());
        }
        changed
    }
    /// Opens the table's stream at the entry being built. Its label is its creation time, unique per table name.
    fn open_stream(&self, catalog: &mut Catalog, table: &Table) -> RowAfter {
        let labels = catalog.streams.iter().filter(|stream| stream.table_name == table.spec.name);
        let newest = labels.map(|stream| stream.created_ms).max();
        let stream = Stream {
            table: table.id,
            table_name: table.spec.name.clone(),
            key: table.spec.key.clone(),
            view_type: table.spec.stream.expect("called for a table whose stream is on"),
            shards: table.spec.shards,
            created_ms: newest.map_or(self.group.time_ms, |newest| self.group.time_ms.max(newest + 1)),
            opened: self.next_seq(),
            closed: None,
        };
        catalog.put_stream(stream)
    }

    fn close_stream(&self, catalog: &mut Catalog, table: TableId) -> Option<RowAfter> {
        let stream = catalog.open_stream(table)?;
        let closed = Stream { closed: Some(self.next_seq()), ..(**stream).clone() };
        Some(catalog.put_stream(closed))
    }

    /// Enters the rows into the group, and the catalogue for what follows in it.
    pub(super) fn enter(&mut self, mut catalog: Catalog, mut changed: Vec<RowAfter>) {
        changed.extend(catalog.forget_streams(self.writer.log.trimmed()));
        let seq = self.next_seq();
        entry::push_schema(&changed, self.writer.builder.entry());
        for (key, value) in changed {
            match value {
                Some(value) => self.group.batch.put(key, value, seq),
                None => self.group.batch.remove(key, seq),
            }
        }
        let before = std::mem::replace(&mut self.catalog, Arc::new(catalog));
        self.group.catalog.get_or_insert(before);
    }
}

/// Makes or drops the index on expiry times, which is filled as any other.
fn set_ttl(catalog: &mut Catalog, table: &mut Table, ttl: Option<String>) -> Result<(), Error> {
    if table.spec.ttl == ttl {
        return Ok(());
    }
    super::evaluate::check_keeper(&table.spec)?;
    table.spec.ttl.clone_from(&ttl);
    let expiry = |attribute| Expiry { id: catalog.number(), attribute, backfill: Some(Backfill::default()) };
    table.expiry = ttl.map(expiry);
    Ok(())
}

fn update_index(catalog: &mut Catalog, table: &mut Table, update: IndexUpdate) -> Result<(), Error> {
    let place = |table: &Table, name: &str| table.indexes.iter().position(|index| index.spec.name == name);
    let find = |table: &Table, name: &str| {
        let global = place(table, name).filter(|at| !table.indexes[*at].spec.local);
        global.ok_or_else(|| Error::IndexNotFound(name.to_owned()))
    };
    match update {
        IndexUpdate::Create(spec) if place(table, &spec.name).is_some() => return Err(Error::IndexExists(spec.name)),
        IndexUpdate::Create(spec) => {
            table.indexes.push(Index { id: catalog.number(), spec, backfill: Some(Backfill::default()) });
        }
        IndexUpdate::Delete(name) => {
            table.indexes.remove(find(table, &name)?);
        }
        IndexUpdate::Billing(name, billing) => {
            let at = find(table, &name)?;
            table.indexes[at].spec.billing = billing;
        }
    }
    Ok(())
}

/// Rows that say that a tree is garbage.
fn dropped(id: TableId) -> [RowAfter; 2] {
    [(rows::totals(id), None), (rows::dead(id), Some(Vec::new()))]
}

//! Creating, changing and deleting tables: entries of the log like any write.

use super::Core;
use crate::{
    Error, FollowerId, Stream, Table, TableSpec, TableUpdate,
    catalog::{Catalog, RowAfter},
    log::entry,
    rows,
};
use item::TableId;
use std::sync::Arc;

impl Core {
    pub(super) fn create_table(&mut self, spec: TableSpec) -> Result<Arc<Table>, Error> {
        let mut catalog = (*self.catalog).clone();
        if catalog.by_name.contains_key(&spec.name) {
            return Err(Error::TableExists(spec.name));
        }
        let seq = self.next_seq();
        catalog.next_id = catalog.next_id.max(1);
        let id = TableId(catalog.next_id);
        catalog.next_id += 1;
        let mut uuid = [0; 16];
        self.env.dice.fill(&mut uuid);
        let table = Table { id, uuid, spec, created_ms: self.group.time_ms, created: seq, view_generation: 1 };
        let mut changed = vec![(rows::next_table(), Some(catalog.next_id.to_be_bytes().to_vec()))];
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
        spec.ttl = update.ttl.unwrap_or_else(|| spec.ttl.take());
        spec.tags = update.tags.unwrap_or_else(|| std::mem::take(&mut spec.tags));
        if let Some(view) = update.view
            && spec.view.as_ref() != Some(&view)
        {
            spec.view = Some(view);
            table.view_generation += 1;
        }
        if *old == table {
            return Ok(old);
        }
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
        changed.push((rows::totals(table.id), None));
        changed.push((rows::cursor(follower), None));
        changed.push((rows::dead(table.id), Some(Vec::new())));
        self.enter(catalog, changed);
        self.group.totals.remove(&table.id);
        self.group.cursors.remove(&follower);
        Ok(table)
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
    fn enter(&mut self, mut catalog: Catalog, mut changed: Vec<RowAfter>) {
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

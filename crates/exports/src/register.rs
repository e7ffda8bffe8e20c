//! Registering: a follower of the buckets' tables. What arrives is taken or not by the rules about versions, in one commit
//! with how far the table has looked; how far the bucket was looked through is committed after that. So a crash repeats
//! some of it, of which the tables know, and forgets nothing.
//!
//! Where there is no position, or the log was trimmed before we came by, what is in the bucket is listed.

use crate::{
    Binding, Counts, Error, ExportFile, Outcome, Step,
    engine::Engine,
    files::Files,
    layout::{self, Spot},
    registry,
    rules::{self, Arrival, Known, Verdict},
    table::{Draft, TABLE, Table},
};
use db::{FollowerCommit, FollowerId, ResourcePut, StreamRead};
use item::{Change, Item, Seq, TableId};
use s3::{Entry, Event, From, Listed, Object};

/// Changes that are looked at together.
const CHANGES_MAX: usize = 1000;
const BYTES_MAX: usize = 4 << 20;
/// Changes of a bucket that do not concern a binding, after which its position is committed all the same, so that a start
/// does not look at all of them again.
const IDLE_MAX: u64 = 10_000;

/// A binding that is followed.
struct Followed {
    id: FollowerId,
    binding: Binding,
    objects: TableId,
}

/// Rows of the registry that go with the binding's position.
type Notes = Vec<Item>;

impl Engine {
    /// Registers what has arrived by now. Answers the tables of buckets that are to be watched.
    pub fn register(&self) -> Result<Vec<TableId>, Error> {
        let mut watched = Vec::new();
        for (id, binding) in self.bindings() {
            // The bucket may be made later.
            let Ok(bucket) = self.buckets.bucket(&binding.bucket) else { continue };
            let objects = bucket.objects.id;
            watched.push(objects);
            match self.follow(&Followed { id, binding, objects }) {
                // The binding was deleted meanwhile.
                Err(Error::Db(db::Error::FollowerNotFound(_))) => {}
                followed => followed?,
            }
        }
        Ok(watched)
    }

    fn follow(&self, followed: &Followed) -> Result<(), Error> {
        let Some(cursor) = self.db.follower_cursor(followed.id) else { return self.list(followed) };
        let mut from = self.position(followed.id).max(cursor.next());
        while from <= self.db.head() {
            let read = StreamRead {
                table: followed.objects,
                shard: None,
                from,
                records_max: CHANGES_MAX,
                bytes_max: BYTES_MAX,
            };
            let page = match self.db.changes(&read) {
                Err(db::Error::Trimmed(_)) => return self.list(followed),
                page => page?,
            };
            let mut notes = Notes::new();
            let mut concerned = 0;
            for change in &page.changes {
                if let Some(object) = arrived(&followed.binding, change) {
                    concerned += 1;
                    self.arrive(&followed.binding, &object, Some(change.seq), &mut notes)?;
                }
            }
            from = page.next;
            let committed = self.db.follower_cursor(followed.id).unwrap_or_default();
            if concerned > 0 || from.0 - committed.0 > IDLE_MAX {
                self.commit_position(followed, Seq(from.0 - 1), notes)?;
            }
            self.positions.lock().expect("no holder panics").insert(followed.id, from);
        }
        Ok(())
    }

    fn position(&self, id: FollowerId) -> Seq {
        self.positions.lock().expect("no holder panics").get(&id).copied().unwrap_or_default()
    }

    /// Registers what is in the bucket, whatever the log says.
    fn list(&self, followed: &Followed) -> Result<(), Error> {
        // Whatever comes while we list is behind this position, and is looked at again.
        let upto = self.db.head();
        let binding = &followed.binding;
        let mut notes = Notes::new();
        let mut from = From::Start;
        loop {
            let listed = Listed { prefix: binding.prefix.clone(), delimiter: None, from, max: s3::ENTRIES_MAX };
            let page = self.buckets.list(&binding.bucket, &listed)?;
            for entry in &page.entries {
                if let Entry::One(object) = entry {
                    self.arrive(binding, object, None, &mut notes)?;
                }
            }
            let Some(next) = page.next else { break };
            from = next;
        }
        self.commit_position(followed, upto, notes)
    }

    fn commit_position(&self, followed: &Followed, upto: Seq, notes: Notes) -> Result<(), Error> {
        let shown = registry::ensure(&self.db, &followed.binding.registry)?;
        self.count(|counts| counts.misplaced += notes.len() as u64);
        // The same key twice: the last one is shown.
        let mut rows = std::collections::BTreeMap::new();
        for note in notes {
            let row = registry::row(&shown, note);
            rows.insert(format!("{:?}", row.key), row);
        }
        let commit = FollowerCommit {
            follower: followed.id,
            expected: self.db.follower_cursor(followed.id),
            upto,
            rows: rows.into_values().collect(),
            records: Vec::new(),
            state: Vec::new(),
        };
        self.db.follower_commit(commit).wait()?;
        Ok(())
    }

    /// Takes note of an object that was put.
    fn arrive(&self, binding: &Binding, object: &Object, seq: Option<Seq>, notes: &mut Notes) -> Result<(), Error> {
        let placed = match layout::read(binding, &object.key) {
            Ok(spot) => self.table_of(binding, &spot)?.map(|table| (table, spot)),
            Err(why) => Err(why),
        };
        let (table, spot) = match placed {
            Ok(placed) => placed,
            Err(why) => {
                tracing::warn!("{}/{} is no export: {why}", binding.bucket, object.key);
                notes.push(registry::misplaced(&binding.bucket, &object.key, &why, self.db.now_ms()));
                return Ok(());
            }
        };
        let gate = self.gate.lock().expect("no holder panics");
        let arrival = if spot.is_marker { Arrival::Marker } else { Arrival::File(file_of(&spot, object)) };
        let verdict = table.change(&self.db, |draft| {
            if seq.is_some_and(|seq| seq <= draft.head.seen) {
                return Ok(Verdict::Known);
            }
            self.admit(draft, binding, &spot, object, arrival.clone(), seq)
        })?;
        drop(gate);
        self.tell(&table, &spot, &verdict);
        Ok(())
    }

    /// One commit of a table: what becomes of what arrived.
    fn admit(
        &self,
        draft: &mut Draft<'_>,
        binding: &Binding,
        spot: &Spot,
        object: &Object,
        arrival: Arrival,
        seq: Option<Seq>,
    ) -> Result<Verdict, Error> {
        draft.head.registry.clone_from(&binding.registry);
        draft.head.seen = draft.head.seen.max(seq.unwrap_or_default());
        let base = draft.head.base.clone();
        let known = Known {
            binding,
            imported: base.as_ref().map(|base| &*base.version),
            live: draft.live()?.len(),
            now_ms: draft.now_ms,
        };
        let mut verdict = rules::decide(&known, &spot.version, draft.find(&spot.version)?, arrival);
        if matches!(verdict, Verdict::Take(_))
            && !spot.is_marker
            && !self.files.link(&self.buckets, draft.table, object)?
        {
            verdict = Verdict::Refuse("was replaced or deleted before it was registered".to_owned());
        }
        match &mut verdict {
            Verdict::Take(execution) => {
                execution.begin(Step::Register, draft.now_ms);
                if execution.status == crate::Status::Queued {
                    execution.end(Step::Register, Outcome::Done, draft.now_ms);
                }
                draft.put((**execution).clone());
            }
            Verdict::Ignore(execution) => draft.put_back((**execution).clone())?,
            Verdict::Refuse(why) => {
                draft.note(registry::refused(&draft.table.name, &spot.version, &spot.name, why, draft.now_ms));
            }
            Verdict::Known => {}
        }
        Ok(verdict)
    }

    fn tell(&self, table: &Table, spot: &Spot, verdict: &Verdict) {
        let Spot { version, name, .. } = spot;
        match verdict {
            Verdict::Take(execution) => {
                tracing::info!("{} {version}: {name} is registered, {}", table.name, execution.status.name());
                // Whatever it takes the place of is not needed any more.
                self.sweep(table);
                self.schedule.look_at(&table.name);
            }
            Verdict::Ignore(_) => self.count(|Counts { ignored, .. }| *ignored += 1),
            Verdict::Refuse(why) => {
                tracing::warn!("{} {version}: {name} is refused: {version} {why}", table.name);
                self.count(|Counts { refused, .. }| *refused += 1);
            }
            Verdict::Known => {}
        }
    }

    /// The table that an object belongs to, or the reason why it belongs to none.
    fn table_of(&self, binding: &Binding, spot: &Spot) -> Result<Result<Table, String>, Error> {
        let name = binding.name();
        let table = match Table::ensure(&self.db, &spot.table, &name) {
            Err(db::Error::ResourceLimit(why)) => return Ok(Err(why)),
            table => table?,
        };
        if table.binding == name {
            return Ok(Ok(table));
        }
        if self.binding(&table.binding).is_some() {
            return Ok(Err(format!("exports of {} come by {}", table.name, table.binding)));
        }
        // The binding that it came by is no more.
        self.rebind(&table, &name).map(Ok)
    }

    fn rebind(&self, table: &Table, binding: &str) -> Result<Table, Error> {
        if let Some(resource) = self.db.resource(TABLE, &table.name) {
            let mut body = resource.body.clone();
            body.insert("binding", crate::fields::text(binding));
            let expected = db::Expected::Revision(resource.revision);
            self.db.put_resource(ResourcePut::new(TABLE, &table.name, body, expected)).wait()?;
        }
        Ok(Table { binding: binding.to_owned(), ..table.clone() })
    }
}

/// The object that a change made, if it concerns the binding.
fn arrived(binding: &Binding, change: &Change) -> Option<Object> {
    if !matches!(Event::of(change)?, Event::Put | Event::Copy | Event::CompleteMultipartUpload) {
        return None;
    }
    Object::read(change.new.as_ref()?).filter(|object| object.key.starts_with(&*binding.prefix))
}

pub fn file_of(spot: &Spot, object: &Object) -> ExportFile {
    ExportFile {
        name: spot.name.clone(),
        key: object.key.clone(),
        etag: object.etag.clone(),
        size: object.size,
        local: Files::local(object),
    }
}

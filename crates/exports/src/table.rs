//! What is kept of a TENANT/TABLE, and how it changes: a resource, whose number the state lies under and whose cursor
//! counts the changes. A change is made of what is there, and does not happen if something else did meanwhile; so whoever
//! holds the lock no more cannot write, however late he comes.

use crate::{Error, Execution, ExportFile, Imported, Status, fields, registry};
use db::{Db, Expected, FollowerCommit, FollowerId, Record, Resource, ResourcePut, Row, StateEntry};
use item::{Item, Seq, TableId, Value, codec};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Kind of a table's resource.
pub const TABLE: &str = "export-table";

/// Most executions that came to their end whose versions are known; the registry goes on showing them.
pub const HISTORY_MAX: usize = 1000;
/// How long to wait where the database has too much to do, and how often.
const BUSY_WAIT: Duration = Duration::from_millis(20);
const BUSY_TRIES: usize = 250;

const HEAD: &[u8] = b"h";
/// Executions that are not at their end, and those that are, by version.
const LIVE: u8 = b'q';
const DONE: u8 = b'z';

/// What is known of a table as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// The newest token that was given out with the lock.
    pub token: u64,
    /// Changes of the bucket up to here are registered.
    pub seen: Seq,
    pub lock: Option<Lock>,
    /// What the next delta starts from.
    pub base: Option<Base>,
    pub imported: Option<Imported>,
    /// The table that its executions are shown in.
    pub registry: String,
}

/// Who carries out an execution of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// A run of the program.
    pub holder: String,
    pub token: u64,
    pub expires_ms: u64,
    pub version: String,
}

/// The export that was imported last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub version: String,
    /// Name of the state file that its delta wrote.
    pub state: String,
    /// The export itself, for when the state is of no use.
    pub files: Vec<ExportFile>,
    pub columns: Vec<String>,
    /// The table that it was applied to: name and incarnation.
    pub target: Option<(String, TableId)>,
}

/// A TENANT/TABLE.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub id: FollowerId,
    /// Name of the binding that it came by.
    pub binding: String,
    pub seed: u64,
}

impl Table {
    fn of(resource: &Resource) -> Option<Table> {
        Some(Table {
            name: resource.name.clone(),
            id: resource.id,
            binding: fields::get_text(&resource.body, "binding")?,
            seed: fields::get_number(&resource.body, "seed")?,
        })
    }

    pub fn find(db: &Db, name: &str) -> Option<Table> {
        db.resource(TABLE, name).and_then(|resource| Table::of(&resource))
    }

    pub fn all(db: &Db) -> Vec<Table> {
        db.resources(TABLE).iter().filter_map(|resource| Table::of(resource)).collect()
    }

    /// The table of this name; made, if it is new.
    pub fn ensure(db: &Db, name: &str, binding: &str) -> Result<Table, db::Error> {
        if let Some(found) = Table::find(db, name) {
            return Ok(found);
        }
        let mut seed = [0; 8];
        db.roll(&mut seed);
        let seed = fields::number(u64::from_le_bytes(seed));
        let body = Item::from_iter([("binding", fields::text(binding)), ("seed", seed)]);
        let put = ResourcePut::new(TABLE, name, body, Expected::Absent);
        match db.put_resource(put).wait() {
            Err(db::Error::ResourceExists { .. }) => Ok(Table::find(db, name).expect("it exists")),
            put => put.map(|resource| Table::of(&resource).expect("it was written as one")),
        }
    }

    /// `TENANT` and `TABLE`.
    pub fn parts(&self) -> (&str, &str) {
        self.name.split_once('/').expect("a table is named TENANT/TABLE")
    }

    pub fn head(&self, db: &Db) -> Result<Head, db::Error> {
        let found = db.follower_state(self.id, HEAD)?;
        found.map_or(Ok(Head::default()), |bytes| Ok(Head::read(&decode(&bytes)?)))
    }

    /// Executions that are not at their end, in order of their versions.
    pub fn live(&self, db: &Db) -> Result<Vec<Execution>, db::Error> {
        self.range(db, LIVE)
    }

    /// Those that came to their end.
    pub fn done(&self, db: &Db) -> Result<Vec<Execution>, db::Error> {
        self.range(db, DONE)
    }

    fn range(&self, db: &Db, place: u8) -> Result<Vec<Execution>, db::Error> {
        const PAGE: usize = 100;
        let mut executions = Vec::new();
        let mut start = vec![place];
        loop {
            let page: Vec<StateEntry> = db.follower_states(self.id, &start, PAGE)?;
            for (key, value) in &page {
                if key.first() != Some(&place) {
                    return Ok(executions);
                }
                executions.push(execution(value)?);
            }
            let Some((last, _)) = page.last().filter(|_| page.len() == PAGE) else { return Ok(executions) };
            start.clone_from(last);
            start.push(0);
        }
    }

    pub fn find_execution(&self, db: &Db, version: &str) -> Result<Option<Execution>, db::Error> {
        for place in [LIVE, DONE] {
            if let Some(bytes) = db.follower_state(self.id, &key(place, version))? {
                return execution(&bytes).map(Some);
            }
        }
        Ok(None)
    }

    /// Makes a change of what is there. `decide` may be asked again, if something else happens meanwhile; where it touches
    /// nothing, nothing is committed.
    pub fn change<T>(&self, db: &Db, mut decide: impl FnMut(&mut Draft<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut busy = 0;
        loop {
            // The cursor first: what is read after it is at least as new, so the commit of a stale decision fails.
            let expected = db.follower_cursor(self.id);
            let mut draft = Draft::new(self, db, self.head(db)?);
            let decided = decide(&mut draft)?;
            let Some(commit) = draft.commit(expected)? else { return Ok(decided) };
            match db.follower_commit(commit).wait() {
                Ok(_) => return Ok(decided),
                Err(db::Error::CursorMoved { .. }) => {}
                // The registry was deleted meanwhile: it is made anew.
                Err(db::Error::TableNotFound(_)) if registry::is_missing(db, &draft_registry(self, db)?) => {}
                Err(db::Error::Busy) if busy < BUSY_TRIES && !db.is_closed() => {
                    busy += 1;
                    let _ = db.wait_past(Seq(u64::MAX), BUSY_WAIT);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn draft_registry(table: &Table, db: &Db) -> Result<String, db::Error> {
    Ok(table.head(db)?.registry)
}

fn key(place: u8, version: &str) -> Vec<u8> {
    [&[place], version.as_bytes()].concat()
}

fn execution(bytes: &[u8]) -> Result<Execution, db::Error> {
    Execution::read(&decode(bytes)?).ok_or_else(|| db::Error::Read("a stored execution is malformed".to_owned()))
}

fn decode(bytes: &[u8]) -> Result<Item, db::Error> {
    codec::decode(bytes).map_err(|error| db::Error::Read(error.to_string()))
}

fn encode(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(item, &mut bytes);
    bytes
}

/// A change in the making.
pub struct Draft<'d> {
    pub table: &'d Table,
    pub head: Head,
    pub now_ms: u64,
    /// What goes with it: records of streams, rows of other tables.
    pub records: Vec<Record>,
    pub rows: Vec<Row>,
    db: &'d Db,
    before: Head,
    /// Executions that change, and whether they are at their end then.
    touched: BTreeMap<String, (Execution, bool)>,
    /// More rows of the registry.
    notes: Vec<Item>,
}

impl<'d> Draft<'d> {
    fn new(table: &'d Table, db: &'d Db, head: Head) -> Draft<'d> {
        let before = head.clone();
        let now_ms = db.now_ms();
        let (records, rows, touched, notes) = (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new());
        Draft { table, head, now_ms, records, rows, db, before, touched, notes }
    }

    pub fn live(&self) -> Result<Vec<Execution>, Error> {
        Ok(self.table.live(self.db)?)
    }

    pub fn find(&self, version: &str) -> Result<Option<Execution>, Error> {
        Ok(self.table.find_execution(self.db, version)?)
    }

    /// The execution of this version, which whoever holds the lock with this token works on.
    pub fn held_by(&self, token: u64, version: &str) -> Result<Option<Execution>, Error> {
        if self.head.lock.as_ref().is_none_or(|lock| lock.token != token) {
            return Ok(None);
        }
        Ok(self.find(version)?.filter(|execution| execution.status == Status::Running))
    }

    /// Keeps an execution as it is now.
    pub fn put(&mut self, execution: Execution) {
        let at_end = matches!(execution.status, Status::Rejected | Status::Refused | Status::Succeeded);
        self.place(execution, at_end);
    }

    /// Keeps an execution with those that came to their end, whatever its status says.
    pub fn settle(&mut self, execution: Execution) {
        self.place(execution, true);
    }

    /// Keeps an execution where it is.
    pub fn put_back(&mut self, execution: Execution) -> Result<(), Error> {
        let is_live = self.db.follower_state(self.table.id, &key(LIVE, &execution.version))?.is_some();
        self.place(execution, !is_live);
        Ok(())
    }

    fn place(&mut self, execution: Execution, at_end: bool) {
        self.touched.insert(execution.version.clone(), (execution, at_end));
    }

    /// Shows something in the registry that is no execution.
    pub fn note(&mut self, row: Item) {
        self.notes.push(row);
    }

    fn commit(self, expected: Option<Seq>) -> Result<Option<FollowerCommit>, Error> {
        let is_idle = self.touched.is_empty() && self.notes.is_empty() && self.records.is_empty();
        if is_idle && self.rows.is_empty() && self.head == self.before {
            return Ok(None);
        }
        let mut state = vec![(HEAD.to_vec(), Some(encode(&self.head.to_item())))];
        let mut rows = self.rows;
        let shown = registry::ensure(self.db, &self.head.registry)?;
        let note = |row: &Item| registry::row(&shown, row.clone());
        rows.extend(self.notes.iter().map(note));
        for (version, (execution, at_end)) in &self.touched {
            let bytes = Some(encode(&execution.to_item()));
            let (live, done) = if *at_end { (None, bytes) } else { (bytes, None) };
            state.extend([(key(LIVE, version), live), (key(DONE, version), done)]);
            rows.extend(registry::rows(&shown, self.table, execution));
        }
        let at_end = self.touched.iter().filter(|(_, (_, at_end))| *at_end);
        let coming: BTreeSet<Vec<u8>> = at_end.map(|(version, _)| key(DONE, version)).collect();
        state.extend(oldest_done(self.table, self.db, &coming)?);
        let upto = expected.map_or(Seq(1), Seq::next);
        let follower = self.table.id;
        Ok(Some(FollowerCommit { follower, expected, upto, rows, records: self.records, state }))
    }
}

/// A row of state after a change; `None` removes it.
type StateAfter = (Vec<u8>, Option<Vec<u8>>);

/// Removes the lowest versions that came to their end, where too many are known with those that come.
fn oldest_done(table: &Table, db: &Db, coming: &BTreeSet<Vec<u8>>) -> Result<Vec<StateAfter>, db::Error> {
    if coming.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: Vec<Vec<u8>> = Vec::new();
    let done = db.follower_states(table.id, &[DONE], HISTORY_MAX + coming.len())?;
    known.extend(done.into_iter().map(|(key, _)| key).filter(|key| !coming.contains(key)));
    let excess = (known.len() + coming.len()).saturating_sub(HISTORY_MAX);
    Ok(known.into_iter().take(excess).map(|key| (key, None)).collect())
}

impl Head {
    fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("token", fields::number(self.token)),
            ("seen", fields::number(self.seen.0)),
            ("registry", fields::text(&self.registry)),
        ]);
        fields::put(&mut item, "lock", self.lock.as_ref().map(|lock| Value::M(lock.to_item())));
        fields::put(&mut item, "base", self.base.as_ref().map(|base| Value::M(base.to_item())));
        fields::put(&mut item, "imported", self.imported.as_ref().map(|imported| Value::M(imported_item(imported))));
        item
    }

    fn read(item: &Item) -> Head {
        Head {
            token: fields::get_number(item, "token").unwrap_or_default(),
            seen: Seq(fields::get_number(item, "seen").unwrap_or_default()),
            lock: fields::get_map(item, "lock").and_then(Lock::read),
            base: fields::get_map(item, "base").and_then(Base::read),
            imported: fields::get_map(item, "imported").and_then(imported_of),
            registry: fields::get_text(item, "registry").unwrap_or_default(),
        }
    }
}

impl Lock {
    fn to_item(&self) -> Item {
        Item::from_iter([
            ("holder", fields::text(&self.holder)),
            ("token", fields::number(self.token)),
            ("expires_ms", fields::number(self.expires_ms)),
            ("version", fields::text(&self.version)),
        ])
    }

    fn read(item: &Item) -> Option<Lock> {
        Some(Lock {
            holder: fields::get_text(item, "holder")?,
            token: fields::get_number(item, "token")?,
            expires_ms: fields::get_number(item, "expires_ms")?,
            version: fields::get_text(item, "version")?,
        })
    }
}

impl Base {
    fn to_item(&self) -> Item {
        let mut item = Item::from_iter([
            ("version", fields::text(&self.version)),
            ("state", fields::text(&self.state)),
            ("files", Value::L(self.files.iter().map(|file| Value::M(file.to_item())).collect())),
            ("columns", fields::texts(&self.columns)),
        ]);
        if let Some((name, id)) = &self.target {
            item.insert("target", fields::text(name));
            item.insert("target_id", fields::number(u64::from(id.0)));
        }
        item
    }

    fn read(item: &Item) -> Option<Base> {
        let id = fields::get_number(item, "target_id").map(TableId);
        Some(Base {
            version: fields::get_text(item, "version")?,
            state: fields::get_text(item, "state")?,
            files: fields::get_maps(item, "files").filter_map(ExportFile::read).collect(),
            columns: fields::get_texts(item, "columns"),
            target: fields::get_text(item, "target").zip(id),
        })
    }
}

fn imported_item(imported: &Imported) -> Item {
    Item::from_iter([
        ("version", fields::text(&imported.version)),
        ("ended_ms", fields::number(imported.ended_ms)),
        ("duration_ms", fields::number(imported.duration_ms)),
        ("operations", fields::number(imported.operations)),
    ])
}

fn imported_of(item: &Item) -> Option<Imported> {
    Some(Imported {
        version: fields::get_text(item, "version")?,
        ended_ms: fields::get_number(item, "ended_ms")?,
        duration_ms: fields::get_number(item, "duration_ms")?,
        operations: fields::get_number(item, "operations")?,
    })
}

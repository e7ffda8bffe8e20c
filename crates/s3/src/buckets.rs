//! Buckets: what they are in the database, and how they come and go.
//!
//! A bucket is a resource, whose number names its blobs, and two tables: `s3:NAME` holds its objects, and the table's
//! changes are their events; `s3:NAME:uploads` holds the uploads under way and their parts. No client of another door can
//! name them: a colon is in no table's name. The resource is what makes a bucket exist: it is there first and goes first.

use crate::{
    blobs::{BlobId, Blobs, Incoming},
    error::{Error, Refusal, io},
    object::{self, text},
    sweep::Sweeper,
    usage::Counted,
};
use db::{
    Billing, Db, Env, Expected, IndexQuery, IndexSpec, Op, Projected, Query, Resource, ResourcePut, StreamViewType,
    Table, TableSpec, Write,
};
use item::{
    IndexRange, IndexSchema, Item, KeyAttribute, KeyKind, KeySchema, KeyValue, Origin, Seq, SortRange, TableId, Value,
};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{Arc, Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Kind of a bucket's resource.
pub const KIND: &str = "bucket";
/// What the tables of buckets are named with.
pub const TABLE_PREFIX: &str = "s3:";
const UPLOADS_SUFFIX: &str = ":uploads";
/// Index of both tables by the blob that an item refers to: a blob in no index is nobody's.
const BLOB_INDEX: &str = "blob";
/// Index of the uploads under way, in the order of their keys.
pub(crate) const UPLOADS_INDEX: &str = "uploads";
/// Most buckets; AWS has a hundred unless asked for more.
const BUCKETS_MAX: usize = 1000;
/// Locks that buckets share.
const GATES: usize = 64;
/// Items that are deleted with one group when a bucket goes.
const DELETED_AT_ONCE: usize = 500;

/// All buckets of a database. Clones share them. Blocking: a door calls it off its runtime's threads.
#[derive(Clone)]
pub struct Buckets(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub db: Db,
    pub blobs: Arc<Blobs>,
    region: String,
    pub gates: [RwLock<()>; GATES],
    pub sweeper: Mutex<Sweeper>,
    pub chores: Chores,
    /// Bytes of buckets, by the table of their objects.
    pub counted: Mutex<HashMap<TableId, Counted>>,
}

/// What waits for the sweeper.
#[derive(Default)]
pub(crate) struct Chores {
    pub waiting: Mutex<Waiting>,
    pub changed: Condvar,
    /// Why the sweeper failed last.
    pub trouble: Mutex<Option<String>>,
}

#[derive(Default)]
pub(crate) struct Waiting {
    /// The newest position at which a blob lost its item.
    pub released: Seq,
    /// The sweeper has looked up to here.
    pub swept: Seq,
    pub stop: bool,
    /// Somebody wants to know what buckets hold.
    pub usage: bool,
    /// Blobs that move to their place once their items are on disk.
    pub moves: Vec<(Seq, BlobId)>,
}

/// A bucket as it is now.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// Milliseconds since the epoch.
    pub created_ms: u64,
    /// Its objects; the changes of this table are their events, see [`crate::Event::of`].
    pub objects: Arc<Table>,
    pub(crate) uploads: Arc<Table>,
    pub(crate) resource: Arc<Resource>,
}

impl Bucket {
    /// The bucket of this name, for who follows its objects. `None` while it is being created or deleted.
    #[must_use]
    pub fn find(db: &Db, name: &str) -> Option<Bucket> {
        Bucket::of(db, db.resource(KIND, name)?)
    }

    fn of(db: &Db, resource: Arc<Resource>) -> Option<Bucket> {
        Some(Bucket {
            objects: db.table(&objects_table(&resource.name))?,
            uploads: db.table(&uploads_table(&resource.name))?,
            name: resource.name.clone(),
            region: text(&resource.body, "region")?.to_owned(),
            created_ms: resource.created_ms,
            resource,
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.resource.id.0
    }

    /// What another room keeps with the bucket.
    #[must_use]
    pub fn settings(&self) -> Option<&Item> {
        match self.resource.body.get("settings") {
            Some(Value::M(settings)) => Some(settings),
            _ => None,
        }
    }
}

/// Whether a bucket can have this name. AWS's rules; s3s has the same for what it reads from a path.
#[must_use]
pub fn is_bucket_name(name: &str) -> bool {
    s3s::path::check_bucket_name(name)
}

impl Buckets {
    /// The buckets of a database, whose blobs lie in `objects` of its folder. Decides about what a crash left.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub fn open(db: Db, env: &Env, dir: &Path, region: &str) -> Result<Buckets, Error> {
        let root = dir.join("objects");
        let blobs = Blobs::open(root.clone(), env).map_err(io("creating", root))?;
        let buckets = Buckets(Arc::new(Inner {
            db,
            blobs,
            region: region.to_owned(),
            gates: std::array::from_fn(|_| RwLock::default()),
            sweeper: Mutex::default(),
            chores: Chores::default(),
            counted: Mutex::default(),
        }));
        buckets.0.complete()?;
        buckets.0.decide()?;
        Ok(buckets)
    }

    /// Creates a bucket, in the server's region unless another one is asked for.
    ///
    /// # Errors
    /// [`Error::BucketExists`] and others.
    pub fn create(&self, name: &str, region: Option<&str>) -> Result<Bucket, Error> {
        if !is_bucket_name(name) {
            let message = format!("The specified bucket is not valid: {name}");
            return Err(Error::invalid(Refusal::BucketName, message));
        }
        let inner = &self.0;
        let _gate = inner.close_gate(name);
        if inner.bucket(name).is_ok() {
            return Err(Error::BucketExists(name.to_owned()));
        }
        if inner.db.resources(KIND).len() >= BUCKETS_MAX {
            return Err(Error::TooManyBuckets(BUCKETS_MAX));
        }
        let region = region.unwrap_or(&inner.region).to_owned();
        let body = Item::from_iter([("region", Value::S(region))]);
        inner.db.put_resource(ResourcePut::new(KIND, name, body, Expected::Anything)).wait()?;
        inner.create_tables(name)?;
        inner.bucket(name)
    }

    /// As [`Buckets::create`]; one that is there is fine.
    ///
    /// # Errors
    /// When the name is none or the database fails.
    pub fn ensure(&self, name: &str) -> Result<Bucket, Error> {
        match self.create(name, None) {
            Err(Error::BucketExists(_)) => self.bucket(name),
            created => created,
        }
    }

    /// Deletes a bucket without objects; uploads under way are aborted.
    ///
    /// # Errors
    /// [`Error::BucketNotEmpty`] and others.
    pub fn delete_bucket(&self, name: &str) -> Result<(), Error> {
        let inner = &self.0;
        inner.check_empty(&inner.bucket(name)?)?;
        // What can take long, before anybody is kept waiting.
        inner.sweep_to_head()?;
        let _gate = inner.close_gate(name);
        let bucket = inner.bucket(name)?;
        inner.check_empty(&bucket)?;
        inner.forget_uploads(&bucket)?;
        // The position up to which blobs were removed goes with the resource, so none may be left.
        inner.sweep_to_head()?;
        inner.db.delete_resource(KIND, name).wait()?;
        for table in [&bucket.objects, &bucket.uploads] {
            inner.db.delete_table(&table.spec.name).wait()?;
        }
        Ok(())
    }

    /// The bucket of this name.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn bucket(&self, name: &str) -> Result<Bucket, Error> {
        self.0.bucket(name)
    }

    /// All buckets, sorted by name.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        self.0.buckets()
    }

    /// Keeps something of another room's with a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], and when the database refuses it.
    pub fn set_settings(&self, name: &str, settings: Item) -> Result<(), Error> {
        let bucket = self.0.bucket(name)?;
        let mut body = bucket.resource.body.clone();
        body.insert("settings", Value::M(settings));
        let put = ResourcePut::new(KIND, name, body, Expected::Revision(bucket.resource.revision));
        self.0.db.put_resource(put).wait()?;
        Ok(())
    }
}

impl Inner {
    pub fn bucket(&self, name: &str) -> Result<Bucket, Error> {
        Bucket::find(&self.db, name).ok_or_else(|| Error::NoSuchBucket(name.to_owned()))
    }

    pub fn buckets(&self) -> Vec<Bucket> {
        self.db.resources(KIND).into_iter().filter_map(|resource| Bucket::of(&self.db, resource)).collect()
    }

    /// Held while something is committed into a bucket: it will not be deleted meanwhile.
    pub fn pass_gate(&self, bucket: &str) -> RwLockReadGuard<'_, ()> {
        self.gate(bucket).read().expect("no holder panics")
    }

    /// Held while a bucket comes or goes, or an upload is completed: nothing is committed meanwhile.
    pub fn close_gate(&self, bucket: &str) -> RwLockWriteGuard<'_, ()> {
        self.gate(bucket).write().expect("no holder panics")
    }

    fn gate(&self, bucket: &str) -> &RwLock<()> {
        &self.gates[self.gate_of(bucket)]
    }

    /// Which of the gates is a bucket's.
    pub fn gate_of(&self, bucket: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        bucket.hash(&mut hasher);
        usize::try_from(hasher.finish() % GATES as u64).expect("there are few")
    }

    fn create_tables(&self, name: &str) -> Result<(), Error> {
        for spec in [objects_spec(name), uploads_spec(name)] {
            if self.db.table(&spec.name).is_none() {
                self.db.create_table(spec).wait()?;
            }
        }
        Ok(())
    }

    /// Finishes what a crash interrupted: buckets without their tables, tables without their bucket.
    fn complete(&self) -> Result<(), Error> {
        let resources = self.db.resources(KIND);
        for resource in &resources {
            self.create_tables(&resource.name)?;
        }
        for table in self.db.tables() {
            let Some(name) = table.spec.name.strip_prefix(TABLE_PREFIX) else { continue };
            let bucket = name.strip_suffix(UPLOADS_SUFFIX).unwrap_or(name);
            if !resources.iter().any(|resource| resource.name == bucket) {
                self.db.delete_table(&table.spec.name).wait()?;
            }
        }
        Ok(())
    }

    /// Keeps the blobs in `incoming/` that items refer to and removes the others. Nothing is under way yet.
    fn decide(&self) -> Result<(), Error> {
        let root = self.blobs.root();
        let tables = self.tables();
        let mut removed = Vec::new();
        for id in self.blobs.all_incoming().map_err(io("listing", root))? {
            if self.is_referred_to(&tables, &id)? {
                self.blobs.keep(&id).map_err(io("moving a blob within", root))?;
            } else {
                removed.push(id);
            }
        }
        self.blobs.remove(&removed).map_err(io("removing blobs in", root))
    }

    /// The tables of all buckets, by their bucket's number.
    pub fn tables(&self) -> HashMap<u32, Bucket> {
        self.buckets().into_iter().map(|bucket| (bucket.number(), bucket)).collect()
    }

    /// Whether an item refers to a blob.
    pub fn is_referred_to(&self, buckets: &HashMap<u32, Bucket>, id: &BlobId) -> Result<bool, Error> {
        let Some(bucket) = buckets.get(&id.bucket()) else { return Ok(false) };
        let partition = vec![KeyValue::S(id.as_str().to_owned())];
        let range = IndexRange { partition, equal: Vec::new(), sort: SortRange::All };
        let query = IndexQuery { range, reverse: false, start: None, limit: Some(1), filter: None, whole: false };
        for table in [&bucket.objects, &bucket.uploads] {
            let index = table.index(BLOB_INDEX).expect("created with the table");
            if self.db.query_index(table, index, &query)?.scanned > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_empty(&self, bucket: &Bucket) -> Result<(), Error> {
        let query = Query {
            partition: object::partition(),
            sort: SortRange::All,
            reverse: false,
            start: None,
            limit: Some(1),
            filter: None,
        };
        match self.db.query(&bucket.objects, &query)?.scanned {
            0 => Ok(()),
            _ => Err(Error::BucketNotEmpty(bucket.name.clone())),
        }
    }

    /// Aborts all uploads of a bucket.
    fn forget_uploads(&self, bucket: &Bucket) -> Result<(), Error> {
        let table = &bucket.uploads;
        let scan = db::Scan { segment: (0, 1), start: None, limit: Some(DELETED_AT_ONCE), filter: None };
        loop {
            let page = self.db.scan(table, &scan)?;
            if page.items.is_empty() {
                return Ok(());
            }
            let key = |item: &Item| table.spec.key.key_of(item).expect("a stored item has its key");
            let deletes = page.items.iter().map(|item| plain(table.id, key(item), Op::Delete)).collect();
            self.db.write_batch(deletes, None).wait()?;
        }
    }

    /// What becomes of a blob once the database has answered; `Ok`: where its item was committed, if that changed
    /// anything.
    pub fn settle(&self, incoming: Option<Incoming>, committed: Result<Option<Seq>, &db::Error>) {
        let Some(incoming) = incoming else { return };
        let id = incoming.id.clone();
        match committed {
            Ok(seq) => {
                incoming.settle();
                self.keep(id, seq.unwrap_or_default());
            }
            // A restart may find that it was carried out, and decides.
            Err(db::Error::Poisoned(_) | db::Error::Closed) => incoming.settle(),
            Err(_) => drop(incoming),
        }
    }

    /// Moves a blob to its place once its item is on disk. Until then a loss of power may take the item, and what lies in
    /// `incoming/` without one is removed.
    fn keep(&self, id: BlobId, seq: Seq) {
        if self.db.synced() >= seq {
            // Readers look in both places, and a start tries again.
            let _ = self.blobs.keep(&id);
        } else {
            self.chores.add_move(seq, id);
        }
    }
}

/// Most blobs that wait to be moved; others stay where they are until the next start.
const MOVES_MAX: usize = 1 << 16;

impl Chores {
    fn add_move(&self, seq: Seq, id: BlobId) {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        if waiting.moves.len() < MOVES_MAX {
            waiting.moves.push((seq, id));
        }
        self.changed.notify_one();
    }

    /// Somebody wants to know what buckets hold.
    pub fn ask_for_usage(&self) {
        self.waiting.lock().expect("no holder panics").usage = true;
        self.changed.notify_one();
    }

    /// A blob lost its item with the write of this position.
    pub fn release(&self, seq: Seq) {
        let mut waiting = self.waiting.lock().expect("no holder panics");
        waiting.released = waiting.released.max(seq);
        self.changed.notify_one();
    }
}

/// A write without a condition, as a client's.
pub(crate) fn plain(table: TableId, key: item::Key, op: Op) -> Write {
    Write { table, key, op, condition: None, origin: Origin::Client }
}

fn objects_table(bucket: &str) -> String {
    format!("{TABLE_PREFIX}{bucket}")
}

fn uploads_table(bucket: &str) -> String {
    format!("{TABLE_PREFIX}{bucket}{UPLOADS_SUFFIX}")
}

fn attribute(name: &str, kind: KeyKind) -> KeyAttribute {
    KeyAttribute { name: name.to_owned(), kind }
}

fn index(name: &str, partition: &str, sort: Option<&str>, projected: Projected) -> IndexSpec {
    let key = IndexSchema {
        partition: vec![attribute(partition, KeyKind::S)],
        sort: sort.into_iter().map(|sort| attribute(sort, KeyKind::S)).collect(),
    };
    IndexSpec { name: name.to_owned(), local: false, key, projected, billing: Billing::OnDemand }
}

fn objects_spec(bucket: &str) -> TableSpec {
    TableSpec {
        stream: Some(StreamViewType::NewAndOldImages),
        indexes: vec![index(BLOB_INDEX, "blob", None, Projected::KeysOnly)],
        ..TableSpec::new(objects_table(bucket), object::schema())
    }
}

fn uploads_spec(bucket: &str) -> TableSpec {
    let key = KeySchema { partition: attribute("upload", KeyKind::S), sort: Some(attribute("part", KeyKind::N)) };
    let shown = ["initiated", "class"].map(str::to_owned).to_vec();
    TableSpec {
        indexes: vec![
            index(BLOB_INDEX, "blob", None, Projected::KeysOnly),
            index(UPLOADS_INDEX, "b", Some("key"), Projected::Include(shown)),
        ],
        ..TableSpec::new(uploads_table(bucket), key)
    }
}

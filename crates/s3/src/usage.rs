//! How many bytes the objects of a bucket have: counted once, when somebody first asks, and from then on by the changes.
//! Nothing of it is kept; who asks gets what is known and sets the sweeper's thread to work.

use crate::{
    Buckets,
    buckets::{Bucket, Inner},
    error::Error,
    object,
};
use db::{Scan, StreamRead};
use item::{Item, Seq, TableId};

/// Items and changes that are looked at together.
const ITEMS_MAX: usize = 1000;
const BYTES_MAX: usize = 4 << 20;

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub objects: u64,
    /// Of the objects, each as long as it says; copies may share theirs on disk. `None`: they are being counted.
    pub bytes: Option<u64>,
    /// Uploads under way and their parts.
    pub upload_rows: u64,
}

/// Bytes of all objects at a position.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    bytes: u64,
    upto: Seq,
}

impl Buckets {
    /// What a bucket holds; the bytes as they were a moment ago.
    #[must_use]
    pub fn usage(&self, bucket: &Bucket) -> Usage {
        let inner = &self.0;
        inner.chores.ask_for_usage();
        let counted = inner.counted.lock().expect("no holder panics").get(&bucket.objects.id).copied();
        Usage {
            objects: inner.db.stats(bucket.objects.id).items,
            bytes: counted.map(|counted| counted.bytes),
            upload_rows: inner.db.stats(bucket.uploads.id).items,
        }
    }
}

impl Inner {
    /// Brings all counts up to now. Ends early when the thread is to stop.
    pub fn count_usage(&self) -> Result<(), Error> {
        let buckets = self.buckets();
        let is_there = |id: &TableId| buckets.iter().any(|bucket| bucket.objects.id == *id);
        self.counted.lock().expect("no holder panics").retain(|id, _| is_there(id));
        for bucket in &buckets {
            let known = self.counted.lock().expect("no holder panics").get(&bucket.objects.id).copied();
            let counted = match known {
                None => self.count_objects(bucket)?,
                Some(known) => match self.count_changes(bucket, known) {
                    // Too far behind: counted anew the next time.
                    Err(Error::Db(db::Error::Trimmed(_))) => None,
                    counted => counted?,
                },
            };
            let mut all = self.counted.lock().expect("no holder panics");
            match counted {
                Some(counted) => all.insert(bucket.objects.id, counted),
                None => all.remove(&bucket.objects.id),
            };
        }
        Ok(())
    }

    /// `None`: it is time to stop.
    fn count_objects(&self, bucket: &Bucket) -> Result<Option<Counted>, Error> {
        let at = self.db.snapshot();
        let mut counted = Counted { bytes: 0, upto: at.seq() };
        let mut scan = Scan { segment: (0, 1), start: None, limit: Some(ITEMS_MAX), filter: None };
        loop {
            let page = self.db.scan_at(&bucket.objects, &scan, &at)?;
            counted.bytes += page.items.iter().map(size).sum::<u64>();
            match page.last {
                None => return Ok(Some(counted)),
                Some(_) if self.is_stopping() => return Ok(None),
                last => scan.start = last,
            }
        }
    }

    fn count_changes(&self, bucket: &Bucket, known: Counted) -> Result<Option<Counted>, Error> {
        let mut counted = known;
        loop {
            let read = StreamRead {
                table: bucket.objects.id,
                shard: None,
                from: counted.upto.next(),
                records_max: ITEMS_MAX,
                bytes_max: BYTES_MAX,
            };
            let page = self.db.changes(&read)?;
            for change in &page.changes {
                counted.bytes += change.new.as_ref().map_or(0, size);
                counted.bytes = counted.bytes.saturating_sub(change.old.as_ref().map_or(0, size));
            }
            counted.upto = Seq(page.next.0 - 1);
            if page.changes.is_empty() || self.is_stopping() {
                return Ok(Some(counted));
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.db.is_closed() || self.chores.waiting.lock().expect("no holder panics").stop
    }
}

fn size(item: &Item) -> u64 {
    object::number(item, "size").unwrap_or_default()
}

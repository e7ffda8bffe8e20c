//! What happens between the look-up of an object and the opening of its file.

use crate::{Buckets, Put};
use db::{
    Db, Options, SimStore,
    env::{Disk, Env, File, sim::World},
};
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

type Hook = Box<dyn FnOnce() + Send>;

/// A disk on which something happens before a file is opened, and between two attempts to.
#[derive(Clone)]
struct Meddler {
    disk: Arc<dyn Disk>,
    hooks: Arc<Mutex<Vec<Option<Hook>>>>,
}

impl Disk for Meddler {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.disk.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let hook = self.hooks.lock().unwrap().pop();
        if let Some(Some(hook)) = hook {
            hook();
        }
        self.disk.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }
}

fn open() -> (Buckets, Meddler) {
    let world = World::new(1);
    let meddler = Meddler { disk: world.env().disk, hooks: Arc::default() };
    let db = Db::open_stepped(Options::new("/data"), world.env(), &SimStore::new()).expect("opens");
    let env = Env { disk: Arc::new(meddler.clone()), ..world.env() };
    let buckets = Buckets::open(db, &env, Path::new("/data"), "us-east-1").expect("opens");
    buckets.create("cats", None).expect("created");
    (buckets, meddler)
}

fn read(buckets: &Buckets) -> Vec<u8> {
    let (_, blob) = buckets.open_object("cats", "k").expect("it is there");
    let mut bytes = Vec::new();
    blob.expect("it is not empty").reader().read_to_end(&mut bytes).expect("reads");
    bytes
}

#[test]
fn an_object_that_is_replaced_before_it_is_opened_is_looked_up_again() {
    let (buckets, meddler) = open();
    buckets.put_from("cats", Put::new("k"), &mut &b"old"[..]).expect("put");
    let replacing = buckets.clone();
    *meddler.hooks.lock().unwrap() = vec![Some(Box::new(move || {
        replacing.put_from("cats", Put::new("k"), &mut &b"new"[..]).expect("put");
        replacing.sweep().expect("a healthy disk");
    }))];
    assert_eq!(read(&buckets), b"new");
}

#[test]
fn a_blob_that_moves_while_it_is_looked_for_is_found() {
    let (buckets, meddler) = open();
    let object = buckets.put_from("cats", Put::new("k"), &mut &b"bytes"[..]).expect("put");
    let id = object.blob.expect("it is not empty");
    let blobs = buckets.0.blobs.clone();
    let (looked_for, moved) = (blobs.clone(), id.clone());
    let (kept, incoming) = (blobs.root().join(&id.as_str()[8..10]).join(id.as_str()), blobs.root().join("incoming"));
    meddler.disk.rename(&kept, &incoming.join(id.as_str())).expect("as it was before it was kept");
    // It is looked for in its place first, where it is not yet, then in `incoming/`, where it is no more.
    *meddler.hooks.lock().unwrap() = vec![Some(Box::new(move || blobs.keep(&moved).expect("moved"))), None];
    assert!(looked_for.blob(&id).expect("a healthy disk").is_some());
}

//! Functions: what is stored runs, and code is there whole or not at all.

use super::{World, definitions::function, event};
use crate::{Code, Error, FunctionDefinition, Package, code::CodeStore};
use bytes::Bytes;
use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Less than Lambda's limit: the tests' bombs are small.
const UNPACKED_BYTES_MAX: u64 = 1 << 20;

/// An entry of an archive.
enum Entry<'a> {
    File(&'a str, &'a [u8]),
    Executable(&'a str, &'a [u8]),
    Link(&'a str, &'a str),
}

fn zip(entries: &[Entry<'_>]) -> Bytes {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for entry in entries {
        match entry {
            Entry::File(name, text) => {
                writer.start_file(*name, options).expect("starts");
                writer.write_all(text).expect("writes");
            }
            Entry::Executable(name, text) => {
                writer.start_file(*name, options.unix_permissions(0o755)).expect("starts");
                writer.write_all(text).expect("writes");
            }
            Entry::Link(name, target) => writer.add_symlink(*name, *target, options).expect("adds"),
        }
    }
    Bytes::from(writer.finish().expect("finishes").into_inner())
}

/// All files and links of a folder, with what they hold.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).expect("reads").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
            let name = path.strip_prefix(folder).expect("below").display().to_string();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(path).expect("a link").display()));
            } else {
                found.push(format!("{name}: {}", fs::read_to_string(path).expect("text")));
            }
        }
    }
    found.sort();
    found
}

/// Packages in the code store.
fn packages(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.code()).expect("reads").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn folder(world: &World, name: &str) -> PathBuf {
    world.script.running.lock().expect("no holder panics")[name].folder.clone()
}

#[test]
fn functions_run_as_stored_in_this_life_and_the_next() {
    let world = World::new();
    let code = zip(&[Entry::File("app.py", b"one"), Entry::Executable("bin/tool", b"two")]);
    world.live(async |life| {
        let created =
            life.control.create_function(function("count"), Package::Zip(code.clone())).await.expect("created");
        assert!(matches!(created.definition.code, Code::Stored { bytes, .. } if bytes == code.len() as u64));
        let again = life.control.create_function(function("count"), Package::Zip(code.clone())).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
        let unknown = FunctionDefinition { runtime: "ruby3.3".to_owned(), ..function("other") };
        let unknown = life.control.create_function(unknown, Package::Zip(code.clone())).await;
        assert!(matches!(unknown, Err(Error::Invalid { field: "runtime", .. })), "{unknown:?}");

        let slower = |definition: &mut FunctionDefinition| definition.timeout_s = 30;
        let changed = life.control.update_function("count", Some(1), slower, None).await.expect("updated");
        assert_eq!((changed.revision, changed.definition.timeout_s), (2, 30));
        let stale = life.control.update_function("count", Some(1), slower, None).await;
        assert!(matches!(stale, Err(Error::Changed { .. })), "{stale:?}");
        life.control.restart_function("count").expect("it exists");
        assert_eq!(life.script.take(), ["put count", "put count", "restart count"]);
    });
    world.live(async |life| {
        assert_eq!(life.script.take(), ["put count"]);
        assert_eq!(tree(&folder(&world, "count")), ["app.py: one", "bin/tool: two"]);
        let mode = fs::metadata(folder(&world, "count").join("bin/tool")).expect("it is there");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o755);
        life.control.delete_function("count").await.expect("deleted");
        assert_eq!(life.script.take(), ["remove count"]);
        assert!(packages(&world).is_empty());
        let gone = life.control.update_function("count", None, |_| {}, None).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    });
}

/// Asks for something, and is gone before there is an answer.
async fn hang_up<T>(asked: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = asked => panic!("it takes a moment"),
        () = std::future::ready(()) => {}
    }
}

#[test]
fn a_change_goes_to_its_end_though_whoever_asked_has_gone() {
    let world = World::new();
    world.live(async |life| {
        let code = Package::Folder(std::env::temp_dir());
        hang_up(life.control.create_function(function("count"), code)).await;
        assert_eq!(life.told(1).await, ["put count"]);
        hang_up(life.control.invoke_event("count", event("a vote"))).await;
        assert_eq!(life.told(1).await, [r#"call count "a vote""#]);
    });
}

#[test]
fn code_stays_while_a_definition_names_it_and_what_a_crash_left_goes() {
    let world = World::new();
    let (one, two) = (zip(&[Entry::File("app.py", b"one")]), zip(&[Entry::File("app.py", b"two")]));
    world.live(async |life| {
        for name in ["a", "b"] {
            life.control.create_function(function(name), Package::Zip(one.clone())).await.expect("created");
        }
        assert_eq!(packages(&world).len(), 1);
        life.control.update_function("a", None, |_| {}, Some(Package::Zip(two.clone()))).await.expect("updated");
        assert_eq!(packages(&world).len(), 2);
        life.control.delete_function("b").await.expect("deleted");
        assert_eq!(packages(&world), [folder(&world, "a")]);
        assert_eq!(tree(&folder(&world, "a")), ["app.py: two"]);
    });
    // A crash in the middle of unpacking, and one between unpacking and the definition.
    fs::create_dir_all(world.code().join(".unfinished-0/half")).expect("made");
    fs::create_dir_all(world.code().join("ab".repeat(32))).expect("made");
    world.live(async |life| {
        assert_eq!(packages(&world), [folder(&world, "a")]);
        let slower = |definition: &mut FunctionDefinition| definition.timeout_s = 0;
        let refused = life.control.update_function("a", None, slower, Some(Package::Zip(one.clone()))).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "timeout", .. })), "{refused:?}");
        assert_eq!(packages(&world), [folder(&world, "a")]);
    });
}

#[test]
fn code_in_a_template_is_the_file_that_its_runtime_looks_for() {
    let world = World::new();
    world.live(async |life| {
        let python = "def handler(event, context): pass";
        let common = "exports.handler = async () => {\n  const text = ' import x';\n};";
        let module = "import fs from 'node:fs';\nexport const handler = async () => {};";
        let cases = [
            ("python3.12", python, "index.py"),
            ("nodejs22.x", common, "index.js"),
            ("nodejs22.x", module, "index.mjs"),
        ];
        for (runtime, text, file) in cases {
            let definition = FunctionDefinition { runtime: runtime.to_owned(), ..function(&file.replace('.', "_")) };
            let name = definition.name.clone();
            life.control.create_function(definition, Package::Inline(text.to_owned())).await.expect("created");
            assert_eq!(tree(&folder(&world, &name)), [format!("{file}: {text}")]);
        }
    });
}

/// What comes of a package; whatever it is, nothing may be left of one that was refused.
fn refusal(entries: &[Entry<'_>]) -> String {
    refused(zip(entries))
}

fn refused(package: Bytes) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let store = CodeStore::open(dir.path().join("code"), UNPACKED_BYTES_MAX).expect("it opens");
    let before = tree(dir.path());
    match store.put(&Package::Zip(package), "python3.12") {
        Ok(_) => "unpacked".to_owned(),
        Err(error) => {
            assert_eq!(tree(dir.path()), before);
            let folders = fs::read_dir(dir.path().join("code")).expect("reads").flatten();
            assert_eq!(folders.filter(|entry| entry.path().is_dir()).count(), 0);
            error.to_string()
        }
    }
}

#[test]
fn packages_that_lead_out_of_their_folder_are_refused() {
    use Entry::{File, Link};
    let check = |entries: &[Entry<'_>], expected: &str| assert_eq!(refusal(entries), expected);
    check(&[File("../evil", b"")], "the package's entry ../evil leads out of the package");
    check(&[File("a/../../evil", b"")], "the package's entry a/../../evil leads out of the package");
    check(&[File("/etc/evil", b"")], "the package's entry /etc/evil leads out of the package");
    check(&[File("./a//b", b""), File("c..d/..e", b"")], "unpacked");
    check(&[Link("a", "/etc")], "the package's entry a is a link that leads out of the package, to /etc");
    check(&[Link("a", "..")], "the package's entry a is a link that leads out of the package, to ..");
    check(&[Link("a/b", "../../c")], "the package's entry a/b is a link that leads out of the package, to ../../c");
    check(&[File("x", b"1"), Link("a/b", "../x"), Link("a/c", "./b")], "unpacked");
    // Down through a link and up again may end anywhere.
    check(
        &[Link("deep/er/up", "../.."), Link("a", "deep/er/up/../x")],
        "the package's entry a is a link that leads out of the package, to deep/er/up/../x",
    );
    check(
        &[Link("a", "b"), File("a/evil", b"")],
        "the package's entry a cannot be unpacked: File exists (os error 17)",
    );
    check(&[Link("a", "b"), Link("a/c", "d")], "the package's entry a/c lies under a link");
    check(&[File("a", b""), File("a/b", b"")], "the package's entry a cannot be unpacked: File exists (os error 17)");
    let long = "x".repeat(256);
    check(&[File(&long, b"")], &format!("the package's entry {long} has too long a name"));
}

#[test]
fn packages_that_are_none_or_too_much_are_refused() {
    assert!(refused(Bytes::from_static(b"PK, but no archive")).starts_with("Could not unzip uploaded file."));
    let whole = zip(&[Entry::File("app.py", &b"text ".repeat(1000))]);
    assert!(refused(whole.slice(..whole.len() / 2)).starts_with("Could not unzip uploaded file."));
    let half = vec![0; 1 << 19];
    assert_eq!(refusal(&[Entry::File("a", &half), Entry::File("b", &half)]), "unpacked");
    // A bomb: a kilobyte for each megabyte.
    let zeros = vec![0; 1 + (1 << 19)];
    let bomb = zip(&[Entry::File("a", &half), Entry::File("b", &zeros)]);
    assert!(bomb.len() < 2 << 10);
    assert_eq!(refused(bomb.clone()), "Unzipped size must be smaller than 1048576 bytes");
    // Its directory may lie about it.
    let mut lying = bomb.to_vec();
    let size = u32::try_from(zeros.len()).expect("it fits").to_le_bytes();
    let sizes: Vec<usize> = lying.windows(4).enumerate().filter(|(_, at)| *at == size).map(|(at, _)| at).collect();
    for at in sizes {
        lying[at..at + 4].copy_from_slice(&7u32.to_le_bytes());
    }
    let answer = refused(Bytes::from(lying));
    assert!(answer.contains("cannot be unpacked") || answer.contains("Unzipped size"), "{answer}");
    let damaged = refused(Bytes::from(damage(&whole)));
    assert!(damaged.contains("app.py cannot be unpacked") || damaged.starts_with("Could not unzip"), "{damaged}");
}

/// Another byte in the middle of the compressed text.
fn damage(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    archive[50] ^= 0x55;
    archive
}

//! What is agreed on and no compiler checks: comments that open files, rooms on the map, who may name what, how long a
//! function may be, why each dependency is there.

use it::tools;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Longest function, in lines; tests are tables of cases, which may be longer.
const FUNCTION_LINES_MAX: usize = 70;
const TEST_LINES_MAX: usize = 150;
/// Longest file, in lines.
const FILE_LINES_MAX: usize = 800;

/// A file of the repository: its path from the root, and its text.
struct File {
    path: String,
    text: String,
}

/// Files with this ending, without what is built or fetched.
fn files(ending: &str) -> Vec<File> {
    let root = tools::root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(read(&root, &path));
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

fn read(root: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).expect("a source file is text");
    File { path: path.strip_prefix(root).expect("it lies below the root").display().to_string(), text }
}

/// Fails with all findings at once.
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Lines with their numbers, where `matches` says so.
fn lines<'f>(files: &'f [File], matches: impl Fn(&str, &str) -> bool + 'f) -> Vec<String> {
    let in_file = |file: &'f File| {
        let found = file.text.lines().enumerate().filter(|(_, line)| matches(&file.path, line));
        found.map(|(at, line)| format!("{}:{}: {}", file.path, at + 1, line.trim())).collect::<Vec<_>>()
    };
    files.iter().flat_map(in_file).collect()
}

#[test]
fn every_source_file_opens_with_what_lives_there() {
    let without = files(".rs").into_iter().filter(|file| !file.text.starts_with("//! "));
    none(&without.map(|file| format!("{}: does not open with `//! `", file.path)).collect::<Vec<_>>());
}

#[test]
fn the_map_names_the_rooms_that_exist() {
    let map = std::fs::read_to_string(tools::root().join("ARCHITECTURE.md")).expect("there is a map");
    let row = |line: &str| Some(line.strip_prefix("| `crates/")?.split('`').next()?.to_owned());
    let named: BTreeSet<String> = map.lines().filter_map(row).collect();
    let rooms = std::fs::read_dir(tools::root().join("crates")).expect("there are rooms").flatten();
    let rooms = rooms.filter(|entry| entry.path().join("Cargo.toml").is_file());
    let rooms: BTreeSet<String> = rooms.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(named, rooms, "left: rows of the table in ARCHITECTURE.md; right: the tree");
}

#[test]
fn only_the_store_names_the_storage_engine() {
    let mut findings = lines(&files(".rs"), |path, line| {
        let engine = ["lsm_", "tree"].concat();
        line.contains(&engine) && !path.starts_with("crates/db/src/store/")
    });
    findings.extend(lines(&files("Cargo.toml"), |path, line| {
        line.starts_with("lsm-tree") && path != "crates/db/Cargo.toml"
    }));
    none(&findings);
}

#[test]
fn the_core_knows_neither_async_runtimes_nor_json() {
    let core = |path: &str| path.starts_with("crates/item/") || path.starts_with("crates/db/");
    let names = ["tokio", "serde_json"];
    let mut findings = lines(&files(".rs"), |path, line| {
        core(path)
            && names.iter().any(|name| line.contains(&format!("{name}::")) || line.contains(&format!("use {name}")))
    });
    findings.extend(lines(&files("Cargo.toml"), |path, line| {
        core(path) && names.iter().any(|name| line.starts_with(name))
    }));
    none(&findings);
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    let (ignored, sleep) = (["#[ig", "nore"].concat(), ["thread::", "sleep"].concat());
    let findings = lines(&files(".rs"), |path, line| {
        let sleeps = line.contains(&sleep) && !path.starts_with("crates/db/src/env");
        line.trim_start().starts_with(&ignored) || sleeps && !line.trim_start().starts_with("//")
    });
    none(&findings);
    let naps = ["time.", "sleep("].concat();
    none(&lines(&files(".py"), |path, line| line.contains(&naps) && path != "crates/it/python/waiting.py"));
}

#[test]
fn functions_fit_a_screen_and_files_a_sitting() {
    let files = files(".rs");
    let mut findings: Vec<String> = files.iter().flat_map(long_functions).collect();
    let long = files.iter().map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > FILE_LINES_MAX);
    findings.extend(long.map(|(file, lines)| format!("{}: {lines} lines, {FILE_LINES_MAX} at most", file.path)));
    none(&findings);
}

/// Functions that are too long. Formatted source ends a function with a brace as deep as its `fn`.
fn long_functions(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let tests = lines.iter().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(lines.len());
    let tests = if file.path.contains("/tests") { 0 } else { tests };
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line.trim_start()));
    starts
        .filter_map(|(start, line)| {
            let name = line.split("fn ").nth(1)?.split(['(', '<']).next()?;
            let end = lines[start..].iter().position(|end| end.trim() == "}" && indent(end) == indent(line))?;
            let declared = lines[start..].iter().position(|line| line.ends_with(';') || line.contains('{'))?;
            let body = lines[start + declared].contains('{') && !lines[start + declared].trim_end().ends_with('}');
            let most = if start >= tests { TEST_LINES_MAX } else { FUNCTION_LINES_MAX };
            let long = body && end + 1 > most;
            long.then(|| format!("{}:{}: {name} has {} lines, {most} at most", file.path, start + 1, end + 1))
        })
        .collect()
}

fn is_function(line: &str) -> bool {
    let words = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "extern"];
    let mut rest = line.split(' ').skip_while(|word| words.contains(word));
    rest.next() == Some("fn")
}

#[test]
fn each_dependency_says_why_it_is_there() {
    let manifests = files("Cargo.toml");
    none(&manifests.iter().flat_map(|file| unexplained(&file.path, &file.text)).collect::<Vec<_>>());
}

/// Dependencies without a comment on their line or above it. Rooms of the workspace need none, and a comment holds for
/// the lines right below it.
fn unexplained(path: &str, manifest: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let (mut inside, mut explained) = (false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
            explained = false;
        } else if line.trim().is_empty() {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if inside && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let room = line.contains(".workspace") || line.contains("path =");
            if !room && !explained && !line.contains('#') {
                findings.push(format!("{path}: {line}"));
            }
        }
    }
    findings
}

/// Names of all tests: functions of Rust and Python, and titles of Node's with their words joined as names.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files(".rs") {
        let lines: Vec<&str> = file.text.lines().map(str::trim_start).collect();
        let tests = lines.windows(2).filter(|pair| pair[0] == "#[test]");
        names.extend(tests.filter_map(|pair| Some(pair[1].strip_prefix("fn ")?.split('(').next()?.to_owned())));
    }
    for file in files(".py") {
        let tests = file.text.lines().filter_map(|line| line.strip_prefix("def ")?.split('(').next());
        names.extend(tests.filter(|name| name.starts_with("test_")).map(str::to_owned));
    }
    for file in files(".mjs") {
        let tests = file.text.lines().filter_map(|line| line.strip_prefix("test(\"")?.split('"').next());
        names.extend(tests.map(|title| title.replace(' ', "_").replace([',', '\''], "")));
    }
    names
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a word between backticks names a test: it is a sentence.
fn is_sentence(word: &str) -> bool {
    word.matches('_').count() >= 3 && word.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
}

#[test]
fn tests_that_documents_name_exist() {
    let tests = tests();
    let missing = |file: &File| {
        let names = quoted(&file.text).filter(|word| is_sentence(word) && !tests.contains(*word));
        names.map(|name| format!("{}: there is no test {name}", file.path)).collect::<Vec<_>>()
    };
    none(&files(".md").iter().flat_map(missing).collect::<Vec<_>>());
}

#[test]
fn the_compatibility_page_shows_every_operation_that_is_routed() {
    let root = tools::root();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("it is there");
    let (page, routes) = (read("docs/compatibility.md"), read("crates/aws/src/routes.rs"));
    let table = routes.split("static ROUTES").nth(1).and_then(|rest| rest.split("\n];").next());
    let texts = table.expect("there is a route table").split('"').skip(1).step_by(2);
    // What is no path is a name.
    let routed: BTreeSet<String> = texts.filter(|text| !text.starts_with('/')).map(str::to_owned).collect();
    let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
    let described: BTreeSet<String> =
        sections.iter().filter_map(|text| quoted(text).next()).map(str::to_owned).collect();
    assert_eq!(described, routed, "left: sections of docs/compatibility.md; right: the route table");
    for section in sections {
        let table = section.split("\n## ").next().expect("a section has a beginning");
        let mut rows =
            table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Parameter")).peekable();
        assert!(rows.peek().is_some(), "without a row: {section}");
        let shown = |row: &str| {
            row.trim_end_matches([' ', '|']).rsplit('|').next().is_some_and(|cell| quoted(cell).any(is_sentence))
        };
        none(&rows.filter(|row| !shown(row)).map(|row| format!("no test shows: {row}")).collect::<Vec<_>>());
    }
}

#[test]
fn the_compatibility_page_shows_every_operation_of_buckets() {
    let root = tools::root();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("it is there");
    let (page, door) = (read("docs/compatibility.md"), read("crates/s3/src/door/operation.rs"));
    let section = page.split("\n## Buckets\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("there is a section").lines().filter(|line| line.starts_with("| `"));
    let described: BTreeSet<&str> = rows.clone().filter_map(|row| quoted(row).next()).collect();
    let list = door.split("\noperations! {\n").nth(1).and_then(|rest| rest.split("\n}").next());
    let carried_out = list.expect("there is a list").lines().filter_map(|line| line.trim().split(':').next());
    assert_eq!(described, carried_out.collect(), "left: docs/compatibility.md; right: the S3 door");
    let shown = |row: &&str| row.rsplit('|').nth(1).is_some_and(|cell| quoted(cell).any(is_sentence));
    none(&rows.filter(|row| !shown(row)).map(|row| format!("no test shows: {row}")).collect::<Vec<_>>());
}

#[test]
fn nothing_is_committed_that_names_this_machine() {
    let mut findings = Vec::new();
    for ending in [".rs", ".md", ".toml", ".py", ".js", ".mjs", ".yaml"] {
        let places = [["/ho", "me/"].concat(), ["/ro", "ot/"].concat(), ["/wo", "rk/"].concat()];
        findings.extend(lines(&files(ending), move |_, line| places.iter().any(|place| line.contains(place))));
    }
    none(&findings);
}

#[test]
fn the_tests_of_this_crate_lie_where_main_names_them() {
    let folder = tools::root().join("crates/it/tests/it");
    let main = std::fs::read_to_string(folder.join("main.rs")).expect("there is a main.rs");
    // A module whose line is preceded by one that says where it lies, lies elsewhere.
    let before = std::iter::once("").chain(main.lines());
    let here = main.lines().zip(before).filter(|(_, before)| !before.starts_with("#[path")).map(|(line, _)| line);
    let modules: BTreeSet<PathBuf> = here
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';').map(|name| PathBuf::from(format!("{name}.rs"))))
        .chain([PathBuf::from("main.rs")])
        .collect();
    let there = std::fs::read_dir(&folder).expect("there are tests").flatten();
    let there: BTreeSet<PathBuf> =
        there.map(|entry| PathBuf::from(entry.file_name())).filter(|path| path.extension().is_some()).collect();
    assert_eq!(modules, there, "left: named in main.rs; right: in the folder");
}

//! What people get wrong, and what breaks around them: one clear line, an exit code, nothing damaged.

use it::{
    client::Client,
    program::{Ended, Program, Run},
    tools,
};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
};
use tempfile::TempDir;

/// A copy of the example, to be run in.
fn example() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    tools::copy_folder(&tools::root().join("examples/votes"), folder.path());
    folder
}

/// The program ended with code 1, and its last words are one `error:` line with all of `words`, and perhaps a `help:`.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "", "nothing but errors is said");
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error")).collect();
    let last = errors.last().unwrap_or_else(|| panic!("there is no line of error: {ended:?}"));
    assert!(last.starts_with("error: "), "{last}");
    for word in words {
        assert!(ended.stderr.contains(word), "`{word}` is not in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

fn put(program: &Program, id: &str) {
    let item = json!({ "id": { "S": id }, "region": { "S": "SOUTH" }, "improvement": { "S": "MORE_TREES" } });
    let put = json!({ "TableName": "votes", "Item": item });
    Client::new(program.port).call("PutItem", &put).expect("a vote can be put");
}

fn count(program: &Program) -> usize {
    Client::new(program.port).scan("votes").expect("votes can be scanned").len()
}

#[test]
fn a_port_in_use_is_said_and_leaves_no_data_directory() {
    let folder = example();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port can be had");
    let port = taken.local_addr().expect("a listener has an address").port().to_string();
    let ended = Run::new(&["up", "--port", &port]).arg(folder.path()).to_end();
    refused(&ended, &["is already in use", &port, "help: "]);
    assert!(!folder.path().join(".streamfold").exists(), "nothing was made");
}

#[test]
fn a_data_directory_that_is_open_already_is_not_opened_again() {
    let folder = example();
    let first = Run::up(folder.path()).start();
    put(&first, "1");
    refused(&Run::up(folder.path()).to_end(), &["already open", ".streamfold", "help: "]);
    put(&first, "2");
    assert_eq!(count(&first), 2, "the first one goes on as if nothing had been");
}

#[test]
fn beyond_loopback_a_key_is_required() {
    let folder = example();
    let ended = Run::up(folder.path()).args(&["--host", "0.0.0.0"]).to_end();
    refused(&ended, &["--host 0.0.0.0", "a key is required", "--key"]);
    assert!(!folder.path().join(".streamfold").exists(), "nothing was made");
    let program = Run::up(folder.path()).args(&["--host", "0.0.0.0", "--key", "dummy:dummy"]).start();
    let refusal = Client::new(program.port).call("ListTables", &json!({})).expect_err("it is not signed");
    assert!(refusal.to_string().contains("Signature") || refusal.to_string().contains("token"), "{refusal}");
}

#[test]
fn usage_errors_have_their_own_exit_code() {
    for wrong in [&["up", "--port", "many"][..], &["up", "--durability", "perhaps"], &["down"], &["up", "--key", "x"]] {
        let ended = Run::new(wrong).to_end();
        assert_eq!(ended.status.code(), Some(2), "{wrong:?}: {ended:?}");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
    let ended = Run::new(&["serve", "--port", "0", "--data", "/nonexistent/data"]).to_end();
    refused(&ended, &["there is no data directory /nonexistent/data"]);
    let version = Run::new(&["version"]).to_end();
    assert!(version.status.success() && version.stdout.starts_with("streamfold "), "{version:?}");
}

/// A template that was broken by replacing some text of the example's.
fn broken(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("the example has this file");
    assert!(text.contains(from), "`{from}` is not in {file}");
    fs::write(&path, text.replacen(from, to, 1)).expect("a file can be written");
}

#[test]
fn a_wrong_template_is_told_by_file_line_and_logical_id_and_creates_nothing() {
    let cases = [
        ("template.yaml", "AttributeName: id, KeyType: HASH", "AttributeName: ID, KeyType: HASH", "Votes"),
        ("template.yaml", "Type: AWS::DynamoDB::Table", "Type: AWS::DynamoDB::Tabel", "Votes"),
        ("template.yaml", "views/total_votes.sql", "views/totals.sql", "TotalVotes"),
        ("template.yaml", "Resources:", "Resources: [", "template.yaml:"),
        ("views/total_votes.sql", "COUNT(*)", "MEDIAN(x)", "total_votes.sql:"),
        ("views/total_votes.sql", "FROM votes", "FROM voters", "voters"),
    ];
    for (file, from, to, names) in cases {
        let folder = example();
        broken(folder.path(), file, from, to);
        for command in ["check", "up"] {
            let ended = Run::new(&[command]).arg(folder.path()).to_end();
            refused(&ended, &[names, " --> ", "nothing was created"].map(|word| word.trim_start_matches(' ')));
        }
        assert!(!folder.path().join(".streamfold").exists(), "{to}: nothing was made");
    }
    let nowhere = Run::new(&["up", "/nonexistent"]).to_end();
    refused(&nowhere, &["/nonexistent"]);
    let fine = Run::new(&["check"]).arg(example().path()).to_end();
    assert!(fine.status.success(), "{fine:?}");
    assert!(fine.stdout.contains("1 table, 1 view, 1 dashboard"), "{fine:?}");
}

#[test]
fn a_template_that_contradicts_what_exists_changes_nothing() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    put(&program, "1");
    drop(program.stop());
    broken(
        folder.path(),
        "template.yaml",
        "AttributeName: id, AttributeType: S",
        "AttributeName: id, AttributeType: N",
    );
    // A new table in the same template, which must not be created either.
    let path = folder.path().join("template.yaml");
    let text = fs::read_to_string(&path).expect("it was just written");
    let another = "Resources:\n  Another:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: another\n      \
                   AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]\n      \
                   KeySchema: [{ AttributeName: id, KeyType: HASH }]\n      BillingMode: PAY_PER_REQUEST\n";
    fs::write(&path, text.replacen("Resources:\n", another, 1)).expect("a file can be written");
    let ended = Run::up(folder.path()).to_end();
    refused(&ended, &["Votes.Properties.KeySchema", "template.yaml:", "another key: id (S), not id (N)"]);
    let data = folder.path().join(".streamfold");
    let program = Run::new(&["serve", "--port", "0", "--data"]).arg(&data).start();
    assert_eq!(count(&program), 1);
    let tables = Client::new(program.port).call("ListTables", &json!({})).expect("tables can be listed");
    assert_eq!(tables["TableNames"], json!(["total_votes", "votes"]));
}

/// Files of the log, oldest first.
fn segments(data: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![data.join("log")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the log can be listed").flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_corrupted_segment_is_named_and_nothing_is_changed() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    for id in 0..50 {
        put(&program, &format!("a-vote-{id}"));
    }
    program.kill();
    let data = folder.path().join(".streamfold");
    let segment = segments(&data).remove(0);
    let mut bytes = fs::read(&segment).expect("a segment can be read");
    let at = find(&bytes, b"a-vote-20").expect("the vote is in the log");
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).expect("a segment can be written");
    refused(&Run::up(folder.path()).to_end(), &["corrupt at byte", "nothing was changed"]);
    assert!(fs::read(&segment).expect("it is still there") == bytes, "the segment was left as it is");
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).expect("a segment can be written");
    let program = Run::up(folder.path()).start();
    assert_eq!(count(&program), 50, "mended, it opens with everything in it");
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[test]
fn a_data_directory_of_a_newer_version_is_left_alone() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    put(&program, "1");
    program.kill();
    let segment = segments(&folder.path().join(".streamfold")).remove(0);
    let written = fs::read(&segment).expect("a segment can be read");
    // The header: magic, format, 64 bytes of what it names, and a checksum of all that.
    let mut newer = written.clone();
    newer[8] += 1;
    let checksum = xxhash_rust::xxh3::xxh3_64(&newer[..72]).to_le_bytes();
    newer[72..80].copy_from_slice(&checksum);
    fs::write(&segment, &newer).expect("a segment can be written");
    refused(&Run::up(folder.path()).to_end(), &["was written by a newer Streamfold", "nothing was changed"]);
    assert!(fs::read(&segment).expect("it is still there") == newer, "the segment was left as it is");
    fs::write(&segment, &written).expect("a segment can be written");
    assert_eq!(count(&Run::up(folder.path()).start()), 1);
}

/// Whether this user may mount a small disk for a process of his; some systems forbid it.
fn can_mount() -> bool {
    let mut probe = std::process::Command::new("unshare");
    let can = probe.args(["--map-root-user", "--mount", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        eprintln!("not shown: this system allows no mount namespaces, so there is no small disk to fill");
    }
    can
}

#[test]
fn a_disk_without_room_is_said_at_start() {
    if !can_mount() {
        return;
    }
    let folder = example();
    let disk = tempfile::tempdir().expect("a temporary folder can be made");
    let data = disk.path().join("data");
    let run = Run::up(folder.path()).arg("--data").arg(&data).on_a_disk_of(3, disk.path());
    refused(&run.to_end(), &["No space left on device", "help: the disk is full: make room"]);
}

#[test]
fn a_disk_that_fills_up_loses_nothing_that_was_acknowledged() {
    if !can_mount() {
        return;
    }
    let folder = example();
    let disk = tempfile::tempdir().expect("a temporary folder can be made");
    let data = disk.path().join("data");
    let program = Run::up(folder.path()).arg("--data").arg(&data).on_a_disk_of(160, disk.path()).start();
    let mut client = Client::new(program.port);
    let pad = "x".repeat(300_000);
    let mut put = |id: usize| {
        let item = json!({ "id": { "S": id.to_string() }, "pad": { "S": pad } });
        client.call("PutItem", &json!({ "TableName": "votes", "Item": item }))
    };
    let (full, error) = (0..1_000).find_map(|id| Some((id, put(id).err()?))).expect("the disk is full at some point");
    assert!(error.to_string().starts_with("500 InternalServerError: "), "{error}");
    assert!(put(full).is_err(), "and stays full");
    assert!(full > 100, "{full} votes of 300 KB on a disk of 160 MB");
    let (status, _) = Client::new(program.port).get("/").expect("the pages are still there");
    assert_eq!(status, 200);
    // What lies on the full disk, somewhere with room.
    let copy = folder.path().join("copy");
    tools::copy_folder(&program.sees(&data), &copy);
    program.kill();
    let program = Run::new(&["serve", "--port", "0", "--data"]).arg(&copy).start();
    assert!(count(&program) >= full, "{full} were acknowledged");
    self::put(&program, "there is room again");
}

#[test]
fn a_data_path_that_is_a_file_is_refused() {
    let folder = example();
    fs::write(folder.path().join("file"), "mine").expect("a file can be written");
    let ended = Run::up(folder.path()).arg("--data").arg(folder.path().join("file")).to_end();
    refused(&ended, &["file"]);
    assert_eq!(fs::read_to_string(folder.path().join("file")).expect("it is still there"), "mine");
}

/// Sends bytes as they are; the answer until the server closes the connection.
fn raw(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a time-out can be set");
    stream.write_all(request).expect("a request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the connection is closed in order");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_malformed_request_is_answered() {
    let folder = example();
    let program = Run::up(folder.path()).start();
    let post = |head: &str, body: &str| {
        let length = body.len();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n");
        raw(program.port, (head + body).as_bytes())
    };
    let put = "x-amz-target: DynamoDB_20120810.PutItem\r\ncontent-type: application/x-amz-json-1.0\r\n";
    let cases = [
        (raw(program.port, b"this is no HTTP\r\n\r\n"), "400 Bad Request", ""),
        (raw(program.port, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"), "400 Bad Request", ""),
        (raw(program.port, &[b"GET / HTTP/1.1\r\n", &b"a: b\r\n".repeat(300)[..]].concat()), "431 ", ""),
        (post("", "{}"), "400 Bad Request", "UnknownOperationException"),
        (post("x-amz-target: DynamoDB_20120810.Vote\r\n", "{}"), "400 Bad Request", "UnknownOperationException"),
        (post(put, "{"), "400 Bad Request", "SerializationException"),
        (post(put, "[1]"), "400 Bad Request", "SerializationException"),
        (post(put, "\u{0}\u{1}"), "400 Bad Request", "SerializationException"),
        (post(put, r#"{"TableName":7}"#), "400 Bad Request", "SerializationException"),
        (post(put, &"[".repeat(100_000)), "400 Bad Request", "SerializationException"),
        (post(put, "{}"), "400 Bad Request", "ValidationException"),
    ];
    for (answer, status, code) in cases {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        assert!(answer.contains(code), "{code}: {answer}");
    }
    put_too_large(&program);
    put_again(&program);
}

/// A body beyond AWS's limit is answered, though it is not looked at.
fn put_too_large(program: &Program) {
    let body = vec![b' '; 17 << 20];
    let head = [("x-amz-target", "DynamoDB_20120810.PutItem"), ("content-type", "application/x-amz-json-1.0")];
    let (status, answer) = Client::new(program.port).request("POST", "/", &head, &body).expect("it is answered");
    assert_eq!(status, 413, "{}", String::from_utf8_lossy(&answer));
}

/// After all that the server serves as before.
fn put_again(program: &Program) {
    put(program, "1");
    assert_eq!(count(program), 1);
}

#[test]
fn half_requests_hold_up_nobody() {
    let folder = example();
    let program = Run::up(folder.path()).args(&["--memory", "64M", "--threads", "1"]).start();
    let put = "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n";
    let halves = [
        "POST / HTTP/1.1\r\nhost: ".to_owned(),
        format!("{put}content-length: 100\r\n\r\n{{"),
        // Together far more than bodies under way may take.
        format!("{put}content-length: 16000000\r\n\r\n{{"),
        format!("{put}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n"),
    ];
    let open: Vec<TcpStream> = (0..400)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", program.port)).expect("the server listens");
            stream.write_all(halves[number % halves.len()].as_bytes()).expect("half a request can be sent");
            stream
        })
        .collect();
    put_again(&program);
    drop(open);
}

#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let folder = example();
    let program = Run::up(folder.path()).args(&["--connections", "2"]).start();
    let list = |client: &mut Client| client.call("ListTables", &json!({})).map(|_| ());
    let mut clients = [Client::new(program.port), Client::new(program.port)];
    for client in &mut clients {
        list(client).expect("there is a place");
    }
    let (sender, served) = std::sync::mpsc::channel();
    let mut third = Client::new(program.port);
    let waiting = std::thread::spawn(move || sender.send(list(&mut third)).expect("somebody waits for it"));
    assert!(served.recv_timeout(std::time::Duration::from_millis(300)).is_err(), "there is no place for a third");
    drop(clients);
    let answer = served.recv_timeout(std::time::Duration::from_secs(20)).expect("it is served once there is a place");
    answer.expect("it is served as any other");
    waiting.join().expect("the client does not panic");
}

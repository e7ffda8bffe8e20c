//! Stock clients at a real socket: boto3 and the `aws` command line, signed and not; uploads that break off.

mod server;

use s3::{Access, AccessKey, Error};
use server::Server;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders deep").to_path_buf()
}

/// A program of the Python environment that `./test` makes.
fn python(program: &str, server: &Server) -> Command {
    let path = root().join(".venv/bin").join(program);
    assert!(path.is_file(), "there is no {}: run ./test once, it makes it", path.display());
    let mut command = Command::new(path);
    command.envs([
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_PAGER", ""),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]);
    command.env("AWS_ENDPOINT_URL", server.endpoint());
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn pytest(server: &Server, file: &str) {
    let path = root().join("crates/s3/tests/python").join(file);
    eprintln!("{}", run(python("pytest", server).args(["-q", "-p", "no:cacheprovider"]).arg(path)));
}

fn start(keys: Vec<AccessKey>) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), keys);
    (folder, server)
}

/// Files that hold an object's or a part's bytes.
fn files(folder: &Path) -> usize {
    let mut count = 0;
    let mut folders = vec![folder.join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { count += 1 }
        }
    }
    count
}

#[test]
fn boto3_finds_what_it_expects_of_objects() {
    let (folder, server) = start(Vec::new());
    pytest(&server, "test_objects.py");
    let figure =
        |name: &str| server.door.metrics().into_iter().find(|one| one.operation == name).expect("it is counted");
    assert!(figure("PutObject").count > figure("PutObject").errors && figure("PutObject").errors > 0);
    assert!(server.door.traffic().bytes_in > 0 && server.door.traffic().bytes_out > 0);
    server.buckets.sweep().expect("a healthy disk");
    assert_eq!(
        (server.buckets.buckets().len(), files(folder.path())),
        (0, 0),
        "the tests leave nothing, nor does this"
    );
}

#[test]
fn boto3_finds_what_it_expects_of_listings() {
    let (_folder, server) = start(Vec::new());
    pytest(&server, "test_listings.py");
}

#[test]
fn boto3_finds_what_it_expects_of_uploads_in_parts() {
    let (folder, server) = start(Vec::new());
    pytest(&server, "test_parts.py");
    server.buckets.sweep().expect("a healthy disk");
    assert_eq!((server.buckets.buckets().len(), files(folder.path())), (0, 0));
}

#[test]
fn signatures_are_checked_where_there_are_keys() {
    let key = |id: &str, access| AccessKey { id: id.to_owned(), secret: format!("secret-of-{id}"), access };
    let (_folder, server) = start(vec![key("writer", Access::Write), key("reader", Access::Read)]);
    pytest(&server, "test_keys.py");
}

#[test]
fn the_aws_command_line_finds_what_it_expects() {
    let (_folder, server) = start(Vec::new());
    let files = tempfile::tempdir().expect("a folder");
    let path = |name: &str| files.path().join(name).to_str().expect("text").to_owned();
    std::fs::create_dir_all(files.path().join("site/deep")).expect("a folder");
    // Large enough for the command line to send it in parts.
    let large: Vec<u8> = (0..9 << 20).map(|at: u32| u8::try_from(at % 251).expect("a byte")).collect();
    std::fs::write(path("large"), &large).expect("written");
    for name in ["site/index.html", "site/deep/ä ö.txt", "site/old"] {
        std::fs::write(path(name), name).expect("written");
    }
    let aws = |arguments: &[&str]| run(python("aws", &server).args(arguments));
    aws(&["s3", "mb", "s3://cats"]);
    aws(&["s3", "cp", &path("large"), "s3://cats/export/large.gz", "--only-show-errors"]);
    assert!(server.buckets.get("cats", "export/large.gz").expect("it is there").etag.ends_with("-2"));
    aws(&["s3", "cp", "s3://cats/export/large.gz", &path("back"), "--only-show-errors"]);
    assert_eq!(std::fs::read(path("back")).expect("it is there"), large);
    aws(&["s3", "cp", "s3://cats/export/large.gz", "s3://cats/copy", "--only-show-errors"]);
    assert_eq!(server.buckets.get("cats", "copy").expect("it is there").size, large.len() as u64);
    aws(&["s3", "sync", &path("site"), "s3://cats/site", "--only-show-errors"]);
    assert_eq!(aws(&["s3", "sync", &path("site"), "s3://cats/site"]), "", "nothing changed");
    std::fs::remove_file(path("site/old")).expect("removed");
    let deleted = aws(&["s3", "sync", &path("site"), "s3://cats/site", "--delete"]);
    assert_eq!(deleted.trim(), "delete: s3://cats/site/old");
    let listed = aws(&["s3", "ls", "s3://cats", "--recursive"]);
    let keys: Vec<&str> = listed.lines().map(|line| &line[31..]).collect();
    assert_eq!(keys, ["copy", "export/large.gz", "site/deep/ä ö.txt", "site/index.html"]);
    let url = aws(&["s3", "presign", "s3://cats/site/index.html"]);
    let fetched = run(python("python", &server).args([
        "-c",
        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
        url.trim(),
    ]));
    assert_eq!(fetched.trim(), "site/index.html");
    aws(&["s3", "rm", "s3://cats/site", "--recursive", "--only-show-errors"]);
    aws(&["s3", "mv", "s3://cats/copy", "s3://cats/moved", "--only-show-errors"]);
    assert_eq!(aws(&["s3", "ls", "s3://cats"]).lines().count(), 2);
    aws(&["s3", "rb", "s3://cats", "--force"]);
    assert!(matches!(server.buckets.bucket("cats"), Err(Error::NoSuchBucket(_))));
}

/// Sends a request as it is, and answers what came back.
fn send(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

/// Reads one answer off a connection: its head, and a body of the announced length.
fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a head comes");
        answer.push(byte[0]);
    }
    let mut head = String::from_utf8(answer).expect("text").to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    stream.read_exact(&mut body).expect("a body comes");
    head += &String::from_utf8(body).expect("text");
    head
}

#[test]
fn a_connection_outlives_a_refused_upload_unless_too_much_of_it_is_left() {
    let (_folder, server) = start(Vec::new());
    server.buckets.create("cats", None).expect("created");
    let put = |more: &str, length: usize| {
        format!("PUT /cats/k?{more} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n")
    };
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    for _ in 0..3 {
        stream.write_all((put("acl", 50_000) + "\r\n").as_bytes()).expect("sent");
        stream.write_all(&vec![b'x'; 50_000]).expect("sent");
        let refused = answer(&mut stream);
        assert!(refused.contains("notimplemented") || refused.contains("NotImplemented"), "{refused}");
        assert!(!refused.contains("connection: close"));
    }
    stream.write_all((put("", 2) + "\r\nok").as_bytes()).expect("sent");
    assert!(answer(&mut stream).starts_with("http/1.1 200"));
    stream.write_all((put("acl", 2) + "expect: 100-continue\r\n\r\n").as_bytes()).expect("sent");
    assert!(answer(&mut stream).contains("connection: close"), "nobody will ask for the body");
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.write_all((put("acl", 9 << 20) + "\r\n").as_bytes()).expect("sent");
    stream.write_all(&vec![b'x'; 3 << 20]).expect("sent");
    assert!(answer(&mut stream).contains("connection: close"), "it is too much");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let (folder, server) = start(Vec::new());
    server.buckets.create("cats", None).expect("created");
    let half = vec![b'x'; 600 << 10];
    let head = "PUT /cats/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    for announced in ["content-length: 900000\r\n\r\n", "transfer-encoding: chunked\r\n\r\nc0000\r\n"] {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream.write_all(&[head.as_bytes(), announced.as_bytes(), &half].concat()).expect("sent");
    }
    let chunked = format!(
        "{head}x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 10\r\n\
         x-amz-trailer: x-amz-checksum-crc32\r\ncontent-length: CL\r\n\r\n"
    );
    let chunks = |body: &str| send(&server, (chunked.replace("CL", &body.len().to_string()) + body).as_bytes());
    for (body, code) in [
        ("5\r\nhello\r\n", "IncompleteBody"),
        ("5\r\nhello\r\n0\r\n\r\n", "MalformedTrailerError"),
        ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "IncompleteBody"),
        ("a\r\nhellohello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "BadDigest"),
        ("nonsense", "IncompleteBody"),
        ("nonsense\r\n", "InvalidRequest"),
    ] {
        let answer = chunks(body);
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{body:?}: {answer}");
    }
    // Each connection's end is noticed in its own time; none of them ever had an object.
    assert!(matches!(server.buckets.get("cats", "k"), Err(Error::NoSuchKey { .. })));
    let answer = chunks("a\r\nhellohello\r\n0\r\nx-amz-checksum-crc32:9YyXaA==\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(server);
    drop(Server::start(folder.path(), Vec::new()));
    assert_eq!(files(folder.path()), 1, "that of the object");
}

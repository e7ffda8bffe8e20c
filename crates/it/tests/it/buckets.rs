//! Stock clients of S3 at the real program: boto3 and the `aws` command line, signed and not; uploads that break off; what
//! the console shows of it.

use it::{
    client::Client,
    files,
    program::{Program, Run},
    tools,
    wait::until,
};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// How long the sweeper may take to come by.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of S3 with nothing but its own.
fn python(program: &str, server: &Program) -> Command {
    let mut command = tools::python(program);
    command.env("AWS_ENDPOINT_URL", server.endpoint()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn aws(server: &Program, arguments: &[&str]) -> String {
    tools::run(python("aws", server).args(arguments))
}

fn pytest(server: &Program, file: &str) {
    let path = tools::root().join("crates/it/buckets").join(file);
    eprintln!("{}", tools::run(python("pytest", server).args(["-q", "-p", "no:cacheprovider"]).arg(path)));
}

fn start(arguments: &[&str]) -> (TempDir, Program) {
    let folder = tempfile::tempdir().expect("a folder");
    let program = serve(folder.path(), arguments);
    (folder, program)
}

fn serve(folder: &Path, arguments: &[&str]) -> Program {
    Run::new(&["serve", "--port", "0", "--data"]).arg(folder).args(arguments).start()
}

fn swept(folder: &Path, left: usize) {
    until("the sweeper leaves what somebody has", PATIENCE, || (files(&folder.join("objects")) == left).then_some(()));
}

/// A figure of `/metrics`.
fn figure(server: &Program, name: &str) -> u64 {
    let (_, text) = Client::new(server.port).get("/metrics").expect("it answers");
    let text = String::from_utf8(text).expect("it is text");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("streamfold_{name} "))).map(str::to_owned);
    line.unwrap_or_else(|| panic!("there is no {name} in\n{text}")).parse().expect("a number")
}

#[test]
fn boto3_finds_what_it_expects_of_objects() {
    let (folder, server) = start(&[]);
    pytest(&server, "test_objects.py");
    let put = r#"{operation="PutObject"}"#;
    let [count, errors] =
        ["s3_requests_total", "s3_request_errors_total"].map(|name| figure(&server, &(name.to_owned() + put)));
    assert!(count > errors && errors > 0, "{count} {errors}");
    assert!(figure(&server, "s3_received_bytes_total") > 0 && figure(&server, "s3_sent_bytes_total") > 0);
    assert_eq!(figure(&server, "buckets"), 0, "the tests leave nothing");
    swept(folder.path(), 0);
}

#[test]
fn boto3_finds_what_it_expects_of_listings() {
    let (_folder, server) = start(&[]);
    pytest(&server, "test_listings.py");
}

#[test]
fn boto3_finds_what_it_expects_of_uploads_in_parts() {
    let (folder, server) = start(&[]);
    pytest(&server, "test_parts.py");
    assert_eq!(figure(&server, "buckets"), 0);
    swept(folder.path(), 0);
}

#[test]
fn signatures_are_checked_where_there_are_keys() {
    let keys = ["--key", "writer:secret-of-writer", "--read-only-key", "reader:secret-of-reader"];
    let (_folder, server) = start(&keys);
    pytest(&server, "test_keys.py");
}

#[test]
fn the_aws_command_line_puts_gets_lists_synchronises_and_removes() {
    let (_folder, server) = start(&[]);
    let files = tempfile::tempdir().expect("a folder");
    let path = |name: &str| files.path().join(name).to_str().expect("text").to_owned();
    std::fs::create_dir_all(files.path().join("site/deep")).expect("a folder");
    // Large enough for the command line to send it in parts.
    let large: Vec<u8> = (0..9 << 20).map(|at: u32| u8::try_from(at % 251).expect("a byte")).collect();
    std::fs::write(path("large"), &large).expect("written");
    for name in ["site/index.html", "site/deep/ä ö.txt", "site/old"] {
        std::fs::write(path(name), name).expect("written");
    }
    let aws = |arguments: &[&str]| aws(&server, arguments);
    let head = |key: &str| -> Value {
        let said = aws(&["s3api", "head-object", "--bucket", "cats", "--key", key, "--output", "json"]);
        serde_json::from_str(&said).expect("it is JSON")
    };
    aws(&["s3", "mb", "s3://cats"]);
    aws(&["s3", "cp", &path("large"), "s3://cats/export/large.gz", "--only-show-errors"]);
    assert!(head("export/large.gz")["ETag"].as_str().is_some_and(|etag| etag.ends_with("-2\"")), "in two parts");
    aws(&["s3", "cp", "s3://cats/export/large.gz", &path("back"), "--only-show-errors"]);
    assert_eq!(std::fs::read(path("back")).expect("it is there"), large);
    aws(&["s3", "cp", "s3://cats/export/large.gz", "s3://cats/copy", "--only-show-errors"]);
    assert_eq!(head("copy")["ContentLength"], large.len());
    aws(&["s3", "sync", &path("site"), "s3://cats/site", "--only-show-errors"]);
    assert_eq!(aws(&["s3", "sync", &path("site"), "s3://cats/site"]), "", "nothing changed");
    std::fs::remove_file(path("site/old")).expect("removed");
    let deleted = aws(&["s3", "sync", &path("site"), "s3://cats/site", "--delete"]);
    assert_eq!(deleted.trim(), "delete: s3://cats/site/old");
    let listed = aws(&["s3", "ls", "s3://cats", "--recursive"]);
    let keys: Vec<&str> = listed.lines().map(|line| &line[31..]).collect();
    assert_eq!(keys, ["copy", "export/large.gz", "site/deep/ä ö.txt", "site/index.html"]);
    let url = aws(&["s3", "presign", "s3://cats/site/index.html"]);
    let fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())";
    let fetched = tools::run(python("python", &server).args(["-c", fetch, url.trim()]));
    assert_eq!(fetched.trim(), "site/index.html");
    the_console_shows_them(&server, large.len());
    aws(&["s3", "rm", "s3://cats/site", "--recursive", "--only-show-errors"]);
    aws(&["s3", "mv", "s3://cats/copy", "s3://cats/moved", "--only-show-errors"]);
    assert_eq!(aws(&["s3", "ls", "s3://cats"]).lines().count(), 2);
    aws(&["s3", "rb", "s3://cats", "--force"]);
    assert_eq!(aws(&["s3", "ls"]), "");
}

/// Two large objects and two whose names are what they hold.
fn the_console_shows_them(server: &Program, large: usize) {
    let mut client = Client::new(server.port);
    let mut shown = |path: &str| -> Value {
        let (status, body) = client.get(path).expect("it answers");
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).expect("it is JSON")
    };
    let expected = 2 * large + "site/deep/ä ö.txt".len() + "site/index.html".len();
    let bucket = until("the bytes are counted", PATIENCE, || {
        let bucket = shown("/api/buckets")["buckets"][0].take();
        (bucket["bytes"] == expected).then_some(bucket)
    });
    assert_eq!((&bucket["name"], &bucket["objects"]), (&"cats".into(), &4.into()));
    let overview = shown("/api/overview");
    assert_eq!((&overview["buckets"][0]["name"], &overview["tables_count"]), (&"cats".into(), &0.into()));
    let entries = shown("/api/buckets/cats/objects?prefix=")["entries"].take();
    let names =
        entries.as_array().expect("a list").iter().map(|entry| entry["key"].as_str().or(entry["folder"].as_str()));
    assert_eq!(names.collect::<Vec<_>>(), [Some("copy"), Some("export/"), Some("site/")]);
    let entries = shown("/api/buckets/cats/objects?prefix=site%2Fdeep%2F")["entries"].take();
    let href = entries[0]["href"].as_str().expect("a browser may have it").to_owned();
    assert_eq!(client.get(&href).expect("it answers"), (200, "site/deep/ä ö.txt".as_bytes().to_vec()));
    for page in ["/buckets", "/buckets/cats"] {
        assert_eq!(client.get(page).expect("it answers").0, 200, "{page}");
    }
    assert_eq!(client.get("/buckets/dogs").expect("it answers").0, 404);
}

/// Sends a request as it is, and answers what came back.
fn send(server: &Program, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
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

fn connect(server: &Program) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port)).expect("it listens")
}

#[test]
fn a_connection_outlives_a_refused_upload_unless_too_much_of_it_is_left() {
    let (_folder, server) = start(&[]);
    aws(&server, &["s3", "mb", "s3://cats"]);
    let put = |more: &str, length: usize| {
        format!("PUT /cats/k?{more} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n")
    };
    let mut stream = connect(&server);
    for _ in 0..3 {
        stream.write_all((put("acl", 50_000) + "\r\n").as_bytes()).expect("sent");
        stream.write_all(&vec![b'x'; 50_000]).expect("sent");
        let refused = answer(&mut stream);
        assert!(refused.contains("NotImplemented"), "{refused}");
        assert!(!refused.contains("connection: close"));
    }
    stream.write_all((put("", 2) + "\r\nok").as_bytes()).expect("sent");
    assert!(answer(&mut stream).starts_with("http/1.1 200"));
    stream.write_all((put("acl", 2) + "expect: 100-continue\r\n\r\n").as_bytes()).expect("sent");
    assert!(answer(&mut stream).contains("connection: close"), "nobody will ask for the body");
    let mut stream = connect(&server);
    stream.write_all((put("acl", 9 << 20) + "\r\n").as_bytes()).expect("sent");
    stream.write_all(&vec![b'x'; 3 << 20]).expect("sent");
    assert!(answer(&mut stream).contains("connection: close"), "it is too much");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let (folder, server) = start(&[]);
    aws(&server, &["s3", "mb", "s3://cats"]);
    let half = vec![b'x'; 600 << 10];
    let head = "PUT /cats/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    for announced in ["content-length: 900000\r\n\r\n", "transfer-encoding: chunked\r\n\r\nc0000\r\n"] {
        let mut stream = connect(&server);
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
    let gone = Client::new(server.port).get("/cats/k").expect("it answers");
    assert_eq!(gone.0, 404);
    let answer = chunks("a\r\nhellohello\r\n0\r\nx-amz-checksum-crc32:9YyXaA==\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.stop().status.success());
    let server = serve(folder.path(), &[]);
    assert_eq!(files(&folder.path().join("objects")), 1, "that of the object");
    assert_eq!(Client::new(server.port).get("/cats/k").expect("it answers"), (200, b"hellohello".to_vec()));
}

#[test]
fn each_door_answers_what_is_its_own() {
    let (_folder, server) = start(&[]);
    for bucket in ["cats", "tables", "2015-03-31"] {
        aws(&server, &["s3", "mb", &format!("s3://{bucket}")]);
        let put = ["s3api", "put-object", "--bucket", bucket, "--key", "functions/k", "--tagging", "a=b"];
        aws(&server, &put);
    }
    let mut client = Client::new(server.port);
    let mut status = |path: &str, head: &[(&str, &str)]| client.request("GET", path, head, b"").expect("it answers").0;
    let signed = |service: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    };
    let (s3, lambda) = (signed("s3"), signed("lambda"));
    assert_eq!(status("/cats/functions/k", &[]), 200, "a bucket's name is enough");
    assert_eq!(status("/tables/functions", &[]), 404, "a page that is not there");
    assert_eq!(status("/tables/functions/k", &[("authorization", &s3)]), 200, "an object, for who signs for it");
    assert_eq!(status("/2015-03-31/functions/k", &[("authorization", &lambda)]), 404, "a function that is not there");
    assert_eq!(status("/2015-03-31/functions/k", &[("authorization", &s3)]), 200);
    assert_eq!(status("/", &[]), 200, "the overview");
    assert_eq!(status("/dogs/k", &[]), 404, "nobody's");
    let rebound =
        send(&server, b"GET /cats/functions/k HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n");
    assert!(rebound.starts_with("HTTP/1.1 403"), "{rebound}");
    let listed = tools::run(python("aws", &server).args(["dynamodb", "list-tables", "--query", "TableNames"]));
    assert_eq!(listed.trim(), "[]", "buckets are no tables");
}

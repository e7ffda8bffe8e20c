"""Writes the seeds of the fuzz targets into fuzz/corpus, out of the texts that the tests hold.

Not every text that is found means something to its target; the fuzzer keeps what leads it somewhere.
"""

import hashlib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
LITERAL = re.compile(r'r#"(.*?)"#|"((?:[^"\\]|\\.)*)"', re.DOTALL)
OPERATION = re.compile(r'^ +(?:reads|writes|stream)\("(\w+)"', re.MULTILINE)


def literals(path):
    """String literals of a Rust file, with a plain one's lines joined and its commonest escapes undone."""
    for raw, plain in LITERAL.findall(path.read_text()):
        text = raw or re.sub(r"\\\n\s*", "", plain)
        text = text.replace('\\"', '"').replace("\\n", "\n")
        # A brace that stands for itself in a format string is written twice.
        yield text.replace("{{", "{").replace("}}", "}") if "{{" in text else text


def write(target, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def requests():
    routes = (ROOT / "crates/aws/src/routes.rs").read_text()
    operations = OPERATION.findall(routes)
    for operation in operations:
        write("requests", f"{operation} {{}}".encode())
    for path in sorted((ROOT / "crates/aws/src").rglob("*.rs")):
        operation, lines = "PutItem", []
        for text in literals(path):
            if text in operations:
                operation = text
            elif text.lstrip().startswith("{"):
                body = " ".join(text.replace("'", '"').split())
                lines.append(f"{operation} {body}")
        for start in range(len(lines)):
            write("requests", lines[start].encode())
            write("requests", "\n".join(lines[start : start + 6]).encode())


def signatures():
    header = (
        "/\nx-amz-target: DynamoDB_20120810.ListTables\nx-amz-date: 20231114T221320Z\nhost: localhost\nauthorization: "
        "AWS4-HMAC-SHA256 Credential=dummy/20231114/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + "0" * 64 + "\n\n{}"
    )
    write("signatures", header.encode())
    write("signatures", header.replace("/\n", "/a%20b?x=1&y=%zz&x\n", 1).encode())


def texts(target, folder):
    for path in sorted((ROOT / folder).rglob("*.rs")):
        for text in literals(path):
            write(target, text.encode())


def templates():
    for path in [*ROOT.glob("crates/project/tests/cases/*.yaml"), *ROOT.glob("**/template.yaml")]:
        write("template", path.read_bytes())


def items():
    """Stored forms by hand: the version, a count, then name and value of each attribute."""
    string = lambda text: bytes([len(text)]) + text
    scalars = [b"\x01" + string(b"x"), b"\x03" + string(b"\xff"), b"\x04", b"\x05", b"\x06"]
    values = scalars + [
        b"\x07\x04\x02" + string(b"a") + string(b"b")[:2],
        b"\x0a\x03\x02\x06\x06",
        b"\x0b\x05\x01" + string(b"k") + b"\x05",
    ]
    for value in values:
        item = b"\x01\x01" + string(b"id") + value
        write("codec", item)
        write("expressions", b"size(#b) > :n AND #a = id\0" + item)
        write("sql", b"SELECT region, improvement, COUNT(*) AS n FROM votes GROUP BY region, improvement\0" + item)


requests()
signatures()
texts("expressions", "crates/item/src/expression")
texts("sql", "crates/pipeline/src/sql")
templates()
items()

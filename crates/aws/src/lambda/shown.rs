//! Functions as Lambda shows them. Which members an answer has follows responses recorded on AWS (localstack's
//! `test_lambda_api.snapshot.json`).

use super::{arn, name::LATEST};
use crate::json::Object;
use base64::{Engine, engine::general_purpose::STANDARD};
use control::{Code, Defined, FunctionDefinition};
use std::path::Path;
use wire::{Place, time};
use xxhash_rust::xxh3::xxh3_128;

/// A function and where it would be on AWS.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub place: &'a Place,
    pub function: &'a Defined<FunctionDefinition>,
    /// The ARN ends with the version.
    pub qualified: bool,
}

impl Shown<'_> {
    /// The function by itself.
    pub fn configuration(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        let mut object = Object::new(&mut out);
        self.write(&mut object);
        object.end();
        out
    }

    /// With its state: there is nothing to wait for.
    pub fn write(self, object: &mut Object<'_>) {
        self.write_listed(object);
        object.text("State", "Active");
        object.text("LastUpdateStatus", "Successful");
    }

    /// As lists have it: without its state.
    pub fn write_listed(self, object: &mut Object<'_>) {
        let definition = &self.function.definition;
        let (sha256, bytes) = digest(&definition.code);
        object.text("FunctionName", &definition.name);
        object.text("FunctionArn", &self.arn());
        object.text("Runtime", &definition.runtime);
        object.text("Role", &definition.role);
        object.text("Handler", &definition.handler);
        object.bare("CodeSize", bytes);
        object.text("Description", &definition.description);
        object.bare("Timeout", definition.timeout_s);
        object.bare("MemorySize", definition.memory_mb);
        object.text("LastModified", &format!("{}+0000", time::label(self.function.changed_ms)));
        object.text("CodeSha256", &STANDARD.encode(sha256));
        object.text("Version", LATEST);
        object.text("PackageType", "Zip");
        object.text("RevisionId", &revision(self.function));
        let mut architectures = object.array("Architectures");
        crate::json::string(architectures.element(), &definition.architecture);
        architectures.end();
        if let Some(target) = &definition.events.dead_letter {
            with(object, "DeadLetterConfig", |config| config.text("TargetArn", target));
        }
        if !definition.environment.is_empty() {
            with(object, "Environment", |environment| texts(environment, "Variables", &definition.environment));
        }
        with(object, "TracingConfig", |tracing| tracing.text("Mode", "PassThrough"));
        with(object, "EphemeralStorage", |storage| storage.bare("Size", 512));
        with(object, "SnapStart", |start| {
            start.text("ApplyOn", "None");
            start.text("OptimizationStatus", "Off");
        });
        with(object, "LoggingConfig", |logging| {
            logging.text("LogFormat", "Text");
            logging.text("LogGroup", &format!("/aws/lambda/{}", definition.name));
        });
    }

    fn arn(&self) -> String {
        let arn = arn(self.place, &self.function.definition.name);
        if self.qualified { format!("{arn}:{LATEST}") } else { arn }
    }
}

/// An object as a member.
pub(super) fn with(object: &mut Object<'_>, name: &str, write: impl FnOnce(&mut Object<'_>)) {
    let mut inner = object.object(name);
    write(&mut inner);
    inner.end();
}

/// A map of texts as a member.
pub(super) fn texts<'t>(
    object: &mut Object<'_>,
    name: &str,
    texts: impl IntoIterator<Item = (&'t String, &'t String)>,
) {
    with(object, name, |object| texts.into_iter().for_each(|(key, value)| object.text(key, value)));
}

/// A function's `RevisionId`: another one after each change.
pub(super) fn revision(function: &Defined<FunctionDefinition>) -> String {
    let Defined { definition, created_ms, revision, .. } = function;
    let bits = xxh3_128(format!("{} {created_ms} {revision}", definition.name).as_bytes());
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Hash and length of a package. A folder that is run in place has no package: its path stands for it.
fn digest(code: &Code) -> (Vec<u8>, u64) {
    use sha2::{Digest, Sha256};
    match code {
        Code::Stored { sha256, bytes } => (unhex(sha256), *bytes),
        Code::Folder(path) => (Sha256::digest(path.as_os_str().as_encoded_bytes()).to_vec(), 0),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map_or(0, |value| value as u8);
    pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// `file:///...`: where the code lies on this machine.
pub(super) fn location(folder: &Path) -> String {
    let mut url = b"file://".to_vec();
    for &byte in folder.as_os_str().as_encoded_bytes() {
        if byte == b'/' || crate::uri::unreserved(byte) { url.push(byte) } else { crate::uri::encode(&mut url, byte) }
    }
    String::from_utf8(url).expect("what is encoded is ASCII")
}

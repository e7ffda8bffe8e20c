//! The JSON 1.0 protocol: error codes, statuses and headers. The one place that words `db::Error` as AWS does.

use crate::json::{self, Malformed};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use item::{Item, KeyError, KeyKind, PARTITION_BYTES_MAX, codec::DecodeError, expression::Invalid};
use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A body in one piece.
pub type Body = Full<Bytes>;

const X_AMZN_REQUESTID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const X_AMZ_CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Largest request AWS takes.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An error's type, as clients match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AccessDenied,
    ConditionalCheckFailed,
    ExpiredIterator,
    IdempotentParameterMismatch,
    IncompleteSignature,
    InternalServerError,
    InvalidSignature,
    LimitExceeded,
    MissingAuthenticationToken,
    RequestTooLarge,
    ResourceInUse,
    ResourceNotFound,
    Serialization,
    TableNotFound,
    Throttling,
    TransactionCanceled,
    TransactionConflict,
    TrimmedDataAccess,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
}

impl Code {
    /// `__type`, in full.
    fn name(self) -> &'static str {
        match self {
            Code::AccessDenied => "com.amazon.coral.service#AccessDeniedException",
            Code::ConditionalCheckFailed => "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            Code::ExpiredIterator => "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException",
            Code::IdempotentParameterMismatch => {
                "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"
            }
            Code::IncompleteSignature => "com.amazon.coral.service#IncompleteSignatureException",
            Code::InternalServerError => "com.amazonaws.dynamodb.v20120810#InternalServerError",
            Code::InvalidSignature => "com.amazon.coral.service#InvalidSignatureException",
            Code::LimitExceeded => "com.amazonaws.dynamodb.v20120810#LimitExceededException",
            Code::MissingAuthenticationToken => "com.amazon.coral.service#MissingAuthenticationTokenException",
            Code::RequestTooLarge => "com.amazon.coral.service#RequestEntityTooLargeException",
            Code::ResourceInUse => "com.amazonaws.dynamodb.v20120810#ResourceInUseException",
            Code::ResourceNotFound => "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            Code::Serialization => "com.amazon.coral.service#SerializationException",
            Code::TableNotFound => "com.amazonaws.dynamodb.v20120810#TableNotFoundException",
            Code::Throttling => "com.amazon.coral.availability#ThrottlingException",
            Code::TransactionCanceled => "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            Code::TransactionConflict => "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            Code::TrimmedDataAccess => "com.amazonaws.dynamodb.v20120810#TrimmedDataAccessException",
            Code::UnknownOperation => "com.amazon.coral.service#UnknownOperationException",
            Code::UnrecognizedClient => "com.amazon.coral.service#UnrecognizedClientException",
            Code::Validation => "com.amazon.coral.validate#ValidationException",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Code::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Some of AWS's errors capitalise the field.
    fn message_field(self) -> &'static str {
        match self {
            Code::Serialization
            | Code::AccessDenied
            | Code::IdempotentParameterMismatch
            | Code::TransactionCanceled => "Message",
            _ => "message",
        }
    }
}

/// Why a request is refused: an error of AWS's.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub code: Code,
    /// Absent where AWS sends none.
    pub message: Option<String>,
    /// `ReturnValuesOnConditionCheckFailure`.
    pub item: Option<Box<Item>>,
    /// `CancellationReasons`, one for each action of a transaction.
    pub reasons: Vec<Reason>,
}

/// Why an action stood in the way of its transaction, or that it did not.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reason(Option<Box<Fault>>);

impl Reason {
    fn code(&self) -> &'static str {
        match self.0.as_ref().map(|fault| fault.code) {
            None => "None",
            Some(Code::ConditionalCheckFailed) => "ConditionalCheckFailed",
            Some(Code::TransactionConflict) => "TransactionConflict",
            // Whatever else is said of a single action is that it cannot be.
            Some(_) => "ValidationError",
        }
    }

    fn write(&self, mut object: json::Object<'_>) {
        object.text("Code", self.code());
        if let Some(fault) = &self.0 {
            if let Some(item) = &fault.item {
                object.item("Item", item);
            }
            if let Some(message) = &fault.message {
                object.text("Message", message);
            }
        }
        object.end();
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Reason {
        Reason(Some(Box::new(fault)))
    }
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault { code, message: Some(message.into()), item: None, reasons: Vec::new() }
    }

    /// An error of which AWS says nothing more.
    pub fn bare(code: Code) -> Fault {
        Fault { code, message: None, item: None, reasons: Vec::new() }
    }

    /// A transaction of which nothing happened.
    pub fn canceled(reasons: Vec<Reason>) -> Fault {
        let codes: Vec<&str> = reasons.iter().map(Reason::code).collect();
        let codes = codes.join(", ");
        let message =
            format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]");
        Fault { reasons, ..Fault::new(Code::TransactionCanceled, message) }
    }

    /// An item that a transaction under way is about to write.
    pub fn conflict() -> Fault {
        Fault::new(Code::TransactionConflict, "Transaction is ongoing for the item")
    }

    pub fn validation(message: impl Into<String>) -> Fault {
        Fault::new(Code::Validation, message)
    }

    /// A table that a data operation names.
    pub fn no_table() -> Fault {
        Fault::new(Code::ResourceNotFound, "Requested resource not found")
    }

    /// A table that a control operation names.
    pub fn no_table_named(name: &str) -> Fault {
        Fault::new(Code::ResourceNotFound, format!("Requested resource not found: Table: {name} not found"))
    }

    fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        let mut object = json::Object::new(&mut out);
        object.text("__type", self.code.name());
        if !self.reasons.is_empty() {
            let mut reasons = object.array("CancellationReasons");
            self.reasons.iter().for_each(|reason| reason.write(reasons.object()));
            reasons.end();
        }
        if let Some(message) = &self.message {
            object.text(self.code.message_field(), message);
        }
        if let Some(item) = &self.item {
            object.item("Item", item);
        }
        object.end();
        out
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Fault {
        Fault { message: malformed.message, ..Fault::bare(Code::Serialization) }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Fault {
        Fault::validation(invalid.to_string())
    }
}

impl From<DecodeError> for Fault {
    /// An item that does not read back.
    fn from(error: DecodeError) -> Fault {
        Fault::from(db::Error::Read(error.to_string()))
    }
}

impl From<db::Error> for Fault {
    /// The only match over `db::Error` at this door.
    fn from(error: db::Error) -> Fault {
        use db::Error;
        let internal = || Fault::new(Code::InternalServerError, error.to_string());
        match &error {
            Error::TableNotFound(name) => Fault::no_table_named(name),
            Error::TableExists(name) => Fault::new(Code::ResourceInUse, format!("Table already exists: {name}")),
            Error::Protected(_) => Fault::validation(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                 protection first.",
            ),
            // Not AccessDeniedException: no credentials would help.
            Error::ReadOnly(name) => Fault::validation(format!(
                "Table {name} is kept by a view and is read-only: write to the tables the view reads, or delete the \
                 view to write to this table"
            )),
            Error::ConditionFailed { item } => Fault {
                item: item.clone(),
                ..Fault::new(Code::ConditionalCheckFailed, "The conditional request failed")
            },
            Error::Invalid(invalid) => Fault::validation(invalid.to_string()),
            Error::ItemTooLarge => Fault::validation("Item size has exceeded the maximum allowed size"),
            Error::KeyChanged(name) => Fault::validation(format!(
                "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of \
                 the key"
            )),
            Error::Busy => Fault::new(Code::Throttling, "Too many requests are waiting; try again"),
            Error::Trimmed(_) => trimmed(),
            Error::IndexKey { index, error } => Fault::validation(index_key(index, error)),
            Error::IndexNotFound(_) => Fault::new(Code::ResourceNotFound, "Requested resource not found"),
            Error::IndexExists(_) => Fault::validation("Attempting to create an index which already exists"),
            Error::Canceled(reasons) => {
                let reason = |error: &Option<Error>| error.clone().map(|error| Fault::from(error).into());
                Fault::canceled(reasons.iter().map(|error| reason(error).unwrap_or_default()).collect())
            }
            Error::TransactionTooLarge => transaction_too_large(),
            Error::TokenReused => Fault::new(
                Code::IdempotentParameterMismatch,
                "DynamoDB rejected the request because you retried a request with a different payload but with an \
                 idempotent token that was already used.",
            ),
            // Nothing happened, and the same request may pass once there is room.
            Error::NoSpace(_) => internal(),
            // DynamoDB's clients change no resources and commit for no follower; the rest is the server's own trouble.
            Error::ResourceNotFound { .. }
            | Error::ResourceExists { .. }
            | Error::ResourceChanged { .. }
            | Error::ResourceLimit(_)
            | Error::FollowerNotFound(_)
            | Error::CursorMoved { .. }
            | Error::Poisoned(_)
            | Error::Read(_)
            | Error::Closed => internal(),
        }
    }
}

/// The items of a transaction, together.
pub(crate) fn transaction_too_large() -> Fault {
    Fault::validation("The aggregate size of the items in the transaction exceeds 4 MB")
}

/// A value that cannot be the key of a secondary index.
fn index_key(index: &str, error: &KeyError) -> String {
    match error {
        KeyError::WrongType { name, expected, actual } => format!(
            "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {expected} Actual: \
             {actual} IndexName: {index}"
        ),
        KeyError::Empty { name, kind } => format!(
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. \
             The AttributeValue for a key attribute cannot contain an empty {} value. IndexName: {index}, IndexKey: \
             {name}",
            empty_kind(*kind)
        ),
        KeyError::TooLong { limit, .. } => too_long(*limit).to_string(),
        KeyError::Missing { .. } | KeyError::Count => error.to_string(),
    }
}

/// AWS's word for the type of a key whose value is empty.
pub(crate) fn empty_kind(kind: KeyKind) -> &'static str {
    if kind == KeyKind::B { "binary" } else { "string" }
}

/// A key attribute that is too long, of a table or an index: the two limits have words of their own. The missing space
/// is AWS's.
pub(crate) fn too_long(limit: usize) -> &'static str {
    if limit == PARTITION_BYTES_MAX {
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"
    } else {
        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of \
         1024 bytes"
    }
}

/// A position older than the stream keeps.
pub(crate) fn trimmed() -> Fault {
    Fault::new(
        Code::TrimmedDataAccess,
        "The operation attempted to read past the oldest stream record in a shard. Try again with TRIM_HORIZON",
    )
}

/// Makes `x-amzn-RequestId`s: unlike one another, nothing depends on them, so they need none of `db`'s dice.
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

/// Characters of a request id.
const ID_CHARACTERS: usize = 52;

impl RequestIds {
    pub fn new() -> RequestIds {
        RequestIds { seed: RandomState::new().hash_one("request ids"), next: AtomicU64::new(0) }
    }

    fn next(&self) -> HeaderValue {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let number = self.next.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let mut id = [0u8; ID_CHARACTERS];
        for (half, characters) in id.chunks_mut(ID_CHARACTERS / 2).enumerate() {
            // 26 characters of five bits: 128 bits and two zeros.
            let mut bits = xxh3_128_with_seed(&number, self.seed.wrapping_add(half as u64));
            for character in characters {
                *character = ALPHABET[(bits & 31) as usize];
                bits >>= 5;
            }
        }
        HeaderValue::from_bytes(&id).expect("letters and digits are a header")
    }
}

/// Puts a body and AWS's headers together. The server adds `Date` and `Content-Length`.
pub(crate) fn respond(ids: &RequestIds, outcome: Result<Vec<u8>, Fault>) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(fault) => (fault.code.status(), fault.body()),
    };
    let checksum = crc32fast::hash(&body);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(4);
    headers.insert(header::SERVER, HeaderValue::from_static("Server"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert(X_AMZN_REQUESTID, ids.next());
    headers.insert(X_AMZ_CRC32, HeaderValue::from(checksum));
    response
}

/// A request of more than [`REQUEST_BYTES_MAX`], which AWS answers with 413 before it looks at anything.
#[must_use]
pub fn too_large() -> Response<Body> {
    respond(&RequestIds::new(), Err(request_too_large()))
}

pub(crate) fn request_too_large() -> Fault {
    Fault::new(Code::RequestTooLarge, format!("Request size exceeded the maximum of {REQUEST_BYTES_MAX} bytes"))
}

/// A request whose HTTP could not be read to its end; `why` is for the person who looks at it.
#[must_use]
pub fn malformed(why: &str) -> Response<Body> {
    respond(&RequestIds::new(), Err(Fault::new(Code::Serialization, why)))
}

/// A fixed answer outside the protocol, as AWS gives to health checks and strangers.
pub(crate) fn text(ids: &RequestIds, status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Server"));
    headers.insert(X_AMZN_REQUESTID, ids.next());
    headers.insert(X_AMZ_CRC32, HeaderValue::from(crc32fast::hash(text.as_bytes())));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_have_52_letters_and_digits_and_differ() {
        let ids = RequestIds::new();
        let (one, two) = (ids.next(), ids.next());
        assert_ne!(one, two);
        for id in [one, two] {
            let text = id.to_str().expect("ascii");
            assert_eq!(text.len(), 52);
            assert!(text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{text}");
        }
    }

    #[test]
    fn errors_carry_aws_types_and_checksums() {
        let ids = RequestIds::new();
        let error = db::Error::ConditionFailed { item: None };
        let response = respond(&ids, Err(Fault::from(error)));
        assert_eq!(response.status(), 400);
        let fault = Fault::from(db::Error::TableNotFound("t1".into()));
        let body = String::from_utf8(fault.body()).expect("utf-8");
        assert_eq!(
            body,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: t1 not found"}"#
        );
        let response = respond(&ids, Err(fault));
        assert_eq!(response.headers()["x-amz-crc32"], crc32fast::hash(body.as_bytes()).to_string());
        assert_eq!(too_large().status(), 413);
        assert_eq!(respond(&ids, Err(Fault::from(db::Error::Poisoned("disk".into())))).status(), 500);
    }
}

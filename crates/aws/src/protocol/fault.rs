//! Why requests are refused: AWS's errors, with their names, statuses and words. The one place that words `db::Error` as
//! AWS does. How an error is put into an answer is the protocol's affair.

use crate::json::{self, Malformed};
use http::StatusCode;
use item::{Item, KeyError, KeyKind, PARTITION_BYTES_MAX, codec::DecodeError, expression::Invalid};

/// An error's type, as clients match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AccessDenied,
    ConditionalCheckFailed,
    DryRun,
    ExpiredIterator,
    ExpiredNextToken,
    HierarchyLevelLimitExceeded,
    IdempotentParameterMismatch,
    IncompleteSignature,
    InternalFailure,
    InternalServerError,
    InvalidAllowedPattern,
    InvalidArgument,
    InvalidFilterKey,
    InvalidFilterOption,
    InvalidFilterValue,
    InvalidNextToken,
    InvalidParameterValue,
    InvalidRequestContent,
    InvalidResourceId,
    InvalidResourceType,
    InvalidSignature,
    LimitExceeded,
    MissingAuthenticationToken,
    ParameterAlreadyExists,
    ParameterLimitExceeded,
    ParameterNotFound,
    ParameterPatternMismatch,
    ParameterVersionNotFound,
    PreconditionFailed,
    ProvisionedThroughputExceeded,
    RecursiveInvocation,
    RequestTooLarge,
    ResourceConflict,
    ResourceInUse,
    ResourceNotFound,
    Serialization,
    Service,
    TableNotFound,
    Throttling,
    TooManyRequests,
    TooManyTags,
    TransactionCanceled,
    TransactionConflict,
    TrimmedDataAccess,
    UnknownOperation,
    UnrecognizedClient,
    Validation,
}

impl Code {
    /// The error's name, without the service that it belongs to.
    pub fn name(self) -> &'static str {
        match self {
            Code::AccessDenied => "AccessDeniedException",
            Code::ConditionalCheckFailed => "ConditionalCheckFailedException",
            Code::DryRun => "DryRunOperationException",
            Code::ExpiredIterator => "ExpiredIteratorException",
            Code::ExpiredNextToken => "ExpiredNextTokenException",
            Code::HierarchyLevelLimitExceeded => "HierarchyLevelLimitExceededException",
            Code::IdempotentParameterMismatch => "IdempotentParameterMismatchException",
            Code::IncompleteSignature => "IncompleteSignatureException",
            Code::InternalFailure => "InternalFailureException",
            Code::InternalServerError => "InternalServerError",
            Code::InvalidAllowedPattern => "InvalidAllowedPatternException",
            Code::InvalidArgument => "InvalidArgumentException",
            Code::InvalidFilterKey => "InvalidFilterKey",
            Code::InvalidFilterOption => "InvalidFilterOption",
            Code::InvalidFilterValue => "InvalidFilterValue",
            Code::InvalidNextToken => "InvalidNextToken",
            Code::InvalidParameterValue => "InvalidParameterValueException",
            Code::InvalidRequestContent => "InvalidRequestContentException",
            Code::InvalidResourceId => "InvalidResourceId",
            Code::InvalidResourceType => "InvalidResourceType",
            Code::InvalidSignature => "InvalidSignatureException",
            Code::LimitExceeded => "LimitExceededException",
            Code::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Code::ParameterAlreadyExists => "ParameterAlreadyExists",
            Code::ParameterLimitExceeded => "ParameterLimitExceeded",
            Code::ParameterNotFound => "ParameterNotFound",
            Code::ParameterPatternMismatch => "ParameterPatternMismatchException",
            Code::ParameterVersionNotFound => "ParameterVersionNotFound",
            Code::PreconditionFailed => "PreconditionFailedException",
            Code::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Code::RecursiveInvocation => "RecursiveInvocationException",
            Code::RequestTooLarge => "RequestEntityTooLargeException",
            Code::ResourceConflict => "ResourceConflictException",
            Code::ResourceInUse => "ResourceInUseException",
            Code::ResourceNotFound => "ResourceNotFoundException",
            Code::Serialization => "SerializationException",
            Code::Service => "ServiceException",
            Code::TableNotFound => "TableNotFoundException",
            Code::Throttling => "ThrottlingException",
            Code::TooManyRequests => "TooManyRequestsException",
            Code::TooManyTags => "TooManyTagsError",
            Code::TransactionCanceled => "TransactionCanceledException",
            Code::TransactionConflict => "TransactionConflictException",
            Code::TrimmedDataAccess => "TrimmedDataAccessException",
            Code::UnknownOperation => "UnknownOperationException",
            Code::UnrecognizedClient => "UnrecognizedClientException",
            Code::Validation => "ValidationException",
        }
    }

    /// What stands before the name in `__type` at DynamoDB.
    pub(super) fn space(self) -> &'static str {
        match self {
            Code::AccessDenied
            | Code::IncompleteSignature
            | Code::InvalidSignature
            | Code::MissingAuthenticationToken
            | Code::RequestTooLarge
            | Code::Serialization
            | Code::UnknownOperation
            | Code::UnrecognizedClient => "com.amazon.coral.service",
            Code::Throttling => "com.amazon.coral.availability",
            Code::Validation => "com.amazon.coral.validate",
            _ => "com.amazonaws.dynamodb.v20120810",
        }
    }

    /// The status of an error at services whose operations are targets: the error's type tells the rest.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Code::InternalFailure | Code::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The status of an error at services whose operations are paths.
    pub(super) fn rest_status(self) -> StatusCode {
        match self {
            Code::AccessDenied
            | Code::IncompleteSignature
            | Code::InvalidSignature
            | Code::MissingAuthenticationToken
            | Code::UnrecognizedClient => StatusCode::FORBIDDEN,
            Code::ResourceNotFound | Code::UnknownOperation => StatusCode::NOT_FOUND,
            Code::ResourceConflict => StatusCode::CONFLICT,
            Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Code::Throttling | Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Code::Service => StatusCode::INTERNAL_SERVER_ERROR,
            _ => self.status(),
        }
    }

    /// Some of DynamoDB's errors capitalise the field.
    pub(super) fn message_field(self) -> &'static str {
        match self {
            Code::Serialization
            | Code::AccessDenied
            | Code::IdempotentParameterMismatch
            | Code::TransactionCanceled => "Message",
            _ => "message",
        }
    }

    /// And so do some of Lambda's, which are others.
    pub(super) fn rest_message_field(self) -> &'static str {
        match self {
            Code::AccessDenied
            | Code::RecursiveInvocation
            | Code::ResourceInUse
            | Code::ResourceNotFound
            | Code::Service => "Message",
            _ => "message",
        }
    }

    /// Whose fault an error of a path is, as Lambda's own errors tell; those of what stands before it do not.
    pub(super) fn whose(self) -> Option<&'static str> {
        match self {
            Code::InvalidParameterValue
            | Code::InvalidRequestContent
            | Code::PreconditionFailed
            | Code::RecursiveInvocation
            | Code::ResourceConflict
            | Code::ResourceInUse
            | Code::ResourceNotFound
            | Code::TooManyRequests => Some("User"),
            Code::Service => Some("Service"),
            _ => None,
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
    /// `Reason`: which limit a call of a function met.
    pub limit: Option<&'static str>,
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

    pub(super) fn write(&self, mut object: json::Object<'_>) {
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
        Fault { message: Some(message.into()), ..Fault::bare(code) }
    }

    /// An error of which AWS says nothing more.
    pub fn bare(code: Code) -> Fault {
        Fault { code, message: None, item: None, reasons: Vec::new(), limit: None }
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
            Error::ReadOnly { table, keeper: keeper @ db::Keeper::Room(_) } => {
                Fault::validation(format!("Table {table} is kept by {keeper} and is read-only"))
            }
            Error::ReadOnly { table: name, .. } => Fault::validation(format!(
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

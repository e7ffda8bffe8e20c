//! What `kinesis` refuses, in AWS's words.

use crate::{
    Inner,
    protocol::{Code, Fault},
};
use kinesis::Error;

/// The only match over `kinesis::Error` at this door.
pub(super) fn of(door: &Inner, error: &Error) -> Fault {
    let account = &door.config.place.account;
    match error {
        Error::NotFound(name) => no_stream(door, name),
        Error::Exists(name) => {
            Fault::new(Code::ResourceInUse, format!("Stream {name} under account {account} already exists."))
        }
        Error::ShardCount { .. } | Error::Invalid(_) => invalid(error.to_string()),
        Error::Limit(message) => Fault::new(Code::LimitExceeded, message),
        Error::Db(db::Error::Busy) => {
            Fault::new(Code::ProvisionedThroughputExceeded, "Too many requests are waiting; try again")
        }
        // It was deleted between two looks.
        Error::Db(db::Error::FollowerNotFound(_)) => {
            Fault::new(Code::ResourceNotFound, format!("The stream under account {account} was deleted meanwhile."))
        }
        Error::Db(error) => Fault::new(Code::InternalFailure, error.to_string()),
    }
}

pub(super) fn no_stream(door: &Inner, name: &str) -> Fault {
    let account = &door.config.place.account;
    Fault::new(Code::ResourceNotFound, format!("Stream {name} under account {account} not found."))
}

pub(super) fn no_shard(door: &Inner, shard: &str, stream: &str) -> Fault {
    let account = &door.config.place.account;
    let message = format!("Shard {shard} in stream {stream} under account {account} does not exist");
    Fault::new(Code::ResourceNotFound, message)
}

pub(super) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidArgument, message)
}

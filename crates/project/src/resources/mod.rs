//! The types of resources that are created here, one file each, and what is said about all others. To add a type:
//! write its file with a `TYPE`, and name it in [`TYPES`]. `properties`, `physical` and `indexes` are what several of them
//! need.

mod bucket;
mod destination;
pub(crate) mod elsewhere;
pub(crate) mod functions;
mod indexes;
mod kinesis;
mod marks;
pub(crate) mod name;
mod parameter;
mod physical;
mod properties;
mod schedules;
mod simple_table;
mod table;

pub(crate) use properties::checked_name;

use crate::model::Project;
use crate::scope::{Resource, Scope};
use crate::yaml::Value;

/// How one type of resource is read.
pub(crate) struct ResourceType {
    /// `AWS::DynamoDB::Table`
    pub(crate) name: &'static str,
    /// Reads the resource into the project; reports what is wrong with it.
    pub(crate) read: fn(&Scope<'_>, &Resource<'_>, &mut Project),
    /// What `!Ref` gives.
    pub(crate) reference: fn(&Scope<'_>, &Resource<'_>) -> Value,
    /// What `!GetAtt` may ask for.
    pub(crate) attributes: &'static [&'static str],
    /// What `!GetAtt` gives, for one of `attributes`.
    pub(crate) attribute: fn(&Scope<'_>, &Resource<'_>, &str) -> Value,
}

/// Every type that is created here.
pub(crate) const TYPES: [&ResourceType; 13] = [
    &table::TYPE,
    &simple_table::TYPE,
    &functions::serverless::TYPE,
    &functions::lambda::TYPE,
    &functions::mapping::TYPE,
    &functions::event_config::TYPE,
    &schedules::rule::TYPE,
    &schedules::scheduler::TYPE,
    &parameter::TYPE,
    &kinesis::TYPE,
    &bucket::TYPE,
    &destination::QUEUE,
    &destination::TOPIC,
];

/// The type called `name`, if it is created here.
pub(crate) fn find(name: &str) -> Option<&'static ResourceType> {
    TYPES.into_iter().find(|kind| kind.name == name)
}

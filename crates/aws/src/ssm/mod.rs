//! SSM's operations on parameters. Knows JSON shapes and AWS's words; what a parameter is, is `control`'s.

pub(crate) mod describe;
mod fault;
mod filter;
pub(crate) mod get;
mod name;
mod page;
pub(crate) mod put;
mod shown;
pub(crate) mod tags;

pub(crate) use name::arn;

//! Followers: whoever reads the log and makes something else of it. Now: views, written in SQL.
//!
//! `sql` turns text into a plan, and a plan and an item into what the item contributes; it is pure and knows neither
//! the database nor a follower. `view` folds contributions into rows and commits them with the cursor. Nothing here
//! may know of HTTP, JSON, templates or storage engines; the clock is the database's.

pub mod sql;
mod view;

pub use sql::{CheckedView, Diagnostic, check_view};
pub use view::{Phase, Skip, Step, Verification, VerifyError, View, ViewError, ViewStatus, Views, verify};

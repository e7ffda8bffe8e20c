//! The SQL of views: text to [`Plan`], and what one item contributes under it. Pure; knows no database.
//!
//! ```sql
//! SELECT region, improvement, COUNT(*) AS total_votes FROM votes GROUP BY region, improvement
//! ```

mod check;
mod condition;
mod evaluate;
mod image;
mod like;
mod plan;
mod planner;
mod predicate;
mod reference;
mod refuse;
mod text;

pub use check::{CheckedView, check_view};
pub use evaluate::{Evaluated, Outcome, Term};
pub use image::Image;
pub use plan::{Misfit, Plan};
pub use reference::{Reference, Tally, evaluate};
pub use text::Diagnostic;

#[cfg(test)]
pub(crate) mod tests;

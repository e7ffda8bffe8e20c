//! The console over made-up functions, triggers, schedules and exports.

mod exports;
#[path = "../made_up/mod.rs"]
mod made_up;
mod running;

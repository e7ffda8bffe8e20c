//! Everything that is tested from outside, against the real program. One binary, one module for each question.

mod bad_input;
mod browser;
mod bucket_crash;
mod bucket_events;
mod buckets;
mod clients;
mod crash;
mod deliveries;
mod example;
mod expiry;
mod exports;
#[path = "../../faults/mod.rs"]
mod faults;
mod functions;
mod handlers;
mod indexes;
mod killed_exports;
mod marks;
mod memory;
mod messages;
mod power_loss;
mod power_loss_of_objects;
mod retries;
mod tidy;
mod transactions;

//! The vendor's REST API v3 on one machine, for tests, the demo and the benchmark, with faults to order.
//! It edits real pixels by rule. It is an emulator, says so wherever it can, and never pretends to be the model.

mod api;
mod args;
mod catalogue;
mod config;
mod counters;
mod emulator;
mod faults;
mod files;
mod looks;
mod money;
mod picture;
mod rate;
mod run;
mod server;
mod signature;
mod tickets;
mod vendor;

pub use args::{EmulatorArgs, run};
pub use config::EmulatorConfig;
pub use counters::RequestCounts;
pub use emulator::Emulator;
pub use faults::{Fault, Faults, FaultsHandle};
pub use run::{RunRecord, RunStatus};
pub use signature::sign;

/// A CC0 photograph to edit; `assets/README.md` says whose.
pub const DEMO_PHOTO: &[u8] = include_bytes!("../assets/photo.jpg");

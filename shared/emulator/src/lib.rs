//! The provider's API on one machine, with faults on request. It edits real pixels and never
//! pretends to be the model.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod args;
mod catalogue;
mod config;
mod emulator;
mod faults;
mod file_store;
mod filters;
mod inputs;
mod money;
mod outputs;
mod page;
mod pictures;
mod provider;
mod rate;
mod reply;
mod routes;
mod run;
mod serve;
mod signature;
mod ticket;
mod traces;
mod upload_store;

pub use args::{EmulatorArgs, run};
pub use config::EmulatorConfig;
pub use emulator::Emulator;
pub use faults::{Fault, Faults};
pub use outputs::picture_of;
pub use pictures::PictureFetcher;
pub use run::{OddOutput, RunRecord};
pub use traces::TracedRequest;

/// A picture to try things out with.
pub const DEMO_PHOTO: &[u8] = include_bytes!("../assets/photo.jpg");

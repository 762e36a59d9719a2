//! Every function of Fluxgate in one process, and the command-line interface.

#![warn(clippy::print_stderr)]
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod aws;
pub mod backup;
mod certificate;
pub mod cli;
pub mod client;
pub mod connections;
pub mod destinations;
mod file_stamp;
pub mod folder;
pub mod key_ring;
mod memory;
mod onboarding;
mod operating;
mod otlp;
mod pictures;
mod private;
pub mod provider_key;
mod renamed;
pub mod server;
pub mod settings;
mod stores;
pub mod values;

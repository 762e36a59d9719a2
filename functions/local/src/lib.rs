//! Every function of Fluxgate in one process, and the command around it.

pub mod cli;
pub mod client;
pub mod destinations;
pub mod folder;
pub mod onboarding;
pub mod server;
pub mod settings;

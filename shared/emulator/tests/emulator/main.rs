//! The emulator over real HTTP, as its clients meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod account;
mod client;
mod connections;
mod faults;
mod kinds;
mod media;
mod pictures;
mod prices;
mod readers;
mod receiver;
mod refusals;
mod run;
mod webhook;

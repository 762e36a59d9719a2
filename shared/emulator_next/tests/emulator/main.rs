//! The emulator over real HTTP, as its clients meet it.

mod account;
mod client;
mod faults;
mod media;
mod receiver;
mod refusals;
mod run;
mod webhook;

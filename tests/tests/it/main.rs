//! The product through its public face: HTTP, the command line, the vendor's own SDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and its line says where")]

mod bad_input;
mod callbacks;
mod command;
mod contract;
mod crash;
mod demo;
mod edit;
mod faults;
mod idempotency;
mod isolation;
mod openapi;
mod python_sdk;
mod tidy;
mod tokens;
mod uploads;

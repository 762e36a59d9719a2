//! What the seven Lambda functions share: their environment, their wiring, and the three ways they
//! are invoked.
//!
//! A function is its wiring plus one of [`http`], [`batch`] and [`schedule`]; nothing here decides
//! anything about a task.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

pub mod batch;
mod cloudwatch;
pub mod config;
mod emf;
pub mod http;
mod init;
mod log;
pub mod schedule;
mod table_gate;
pub mod wiring;
mod xray;

pub use cloudwatch::{CLOUDWATCH_METRICS, CloudWatchMetric, FUNCTION_METRICS, FunctionMetric};
pub use config::Environment;
pub use init::InitError;
pub use table_gate::TableGate;

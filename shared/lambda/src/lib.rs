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
pub mod config;
mod emf;
pub mod http;
mod init;
mod log;
pub mod schedule;
pub mod wiring;

pub use config::Environment;
pub use emf::{CLOUDWATCH_METRICS, CloudWatchMetric};
pub use init::InitError;

//! How a log line looks, and how it is written without keeping anybody waiting. What is logged, and
//! where the lines go, is decided elsewhere.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod fields;
mod lines;
mod queue;

pub use lines::{LogFormat, LogLines, json_line};
pub use queue::{LineQueue, LineSender};

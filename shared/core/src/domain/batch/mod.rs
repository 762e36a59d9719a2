//! A batch: many submits in one request, a line for each, admitted as limits and money allow.

mod line;
mod record;
#[cfg(test)]
mod record_tests;
mod request;

pub use line::{BatchChunk, BatchLine, LineResult};
pub use record::{Batch, BatchState, Waiting};
pub use request::{LineRequest, reference_of};

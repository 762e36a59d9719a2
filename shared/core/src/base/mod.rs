//! What every other room is built from.

pub mod bounds;
pub mod counted;
pub mod day;
pub mod digest;
pub mod echo;
pub mod error;
pub mod id;
pub mod json;
pub mod metric;
pub mod rate;
pub mod retry;
pub mod secret;
pub mod time;

//! Each function's parts, put together once before its first event. What a function is not given, its role may not touch.

mod destinations;
mod gateway;
mod parts;
mod stored_secret;
mod ways_out;
mod workers;

pub(crate) use stored_secret::StoredSecret;

pub use gateway::{gateway, receiver};
pub use workers::{admin, archiver, notifier, poller, sweeper};

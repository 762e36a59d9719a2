//! Each function's parts, put together once before its first event. A function's use cases are
//! built of what its role may touch.

mod destinations;
mod gateway;
mod parts;
mod stored_secret;
mod ways_out;
mod workers;

pub use gateway::{gateway, receiver};
pub use workers::{admin, archiver, notifier, poller, sweeper};

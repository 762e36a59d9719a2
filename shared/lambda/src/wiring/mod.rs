//! Each function's parts, assembled once before its first event. A function's use cases only get
//! what its IAM role may access.

mod destinations;
mod gateway;
mod parts;
mod spool;
mod stored_key_ring;
mod stored_secret;
mod timer;
mod ways_out;
mod workers;

pub use gateway::{gateway, receiver};
pub use parts::SYNC_WAIT_MAX_MS;
pub use spool::SPOOL_RESERVED_MB;
pub use workers::{admin, archiver, notifier, poller, sweeper};

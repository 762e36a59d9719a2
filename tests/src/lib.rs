//! The harness: a gateway on a temporary folder, the vendor's double, a live receiver; and the suites that every adapter runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and its line says where")]

pub mod contract;
pub mod eventually;
pub mod gateway;
pub mod process;
pub mod receiver;
pub mod tenant;

pub use eventually::eventually;
pub use gateway::{Gateway, GatewayOptions};
pub use process::FluxgateProcess;
pub use receiver::LiveReceiver;
pub use tenant::TestTenant;

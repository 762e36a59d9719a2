//! One server loop for every listener: HTTP/1.1 over TCP or TLS, with a bound on everything that a
//! client can hold or stall.
//!
//! hyper speaks the protocol; this crate manages the connections: how many, from whom, for how
//! long, and how they end. It depends on none of Fluxgate's other crates.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod address;
mod answer;
mod body;
mod bounds;
mod client_io;
mod connection;
mod files;
mod linger;
mod listening;
mod malformed;
mod patience;
mod peer;
mod registry;
mod serving;
mod stream;

pub use address::listen_address;
pub use answer::{Answer, BoxError};
pub use body::RequestBody;
pub use bounds::ConnectionBounds;
pub use files::raise_file_limit;
pub use listening::{Listening, bind};

//! A listener over real sockets, as clients that mean no good meet it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bodies;
mod caps;
mod client;
mod heads;
mod server;
mod stop;

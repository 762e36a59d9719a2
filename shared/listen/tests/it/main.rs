//! A listener over real sockets, under hostile clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bodies;
mod caps;
mod client;
mod heads;
mod server;
mod stop;

//! The AWS adapters against small servers that speak AWS's protocols and refuse what AWS refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod held_clock;
mod secrets;
mod secrets_server;
mod serving;

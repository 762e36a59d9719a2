//! Tenants' roles against a small server that speaks STS and refuses what STS refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod held_clock;
mod roles;
mod serving;
mod sts_server;

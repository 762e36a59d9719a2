//! Authentication through its public interface: real keys, real tokens, key sets from a real HTTP
//! server, a clock that is held.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod algorithms;
mod caching;
mod claims_read;
mod explained;
mod issuer_server;
mod key_set_renewal;
mod key_sets;
mod local_issuer;
mod log_lines;
mod providers;
mod refused_claims;
mod refused_tokens;
mod signing;
mod tenants;
mod tenants_in_memory;
mod usable_keys;
mod world;

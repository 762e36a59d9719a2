//! Authentication through its public interface: real keys, real tokens, key sets from a real HTTP
//! server, a clock that is held.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod caching;
mod issuer_server;
mod key_sets;
mod local_issuer;
mod refused_claims;
mod refused_tokens;
mod signing;
mod tenants;
mod tenants_in_memory;
mod usable_keys;
mod world;

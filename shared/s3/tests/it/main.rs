//! `S3ObjectStore`, and the sink of usage events: the contract against the in-process S3 server,
//! and against a stub what that server never says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bucket_refusals;
mod contract;
mod object_store;
mod parts;
mod roles;
mod signer;
mod stub;
mod usage_sink;

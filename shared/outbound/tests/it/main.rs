//! Behaviour of the ways out, against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod account;
mod callbacks;
mod guarding;
mod interim_answers;
mod issuer_documents;
mod output_fetch;
mod output_redirects;
mod output_types;
mod outputs;
mod provider_calls;
mod provider_client;
mod provider_lists;
mod provider_uploads;
mod reused_connections;
mod servers;
mod submits;

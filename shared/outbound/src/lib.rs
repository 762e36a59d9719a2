//! The ways out over HTTP: callbacks, outputs, key sets, and the provider's API.
//!
//! What a tenant or the provider names goes through the one guarded client; the provider's API
//! itself is named by the operator and has a client of its own. Nothing here decides what an answer
//! means for a task: that is the core's.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod body;
mod callback;
mod failure;
mod guard;
mod jwks;
mod names;
mod output;
mod picture;
mod provider;
mod retry_after;
mod roots;

pub use callback::HttpCallbackSender;
pub use guard::{Guard, GuardPolicy, GuardedClient, networks};
pub use jwks::HttpJwksFetcher;
pub use names::NameSettings;
pub use output::HttpOutputFetcher;
pub use picture::HttpPictureFetcher;
pub use provider::{ApiKey, ProviderSettings, WaveSpeedClient, check_api_key};
pub use roots::Roots;

/// What every request calls itself.
const USER_AGENT: &str = concat!("fluxgate/", env!("CARGO_PKG_VERSION"));

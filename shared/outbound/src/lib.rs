//! The ways out over HTTP: callbacks, outputs, key sets, and the vendor's API.
//!
//! What a tenant or the vendor names goes through the one guarded client; the vendor's API itself is named by the operator
//! and has a client of its own. Nothing here decides what an answer means for a task: that is the core's.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on panics"))]

mod body;
mod callback;
mod failure;
mod guard;
mod jwks;
mod names;
mod output;
mod picture;
mod retry_after;
mod roots;
mod upstream;

pub use callback::HttpCallbackSender;
pub use guard::{Guard, GuardPolicy, GuardedClient};
pub use jwks::HttpJwksFetcher;
pub use names::NameSettings;
pub use output::HttpOutputFetcher;
pub use picture::HttpPictureFetcher;
pub use roots::Roots;
pub use upstream::{ApiKey, UpstreamSettings, WaveSpeedClient, check_api_key};

/// What every request calls itself.
const USER_AGENT: &str = concat!("fluxgate/", env!("CARGO_PKG_VERSION"));

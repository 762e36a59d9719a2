//! Outbound HTTP: callbacks, outputs, key sets, and the provider's API.
//!
//! URLs from tenants or the provider go through the one guarded client; the provider's API is
//! configured by the operator and has its own client. Nothing here decides what a response means
//! for a task: that is the core's job.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod body;
mod bucket_reader;
mod callback;
mod failure;
mod guard;
mod key_sets;
mod names;
mod output;
mod picture;
mod provider;
mod retry_after;
mod roots;
mod store_http;
mod trace;

pub use bucket_reader::BucketReader;
pub use callback::HttpCallbackSender;
pub use guard::{Guard, GuardPolicy, GuardedClient, networks};
pub use key_sets::{HttpKeySetFetcher, KeySetBounds};
pub use names::NameSettings;
pub use output::HttpOutputFetcher;
pub use picture::HttpPictureFetcher;
pub use provider::{ApiKey, ProviderSettings, WaveSpeedClient, check_api_key};
pub use roots::Roots;
pub use store_http::store_http;

/// The `User-Agent` of every request.
const USER_AGENT: &str = concat!("fluxgate/", env!("CARGO_PKG_VERSION"));

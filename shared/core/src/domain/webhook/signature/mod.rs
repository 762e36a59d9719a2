//! What is signed, in and out: the provider's `v3` dialect, Standard Webhooks, and the capability in a webhook URL.

mod capability;
pub mod standard;
pub mod v3;

pub use capability::{CapabilityKey, OutputLink};

use aws_lc_rs::hmac;

/// The three headers that both dialects share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`, Unix seconds.
    pub timestamp: i64,
    /// `webhook-signature`
    pub signature: String,
}

/// HMAC-SHA256 over `{id}.{timestamp}.{body}` without copying the body.
fn mac(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(id.as_bytes());
    context.update(b".");
    context.update(timestamp.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    context.sign()
}

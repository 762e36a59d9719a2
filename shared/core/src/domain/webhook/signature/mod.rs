//! Signatures, incoming and outgoing: the provider's `v3` dialect, Standard Webhooks, and the
//! capabilities in URLs.

mod capability;
pub mod standard;
pub mod v3;

pub use capability::{CapabilityKeys, KeyForm, OutputLink};

use aws_lc_rs::hmac;

use crate::base::error::{Error, Kind, Result};

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

impl SignedHeaders {
    /// Kind `Unauthenticated`, code `invalid_webhook_signature`, if one of them is missing,
    /// repeated or malformed.
    pub fn read<'a>(header: impl Fn(&str) -> Result<Option<&'a str>>) -> Result<Self> {
        let refused =
            |text: String| Error::new(Kind::Unauthenticated, "invalid_webhook_signature", text);
        let text = |name: &str| {
            let missing = || refused(format!("the header {name} is missing"));
            let value = header(name).map_err(|error| refused(error.message))?;
            value.map(str::to_owned).ok_or_else(missing)
        };
        let timestamp = text("webhook-timestamp")?;
        let timestamp = timestamp
            .parse()
            .map_err(|_| refused("the header webhook-timestamp is not a number".to_owned()))?;
        Ok(Self {
            id: text("webhook-id")?,
            timestamp,
            signature: text("webhook-signature")?,
        })
    }
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

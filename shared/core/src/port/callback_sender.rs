//! Sending callbacks.

use async_trait::async_trait;

use crate::base::id::TenantId;
use crate::domain::webhook::{CallbackUrl, SignedHeaders};

/// One signed request, ready to send.
pub struct CallbackRequest {
    /// The tenant whose quota the DNS lookup of the receiver's name counts against.
    pub tenant: TenantId,
    pub url: CallbackUrl,
    pub headers: SignedHeaders,
    pub body: Vec<u8>,
    pub timeout_ms: u64,
}

/// The result of sending a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The receiver answered, with this `Retry-After` if any.
    Answered {
        status: u16,
        retry_after_ms: Option<u64>,
    },
    /// No answer; the reason is safe to show.
    Failed { reason: String },
}

#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// POSTs once, through the guard, without following redirects, and reads a bounded part of the
    /// answer.
    async fn send(&self, outgoing: CallbackRequest) -> SendOutcome;
}

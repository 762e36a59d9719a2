//! Sending callbacks.

use async_trait::async_trait;

use crate::base::id::TenantId;
use crate::domain::webhook::{CallbackUrl, SignedHeaders};

/// One signed request, ready to go.
pub struct CallbackRequest {
    /// At whose expense the receiver's name is looked up.
    pub tenant: TenantId,
    pub url: CallbackUrl,
    pub headers: SignedHeaders,
    pub body: Vec<u8>,
    pub timeout_ms: u64,
}

/// What the receiver did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// It answered, with this `Retry-After` if any.
    Answered {
        status: u16,
        retry_after_ms: Option<u64>,
    },
    /// It did not; the text is safe to show.
    Failed { reason: String },
}

#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// POSTs once, through the guard, following no redirect and reading a bounded part of the
    /// answer.
    async fn send(&self, outgoing: CallbackRequest) -> SendOutcome;
}

//! Sending callbacks.

use async_trait::async_trait;

use crate::base::id::TenantId;
use crate::base::secret::Secret;
use crate::base::trace_context::TraceContext;
use crate::domain::webhook::{CallbackUrl, ErrorClass, SignedHeaders};

/// One signed request, ready to send.
pub struct CallbackRequest {
    /// The tenant whose quota the DNS lookup of the receiver's name counts against.
    pub tenant: TenantId,
    pub url: CallbackUrl,
    pub headers: SignedHeaders,
    pub trace: TraceContext,
    /// More headers, names in lower case. Values may be the tenant's secrets.
    pub extra: Vec<(String, Secret)>,
    pub body: Vec<u8>,
    /// For all of it; a connection alone has less.
    pub timeout_ms: u64,
}

/// The result of sending a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    Answered(CallbackAnswer),
    /// It did not; the text is safe to show.
    Failed {
        class: ErrorClass,
        reason: String,
    },
}

/// An answer, as far as it is of interest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallbackAnswer {
    pub status: u16,
    /// `Retry-After` as it was sent, and what it asks for.
    pub retry_after: Option<String>,
    pub retry_after_ms: Option<u64>,
    /// `Location` as it was sent.
    pub location: Option<String>,
    /// The beginning of the body of an answer that is no success: text, at most
    /// [`crate::webhook::EXCERPT_BYTES_MAX`] bytes.
    pub body: Option<String>,
}

#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// POSTs once, through the guard, following no redirect and reading a bounded part of the
    /// answer. A kept connection that breaks before one byte of the answer is tried once more on a
    /// new one: the receiver had closed it.
    async fn send(&self, outgoing: CallbackRequest) -> SendOutcome;
}

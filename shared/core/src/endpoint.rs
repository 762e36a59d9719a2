//! Where a tenant wants its events.

use serde::{Deserialize, Serialize};

use crate::callback::{CallbackUrl, EventType};
use crate::id::{EndpointId, TenantId};
use crate::signature::Secret;
use crate::time::Timestamp;

/// A registered receiver of events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    pub tenant: TenantId,
    pub id: EndpointId,
    pub url: CallbackUrl,
    /// Newest first; every one signs, so that a receiver can rotate at leisure.
    pub secrets: Vec<Secret>,
    /// Empty means all.
    pub event_types: Vec<EventType>,
    pub enabled: bool,
    pub created_at: Timestamp,
}

impl Endpoint {
    pub fn wants(&self, event: EventType) -> bool {
        self.event_types.is_empty() || self.event_types.contains(&event)
    }
}

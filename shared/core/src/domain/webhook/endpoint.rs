//! Where a tenant wants its events.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind};
use crate::base::id::{EndpointId, TenantId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::webhook::{CallbackUrl, EventType};

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

/// A tenant that has as many as it may have.
pub fn too_many_endpoints(endpoints_max: usize) -> Error {
    let text = format!("there are {endpoints_max} endpoints already; delete one first");
    Error::new(Kind::Conflict, "too_many_endpoints", text)
}

impl Endpoint {
    pub fn wants(&self, event: EventType) -> bool {
        self.event_types.is_empty() || self.event_types.contains(&event)
    }
}

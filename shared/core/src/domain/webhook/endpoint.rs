//! Tenants' webhook endpoints.

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
    /// Newest first; each of them signs, so that receivers can rotate secrets at their own pace.
    pub secrets: Vec<Secret>,
    /// Empty subscribes to all events.
    pub event_types: Vec<EventType>,
    pub enabled: bool,
    pub created_at: Timestamp,
}

/// The tenant has the maximum number of endpoints.
pub fn too_many_endpoints(endpoints_max: usize) -> Error {
    let text =
        format!("the tenant already has {endpoints_max} endpoints, the maximum; delete one first");
    Error::new(Kind::Conflict, "too_many_endpoints", text)
}

impl Endpoint {
    pub fn wants(&self, event: EventType) -> bool {
        self.event_types.is_empty() || self.event_types.contains(&event)
    }
}

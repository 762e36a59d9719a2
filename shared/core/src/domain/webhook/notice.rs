//! An event that is about no task: a record of its own, because there is no other that it could be
//! made from again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Delivery, Endpoint, EventType, Target};
use crate::base::digest::sha256;
use crate::base::id::{DeliveryId, EndpointId, EventId, TenantId};
use crate::base::time::Timestamp;

/// An event without a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub tenant: TenantId,
    pub id: EventId,
    pub event: EventType,
    pub at: Timestamp,
    /// What the body's `data` says.
    pub data: Value,
}

/// Places that hear of one event. A tenant may have far fewer endpoints; an older release could be
/// made to take more.
pub const DELIVERIES_MAX: usize = 1_000;

impl Notice {
    /// The id that follows from a cause, so that telling it twice tells it once.
    pub fn id_of(cause: &str) -> EventId {
        let digest = hex::encode(&sha256(cause.as_bytes())[..16]);
        EventId::parse(&format!("evt_{digest}")).expect("16 bytes are 32 hex characters")
    }

    /// A delivery for each endpoint that wants it, but for the one that it is about.
    /// An inbox is in the order of writing, so that its deliveries are as old as this call.
    pub fn deliveries(
        &self,
        endpoints: &[Endpoint],
        except: Option<&EndpointId>,
        now: Timestamp,
    ) -> Vec<Delivery> {
        let wanting = endpoints
            .iter()
            .filter(|endpoint| endpoint.wants(self.event, now) && except != Some(&endpoint.id));
        (0..DELIVERIES_MAX)
            .zip(wanting)
            .map(|(n, endpoint)| {
                let at = endpoint.pull().map_or(self.at, |_| now);
                endpoint.addressed(Delivery::new(
                    self.tenant.clone(),
                    DeliveryId::of_notice(&self.id, n),
                    self.event,
                    Target::Endpoint(endpoint.id.clone()),
                    at,
                ))
            })
            .collect()
    }
}

//! What a tenant's other endpoints are told of a delivery or an endpoint that gave up. Each notice
//! has the id that follows from its cause, so that telling it twice tells it once.

use serde_json::{Value, json};

use super::Notifier;
use crate::base::error::Result;
use crate::base::id::EndpointId;
use crate::base::metric;
use crate::domain::webhook::{Delivery, DeliveryState, Endpoint, EventType, Notice, Target};

impl Notifier {
    /// A job that comes again after the write of an end finds what its first run did not get to.
    pub(super) async fn finish_telling(&self, delivery: &Delivery, round: u32) -> Result<()> {
        let ended_then = delivery.round == round.saturating_add(1);
        if ended_then && delivery.state == DeliveryState::Exhausted {
            self.tell_exhausted(delivery).await?;
        }
        Ok(())
    }

    pub(super) async fn tell_exhausted(&self, delivery: &Delivery) -> Result<()> {
        let endpoint = match &delivery.target {
            Target::Endpoint(endpoint) => Some(endpoint),
            Target::TaskCallback => None,
        };
        tracing::warn!(delivery.id = %delivery.id, tenant.id = %delivery.tenant, attempts = delivery.attempts_made(), "delivery exhausted; replay it when its receiver is mended");
        metric::DELIVERIES_EXHAUSTED.count();
        // A notice that cannot be delivered makes no notice.
        if delivery.task.is_none() {
            return Ok(());
        }
        let last = delivery.attempts.last();
        let data = json!({
            "delivery_id": delivery.id,
            "event_id": delivery.event_id(),
            "event_type": delivery.event,
            "task_id": delivery.task,
            "endpoint_id": endpoint,
            "attempts": delivery.attempts_made(),
            "last_status": last.and_then(|attempt| attempt.status),
            "last_error": last.and_then(|attempt| attempt.error.as_deref()),
        });
        let cause = format!("exhausted/{}/{}", delivery.id, delivery.round);
        let notice = self.notice(delivery, EventType::DeliveryExhausted, &cause, data);
        self.publish(&notice, endpoint).await
    }

    /// Tells that Fluxgate disabled the endpoint. One that its tenant disabled is no news to it.
    pub(super) async fn finish_disabling(&self, endpoint: &Endpoint) -> Result<()> {
        let Some(disabled) = endpoint.disabled else {
            return Ok(());
        };
        let data = json!({
            "endpoint_id": endpoint.id,
            "reason": disabled.reason,
            "disabled_at": disabled.at.rfc3339(),
            "failing_since": endpoint.health.failing_since.map(crate::base::time::Timestamp::rfc3339),
            "consecutive_failures": endpoint.health.consecutive_failures,
        });
        let cause = format!("disabled/{}/{}", endpoint.id, disabled.at.0);
        let notice = Notice {
            tenant: endpoint.tenant.clone(),
            id: Notice::id_of(&cause),
            event: EventType::EndpointDisabled,
            at: disabled.at,
            data,
        };
        self.publish(&notice, Some(&endpoint.id)).await
    }

    fn notice(&self, delivery: &Delivery, event: EventType, cause: &str, data: Value) -> Notice {
        Notice {
            tenant: delivery.tenant.clone(),
            id: Notice::id_of(cause),
            event,
            at: self.context.now(),
            data,
        }
    }

    async fn publish(&self, notice: &Notice, except: Option<&EndpointId>) -> Result<()> {
        let listed = self.context.endpoints().list(&notice.tenant).await?;
        let deliveries = notice.deliveries(&listed.endpoints, except, self.context.now());
        if deliveries.is_empty() {
            return Ok(());
        }
        self.context.deliveries().publish(notice, &deliveries).await
    }
}

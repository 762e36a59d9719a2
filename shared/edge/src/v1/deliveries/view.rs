//! A delivery as its tenant reads it.

use fluxgate_core::app::ShownDelivery;
use fluxgate_core::webhook::{Delivery, DeliveryPage, DeliveryState, EventType, Target};
use serde::Serialize;
use utoipa::ToSchema;

use super::query::cursor_text;
use crate::v1::endpoints::AttemptView;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    id: String,
    /// The `webhook-id`: the same over attempts, endpoints and replays.
    event_id: String,
    event_type: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    /// The endpoint's id, or `task_callback`.
    endpoint: String,
    state: DeliveryState,
    /// When the event happened.
    created_at: String,
    attempts_made: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    /// The last 20, oldest first.
    attempts: Vec<AttemptView>,
    /// The body as it is sent; only of one delivery, and none of a deleted task.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Some deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPageView {
    deliveries: Vec<DeliveryView>,
    /// The `cursor` of the next page; a page may be empty and not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(crate) fn view(delivery: &Delivery) -> DeliveryView {
    DeliveryView {
        id: delivery.id.to_string(),
        event_id: delivery.event_id().to_string(),
        event_type: delivery.event,
        task_id: delivery.task.as_ref().map(ToString::to_string),
        endpoint: match &delivery.target {
            Target::Endpoint(id) => id.to_string(),
            Target::TaskCallback => "task_callback".to_owned(),
        },
        state: delivery.state,
        created_at: delivery.created_at.rfc3339(),
        attempts_made: delivery.attempts_made(),
        next_attempt_at: delivery
            .next_at
            .map(fluxgate_core::time::Timestamp::rfc3339),
        attempts: delivery.attempts.iter().map(AttemptView::of).collect(),
        body: None,
    }
}

pub(crate) fn page_view(page: &DeliveryPage) -> DeliveryPageView {
    DeliveryPageView {
        deliveries: page.deliveries.iter().map(view).collect(),
        next: page.next.as_ref().map(cursor_text),
    }
}

impl DeliveryView {
    /// For others than its tenant.
    pub(crate) fn masked(self) -> Self {
        let attempts = self.attempts.into_iter().map(AttemptView::masked);
        Self {
            attempts: attempts.collect(),
            body: None,
            ..self
        }
    }
}

impl DeliveryPageView {
    /// For others than its tenant.
    pub(crate) fn masked(self) -> Self {
        let deliveries = self.deliveries.into_iter().map(DeliveryView::masked);
        Self {
            deliveries: deliveries.collect(),
            ..self
        }
    }
}

pub(super) fn shown(shown: ShownDelivery) -> DeliveryView {
    let body = shown.body.and_then(|body| String::from_utf8(body).ok());
    DeliveryView {
        body,
        ..view(&shown.delivery)
    }
}

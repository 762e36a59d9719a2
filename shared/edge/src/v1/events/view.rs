//! An event as whoever reads an inbox reads it.

use std::collections::BTreeMap;

use fluxgate_core::app::{InboxEvent, InboxPage};
use fluxgate_core::webhook::EventType;
use serde::Serialize;
use utoipa::ToSchema;

/// Some events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(crate) struct EventPageView {
    events: Vec<EventView>,
    /// The `after` of the next request, also behind an empty page. It acknowledges this page.
    next: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// The `webhook-id`: the same over attempts, endpoints and replays.
    id: String,
    #[serde(rename = "type")]
    event_type: EventType,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<String>,
    delivery_id: String,
    /// Those of a callback: `webhook-id`, `webhook-timestamp` and `webhook-signature` among them.
    headers: BTreeMap<String, String>,
    /// The body of a callback, as it is signed: verify it as it came.
    body: String,
    /// Behind this event.
    cursor: String,
}

pub(super) fn page_view(page: &InboxPage) -> EventPageView {
    EventPageView {
        events: page.events.iter().map(event_view).collect(),
        next: page.next.to_text(),
    }
}

pub(super) fn event_view(event: &InboxEvent) -> EventView {
    let signed = &event.headers;
    let mut headers: BTreeMap<String, String> = event
        .extra
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    let state = event.trace.tracestate();
    headers.extend(state.map(|state| ("tracestate".to_owned(), state.to_owned())));
    let own = [
        ("traceparent", event.trace.traceparent()),
        ("content-type", "application/json".to_owned()),
        ("webhook-id", signed.id.clone()),
        ("webhook-timestamp", signed.timestamp.to_string()),
        ("webhook-signature", signed.signature.clone()),
    ];
    headers.extend(own.map(|(name, value)| (name.to_owned(), value)));
    EventView {
        id: event.id.to_string(),
        event_type: event.event,
        created_at: event.at.rfc3339(),
        task_id: event.task.as_ref().map(ToString::to_string),
        delivery_id: event.delivery.to_string(),
        headers,
        body: String::from_utf8_lossy(&event.body).into_owned(),
        cursor: event.cursor.to_text(),
    }
}

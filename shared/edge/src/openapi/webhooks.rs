//! The events that Fluxgate sends, as OpenAPI 3.1 webhooks, from the catalogue in the docs.

use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::webhook::EventType;
use serde_json::{Map, Value, json};

fn schema(event: EventType) -> &'static str {
    match event {
        EventType::TaskStarted => {
            include_str!("../../../docs/reference/events/task.started.json")
        }
        EventType::TaskCompleted => {
            include_str!("../../../docs/reference/events/task.completed.json")
        }
        EventType::TaskFailed => include_str!("../../../docs/reference/events/task.failed.json"),
        EventType::TaskCancelled => {
            include_str!("../../../docs/reference/events/task.cancelled.json")
        }
        EventType::EndpointDisabled => {
            include_str!("../../../docs/reference/events/endpoint.disabled.json")
        }
        EventType::DeliveryExhausted => {
            include_str!("../../../docs/reference/events/delivery.exhausted.json")
        }
        EventType::BalanceLow => include_str!("../../../docs/reference/events/balance.low.json"),
        EventType::BudgetThreshold => {
            include_str!("../../../docs/reference/events/budget.threshold.json")
        }
        EventType::DestinationFailing => {
            include_str!("../../../docs/reference/events/destination.failing.json")
        }
        EventType::DestinationRecovered => {
            include_str!("../../../docs/reference/events/destination.recovered.json")
        }
        EventType::ProviderUnreachable => {
            include_str!("../../../docs/reference/events/provider.unreachable.json")
        }
        EventType::TaskInDoubt => {
            include_str!("../../../docs/reference/events/task.in_doubt.json")
        }
        EventType::DeadLetterAdded => {
            include_str!("../../../docs/reference/events/dead_letter.added.json")
        }
    }
}

const DESCRIPTION: &str = "What Fluxgate POSTs to tenants' endpoints, signed as Standard Webhooks \
     prescribe: verify `webhook-signature` over `{webhook-id}.{webhook-timestamp}.{body}` before \
     you read the body. An event has one `webhook-id` over all attempts and replays. A receiver \
     answers 2xx within 15 s; anything else is tried again.";

pub(super) fn document() -> Value {
    let events = EventType::ALL.map(|event| (event.as_str().to_owned(), webhook(event)));
    let schemas = EventType::ALL.map(|event| (name(event), parsed(event)));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Fluxgate's events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "tags": [{ "name": "events", "description": "Each fact is told once." }],
        "webhooks": Map::from_iter(events),
        "components": { "schemas": Map::from_iter(schemas) },
    })
}

fn parsed(event: EventType) -> Value {
    let mut schema =
        json::value(schema(event).as_bytes(), JsonBounds::DOCUMENT).unwrap_or_default();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
    }
    schema
}

/// `TaskCompleted` for `task.completed`.
fn name(event: EventType) -> String {
    format!("{event:?}")
}

fn webhook(event: EventType) -> Value {
    let schema = parsed(event);
    let example = schema["examples"][0].clone();
    let of_schema = json!({ "$ref": format!("#/components/schemas/{}", name(event)) });
    json!({ "post": {
        "operationId": event.as_str().replace('.', "_"),
        "tags": ["events"],
        "summary": event.as_str(),
        "description": schema["description"],
        "security": [],
        "parameters": [
            header("webhook-id", "the event's id; the same over attempts and replays"),
            header("webhook-timestamp", "seconds since the Unix epoch, of this attempt"),
            header("webhook-signature", "one or more, separated by spaces: `v1,…` and `v1a,…`"),
            header("traceparent", "the trace that the task belongs to"),
        ],
        "requestBody": {
            "required": true,
            "description": "the event",
            "content": { "application/json": { "schema": of_schema, "example": example } },
        },
        "responses": {
            "2XX": { "description": "it has arrived" },
            "410": { "description": "the receiver is gone: its endpoint is disabled" },
            "4XX": { "description": "not accepted: it is sent again later" },
            "5XX": { "description": "not accepted: it is sent again later" },
        },
    } })
}

fn header(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": true, "description": description,
        "schema": { "type": "string" },
    })
}

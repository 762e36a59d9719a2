//! A sample event, to see whether a receiver understands it.

use axum::Json;
use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::app::TestOutcome;
use fluxgate_core::tenant::Scope;
use fluxgate_core::webhook::{Attempt, CallbackUrl, ErrorClass, EventType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, endpoint_id};
use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::path::Path;
use crate::state::Edge;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRequest {
    /// `task.completed` unless another is named.
    #[schema(value_type = Option<EventType>)]
    event_type: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestView {
    event_id: String,
    event_type: EventType,
    /// True when the receiver answered 2xx.
    delivered: bool,
    /// Of a pull endpoint there is none: the event waits to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<AttemptView>,
}

impl TestRequest {
    pub(crate) fn event(&self) -> Result<EventType> {
        match &self.event_type {
            Some(text) => EventType::parse(text).map_err(|error| error.field("event_type")),
            None => Ok(EventType::TaskCompleted),
        }
    }
}

impl TestView {
    pub(crate) fn of(event: EventType, outcome: &TestOutcome) -> Self {
        Self {
            event_id: outcome.event_id.to_string(),
            event_type: event,
            delivered: outcome.attempt.as_ref().is_some_and(Attempt::is_success),
            attempt: outcome.attempt.as_ref().map(AttemptView::of),
        }
    }

    /// For others than its tenant.
    pub(crate) fn masked(self) -> Self {
        Self {
            attempt: self.attempt.map(AttemptView::masked),
            ..self
        }
    }
}

/// One try of a callback.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallbackAttempt)]
pub(crate) struct AttemptView {
    at: String,
    duration_ms: u64,
    /// The HTTP status, when there was an answer.
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_class: Option<ErrorClass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The beginning of a failed answer's body, at most 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
}

impl AttemptView {
    /// For others than its tenant: of the address that a receiver named, its origin alone, and of
    /// what it answered, nothing.
    pub(crate) fn masked(self) -> Self {
        let origin = |text: String| match CallbackUrl::parse(&text) {
            Ok(url) => url.without_path(),
            Err(_) => "…".to_owned(),
        };
        Self {
            location: self.location.map(origin),
            body: None,
            ..self
        }
    }

    pub(crate) fn of(attempt: &Attempt) -> Self {
        Self {
            at: attempt.at.rfc3339(),
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            error_class: attempt.class,
            error: attempt.error.clone(),
            body: attempt.body.clone(),
            location: attempt.location.clone(),
            retry_after: attempt.retry_after.clone(),
        }
    }
}

/// Send a test event
///
/// A sample is signed and sent at once, and the answer says what came back. It is tried once,
/// counts for nothing, and bears `"test": true`. For a pull endpoint it waits to be read.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/test", tag = "endpoints", operation_id = "test_endpoint", params(("id" = String, Path)),
    request_body = Option<TestRequest>,
    responses(
        (status = 200, description = "what became of the sample", body = TestView),
        (status = 429, description = "`too_many_tests`: two a second, 16 at once")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn test(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<TestView> {
    principal.require(Scope::Endpoints)?;
    let request: TestRequest = body.optional_json().await?;
    let event = request.event()?;
    let id = endpoint_id(&id)?;
    let outcome = edge.endpoints.test(&principal.tenant, &id, event).await?;
    Ok(Json(TestView::of(event, &outcome)))
}

//! The timeline of one task.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::TaskTimeline;
use fluxgate_core::provider::UnarchivedView;
use fluxgate_core::task::{State as TaskState, Step};
use fluxgate_core::tenant::Scope;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, Target};
use serde::Serialize;
use utoipa::ToSchema;

use super::task_id;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineView {
    id: String,
    /// The trace that it belongs to: that of the `traceparent` sent with the submit, or its own.
    trace_id: String,
    /// Fluxgate's own state, finer than the provider's: `admitted`, `submitting`, `unknown`,
    /// `submitted`, `archiving` or an end state.
    state: &'static str,
    /// `webhook`, `poll`, `submit` or `reconcile`: how the end was learned.
    completed_by: Option<&'static str>,
    /// Number of submits started.
    submits: u32,
    /// In USD: the amount held while the task runs, and the maximum charge when it completes; fewer
    /// outputs than requested cost less.
    price_usd: f64,
    /// For a completed task: whether all of its outputs are in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<bool>,
    /// Why some are not; the result has links to them at the model's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    unarchived: Option<UnarchivedView>,
    steps: Vec<StepView>,
    deliveries: Vec<DeliveryView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    name: String,
    at: String,
    /// Milliseconds since the task was created.
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    id: String,
    /// The `webhook-id` that receivers see.
    message_id: String,
    event: &'static str,
    /// The endpoint's id, or `task_callback`.
    target: String,
    /// `pending`, `delivered`, `exhausted` or `held`.
    state: &'static str,
    attempts: Vec<AttemptView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    at: String,
    /// Milliseconds since the task was created.
    ms: u64,
    duration_ms: u64,
    status: Option<u16>,
    error: Option<String>,
}

/// Read a task's timeline
///
/// All steps, how its end was learned, every callback with its attempts, and the price.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/timeline", tag = "tasks", operation_id = "timeline",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the timeline so far", body = TimelineView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn timeline(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Result<Json<TimelineView>, Problem> {
    principal.require(Scope::Read)?;
    let id = task_id(&id)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let timeline = edge.gateway.timeline(&principal.tenant, &id).await?;
    Ok(Json(view(&timeline)))
}

fn view(timeline: &TaskTimeline) -> TimelineView {
    let task = &timeline.task;
    TimelineView {
        id: task.id.to_string(),
        trace_id: task.trace_context().trace_id().to_owned(),
        state: task.state.as_str(),
        completed_by: task.completed_by.map(fluxgate_core::task::Via::as_str),
        submits: task.submits,
        price_usd: task.price.usd(),
        archived: (task.state == TaskState::Completed).then(|| task.links().is_empty()),
        unarchived: UnarchivedView::of(task),
        steps: timeline
            .steps
            .iter()
            .map(|step| StepView::of(step, task.created_at))
            .collect(),
        deliveries: timeline
            .deliveries
            .iter()
            .map(|delivery| delivery_view(delivery, timeline))
            .collect(),
    }
}

impl StepView {
    pub(crate) fn of(step: &Step, created_at: Timestamp) -> Self {
        Self {
            name: step.name.clone(),
            at: step.at.rfc3339(),
            ms: step.at.since_ms(created_at),
            via: step.via.map(fluxgate_core::task::Via::as_str),
            detail: step.detail.clone(),
        }
    }
}

fn delivery_view(delivery: &Delivery, timeline: &TaskTimeline) -> DeliveryView {
    let attempts = delivery.attempts.iter().map(|attempt| AttemptView {
        at: attempt.at.rfc3339(),
        ms: attempt.at.since_ms(timeline.task.created_at),
        duration_ms: attempt.duration_ms,
        status: attempt.status,
        error: attempt.error.clone(),
    });
    DeliveryView {
        id: delivery.id.to_string(),
        message_id: delivery.event_id().to_string(),
        event: delivery.event.as_str(),
        target: match &delivery.target {
            Target::Endpoint(id) => id.to_string(),
            Target::TaskCallback => "task_callback".to_owned(),
        },
        state: delivery.state.as_str(),
        attempts: attempts.collect(),
    }
}

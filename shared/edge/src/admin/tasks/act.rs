//! What the operator does about one task; each is in the audit log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::Delivered;
use fluxgate_core::webhook::DeliveryState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Named;
use super::view::{OperatorTaskView, view};
use crate::admin::caller::Caller;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::OperatorEdge;

type Answer = std::result::Result<Json<OperatorTaskView>, Problem>;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FailTask)]
pub(crate) struct FailRequest {
    /// Why it is ended, in one line. The tenant reads it.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "the provider lost the run"
    )]
    reason: String,
}

/// What became of the events of a task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveredAgain)]
pub(crate) struct DeliveredView {
    deliveries: Vec<DeliveredOneView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveredOne)]
struct DeliveredOneView {
    id: String,
    /// Its state now; absent if it is not sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<DeliveryState>,
    /// The code of what is in the way, such as `endpoint_disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// Cancel a task
///
/// One that was not sent to the provider yet, as its tenant may.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/tasks/{task}/cancel", tag = "tasks", operation_id = "cancel_tenant_task",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id")),
    responses((status = 200, description = "the cancelled task", body = OperatorTaskView),
        (status = 409, description = "`task_sent`: the provider has it, or may have it; `task_ended`: it is over")),
    security(("admin_token" = [])))]
pub(crate) async fn cancel(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> Answer {
    let Named { tenant, task } = Named::parse(&path)?;
    let task = edge.tasks.cancel(&tenant, &task, &actor).await?;
    Ok(Json(view(&task)))
}

/// Fail and release a task
///
/// For one that is stuck: it ends as `failed`, its hold is released, and its callbacks are told. If
/// its run is proven later, the run is an orphan: it is in the task's timeline, and the provider's
/// bill for it is in the reconcile report.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/tasks/{task}/fail", tag = "tasks", operation_id = "fail_tenant_task",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id")),
    request_body = FailRequest,
    responses((status = 200, description = "the failed task", body = OperatorTaskView),
        (status = 409, description = "`task_ended`: it is over; `task_submitting`: it is being sent, try again in a minute; `version_conflict`: it moved on meanwhile")),
    security(("admin_token" = [])))]
pub(crate) async fn fail(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> Answer {
    let Named { tenant, task } = Named::parse(&path)?;
    let request: FailRequest = body.json().await?;
    let failed = edge.tasks.fail(&tenant, &task, &request.reason, &actor);
    Ok(Json(view(&failed.await?)))
}

/// Archive a task's outputs again
///
/// Missing outputs of a completed task are copied again; a copy that waits for its next attempt is
/// tried at once.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/tasks/{task}/archive", tag = "tasks", operation_id = "archive_tenant_task",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id")),
    responses((status = 202, description = "the task; the copy goes on after the answer", body = OperatorTaskView),
        (status = 409, description = "`nothing_to_archive`"),
        (status = 410, description = "`outputs_expired`")),
    security(("admin_token" = [])))]
pub(crate) async fn archive(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> std::result::Result<(StatusCode, Json<OperatorTaskView>), Problem> {
    let Named { tenant, task } = Named::parse(&path)?;
    let task = edge.tasks.archive(&tenant, &task, &actor).await?;
    Ok((StatusCode::ACCEPTED, Json(view(&task))))
}

/// Deliver a task's events again
///
/// Each to where it was to go, whatever became of it. What is in the way of one does not stop the
/// others.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/tasks/{task}/deliver", tag = "tasks", operation_id = "deliver_tenant_task",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id")),
    responses((status = 202, description = "what becomes of each", body = DeliveredView),
        (status = 409, description = "`nothing_to_deliver`: nobody was to be told of it")),
    security(("admin_token" = [])))]
pub(crate) async fn deliver(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> std::result::Result<(StatusCode, Json<DeliveredView>), Problem> {
    let Named { tenant, task } = Named::parse(&path)?;
    let sent = edge.tasks.deliver(&tenant, &task, &actor).await?;
    let deliveries = sent.iter().map(delivered).collect();
    Ok((StatusCode::ACCEPTED, Json(DeliveredView { deliveries })))
}

fn delivered(sent: &Delivered) -> DeliveredOneView {
    DeliveredOneView {
        id: sent.id.to_string(),
        state: sent.outcome.as_ref().ok().copied(),
        error: sent.outcome.as_ref().err().map(|error| error.code),
    }
}

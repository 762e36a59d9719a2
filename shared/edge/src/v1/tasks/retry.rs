//! Running a failed task again.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use fluxgate_core::app::RetryRequest;
use fluxgate_core::tenant::Scope;

use super::view::TaskView;
use super::{task_id, waited};
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;
use crate::submission::{self, PRICE, key};
use crate::trace::trace;
use crate::waiting::Waiting;

/// Retry a task
///
/// Creates a new task with the model, inputs, callback and metadata of one that failed, timed out
/// or was cancelled; its `retry_of` names that one. It has a price and a hold of its own. Inputs of
/// up to 64 KiB are kept for 7 days after the end. An `Idempotency-Key` makes it safe to repeat.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/retry", tag = "tasks", operation_id = "retry_task",
    params(("id" = String, Path, description = "the id of the task that did not complete"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters, remembered for 7 days"),
        ("Prefer" = Option<String>, Header, description = "wait=30: answered when the task has ended, or after 30 s"),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context: the trace that the new run belongs to; one that cannot be read is ignored")),
    responses(
        (status = 201, description = "the new task", body = TaskView, headers(
            ("Location" = String, description = "where to read it"),
            ("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))),
        (status = 400, description = "an input is no longer accepted"),
        (status = 402, description = "not enough balance; nothing was sent"),
        (status = 403, description = "a model that this account may not use, a suspended tenant, or a token without the scope"),
        (status = 404, description = "unknown, deleted, or another tenant's"),
        (status = 409, description = "`task_completed`, `task_running`, or `inputs_gone`: submit the inputs again"),
        (status = 410, description = "`task_deleted`: the key stands for a task that was deleted"),
        (status = 422, description = "the Idempotency-Key was used for another request"),
        (status = 429, description = "more requests or running tasks than the tenant's limits allow"),
        (status = 503, description = "the model's provider cannot be asked now; try again")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn retry(
    waiting: Waiting,
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<TaskView>), Problem> {
    principal.require(Scope::Submit)?;
    let request = RetryRequest {
        tenant: principal.tenant.clone(),
        task: task_id(&id)?,
        key: key(&headers)?,
        by: principal.key.clone(),
        trace: trace(&headers),
    };
    let task = submission::retry(&edge, request).await?;
    let task = waited(&edge, &principal, task, &waiting).await?;
    let told = [
        (LOCATION, format!("/v1/tasks/{}", task.id)),
        (PRICE, task.price.decimal()),
    ];
    Ok((
        StatusCode::CREATED,
        told,
        Json(TaskView::of(&edge, &task).await?),
    ))
}

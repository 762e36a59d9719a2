//! Cancelling a task that still waits.

use axum::Json;
use axum::extract::State;
use fluxgate_core::tenant::Scope;

use super::task_id;
use super::view::TaskView;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

/// Cancel a task
///
/// Ends a task that was not sent to the model's provider yet: nothing is charged, and its callbacks
/// are told `task.cancelled`. The provider cannot stop what it was sent: such a task is 409
/// `task_sent`, goes on, and is charged if it completes. Cancelling twice is 200 both times.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/cancel", tag = "tasks", operation_id = "cancel_task",
    params(("id" = String, Path, description = "the task's id")),
    responses(
        (status = 200, description = "the cancelled task", body = TaskView),
        (status = 404, description = "unknown, deleted, or another tenant's"),
        (status = 409, description = "`task_sent`: the provider has it, or may have it; `task_ended`: it is over")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn cancel(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    principal.require(Scope::Submit)?;
    let id = task_id(&id)?;
    let task = edge.gateway.cancel(&principal.tenant, &id).await?;
    Ok(Json(TaskView::of(&edge, &task).await?))
}

//! Deleting a task.

use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::tenant::Scope;

use super::task_id;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

/// Delete a task
///
/// Empties a task that has ended, for good: inputs, outputs, links, errors, metadata and the
/// details of its timeline are gone, and reading it is 404. Its objects stay in the bucket, its
/// charge and usage in the books, and its `Idempotency-Key` runs nothing again. A task that still
/// waits is cancelled first. Events that were not sent yet are cancelled.
#[utoipa::path(
    delete, path = "/v1/tasks/{id}", tag = "tasks", operation_id = "delete_task",
    params(("id" = String, Path, description = "the task's id")),
    responses(
        (status = 204, description = "it is deleted"),
        (status = 404, description = "unknown, deleted, or another tenant's"),
        (status = 409, description = "`task_sent`: the provider has it, or may have it; delete it when it has ended")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn delete(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    principal.require(Scope::Submit)?;
    let id = task_id(&id)?;
    edge.gateway.delete(&principal.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

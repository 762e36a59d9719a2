//! Requests another copy of outputs that could not be copied into the tenant's bucket.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Scope;

use super::task_id;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

/// Archive a task's outputs again
///
/// For a task that completed with `archived: false`: copies the outputs missing from the bucket,
/// once the bucket, policy, key or role is fixed and while the model's provider keeps the outputs.
/// The copy continues after the answer; it costs nothing and sends no callback. A request while a
/// copy is in progress does not start another.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/archive", tag = "tasks", operation_id = "archive",
    params(("id" = String, Path)),
    responses(
        (status = 202, description = "the current task; `archived` becomes true once everything is copied", body = Prediction),
        (status = 409, description = "`nothing_to_archive`"),
        (status = 410, description = "`outputs_expired`")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn archive(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Prediction>), Problem> {
    principal.require(Scope::Submit)?;
    let id = task_id(&id)?;
    let task = edge.gateway.copy_again(&principal.tenant, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(edge.gateway.view(&task).await?)))
}

//! Tasks: creating, finding and reading them.

mod archive;
mod cancel;
mod create;
mod delete;
mod events;
mod list;
mod position;
mod retry;
mod timeline;
mod view;

use axum::Json;
use axum::extract::State;
use fluxgate_core::id::TaskId;
use fluxgate_core::task::Task;
use fluxgate_core::tenant::{Principal, Scope};
use fluxgate_core::{Error, Result};

pub(crate) use self::archive::*;
pub(crate) use self::cancel::*;
pub(crate) use self::create::*;
pub(crate) use self::delete::*;
pub(crate) use self::events::*;
pub(crate) use self::list::*;
pub(crate) use self::retry::*;
pub(crate) use self::timeline::*;
pub(super) use self::view::{OutputView, TaskView};
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;
use crate::waiting::{self, Waiting};

/// Read a task
#[utoipa::path(
    get, path = "/v1/tasks/{id}", tag = "tasks", operation_id = "get_task",
    params(("id" = String, Path),
        ("Prefer" = Option<String>, Header, description = "wait=30: answered when the task has ended, or after 30 s")),
    responses(
        (status = 200, description = "the task as it is now", body = TaskView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    waiting: Waiting,
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<Json<TaskView>, Problem> {
    principal.require(Scope::Read)?;
    let id = task_id(&id)?;
    let task = Box::pin(edge.gateway.task(&principal.tenant, &id)).await?;
    let task = waited(&edge, &principal, task, &waiting).await?;
    Ok(Json(Box::pin(TaskView::of(&edge, &task)).await?))
}

/// The task after the wait that the client prefers: ended, or as it is then.
async fn waited(edge: &Edge, principal: &Principal, task: Task, waiting: &Waiting) -> Result<Task> {
    if waiting.preferred.is_none() || task.state.is_end() {
        return Ok(task);
    }
    waiting::until_end(edge, principal, &task.id, waiting).await?;
    edge.gateway.task(&task.tenant, &task.id).await
}

pub(crate) fn task_id(text: &str) -> Result<TaskId> {
    TaskId::parse(text)
        .map_err(|_| Error::not_found("there is no task with this id; ids are 32 hex characters"))
}

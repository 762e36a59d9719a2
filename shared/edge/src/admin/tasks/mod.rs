//! All tenants' tasks, for the operator: finding and reading them, and acting on one that is stuck.

mod act;
mod list;
mod view;

use axum::Json;
use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};

pub(crate) use self::act::*;
pub(crate) use self::list::*;
use self::view::{TaskDetailView, detail};
use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::OperatorEdge;
use crate::v1::tasks::task_id;

/// The task that a path names.
pub(super) struct Named {
    pub(super) tenant: TenantId,
    pub(super) task: TaskId,
}

impl Named {
    pub(super) fn parse((tenant, task): &(String, String)) -> Result<Self> {
        Ok(Self {
            tenant: tenant_id(tenant)?,
            task: task_id(task)?,
        })
    }
}

/// Read a task
///
/// With its timeline, its deliveries, its money and its run at the provider; a deleted one too.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/tasks/{task}", tag = "tasks", operation_id = "get_tenant_task",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id")),
    responses((status = 200, description = "the task as it is now", body = TaskDetailView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(edge): State<OperatorEdge>,
    Path(path): Path<(String, String)>,
) -> std::result::Result<Json<TaskDetailView>, Problem> {
    let named = Named::parse(&path)?;
    let timeline = edge.tasks.task(&named.tenant, &named.task).await?;
    Ok(Json(detail(&timeline)))
}

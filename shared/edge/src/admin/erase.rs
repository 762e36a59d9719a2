//! Erases what tasks were about, for the operator; their books stay.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{Erasure, ErasureStep};
use serde::Serialize;

use super::caller::Caller;
use super::tasks::Named;
use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::OperatorEdge;

type Answer = std::result::Result<Json<ErasureView>, Problem>;

/// What was erased; with `dry_run` what would be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PersonalDataErasure)]
pub(crate) struct ErasureView {
    /// `running`: repeat it with `next`. `blocked`: tasks still run; begin again when they have
    /// ended. `done`.
    state: &'static str,
    tasks_erased: usize,
    /// Tasks that were erased or deleted before.
    tasks_erased_before: usize,
    /// Tasks that the provider has, or may have.
    tasks_running: usize,
    /// Batches that had not ended: no more of their lines are admitted.
    batches_cancelled: usize,
    outputs_removed: usize,
    /// Outputs in buckets of others, which are theirs; without `outputs` all.
    outputs_left: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Not before this has passed: until then something may still be sealed with a key that the
    /// next step removes.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
}

/// Erase a tenant's personal data, by a step
///
/// Inputs, callback URLs, metadata, errors, links and what receivers answered, of all tasks made
/// before the first step, deleted ones too; references of lines, texts of refusals and the keys of
/// batches. Batches that go on and tasks that wait are cancelled. The last step
/// removes the keys that inputs and callback URLs were sealed with, so that no backup tells them.
/// Ledger, sums and audit log stay. Repeat it with `next` until the state is another than
/// `running`; it may be begun again at any time.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/personal-data", tag = "tenants", operation_id = "erase_personal_data",
    params(("id" = String, Path, description = "the tenant's id; a deleted tenant's too"),
        ("outputs" = Option<bool>, Query, description = "remove outputs in buckets of this installation's own S3 server, too"),
        ("dry_run" = Option<bool>, Query, description = "count, and erase nothing"),
        ("cursor" = Option<String>, Query, description = "the `next` of the step before")),
    responses((status = 200, description = "how far it has come", body = ErasureView)),
    security(("admin_token" = [])))]
pub(crate) async fn of_tenant(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let (tenant, erasure) = (tenant_id(&id)?, erasure(&query)?);
    let cursor = query.text("cursor")?;
    let step = edge.tasks.erase(&tenant, erasure, cursor, &actor).await?;
    Ok(Json(view(step)))
}

/// Erase a task's personal data, by a step
///
/// As of all of a tenant's tasks, and the reference of its line in a batch. Its ledger line stays.
/// The first step erases the task; repeat it with `next` until the state is another than `running`:
/// a tenant may have more batches to look through than one step can.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/tasks/{task}/personal-data", tag = "tasks", operation_id = "erase_task_personal_data",
    params(("id" = String, Path, description = "the tenant's id"), ("task" = String, Path, description = "the task's id"),
        ("outputs" = Option<bool>, Query, description = "remove outputs in buckets of this installation's own S3 server, too"),
        ("dry_run" = Option<bool>, Query, description = "count, and erase nothing"),
        ("cursor" = Option<String>, Query, description = "the `next` of the step before")),
    responses((status = 200, description = "how far it has come", body = ErasureView),
        (status = 409, description = "`task_sent`: erase it when it has ended")),
    security(("admin_token" = [])))]
pub(crate) async fn of_task(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    query: Query,
) -> Answer {
    let (Named { tenant, task }, erasure) = (Named::parse(&path)?, erasure(&query)?);
    let cursor = query.text("cursor")?;
    let erasing = edge
        .tasks
        .erase_task(&tenant, &task, erasure, cursor, &actor);
    Ok(Json(view(erasing.await?)))
}

fn erasure(query: &Query) -> fluxgate_core::Result<Erasure> {
    Ok(Erasure {
        outputs: query.flag("outputs")?,
        dry_run: query.flag("dry_run")?,
    })
}

fn view(step: ErasureStep) -> ErasureView {
    let state = match (&step.next, step.running) {
        (Some(_), _) => "running",
        (None, 0) => "done",
        (None, _) => "blocked",
    };
    ErasureView {
        state,
        tasks_erased: step.erased,
        tasks_erased_before: step.erased_before,
        tasks_running: step.running,
        batches_cancelled: step.batches_cancelled,
        outputs_removed: step.outputs_removed,
        outputs_left: step.outputs_left,
        wait_ms: step
            .next
            .as_ref()
            .and(Some(step.wait_ms))
            .filter(|ms| *ms > 0),
        next: step.next,
    }
}

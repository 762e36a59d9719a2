//! What is done once on a table that was restored from a backup, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{Awaiting, RestorationState, RestorationStep, Restorations};
use serde::Serialize;

use super::caller::Caller;
use crate::error_reply::Problem;
use crate::query::Query;

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RestorationStatus)]
pub(crate) struct StatusView {
    /// True while submits are refused because the table was restored and nobody has seen to it.
    needed: bool,
    /// True if it was restored for a drill: to be looked at, and then thrown away.
    drill: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = RestorationStep)]
pub(crate) struct StepView {
    /// `running`, `done` or `not_needed`.
    state: &'static str,
    /// What this step looked at.
    tenants: usize,
    /// Tasks that are in doubt now: they are resolved, and never sent again.
    tasks_in_doubt: usize,
    batches_cancelled: usize,
    /// Open tasks that are watched again.
    watched: usize,
    /// Callbacks under way that are sent again.
    deliveries: usize,
    /// The `cursor` of the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Read whether the table was restored and awaits a restoration
#[utoipa::path(
    get, path = "/admin/v1/restoration", tag = "operations", operation_id = "restoration_status",
    responses((status = 200, description = "whether one is needed", body = StatusView)),
    security(("admin_token" = [])))]
pub(crate) async fn status(
    State(restorations): State<Arc<Restorations>>,
) -> Result<Json<StatusView>, Problem> {
    let awaiting = restorations.awaiting().await?;
    Ok(Json(StatusView {
        needed: awaiting.is_some(),
        drill: awaiting == Some(Awaiting::EndOfDrill),
    }))
}

/// See to what a restored table does not know, by a step
///
/// Repeat it with `next` until the state is `done`. Until then submits are refused.
#[utoipa::path(
    post, path = "/admin/v1/restoration", tag = "operations", operation_id = "restore",
    params(("cursor" = Option<String>, Query, description = "the `next` of the step before")),
    responses((status = 200, description = "how far it has come", body = StepView)),
    security(("admin_token" = [])))]
pub(crate) async fn take_step(
    State(restorations): State<Arc<Restorations>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<StepView>, Problem> {
    let step = restorations.step(query.text("cursor")?, &actor).await?;
    Ok(Json(step_view(step)))
}

fn step_view(step: RestorationStep) -> StepView {
    let (state, next) = match step.state {
        RestorationState::Running { next } => ("running", Some(next)),
        RestorationState::Done => ("done", None),
        RestorationState::NotNeeded => ("not_needed", None),
    };
    StepView {
        state,
        tenants: step.doubted.tenants,
        tasks_in_doubt: step.doubted.tasks,
        batches_cancelled: step.doubted.batches,
        watched: step.watched,
        deliveries: step.deliveries,
        next,
    }
}

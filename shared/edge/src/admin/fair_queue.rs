//! Who waits for the provider's account, for the operator.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::FairQueueView as Seen;
use fluxgate_core::fair_queue::WaitingTenant;
use serde::Serialize;

use crate::error_reply::Problem;
use crate::state::OperatorEdge;

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = FairQueue)]
pub(crate) struct FairQueueView {
    /// False if the provider's account has no limits: then nobody waits, and nothing else is told.
    limited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    /// Slots that tasks hold.
    slots_taken: u64,
    /// Slots that are kept for tasks whose turn it is.
    slots_called: u64,
    /// Those who wait, the longest queue first.
    waiting: Vec<WaitingView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WaitingTenant)]
struct WaitingView {
    tenant: String,
    weight: u32,
    /// Tasks that wait for their turn.
    tasks: u64,
    /// Tasks whose turn it is, and which did not come yet.
    called: u64,
    /// How long the last of them will wait, at the pace of late.
    expected_wait_s: u64,
    /// The task that waits longest, and since when; of the 50 longest queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_since: Option<String>,
}

/// Read the fair queue
///
/// How much of the provider's account is in use, and who waits for the rest of it.
#[utoipa::path(
    get, path = "/admin/v1/fair-queue", tag = "operations", operation_id = "fair_queue",
    responses((status = 200, description = "the queue as it is now", body = FairQueueView)),
    security(("admin_token" = [])))]
pub(crate) async fn read(State(edge): State<OperatorEdge>) -> Result<Json<FairQueueView>, Problem> {
    let seen = edge.tasks.fair_queue().await?;
    Ok(Json(seen.map_or_else(unlimited, |seen| view(&seen))))
}

fn unlimited() -> FairQueueView {
    FairQueueView {
        limited: false,
        per_minute: None,
        concurrency: None,
        slots_taken: 0,
        slots_called: 0,
        waiting: Vec::new(),
        as_of: None,
    }
}

fn view(seen: &Seen) -> FairQueueView {
    let waiting = seen.report.waiting.iter();
    FairQueueView {
        limited: true,
        per_minute: seen.capacity.per_minute,
        concurrency: seen.capacity.concurrency,
        slots_taken: seen.report.slots_taken,
        slots_called: seen.report.slots_called,
        waiting: waiting.map(|tenant| waiting_view(seen, tenant)).collect(),
        as_of: Some(seen.as_of.rfc3339()),
    }
}

fn waiting_view(seen: &Seen, waiting: &WaitingTenant) -> WaitingView {
    let longest = seen.longest.iter().find(|one| one.tenant == waiting.tenant);
    WaitingView {
        tenant: waiting.tenant.to_string(),
        weight: waiting.weight,
        tasks: waiting.tasks,
        called: waiting.called,
        expected_wait_s: waiting.expected_wait_ms.div_ceil(1_000),
        longest_task: longest.map(|one| one.task.to_string()),
        longest_since: longest.map(|one| one.since.rfc3339()),
    }
}

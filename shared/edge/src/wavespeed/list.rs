//! The tenant's predictions, newest first.

use axum::Json;
use axum::extract::State;
use fluxgate_core::id::TaskId;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Scope;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use super::page::{self, one, twenty};
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::{WaveSpeedError, WaveSpeedErrorBody};
use crate::state::Edge;

/// How many tasks one request looks through.
const SCAN_MAX: usize = 20_000;
/// Tasks read at once.
const PAGE_TASKS: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ListRequest {
    /// From 1.
    #[serde(default = "one")]
    page: usize,
    /// At most 100.
    #[serde(default = "twenty")]
    page_size: usize,
    /// Only this model's.
    model: Option<String>,
    /// Only those of this status.
    status: Option<String>,
    /// Only younger ones, RFC 3339.
    created_after: Option<String>,
    /// Only older ones, RFC 3339.
    created_before: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    page: usize,
    items: Vec<Prediction>,
}

/// List predictions
#[utoipa::path(
    post, path = "/api/v3/predictions", tag = "predictions", operation_id = "list",
    request_body = ListRequest,
    responses((status = 200, body = Envelope<Page>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    body: RawBody,
) -> std::result::Result<Json<Envelope<Page>>, WaveSpeedError> {
    principal.require(Scope::Read)?;
    let request: ListRequest = body.json().await?;
    page::check(request.page, request.page_size)?;
    let after = moment("created_after", request.created_after.as_deref())?;
    let until = moment("created_before", request.created_before.as_deref())?;
    let fluxgate = &edge.fluxgate;
    let wanted = |task: &fluxgate_core::task::Task| {
        request.model.as_deref().is_none_or(|model| model == task.model.as_str())
            && request.status.as_deref().is_none_or(|status| status == task.state.status())
            && until.is_none_or(|until| task.created_at <= until)
    };
    let mut skip = (request.page - 1) * request.page_size;
    let mut items = Vec::new();
    let mut before = until.map(|until| TaskId::lowest_at(until.plus_ms(1)));
    for _ in 0..SCAN_MAX / PAGE_TASKS {
        let tasks = fluxgate.ports.store.tasks().list(&principal.tenant, before.as_ref(), PAGE_TASKS).await?;
        let Some(last) = tasks.last() else { return Ok(success(Page { page: request.page, items })) };
        before = Some(last.id.clone());
        for task in &tasks {
            if after.is_some_and(|after| task.created_at < after) {
                return Ok(success(Page { page: request.page, items }));
            }
            if !wanted(task) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            items.push(fluxgate.view(task).await?);
            if items.len() == request.page_size {
                return Ok(success(Page { page: request.page, items }));
            }
        }
    }
    let text = format!(
        "more than {SCAN_MAX} predictions would have to be looked through; go on with 'created_before', the oldest 'created_at' so far"
    );
    Err(Error::invalid("list_too_long", text).field("created_before").into())
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    text.filter(|text| !text.is_empty()).map(|text| page::moment(field, text)).transpose()
}

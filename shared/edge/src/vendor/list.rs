//! The tenant's predictions, newest first.

use axum::Json;
use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::prediction::Prediction;
use fluxgate_core::principal::Scope;
use fluxgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use super::page::{self, one, twenty};
use crate::bearer::VendorBearer;
use crate::body::RawBody;
use crate::error_reply::{VendorError, VendorErrorBody};
use crate::state::Edge;

/// How many of the newest tasks one request looks through.
const SCAN_MAX: usize = 20_000;

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
    responses((status = 200, body = Envelope<Page>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    VendorBearer(principal): VendorBearer,
    body: RawBody,
) -> std::result::Result<Json<Envelope<Page>>, VendorError> {
    principal.require(Scope::Read)?;
    let request: ListRequest = body.json()?;
    page::check(request.page, request.page_size)?;
    let after = moment("created_after", request.created_after.as_deref())?;
    let until = moment("created_before", request.created_before.as_deref())?;
    let fluxgate = &edge.fluxgate;
    let wanted = |task: &fluxgate_core::task::Task| {
        request.model.as_deref().is_none_or(|model| model == task.model.as_str())
            && request.status.as_deref().is_none_or(|status| status == task.state.status())
            && after.is_none_or(|after| task.created_at >= after)
            && until.is_none_or(|until| task.created_at <= until)
    };
    let mut skip = (request.page - 1) * request.page_size;
    let mut items = Vec::new();
    let mut before = None;
    'pages: for _ in 0..SCAN_MAX / 100 {
        let tasks = fluxgate.ports.tasks.list(&principal.tenant, before.as_ref(), 100).await?;
        let Some(last) = tasks.last() else { break };
        before = Some(last.id.clone());
        for task in tasks.iter().filter(|task| wanted(task)) {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            items.push(fluxgate.view(task).await?);
            if items.len() == request.page_size {
                break 'pages;
            }
        }
    }
    Ok(success(Page { page: request.page, items }))
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    text.filter(|text| !text.is_empty()).map(|text| page::moment(field, text)).transpose()
}

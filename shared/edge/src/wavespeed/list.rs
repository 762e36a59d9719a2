//! The tenant's predictions, newest first.

use axum::Json;
use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::app::ListQuery;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Scope;
use fluxgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use super::page::{self, one, twenty};
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::{WaveSpeedError, WaveSpeedErrorBody};
use crate::state::Edge;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ListRequest {
    /// From 1.
    #[serde(default = "one")]
    page: usize,
    /// At most 100.
    #[serde(default = "twenty")]
    page_size: usize,
    /// Only this model's predictions.
    model: Option<String>,
    /// Only predictions with this status.
    status: Option<String>,
    /// Only newer ones, RFC 3339.
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
    let query = ListQuery {
        from: moment("created_after", request.created_after.as_deref())?,
        until: moment("created_before", request.created_before.as_deref())?,
        model: request.model,
        status: request.status,
        skip: (request.page - 1) * request.page_size,
        limit: request.page_size,
    };
    let items = edge.gateway.list(&principal.tenant, &query).await?;
    Ok(success(Page {
        page: request.page,
        items,
    }))
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    text.filter(|text| !text.is_empty())
        .map(|text| page::moment(field, text))
        .transpose()
}

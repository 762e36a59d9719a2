//! The tenant's predictions, newest first.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::ListQuery;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use super::page::{self, Paging};
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::WaveSpeedError;
use crate::state::Edge;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ListRequest {
    /// From 1. A page beyond the end is empty.
    #[schema(minimum = 1)]
    page: Option<i64>,
    /// 20 if absent.
    #[schema(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
    /// Only this model's predictions.
    model: Option<String>,
    /// Only predictions with this status.
    status: Option<String>,
    /// Only ones of this time or later: RFC 3339; without an offset it is UTC.
    #[schema(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?)?$")]
    created_after: Option<String>,
    /// Only ones of this time or earlier. A date alone is the whole day.
    #[schema(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?)?$")]
    created_before: Option<String>,
    /// Whether each prediction has its `input`.
    include_inputs: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    page: usize,
    /// Newest first.
    items: Vec<Prediction>,
    /// Number of items on all pages; absent if there are too many to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

/// List predictions
#[utoipa::path(
    post, path = "/api/v3/predictions", tag = "predictions", operation_id = "list",
    request_body = ListRequest,
    responses((status = 200, description = "a page of predictions, newest first", body = Envelope<Page>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    body: RawBody,
) -> std::result::Result<Json<Envelope<Page>>, WaveSpeedError> {
    principal.require(Scope::Read)?;
    let request: ListRequest = body.json().await?;
    let paging = Paging::of(request.page, request.page_size)?;
    let query = ListQuery {
        from: given(request.created_after.as_deref())
            .map(|text| page::from("created_after", text))
            .transpose()?,
        until: given(request.created_before.as_deref())
            .map(|text| page::until("created_before", text))
            .transpose()?,
        model: request.model.filter(|model| !model.is_empty()),
        status: request.status.filter(|status| !status.is_empty()),
        skip: paging.skip(),
        limit: paging.size,
        with_inputs: request.include_inputs.unwrap_or(false),
    };
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let found = edge.gateway.list(&principal.tenant, &query).await?;
    Ok(success(Page {
        page: paging.page,
        items: found.items,
        total: found.total,
    }))
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

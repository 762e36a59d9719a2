//! Any tenant's batches, for the operator.

use axum::Json;
use axum::extract::State;

use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::OperatorEdge;
use crate::v1::batches::{BatchPageView, BatchView, ListBatches, batch_id, page_of};

pub(super) const BATCH_PARAMETERS: [&str; 2] = ["cursor", "limit"];

/// List a tenant's batches
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/batches", tag = "tasks", operation_id = "list_tenant_batches",
    params(("id" = String, Path, description = "the tenant's id"), ListBatches),
    responses((status = 200, description = "a page of batches, newest first", body = BatchPageView)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<BatchPageView>, Problem> {
    let tenant = tenant_id(&id)?;
    edge.operator.tenant(&tenant).await?;
    Ok(Json(page_of(&edge.batches, &tenant, &query).await?))
}

/// Read a batch
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/batches/{batch}", tag = "tasks", operation_id = "get_tenant_batch",
    params(("id" = String, Path, description = "the tenant's id"), ("batch" = String, Path, description = "the batch's id")),
    responses((status = 200, description = "the batch as it is now", body = BatchView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(edge): State<OperatorEdge>,
    Path((tenant, batch)): Path<(String, String)>,
) -> Result<Json<BatchView>, Problem> {
    let (tenant, batch) = (tenant_id(&tenant)?, batch_id(&batch)?);
    let batch = edge.batches.get(&tenant, &batch).await?;
    Ok(Json(BatchView::of(&batch)))
}

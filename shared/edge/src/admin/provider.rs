//! Checks the operator's key with the provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Operator;
use fluxgate_core::port::AccountCheck;

use crate::error_reply::Problem;

/// Check the key for the provider
///
/// Asks the provider right now.
#[utoipa::path(
    get, path = "/admin/v1/provider", tag = "operations", operation_id = "check_provider",
    responses((status = 200, description = "what the provider says", body = AccountCheck)),
    security(("admin_token" = [])))]
pub(crate) async fn check(
    State(operator): State<Arc<Operator>>,
) -> Result<Json<AccountCheck>, Problem> {
    Ok(Json(operator.check_provider_account().await?))
}

//! How the provider takes the operator's key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Tenancy;
use fluxgate_core::port::AccountCheck;

use crate::error_reply::Problem;

/// Asks the provider now.
pub(crate) async fn check(State(tenancy): State<Arc<Tenancy>>) -> Result<Json<AccountCheck>, Problem> {
    Ok(Json(tenancy.check_provider_account().await?))
}

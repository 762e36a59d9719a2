//! Checks the operator's key with the provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Operator;
use fluxgate_core::port::AccountCheck;

use crate::error_reply::Problem;

/// Asks the provider right now.
pub(crate) async fn check(
    State(operator): State<Arc<Operator>>,
) -> Result<Json<AccountCheck>, Problem> {
    Ok(Json(operator.check_provider_account().await?))
}

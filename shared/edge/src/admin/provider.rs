//! The provider's account, for the operator.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::TaskTrouble;
use fluxgate_core::port::AccountCheck;
use serde::Serialize;

use crate::error_reply::Problem;
use crate::state::OperatorEdge;

/// What the provider says now, what we know of it, and what it last said to tasks that it did not
/// take.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProviderAccount)]
pub(crate) struct ProviderView {
    #[serde(flatten)]
    account: AccountCheck,
    limits: LimitsView,
    /// Absent if the catalogue was never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    catalogue: Option<CatalogueView>,
    /// Newest first: of some tasks that wait to be sent again, or are in doubt.
    errors: Vec<ProviderErrorView>,
}

/// As this installation was told them; absent ones do not limit.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProviderLimits)]
struct LimitsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CatalogueAge)]
struct CatalogueView {
    models: usize,
    /// Seconds since it was read.
    age_s: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProviderError)]
struct ProviderErrorView {
    at: String,
    tenant: String,
    task: String,
    state: &'static str,
    /// `submit_deferred` or `submit_ambiguous`.
    step: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Check the provider's account
///
/// Asks the provider right now. Also tells its limits as they are configured, how old the catalogue
/// is, and what it answered to tasks that it did not take.
#[utoipa::path(
    get, path = "/admin/v1/provider", tag = "operations", operation_id = "check_provider",
    responses((status = 200, description = "what the provider says", body = ProviderView)),
    security(("admin_token" = [])))]
pub(crate) async fn check(State(edge): State<OperatorEdge>) -> Result<Json<ProviderView>, Problem> {
    let account = edge.operator.check_provider_account().await?;
    let catalogue = edge.operator.catalogue_age().await;
    let capacity = edge.tasks.capacity();
    let troubles = edge.tasks.provider_troubles().await?;
    Ok(Json(ProviderView {
        account,
        limits: LimitsView {
            per_minute: capacity.and_then(|capacity| capacity.per_minute),
            concurrency: capacity.and_then(|capacity| capacity.concurrency),
        },
        catalogue: catalogue.map(|(models, age_ms)| CatalogueView {
            models,
            age_s: age_ms / 1_000,
        }),
        errors: troubles.into_iter().map(error).collect(),
    }))
}

fn error(trouble: TaskTrouble) -> ProviderErrorView {
    ProviderErrorView {
        at: trouble.step.at.rfc3339(),
        tenant: trouble.task.tenant.to_string(),
        task: trouble.task.id.to_string(),
        state: trouble.task.state.as_str(),
        step: trouble.step.name,
        text: trouble.step.detail,
    }
}

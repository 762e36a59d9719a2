//! Usage statistics in the provider's format, for the tenant's own runs at its own prices.

use std::collections::BTreeMap;

use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::app::{TenantModels, UsageQuery};
use fluxgate_core::day::Day;
use fluxgate_core::metering::usage::{Grouping, UsageReport, Window};
use fluxgate_core::money::MicroUsd;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::billing_call::{Answer, BillingCall};
use super::envelope::{Envelope, success};
use super::page;
use crate::state::Edge;

/// The provider's own limit.
const DAYS_MAX: u32 = 31;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UsageRequest {
    /// RFC 3339; without an offset it is UTC.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$")]
    start_time: String,
    /// RFC 3339, at most 31 days later; inclusive. A date alone is the whole day.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].*)?$")]
    end_time: String,
    /// Only this model.
    model_uuid: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageStats {
    per_model_usage: Vec<ModelUsage>,
    daily_usage: Vec<DayUsage>,
    summary: Summary,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelUsage {
    model_uuid: String,
    /// Empty for a model that can no longer be run.
    model_type: String,
    /// The current minimum price of a run, in USD; 0 for a model that can no longer be run, or
    /// whose price only a quote tells.
    unit_price: f64,
    /// Amount charged, in USD.
    total_cost: f64,
    /// Number of runs submitted.
    total_count: u64,
    /// The UTC day of the last run.
    last_used_date: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayUsage {
    /// A UTC day. Runs count on the day they were submitted, amounts on the day they were charged.
    date: String,
    amount: f64,
    count: u64,
    models: Vec<DayModelUsage>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayModelUsage {
    model_uuid: String,
    amount: f64,
    count: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    total_cost: f64,
    total_requests: u64,
    success_requests: u64,
}

/// Read usage statistics
#[utoipa::path(
    post, path = "/api/v3/user/usage_stats", tag = "account", operation_id = "usage_stats", request_body = UsageRequest,
    responses((status = 200, description = "the statistics", body = Envelope<UsageStats>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn stats(
    State(edge): State<Edge>,
    BillingCall { principal, request }: BillingCall<UsageRequest>,
) -> Answer<UsageStats> {
    let model = request
        .model_uuid
        .as_deref()
        .filter(|model| !model.is_empty());
    let query = UsageQuery {
        tenant: &principal.tenant,
        window: window(&request)?,
        model,
    };
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let report = edge.metering.usage(&query).await?;
    let models = edge.gateway.models(&principal.tenant).await?;
    Ok(success(UsageStats {
        per_model_usage: per_model(&report, &models),
        daily_usage: daily(&report),
        summary: summary(&report),
    }))
}

fn window(request: &UsageRequest) -> Result<Window> {
    let from = page::from("start_time", &request.start_time)?;
    let until = page::until("end_time", &request.end_time)?;
    Window::of_days_at_most(DAYS_MAX, from, until).map_err(|error| error.field("end_time"))
}

fn per_model(report: &UsageReport, models: &TenantModels) -> Vec<ModelUsage> {
    let groups = report.grouped(Grouping::MODEL).into_iter();
    let of = |model: fluxgate_core::id::ModelId, usage: fluxgate_core::metering::usage::Usage| {
        let (model_type, price) = models.summary(&model).unwrap_or_default();
        let last_used = report.last_used(&model).map(|day| day.to_string());
        ModelUsage {
            model_type,
            unit_price: price.unwrap_or_default().usd(),
            total_cost: usage.charged.usd(),
            total_count: usage.requests,
            last_used_date: last_used.unwrap_or_default(),
            model_uuid: model.into(),
        }
    };
    groups
        .filter_map(|group| Some(of(group.model?, group.usage)))
        .collect()
}

fn daily(report: &UsageReport) -> Vec<DayUsage> {
    let mut days: BTreeMap<Day, Vec<DayModelUsage>> = BTreeMap::new();
    for group in report.grouped(Grouping::DAY_AND_MODEL) {
        let (Some(day), Some(model)) = (group.day, group.model) else {
            continue;
        };
        let model_usage = DayModelUsage {
            model_uuid: model.to_string(),
            amount: group.usage.charged.usd(),
            count: group.usage.requests,
        };
        days.entry(day).or_default().push(model_usage);
    }
    let sums = report.grouped(Grouping::DAY).into_iter();
    let day = |(day, amount, count): (Day, MicroUsd, u64)| DayUsage {
        models: days.remove(&day).unwrap_or_default(),
        date: day.to_string(),
        amount: amount.usd(),
        count,
    };
    sums.filter_map(|group| Some((group.day?, group.usage.charged, group.usage.requests)))
        .map(day)
        .collect()
}

fn summary(report: &UsageReport) -> Summary {
    let total = report.total();
    Summary {
        total_cost: total.charged.usd(),
        total_requests: total.requests,
        success_requests: total.completed,
    }
}

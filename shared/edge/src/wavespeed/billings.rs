//! The tenant's charges, run by run, in the provider's format.

use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::id::TaskId;
use fluxgate_core::metering::Charge;
use fluxgate_core::metering::usage::Window;
use fluxgate_core::tenant::Principal;
use fluxgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::billing_call::{Answer, BillingCall};
use super::envelope::{Envelope, success};
use super::page::{self, one, twenty};
use crate::error_reply::WaveSpeedErrorBody;
use crate::state::Edge;

/// The only billing type: top-ups are between tenant and operator.
const DEDUCT: &str = "deduct";
/// Maximum number of runs requested by id at once.
const IDS_MAX: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BillingRequest {
    /// From 1.
    #[serde(default = "one")]
    page: usize,
    /// At most 100.
    #[serde(default = "twenty")]
    page_size: usize,
    /// Only `deduct` is supported.
    billing_type: Option<String>,
    /// Only these runs, at most 100.
    prediction_uuids: Option<Vec<String>>,
    /// Oldest run first if it ends in `asc`; otherwise newest first.
    sort: Option<String>,
    /// Only runs submitted at this time or later: milliseconds since the Unix epoch, as a string,
    /// or RFC 3339.
    start_time: Option<Moment>,
    /// Only runs submitted at this time or earlier, in the same format.
    end_time: Option<Moment>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "it must be milliseconds since the Unix epoch, as a string, or RFC 3339"
)]
pub(crate) enum Moment {
    Text(String),
    Millis(i64),
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingPage {
    page: usize,
    /// Number of items on all pages.
    total: usize,
    has_more: bool,
    items: Vec<BillingItem>,
}

/// A run that ended without success costs nothing and has no item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingItem {
    /// The prediction's id.
    uuid: String,
    /// Always `deduct`.
    billing_type: &'static str,
    /// In USD: the amount charged, or held while the run is in progress.
    price: f64,
    created_at: String,
    updated_at: String,
    order: BillingOrder,
    prediction: BilledPrediction,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingOrder {
    uuid: String,
    /// `pre` while the price is only held, `done` once it was charged.
    state: &'static str,
    price: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BilledPrediction {
    uuid: String,
    model_uuid: String,
    /// The status of the prediction.
    status: &'static str,
}

/// Search the bill
#[utoipa::path(
    post, path = "/api/v3/billings/search", tag = "account", operation_id = "billings", request_body = BillingRequest,
    responses((status = 200, body = Envelope<BillingPage>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn search(
    State(edge): State<Edge>,
    BillingCall { principal, request }: BillingCall<BillingRequest>,
) -> Answer<BillingPage> {
    page::check(request.page, request.page_size)?;
    let window = window(&request)?;
    let mut charges = charges(&edge, &principal, &request, window).await?;
    if request
        .sort
        .is_some_and(|sort| sort.to_ascii_lowercase().ends_with("asc"))
    {
        charges.reverse();
    }
    let skip = (request.page - 1) * request.page_size;
    Ok(success(BillingPage {
        page: request.page,
        total: charges.len(),
        has_more: skip + request.page_size < charges.len(),
        items: charges
            .iter()
            .skip(skip)
            .take(request.page_size)
            .map(item)
            .collect(),
    }))
}

/// Newest first.
async fn charges(
    edge: &Edge,
    principal: &Principal,
    request: &BillingRequest,
    window: Window,
) -> Result<Vec<Charge>> {
    let tenant = &principal.tenant;
    if request
        .billing_type
        .as_deref()
        .is_some_and(|kind| !kind.is_empty() && kind != DEDUCT)
    {
        return Ok(Vec::new());
    }
    let Some(ids) = request
        .prediction_uuids
        .as_deref()
        .filter(|ids| !ids.is_empty())
    else {
        return edge.metering.charges(tenant, window).await;
    };
    if ids.len() > IDS_MAX {
        return Err(page::bad(
            "prediction_uuids",
            format!("'prediction_uuids' may contain at most {IDS_MAX} ids"),
        ));
    }
    // An invalid id cannot exist.
    let ids: Vec<TaskId> = ids.iter().filter_map(|id| TaskId::parse(id).ok()).collect();
    let mut charges = edge.metering.charges_of(tenant, &ids).await?;
    charges.retain(|charge| window.holds(charge.created_at));
    Ok(charges)
}

/// An absent bound does not limit the window.
fn window(request: &BillingRequest) -> Result<Window> {
    let from = moment("start_time", request.start_time.as_ref())?.unwrap_or(Timestamp(0));
    let until = moment("end_time", request.end_time.as_ref())?.unwrap_or(Timestamp(i64::MAX));
    Ok(Window { from, until })
}

fn moment(field: &str, moment: Option<&Moment>) -> Result<Option<Timestamp>> {
    let text = match moment {
        Some(Moment::Millis(millis)) => return Ok(Some(Timestamp(*millis))),
        Some(Moment::Text(text)) if !text.is_empty() => text,
        _ => return Ok(None),
    };
    let millis = text.parse().ok().map(Timestamp);
    let bad = || {
        page::bad(
            field,
            format!(
                "'{field}' must be milliseconds since the Unix epoch, as a string, or RFC 3339"
            ),
        )
    };
    millis
        .or_else(|| Timestamp::from_rfc3339(text))
        .map(Some)
        .ok_or_else(bad)
}

fn item(charge: &Charge) -> BillingItem {
    let price = charge.amount.usd();
    let state = if charge.state.is_end() { "done" } else { "pre" };
    BillingItem {
        uuid: charge.task.to_string(),
        billing_type: DEDUCT,
        price,
        created_at: charge.created_at.rfc3339(),
        updated_at: charge.updated_at.rfc3339(),
        order: BillingOrder {
            uuid: charge.task.to_string(),
            state,
            price,
        },
        prediction: BilledPrediction {
            uuid: charge.task.to_string(),
            model_uuid: charge.model.to_string(),
            status: charge.state.status(),
        },
    }
}

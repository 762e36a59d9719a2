//! The tenant's charges, run by run, in the provider's format.

use axum::extract::State;
use fluxgate_core::id::TaskId;
use fluxgate_core::metering::Charge;
use fluxgate_core::metering::usage::Window;
use fluxgate_core::tenant::Principal;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::billing_call::{Answer, BillingCall};
use super::envelope::{Envelope, success};
use super::page::{self, Paging};
use crate::state::Edge;

/// The only billing type: top-ups are between tenant and operator.
const DEDUCT: &str = "deduct";
/// Maximum number of runs requested by id at once.
const IDS_MAX: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BillingRequest {
    /// From 1. A page beyond the end is empty.
    #[schema(minimum = 1)]
    page: Option<i64>,
    /// 20 if absent.
    #[schema(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
    /// Only `deduct` is supported.
    billing_type: Option<String>,
    /// Only these runs, at most 100.
    #[schema(max_items = 100)]
    prediction_uuids: Option<Vec<String>>,
    /// Only runs of this model, such as `wavespeed-ai/flux-kontext-max`.
    model_uuid: Option<String>,
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
    responses((status = 200, description = "a page of the bill", body = Envelope<BillingPage>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn search(
    State(edge): State<Edge>,
    BillingCall { principal, request }: BillingCall<BillingRequest>,
) -> Answer<BillingPage> {
    let paging = Paging::of(request.page, request.page_size)?;
    let window = window(&request)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let mut charges = charges(&edge, &principal, &request, window).await?;
    if request
        .sort
        .is_some_and(|sort| sort.to_ascii_lowercase().ends_with("asc"))
    {
        charges.reverse();
    }
    if let Some(model) = request.model_uuid.filter(|model| !model.is_empty()) {
        charges.retain(|charge| charge.model.as_str() == model);
    }
    let skip = paging.skip();
    Ok(success(BillingPage {
        page: paging.page,
        total: charges.len(),
        has_more: skip.saturating_add(paging.size) < charges.len(),
        items: charges
            .iter()
            .skip(skip)
            .take(paging.size)
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
    let start = moment("start_time", request.start_time.as_ref(), page::from)?;
    let end = moment("end_time", request.end_time.as_ref(), page::until)?;
    let (from, until) = (
        start.unwrap_or(Timestamp(0)),
        end.unwrap_or(Timestamp(i64::MAX)),
    );
    if until < from {
        let text = "'end_time' is earlier than 'start_time', so nothing can match; swap them";
        return Err(Error::invalid("invalid_window", text).field("end_time"));
    }
    Ok(Window { from, until })
}

fn moment(
    field: &str,
    moment: Option<&Moment>,
    parse: fn(&str, &str) -> Result<Timestamp>,
) -> Result<Option<Timestamp>> {
    let text = match moment {
        Some(Moment::Millis(millis)) => return Ok(Some(Timestamp(*millis))),
        Some(Moment::Text(text)) if !text.is_empty() => text,
        _ => return Ok(None),
    };
    if let Ok(millis) = text.parse() {
        return Ok(Some(Timestamp(millis)));
    }
    parse(field, text).map(Some).map_err(|_| {
        let text = format!(
            "'{field}' must be milliseconds since the Unix epoch, as a string, or RFC 3339"
        );
        page::bad(field, text)
    })
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

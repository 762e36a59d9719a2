//! The tenant's charges, run by run, in the provider's format.

use axum::extract::State;
use fluxgate_core::app::{ChargesPage, ChargesQuery};
use fluxgate_core::id::TaskId;
use fluxgate_core::metering::Charge;
use fluxgate_core::metering::usage::Window;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::tenant::Principal;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bill_pages::BillPlace;
use super::billing_call::{Answer, BillingCall};
use super::envelope::{Envelope, success};
use super::page::{self, Paging};
use crate::state::Edge;

/// The only billing type: top-ups are between tenant and operator.
const DEDUCT: &str = "deduct";
/// Maximum number of runs requested by id at once.
const IDS_MAX: usize = 100;
/// Runs before a page that are passed over, so that the total can be told, even where it is known
/// where the page begins.
const SKIPPED_MAX: usize = 1_000;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct BillingRequest {
    /// From 1. A page beyond the end is empty.
    #[schema(minimum = 1)]
    page: Option<i64>,
    /// 20 if absent.
    #[schema(minimum = 1, maximum = 100)]
    page_size: Option<i64>,
    /// The `next_cursor` of the page before, with the same window, model and order: the page begins
    /// there, and `page` is only its number.
    cursor: Option<String>,
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
    /// Number of items on all pages; absent if there are too many to count, unless the whole bill
    /// is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    has_more: bool,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
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
    /// In USD: what of the price was given back; absent without a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded: Option<f64>,
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
    let is_other = |kind: &String| !kind.is_empty() && kind != DEDUCT;
    if request.billing_type.as_ref().is_some_and(is_other) {
        let none = ChargesPage {
            total: Some(0),
            ..ChargesPage::default()
        };
        return Ok(success(BillingPage::of(&paging, none)));
    }
    let ids = request.prediction_uuids.as_deref();
    let charges = match ids.filter(|ids| !ids.is_empty()) {
        Some(ids) => of_ids(&edge, &principal, &request, (ids, window, &paging)).await?,
        None => of_window(&edge, &principal, &request, (window, &paging)).await?,
    };
    Ok(success(BillingPage::of(&paging, charges)))
}

/// By key where it is known where the page begins.
async fn of_window(
    edge: &Edge,
    principal: &Principal,
    request: &BillingRequest,
    (made, paging): (Window, &Paging),
) -> Result<ChargesPage> {
    let cursor = request.cursor.as_deref().filter(|text| !text.is_empty());
    let cursor = cursor.map(TaskId::parse).transpose().map_err(|_| {
        let text = "'cursor' is the 'next_cursor' of the page before";
        page::bad("cursor", text.to_owned())
    })?;
    let place = BillPlace {
        tenant: principal.tenant.clone(),
        from_ms: made.from.0,
        until_ms: made.until.0,
        model: request.model().map(str::to_owned),
        oldest_first: request.is_oldest_first(),
        size: paging.size,
        page: paging.page,
    };
    let is_far = paging.skip() >= SKIPPED_MAX;
    let known = || edge.bills.start(&place).filter(|_| is_far);
    let after = cursor.or_else(known);
    let query = ChargesQuery {
        tenant: &principal.tenant,
        made,
        model: request.model(),
        oldest_first: place.oldest_first,
        skip: if after.is_some() { 0 } else { paging.skip() },
        after,
        limit: paging.size,
    };
    let charges = edge.metering.charges(&query).await?;
    if let Some(end) = &charges.next {
        edge.bills.ends(place, end.clone());
    }
    Ok(charges)
}

/// There are few enough to be read as a whole.
async fn of_ids(
    edge: &Edge,
    principal: &Principal,
    request: &BillingRequest,
    (ids, made, paging): (&[String], Window, &Paging),
) -> Result<ChargesPage> {
    if ids.len() > IDS_MAX {
        return Err(page::bad(
            "prediction_uuids",
            format!("'prediction_uuids' may contain at most {IDS_MAX} ids"),
        ));
    }
    // An invalid id cannot exist.
    let ids: Vec<TaskId> = ids.iter().filter_map(|id| TaskId::parse(id).ok()).collect();
    let mut charges = edge.metering.charges_of(&principal.tenant, &ids).await?;
    let is_asked = |charge: &Charge| {
        let model = request.model();
        made.holds(charge.created_at) && model.is_none_or(|model| model == charge.model.as_str())
    };
    charges.retain(is_asked);
    if request.is_oldest_first() {
        charges.reverse();
    }
    let total = charges.len();
    let last = paging.skip().saturating_add(paging.size);
    let next = charges.get(last).map(|charge| charge.task.clone());
    let page = charges.into_iter().skip(paging.skip()).take(paging.size);
    Ok(ChargesPage {
        charges: page.collect(),
        next,
        total: Some(total),
    })
}

impl BillingRequest {
    fn model(&self) -> Option<&str> {
        self.model_uuid.as_deref().filter(|model| !model.is_empty())
    }

    fn is_oldest_first(&self) -> bool {
        let sort = self.sort.as_deref().unwrap_or_default();
        sort.to_ascii_lowercase().ends_with("asc")
    }
}

impl BillingPage {
    fn of(paging: &Paging, charges: ChargesPage) -> Self {
        Self {
            page: paging.page,
            total: charges.total,
            has_more: charges.next.is_some(),
            next_cursor: charges.next.map(|next| next.to_string()),
            items: charges.charges.iter().map(item).collect(),
        }
    }
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
        refunded: (charge.refunded > MicroUsd::ZERO).then(|| charge.refunded.usd()),
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

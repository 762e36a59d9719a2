//! The ledger, by day and page by page, with its running balance, as JSON or CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::app::{AskedDays, Capability, LedgerPage, LedgerRequest};
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{EntryKind, LedgerCursor, LedgerLine, Zone, ledger_csv};
use fluxgate_core::tenant::Scope;
use fluxgate_core::webhook::CapabilityKeys;
use fluxgate_core::{Error, Result};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::accept::preferred;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::query::Query;
use crate::state::Edge;

const CSV: &str = "text/csv; charset=utf-8; header=present";
/// The first is the default for requests that accept neither.
const OFFERS: [&str; 2] = ["application/json", CSV];
pub(crate) const PARAMETERS: [&str; 6] = ["from", "to", "time_zone", "cursor", "limit", "format"];
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Sent with both formats, so that a cache does not mix them up.
const VARIES: (HeaderName, HeaderValue) = (VARY, HeaderValue::from_static("accept"));
/// CSV has no room for it.
pub(crate) const NEXT: HeaderName = HeaderName::from_static("fluxgate-next-cursor");

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described here")]
pub(crate) struct LedgerParams {
    /// The first day, `2026-11-01`, in the account's time zone; by default 29 days before the last.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; by default today. At most 366 days in all.
    #[param(format = Date)]
    to: Option<String>,
    /// An IANA name: refused (422) unless it is the account's, which is its budget's, or else UTC.
    #[param(min_length = 1, example = "Europe/Vienna")]
    time_zone: Option<String>,
    /// The `next` of the page before, with the same days.
    cursor: Option<String>,
    /// 100 unless it is given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// `json` or `csv`; by default chosen by the `Accept` header, and JSON if that accepts neither.
    #[param(pattern = "^(json|csv)$")]
    format: Option<String>,
}

/// A page of the ledger, oldest entry first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerView {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// The account's, which its days are in.
    time_zone: String,
    /// Before the first entry of this page: what was paid in, without what was charged. What
    /// running tasks hold is part of it; a postpaid tenant's is below zero by what it owes.
    opening_balance_micro_usd: i64,
    /// The same amount in US dollars, as an exact decimal.
    opening_balance_usd: String,
    entries: Vec<LedgerEntryView>,
    /// Where the next page goes on; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One movement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub(crate) struct LedgerEntryView {
    at: String,
    kind: EntryKind,
    /// The task's id, or the operator's own reference.
    reference: String,
    amount_micro_usd: i64,
    /// The same amount in US dollars, as an exact decimal.
    amount_usd: String,
    /// What it did to the balance: a hold, its release and credit change nothing.
    change_micro_usd: i64,
    /// The balance after it.
    balance_micro_usd: i64,
    /// The same amount in US dollars, as an exact decimal.
    balance_usd: String,
    /// What the operator gave as the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Read the ledger
///
/// Every movement on the tenant's account with the balance after it. Entries of a day that has been
/// over for some minutes change no more.
#[utoipa::path(
    get, path = "/v1/ledger", tag = "account", operation_id = "ledger", params(LedgerParams),
    responses(
        (status = 200, description = "a page of the ledger, in the format that was asked for; with CSV, the header `Fluxgate-Next-Cursor` is where the next page goes on", content((LedgerView = "application/json"), (String = "text/csv"))),
        (status = 400, description = "the parameter at fault is in 'field'"),
        (status = 422, description = "days of another time zone than the account's"),
        (status = 409, description = "the balance moved while it was read during an update; try again")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn ledger(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
    headers: HeaderMap,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Billing)?;
    let cursors = Cursors::read(&edge.cursors, &principal.tenant, &query).await?;
    let asked = Asked::of(&query, &headers, &cursors)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let page = edge
        .metering
        .ledger(&principal.tenant, asked.request)
        .await?;
    Ok(reply(&page, asked.wants_csv, &cursors))
}

/// Writes and reads a tenant's cursors: they carry its balance, which nobody else may set.
pub(crate) struct Cursors<'a> {
    keys: Arc<CapabilityKeys>,
    tenant: &'a TenantId,
}

impl<'a> Cursors<'a> {
    /// With keys that fit the query's own cursor, if there are such.
    pub(crate) async fn read(
        capability: &Capability,
        tenant: &'a TenantId,
        query: &Query,
    ) -> Result<Self> {
        if let Some(cursor) = query.text("cursor")? {
            let fits = |keys: &CapabilityKeys| keys.unsealed(tenant, cursor).is_some();
            capability.fits(fits).await;
        }
        let keys = capability.keys().await;
        Ok(Self { keys, tenant })
    }

    fn text(&self, cursor: &LedgerCursor) -> String {
        self.keys.sealed(self.tenant, &cursor.text())
    }

    /// Kind `Invalid` for a text that this installation did not write for this tenant.
    fn parse(&self, text: &str) -> Result<LedgerCursor> {
        let text = self.keys.unsealed(self.tenant, text);
        LedgerCursor::parse(text.unwrap_or_default())
    }
}

/// What a reader of a ledger asks for.
pub(crate) struct Asked {
    pub(crate) request: LedgerRequest,
    pub(crate) wants_csv: bool,
}

impl Asked {
    /// Kind `Invalid`, naming the parameter.
    pub(crate) fn of(query: &Query, headers: &HeaderMap, cursors: &Cursors<'_>) -> Result<Self> {
        query.only(&PARAMETERS)?;
        let wants_csv = match query.text("format")? {
            Some("csv") => true,
            Some("json") => false,
            Some(_) => return Err(bad("'format' must be json or csv").field("format")),
            None => preferred(headers, &OFFERS).is_some_and(|place| OFFERS[place] == CSV),
        };
        let request = LedgerRequest {
            days: AskedDays {
                from: query.parsed("from", day)?,
                to: query.parsed("to", day)?,
                zone: query.parsed("time_zone", Zone::parse)?,
            },
            after: query.parsed("cursor", |text| cursors.parse(text))?,
            limit: query.parsed("limit", limit)?.unwrap_or(LIMIT),
        };
        Ok(Self { request, wants_csv })
    }
}

fn day(text: &str) -> Result<Day> {
    Day::parse(text).ok_or_else(|| bad("it must be a day such as 2026-11-01"))
}

fn limit(text: &str) -> Result<usize> {
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| bad("'limit' is a number from 1 to 1000"))
}

fn bad(text: &str) -> Error {
    Error::invalid("invalid_parameter", text)
}

pub(crate) fn reply(page: &LedgerPage, wants_csv: bool, cursors: &Cursors<'_>) -> Response {
    let next = page.next.as_ref().map(|next| cursors.text(next));
    if !wants_csv {
        return ([VARIES], Json(view(page, next))).into_response();
    }
    let content_type = (CONTENT_TYPE, HeaderValue::from_static(CSV));
    let mut response = ([VARIES, content_type], ledger_csv(&page.lines)).into_response();
    let next = next.and_then(|next| HeaderValue::try_from(next).ok());
    response.headers_mut().extend(next.map(|next| (NEXT, next)));
    response
}

fn view(page: &LedgerPage, next: Option<String>) -> LedgerView {
    LedgerView {
        from: page.days.from.to_string(),
        to: page.days.to.to_string(),
        time_zone: page.zone.to_string(),
        opening_balance_micro_usd: page.opening.0,
        opening_balance_usd: page.opening.decimal(),
        entries: page.lines.iter().map(entry).collect(),
        next,
    }
}

fn entry(LedgerLine { entry, balance }: &LedgerLine) -> LedgerEntryView {
    LedgerEntryView {
        at: entry.at.rfc3339(),
        kind: entry.kind,
        reference: entry.reference.clone(),
        amount_micro_usd: entry.amount.0,
        amount_usd: entry.amount.decimal(),
        change_micro_usd: entry.change().0,
        balance_micro_usd: balance.0,
        balance_usd: balance.decimal(),
        reason: entry.reason.clone(),
    }
}

//! The statement of a month, as JSON, CSV or a page to print.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::metering::statement::{Statement, StatementView, csv, html};
use fluxgate_core::money::{Month, Zone};
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Result};
use utoipa::IntoParams;

use super::usage::time_zone;
use crate::accept::preferred;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::Edge;

const CSV: &str = "text/csv; charset=utf-8; header=present";
const HTML: &str = "text/html; charset=utf-8";
/// The first is the default for requests that accept none.
const OFFERS: [&str; 3] = ["application/json", CSV, HTML];
pub(crate) const STATEMENT_PARAMETERS: [&str; 2] = ["format", "time_zone"];
/// Sent with every form, so that a cache does not mix them up.
const VARIES: (HeaderName, HeaderValue) = (VARY, HeaderValue::from_static("accept"));

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatementParams {
    /// `json`, `csv` or `html`; by default chosen by the `Accept` header, and JSON if that accepts
    /// none.
    #[param(pattern = "^(json|csv|html)$")]
    format: Option<String>,
    /// The time zone that the month is meant in: 422 if it is not the account's.
    #[param(example = "Europe/Vienna")]
    time_zone: Option<String>,
}

/// The forms of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
    Html,
}

/// Read a month's statement
///
/// Opening balance, movements by kind, usage by model and API key, and closing balance, in the
/// account's time zone. It equals the ledger to the micro-dollar.
#[utoipa::path(
    get, path = "/v1/statements/{month}", tag = "usage", operation_id = "statement",
    params(("month" = String, Path, pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", description = "a month such as 2026-11"), StatementParams),
    responses(
        (status = 200, description = "the statement, in the form that was asked for", content((StatementView = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 400, description = "the parameter at fault is in 'field'"),
        (status = 422, description = "the account's months are those of another time zone, or the month is in the future"),
        (status = 503, description = "an update still adds up earlier days")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn statement(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(month): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Billing)?;
    let (month, params) = (parse_month(&month)?, StatementParams::of(&query)?);
    let (form, zone) = (params.form(&headers)?, params.zone()?);
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let statement = edge
        .metering
        .statement(&principal.tenant, month, zone.as_ref());
    Ok(answer(&statement.await?, form))
}

pub(crate) fn parse_month(text: &str) -> Result<Month> {
    Month::asked(text).map_err(|error| error.field("month"))
}

pub(crate) fn answer(statement: &Statement, form: Form) -> Response {
    let view = StatementView::of(statement);
    let content_type = |text| (CONTENT_TYPE, HeaderValue::from_static(text));
    match form {
        Form::Json => ([VARIES], Json(view)).into_response(),
        Form::Csv => ([VARIES, content_type(CSV)], csv(&[view])).into_response(),
        Form::Html => ([VARIES, content_type(HTML)], html(&[view])).into_response(),
    }
}

impl StatementParams {
    pub(crate) fn of(query: &Query) -> Result<Self> {
        query.only(&STATEMENT_PARAMETERS)?;
        let text = |name| query.text(name).map(|text| text.map(str::to_owned));
        Ok(Self {
            format: text("format")?,
            time_zone: text("time_zone")?,
        })
    }

    pub(crate) fn form(&self, headers: &HeaderMap) -> Result<Form> {
        let forms = [Form::Json, Form::Csv, Form::Html];
        match self.format.as_deref() {
            Some("json") => Ok(Form::Json),
            Some("csv") => Ok(Form::Csv),
            Some("html") => Ok(Form::Html),
            Some(_) => {
                let text = "'format' must be json, csv or html";
                Err(Error::invalid("invalid_parameter", text).field("format"))
            }
            None => Ok(preferred(headers, &OFFERS).map_or(Form::Json, |place| forms[place])),
        }
    }

    pub(crate) fn zone(&self) -> Result<Option<Zone>> {
        self.time_zone.as_deref().map(time_zone).transpose()
    }
}

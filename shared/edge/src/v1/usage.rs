//! Usage by day and model, exact to the micro-dollar, as JSON or CSV.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::day::Day;
use fluxgate_core::metering::usage::{Days, Grouping, Usage, UsageGroup, UsageReport, csv};
use fluxgate_core::tenant::Scope;
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
/// All supported parameters.
const PARAMS: [&str; 4] = ["from", "to", "group_by", "format"];
/// Sent with both formats, so that a cache does not mix them up.
const VARIES: (HeaderName, HeaderValue) = (VARY, HeaderValue::from_static("accept"));

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// The first day, `2026-11-01`, in UTC; by default 29 days before the last one.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; by default today. At most 366 days in all.
    #[param(format = Date)]
    to: Option<String>,
    /// `day`, `model` or `day,model`; by default both.
    #[param(pattern = "^(day|model|day,model)$")]
    group_by: Option<String>,
    /// `json` or `csv`; by default chosen by the `Accept` header, and JSON if that accepts neither.
    #[param(pattern = "^(json|csv)$")]
    format: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// The first day, in UTC.
    from: String,
    /// The last day.
    to: String,
    group_by: &'static [&'static str],
    /// One per day, model, or both, with any activity.
    groups: Vec<UsageGroupView>,
    total: UsageSums,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageGroupView {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(flatten)]
    sums: UsageSums,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageSums {
    /// Tasks, on the day they were created.
    requests: u64,
    /// Tasks that completed, on the day of their end.
    completed: u64,
    /// Tasks that failed, were cancelled or timed out, on the day of their end; they cost nothing.
    failed: u64,
    /// Amount charged, on the day of the tasks' ends, in millionths of a US dollar.
    charged_micro_usd: i64,
    /// The same amount in US dollars, as an exact decimal.
    charged_usd: String,
    /// Of the completed tasks, those charged with `archived: false`: the tenant's own side kept
    /// outputs out of its bucket. A later copy does not change this number.
    unarchived: u64,
}

/// Read usage
///
/// Totals of the tenant's tasks and charges. Charges count when the ledger has them: on the UTC day
/// on which a task completed.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", operation_id = "usage", params(UsageParams),
    responses(
        (status = 200, description = "the usage, in the format that was asked for", content((UsageView = "application/json"), (String = "text/csv"))),
        (status = 400, description = "the parameter at fault is in 'field'")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn usage(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
    headers: HeaderMap,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Billing)?;
    let params = UsageParams::of(&query)?;
    let grouping = params.grouping()?;
    let wants_csv = params.wants_csv(&headers)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let days = edge
        .metering
        .usage_of_days(&principal.tenant, params.from()?, params.to()?);
    let (days, report) = days.await?;
    if wants_csv {
        let content_type = (CONTENT_TYPE, HeaderValue::from_static(CSV));
        return Ok((
            [VARIES, content_type],
            csv(grouping, &report.grouped(grouping)),
        )
            .into_response());
    }
    Ok(([VARIES], Json(view(days, grouping, &report))).into_response())
}

impl UsageParams {
    fn of(query: &Query) -> Result<Self> {
        query.only(&PARAMS)?;
        let text = |name| query.text(name).map(|text| text.map(str::to_owned));
        Ok(Self {
            from: text("from")?,
            to: text("to")?,
            group_by: text("group_by")?,
            format: text("format")?,
        })
    }

    fn grouping(&self) -> Result<Grouping> {
        let Some(text) = &self.group_by else {
            return Ok(Grouping::DayAndModel);
        };
        Grouping::parse(text).map_err(|error| error.field("group_by"))
    }

    fn wants_csv(&self, headers: &HeaderMap) -> Result<bool> {
        match self.format.as_deref() {
            Some("csv") => Ok(true),
            Some("json") => Ok(false),
            Some(_) => Err(bad("format", "'format' must be json or csv".to_owned())),
            None => Ok(preferred(headers, &OFFERS).is_some_and(|place| OFFERS[place] == CSV)),
        }
    }

    fn from(&self) -> Result<Option<Day>> {
        self.from
            .as_deref()
            .map(|text| day("from", text))
            .transpose()
    }

    fn to(&self) -> Result<Option<Day>> {
        self.to.as_deref().map(|text| day("to", text)).transpose()
    }
}

fn day(field: &str, text: &str) -> Result<Day> {
    Day::parse(text)
        .ok_or_else(|| bad(field, format!("'{field}' must be a day such as 2026-11-01")))
}

fn bad(field: &str, text: String) -> Error {
    Error::invalid("invalid_parameter", text).field(field)
}

fn view(days: Days, grouping: Grouping, report: &UsageReport) -> UsageView {
    UsageView {
        from: days.from.to_string(),
        to: days.to.to_string(),
        group_by: grouping.names(),
        groups: report.grouped(grouping).iter().map(group).collect(),
        total: sums(&report.total()),
    }
}

fn group(group: &UsageGroup) -> UsageGroupView {
    UsageGroupView {
        day: group.day.map(|day| day.to_string()),
        model: group.model.as_ref().map(ToString::to_string),
        sums: sums(&group.usage),
    }
}

fn sums(usage: &Usage) -> UsageSums {
    UsageSums {
        requests: usage.requests,
        completed: usage.completed,
        failed: usage.failed,
        charged_micro_usd: usage.charged.0,
        charged_usd: usage.charged.decimal(),
        unarchived: usage.unarchived,
    }
}

//! Usage by day or month, model and API key, exact to the micro-dollar, as JSON or CSV.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::app::{AskedDays, UsageOfDays};
use fluxgate_core::day::Day;
use fluxgate_core::metering::usage::{Grouping, Usage, UsageGroup, csv};
use fluxgate_core::money::Zone;
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
pub(crate) const USAGE_PARAMETERS: [&str; 5] = ["from", "to", "group_by", "format", "time_zone"];
/// Sent with both formats, so that a cache does not mix them up.
const VARIES: (HeaderName, HeaderValue) = (VARY, HeaderValue::from_static("accept"));

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// The first day, `2026-11-01`, in the account's time zone; by default 29 days before the last
    /// one.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; by default today. At most 366 days in all.
    #[param(format = Date)]
    to: Option<String>,
    /// `day`, `month`, `model`, `key`, or two of them such as `month,key`; by default `day,model`.
    #[param(pattern = "^(day|month|model|key)(,(day|month|model|key))?$")]
    group_by: Option<String>,
    /// `json` or `csv`; by default chosen by the `Accept` header, and JSON if that accepts neither.
    #[param(pattern = "^(json|csv)$")]
    format: Option<String>,
    /// The time zone that the days are meant in: 422 if it is not the account's.
    #[param(example = "Europe/Vienna")]
    time_zone: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// The first day.
    from: String,
    /// The last day.
    to: String,
    /// The account's, in which its days and months are: its budget's, else UTC.
    time_zone: String,
    group_by: Vec<&'static str>,
    /// One for each value of the keys with any activity.
    groups: Vec<UsageGroupView>,
    total: UsageSums,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageGroupView {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// An API key's id; absent for tasks that were submitted without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
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
    /// Amount given back, on the day of the refund, in millionths of a US dollar. It is not taken
    /// off what was charged.
    refunded_micro_usd: i64,
    /// The same amount in US dollars, as an exact decimal.
    refunded_usd: String,
    /// Of the completed tasks, those charged with `archived: false`: the tenant's own side kept
    /// outputs out of its bucket. A later copy does not change this number.
    unarchived: u64,
}

/// Read usage
///
/// Totals of the tenant's tasks and charges. Charges count when the ledger has them: on the day on
/// which a task completed, in the account's time zone.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", operation_id = "usage", params(UsageParams),
    responses(
        (status = 200, description = "the usage, in the format that was asked for", content((UsageView = "application/json"), (String = "text/csv"))),
        (status = 400, description = "the parameter at fault is in 'field'"),
        (status = 422, description = "the account's days are those of another time zone")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn usage(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
    headers: HeaderMap,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Billing)?;
    let params = UsageParams::of(&query)?;
    let (grouping, asked) = (params.grouping()?, params.asked()?);
    let wants_csv = params.wants_csv(&headers)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let usage = edge
        .metering
        .usage_of_days(&principal.tenant, &asked)
        .await?;
    Ok(answer(&usage, grouping, wants_csv))
}

/// In the form that was asked for.
pub(crate) fn answer(usage: &UsageOfDays, grouping: Grouping, wants_csv: bool) -> Response {
    if wants_csv {
        let content_type = (CONTENT_TYPE, HeaderValue::from_static(CSV));
        let text = csv(grouping, &usage.report.grouped(grouping));
        return ([VARIES, content_type], text).into_response();
    }
    ([VARIES], Json(UsageView::of(usage, grouping))).into_response()
}

impl UsageParams {
    pub(crate) fn of(query: &Query) -> Result<Self> {
        query.only(&USAGE_PARAMETERS)?;
        let text = |name| query.text(name).map(|text| text.map(str::to_owned));
        Ok(Self {
            from: text("from")?,
            to: text("to")?,
            group_by: text("group_by")?,
            format: text("format")?,
            time_zone: text("time_zone")?,
        })
    }

    pub(crate) fn grouping(&self) -> Result<Grouping> {
        let Some(text) = &self.group_by else {
            return Ok(Grouping::DAY_AND_MODEL);
        };
        Grouping::parse(text).map_err(|error| error.field("group_by"))
    }

    pub(crate) fn wants_csv(&self, headers: &HeaderMap) -> Result<bool> {
        match self.format.as_deref() {
            Some("csv") => Ok(true),
            Some("json") => Ok(false),
            Some(_) => Err(bad("format", "'format' must be json or csv".to_owned())),
            None => Ok(preferred(headers, &OFFERS).is_some_and(|place| OFFERS[place] == CSV)),
        }
    }

    /// Of what has no other form.
    pub(crate) fn only_json(&self) -> Result<()> {
        match self.format.as_deref() {
            None | Some("json") => Ok(()),
            Some(_) => Err(bad("format", "'format' must be json here".to_owned())),
        }
    }

    pub(crate) fn asked(&self) -> Result<AskedDays> {
        let day_of =
            |field, text: &Option<String>| text.as_deref().map(|text| day(field, text)).transpose();
        Ok(AskedDays {
            from: day_of("from", &self.from)?,
            to: day_of("to", &self.to)?,
            zone: self.time_zone.as_deref().map(time_zone).transpose()?,
        })
    }
}

pub(crate) fn time_zone(name: &str) -> Result<Zone> {
    Zone::parse(name).map_err(|error| error.field("time_zone"))
}

fn day(field: &str, text: &str) -> Result<Day> {
    Day::parse(text)
        .ok_or_else(|| bad(field, format!("'{field}' must be a day such as 2026-11-01")))
}

fn bad(field: &str, text: String) -> Error {
    Error::invalid("invalid_parameter", text).field(field)
}

impl UsageView {
    pub(crate) fn of(usage: &UsageOfDays, grouping: Grouping) -> Self {
        Self {
            from: usage.days.from.to_string(),
            to: usage.days.to.to_string(),
            time_zone: usage.zone.to_string(),
            group_by: grouping.names(),
            groups: usage.report.grouped(grouping).iter().map(group).collect(),
            total: sums(&usage.report.total()),
        }
    }
}

fn group(group: &UsageGroup) -> UsageGroupView {
    UsageGroupView {
        day: group.day.map(|day| day.to_string()),
        month: group.month.map(|month| month.to_string()),
        model: group.model.as_ref().map(ToString::to_string),
        key: group.key.as_ref().map(ToString::to_string),
        sums: sums(&group.usage),
    }
}

pub(crate) fn sums(usage: &Usage) -> UsageSums {
    UsageSums {
        requests: usage.requests,
        completed: usage.completed,
        failed: usage.failed,
        charged_micro_usd: usage.charged.0,
        charged_usd: usage.charged.decimal(),
        refunded_micro_usd: usage.refunded.0,
        refunded_usd: usage.refunded.decimal(),
        unarchived: usage.unarchived,
    }
}

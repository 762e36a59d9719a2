//! Finding tasks of all tenants.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{OperatorTaskQuery, TaskPlace};
use fluxgate_core::id::{ModelId, TenantId};
use fluxgate_core::{Error, Result};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::view::{OperatorTaskView, view};
use crate::error_reply::Problem;
use crate::query::Query;
use crate::reads::Subject;
use crate::state::OperatorEdge;
use crate::v1::tasks::{moment, states};

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Two years: longer than anything is kept.
const AGE_S_MAX: u64 = 63_072_000;

pub(in crate::admin) const TASK_PARAMETERS: [&str; 9] = [
    "tenant", "state", "model", "error", "age_s", "from", "before", "cursor", "limit",
];

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListOperatorTasks {
    /// Only this tenant's, a deleted one's too; all of them, unless a state is given.
    #[param(pattern = "^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$")]
    #[expect(dead_code, reason = "only described here")]
    tenant: Option<String>,
    /// One or more, separated by commas. Of all tenants, open tasks are listed unless an end is
    /// among them: `completed`, `failed`, `cancelled`, `timeout`.
    #[param(
        pattern = "^(admitted|submitting|submitted|unknown|archiving|completed|failed|cancelled|timeout)(,(admitted|submitting|submitted|unknown|archiving|completed|failed|cancelled|timeout))*$"
    )]
    #[expect(dead_code, reason = "only described here")]
    state: Option<String>,
    /// Only this model's.
    #[param(pattern = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3}$")]
    #[expect(dead_code, reason = "only described here")]
    model: Option<String>,
    /// Only those that ended by this error: the code in `error`.
    #[param(pattern = "^[a-z0-9_]{1,64}$")]
    #[expect(dead_code, reason = "only described here")]
    error: Option<String>,
    /// Created at least so many seconds ago.
    #[param(minimum = 0, maximum = 63072000)]
    #[expect(dead_code, reason = "only described here")]
    age_s: Option<u64>,
    /// Created at this time or later, RFC 3339. Ended tasks of all tenants are looked for in the
    /// last day unless it is given.
    #[param(format = DateTime)]
    #[expect(dead_code, reason = "only described here")]
    from: Option<String>,
    /// Created before this time, RFC 3339.
    #[param(format = DateTime)]
    #[expect(dead_code, reason = "only described here")]
    before: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[a-z0-9-]{1,48}(:[0-9a-f]{32})?$")]
    #[expect(dead_code, reason = "only described here")]
    cursor: Option<String>,
    /// 50 unless it is given.
    #[param(minimum = 1, maximum = 200)]
    #[expect(dead_code, reason = "only described here")]
    limit: Option<usize>,
}

/// By tenant; open tasks oldest first, others newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperatorTaskPage)]
pub(crate) struct OperatorTaskPageView {
    tasks: Vec<OperatorTaskView>,
    /// When they were read; what changed later is not in the answer.
    as_of: String,
    /// Where the next page begins; absent at the end. A page may be empty and not the last: it
    /// looks at 1,000 tasks and 100 tenants at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List all tenants' tasks
///
/// Without a tenant or a state those that are open: not ended, or not announced. Their number, not
/// the tenants' history, is what this costs.
#[utoipa::path(
    get, path = "/admin/v1/tasks", tag = "tasks", operation_id = "list_all_tasks",
    params(ListOperatorTasks),
    responses((status = 200, description = "a page of tasks", body = OperatorTaskPageView),
        (status = 404, description = "there is no such tenant, and never was")),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
    query: Query,
) -> std::result::Result<Json<OperatorTaskPageView>, Problem> {
    let query = parsed(&query)?;
    let subject = query
        .tenant
        .clone()
        .map_or(Subject::Tenants, Subject::Tenant);
    let _turn = edge.reads.turn_of(subject).await?;
    let page = edge.tasks.find(&query).await?;
    Ok(Json(OperatorTaskPageView {
        tasks: page.tasks.iter().map(view).collect(),
        as_of: page.as_of.rfc3339(),
        next: page.next.as_ref().map(TaskPlace::text),
    }))
}

fn parsed(query: &Query) -> Result<OperatorTaskQuery> {
    let age_s = query.parsed("age_s", |text| number(text, "age_s", AGE_S_MAX))?;
    Ok(OperatorTaskQuery {
        tenant: query.parsed("tenant", TenantId::parse)?,
        states: query.parsed("state", states)?.unwrap_or_default(),
        model: query.parsed("model", ModelId::parse)?,
        error: query.parsed("error", code)?,
        age_min_ms: age_s.map(|age_s| age_s * 1_000),
        from: query.parsed("from", moment)?,
        before: query.parsed("before", moment)?,
        after: query.parsed("cursor", place)?,
        limit: query.parsed("limit", limit)?.unwrap_or(LIMIT),
    })
}

fn place(text: &str) -> Result<TaskPlace> {
    TaskPlace::parse(text).map_err(|_| bad("'cursor' is the 'next' of the page before".to_owned()))
}

fn code(text: &str) -> Result<String> {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(is_letter) {
        return Ok(text.to_owned());
    }
    Err(bad("'error' is a code such as 'submit_lost'".to_owned()))
}

fn limit(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        _ => Err(bad(format!("'limit' is a number from 1 to {LIMIT_MAX}"))),
    }
}

fn number(text: &str, name: &str, most: u64) -> Result<u64> {
    match text.parse() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(bad(format!("'{name}' is a number from 0 to {most}"))),
    }
}

fn bad(text: String) -> Error {
    Error::invalid("invalid_parameter", text)
}

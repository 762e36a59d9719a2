//! Finding tasks.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::TaskQuery;
use fluxgate_core::id::{ModelId, TaskId};
use fluxgate_core::labels::Labels;
use fluxgate_core::task::State as TaskState;
use fluxgate_core::tenant::Scope;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, echo};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::view::TaskView;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::query::Query;
use crate::state::Edge;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;
const NAMES: [&str; 7] = [
    "state",
    "model",
    "metadata[]",
    "from",
    "before",
    "cursor",
    "limit",
];

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTasks {
    /// One or more, separated by commas: `admitted`, `submitting`, `submitted`, `unknown`,
    /// `archiving`, `completed`, `failed`, `cancelled`, `timeout`.
    #[param(
        pattern = "^(admitted|submitting|submitted|unknown|archiving|completed|failed|cancelled|timeout)(,(admitted|submitting|submitted|unknown|archiving|completed|failed|cancelled|timeout))*$"
    )]
    #[expect(dead_code, reason = "only described here")]
    state: Option<String>,
    /// Only this model's.
    #[param(pattern = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3}$")]
    #[expect(dead_code, reason = "only described here")]
    model: Option<String>,
    /// Only those with all of these, as `metadata[name]=value`; needs `from`.
    #[param(style = DeepObject, explode)]
    #[expect(dead_code, reason = "only described here")]
    metadata: Option<BTreeMap<String, String>>,
    /// Created at this time or later, RFC 3339.
    #[param(format = DateTime)]
    #[expect(dead_code, reason = "only described here")]
    from: Option<String>,
    /// Created before this time, RFC 3339.
    #[param(format = DateTime)]
    #[expect(dead_code, reason = "only described here")]
    before: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9a-f]{32}$")]
    #[expect(dead_code, reason = "only described here")]
    cursor: Option<String>,
    /// 20 unless it is given.
    #[param(minimum = 1, maximum = 100)]
    #[expect(dead_code, reason = "only described here")]
    limit: Option<usize>,
}

/// Newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskPageView {
    tasks: Vec<TaskView>,
    /// Where the next page begins; absent at the end of the list. A page may be empty and not the
    /// last: it looks at 1,000 tasks at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List tasks
#[utoipa::path(
    get, path = "/v1/tasks", tag = "tasks", operation_id = "list_tasks", params(ListTasks),
    responses(
        (status = 200, description = "a page of tasks, newest first", body = TaskPageView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
) -> std::result::Result<Json<TaskPageView>, Problem> {
    principal.require(Scope::Read)?;
    let query = parsed(&query)?;
    let mut turn = edge.reads.turn(&principal.tenant).await?;
    let page = edge.gateway.tasks(&principal.tenant, &query).await?;
    let mut tasks = Vec::with_capacity(page.tasks.len());
    for task in &page.tasks {
        tasks.push(TaskView::of(&edge, task).await?);
        turn.give_way().await;
    }
    Ok(Json(TaskPageView {
        tasks,
        next: page.next.map(|id| id.to_string()),
    }))
}

fn parsed(query: &Query) -> Result<TaskQuery> {
    query.only(&NAMES)?;
    let metadata = Labels::new(query.map("metadata")?);
    Ok(TaskQuery {
        states: query.parsed("state", states)?.unwrap_or_default(),
        model: query.parsed("model", ModelId::parse)?,
        metadata: metadata?,
        from: query.parsed("from", moment)?,
        before: query.parsed("before", moment)?,
        after: query.parsed("cursor", cursor)?,
        limit: query.parsed("limit", limit)?.unwrap_or(LIMIT),
    })
}

pub(crate) fn states(text: &str) -> Result<Vec<TaskState>> {
    let state = |text: &str| {
        let known = TaskState::ALL;
        let state = known.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| {
            let known = known.map(TaskState::as_str).join(", ");
            bad(format!(
                "'{}' is not a state; there are {known}; without 'state' all are listed",
                echo(text)
            ))
        })
    };
    text.split(',').map(state).collect()
}

pub(crate) fn moment(text: &str) -> Result<Timestamp> {
    Timestamp::from_rfc3339(text)
        .ok_or_else(|| bad("it is a time like 2026-01-31T12:00:00Z".to_owned()))
}

fn cursor(text: &str) -> Result<TaskId> {
    TaskId::parse(text).map_err(|_| bad("'cursor' is the 'next' of the page before".to_owned()))
}

fn limit(text: &str) -> Result<usize> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| bad(format!("'limit' is a number from 1 to {LIMIT_MAX}")))
}

fn bad(text: String) -> Error {
    Error::invalid("invalid_parameter", text)
}

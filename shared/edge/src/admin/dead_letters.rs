//! Dead letters, for the operator.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::port::DeadLetter;
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, echo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::caller::Caller;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::OperatorEdge;

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Oldest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeadLetterPage)]
pub(crate) struct DeadLetterPageView {
    dead_letters: Vec<DeadLetterView>,
    /// The `cursor` of the next page; absent if this is the last one. The oldest 1,000 of a lane
    /// are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeadLetter)]
struct DeadLetterView {
    id: String,
    lane: &'static str,
    /// Absent if it cannot be read as a job: it can be deleted, and redriven by a release that
    /// reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    job: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    reason: String,
    /// When it was given up; absent if an earlier release did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveRequest {
    /// All of the lane that are jobs, unless they are given.
    #[schema(max_items = 1000)]
    ids: Option<BTreeSet<String>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Redriven)]
pub(crate) struct RedrivenView {
    /// Those whose jobs were sent again.
    redriven: BTreeSet<String>,
}

/// List dead letters
///
/// Jobs of one lane that failed too often. On AWS those that somebody else is looking at right now
/// are left out.
#[utoipa::path(
    get, path = "/admin/v1/dead-letters", tag = "operations", operation_id = "list_dead_letters",
    params(("lane" = String, Query, pattern = "^(watch|archive|notify)$", description = "`watch`, `archive` or `notify`"), ("cursor" = Option<String>, Query, description = "the `next` of the page before"), ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "50 unless it is given")),
    responses((status = 200, description = "a page of dead letters", body = DeadLetterPageView),
        (status = 409, description = "`dead_letter_gone`: the last one of the page before is no longer there")),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
    query: Query,
) -> std::result::Result<Json<DeadLetterPageView>, Problem> {
    let Some(lane) = query.parsed("lane", lane)? else {
        let text = "say which lane: watch, archive or notify";
        return Err(Error::invalid("missing_parameter", text)
            .field("lane")
            .into());
    };
    let limit = query.parsed("limit", limit)?.unwrap_or(LIMIT);
    let after = query.text("cursor")?;
    let page = edge.dead_letters.list(lane, after, limit).await?;
    let view = |letter| view(lane, letter);
    Ok(Json(DeadLetterPageView {
        dead_letters: page.letters.into_iter().map(view).collect(),
        next: page.next,
    }))
}

/// Redrive dead letters
///
/// Their jobs are sent again, with no failures. Every job is safe to run twice.
#[utoipa::path(
    post, path = "/admin/v1/dead-letters/{lane}/redrive", tag = "operations", operation_id = "redrive_dead_letters",
    params(("lane" = String, Path, pattern = "^(watch|archive|notify)$", description = "`watch`, `archive` or `notify`")),
    request_body = Option<RedriveRequest>,
    responses((status = 200, description = "those that were sent again", body = RedrivenView),
        (status = 409, description = "`dead_letter_unreadable`: none of them is a job")),
    security(("admin_token" = [])))]
pub(crate) async fn redrive(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(lane): Path<String>,
    body: RawBody,
) -> std::result::Result<Json<RedrivenView>, Problem> {
    let lane = named(&lane)?;
    let request: RedriveRequest = body.optional_json().await?;
    let redriven = edge.dead_letters.redrive(lane, request.ids, &actor).await?;
    Ok(Json(RedrivenView { redriven }))
}

/// Delete a dead letter
#[utoipa::path(
    delete, path = "/admin/v1/dead-letters/{lane}/{letter}", tag = "operations", operation_id = "delete_dead_letter",
    params(("lane" = String, Path, pattern = "^(watch|archive|notify)$", description = "`watch`, `archive` or `notify`"), ("letter" = String, Path, description = "the dead letter's id")),
    responses((status = 204, description = "it is gone for good")),
    security(("admin_token" = [])))]
pub(crate) async fn delete(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path((lane, letter)): Path<(String, String)>,
) -> std::result::Result<StatusCode, Problem> {
    let lane = named(&lane)?;
    edge.dead_letters.delete(lane, &letter, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(lane: Lane, letter: DeadLetter) -> DeadLetterView {
    let DeadLetter {
        id,
        job,
        reason,
        at,
    } = letter;
    DeadLetterView {
        id,
        lane: lane.as_str(),
        tenant: job.as_ref().map(Job::tenant).map(ToString::to_string),
        job: job.and_then(|job| serde_json::to_value(job.without_links()).ok()),
        reason,
        at: at.map(Timestamp::rfc3339),
    }
}

fn lane(text: &str) -> Result<Lane> {
    let bad = || {
        let text = format!(
            "'{}' is no lane; there are watch, archive and notify",
            echo(text)
        );
        Error::invalid("invalid_parameter", text)
    };
    let lane = Lane::ALL.into_iter().find(|lane| lane.as_str() == text);
    lane.ok_or_else(bad)
}

/// The lane of a path.
fn named(text: &str) -> Result<Lane> {
    lane(text).map_err(|error| Error::not_found(error.message))
}

fn limit(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        _ => {
            let text = format!("'limit' is a number from 1 to {LIMIT_MAX}");
            Err(Error::invalid("invalid_parameter", text))
        }
    }
}

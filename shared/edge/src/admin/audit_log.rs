//! The audit log, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::Error;
use fluxgate_core::app::Operator;
use fluxgate_core::id::{AuditId, TenantId};
use fluxgate_core::tenant::{Actor, AuditAction, AuditEntry};
use serde::Serialize;
use serde_json::Value;

use crate::error_reply::Problem;
use crate::query::Query;

/// Default number of entries per answer.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditPage {
    entries: Vec<AuditView>,
    /// The `before` parameter for the next page; absent if this is the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next: Option<AuditId>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AuditView {
    #[schema(value_type = String)]
    id: AuditId,
    at: String,
    #[schema(value_type = String)]
    actor: Actor,
    action: AuditAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// The new state, or what is said of the change.
    #[schema(value_type = Object)]
    detail: Value,
    /// The fields that changed, as they were; null for what was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The same fields as they are since; null for what was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// Read the audit log
///
/// Who changed what, newest first.
#[utoipa::path(
    get, path = "/admin/v1/audit", tag = "operations", operation_id = "audit_log",
    params(("before" = Option<String>, Query, pattern = "^[0-9a-f]{32}$", description = "the `next` of the page before"), ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "50 unless it is given")),
    responses((status = 200, description = "a page of changes", body = AuditPage)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(operator): State<Arc<Operator>>,
    query: Query,
) -> Result<Json<AuditPage>, Problem> {
    let before = query
        .text("before")?
        .map(AuditId::parse)
        .transpose()
        .map_err(|error| error.field("before"))?;
    let limit = query.text("limit")?.map_or(Ok(LIMIT), limit)?;
    let entries = operator.audit_log(before.as_ref(), limit).await?;
    let next = entries
        .last()
        .filter(|_| entries.len() == limit)
        .map(|entry| entry.id.clone());
    Ok(Json(AuditPage {
        entries: entries.into_iter().map(view).collect(),
        next,
    }))
}

fn limit(text: &str) -> Result<usize, Error> {
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let bad = || {
        Error::invalid(
            "invalid_parameter",
            format!("'limit' must be 1 to {LIMIT_MAX}"),
        )
        .field("limit")
    };
    limit.ok_or_else(bad)
}

fn view(entry: AuditEntry) -> AuditView {
    let AuditEntry {
        id,
        at,
        actor,
        action,
        tenant,
        mut detail,
    } = entry;
    let mut taken = |name| detail.as_object_mut()?.remove(name);
    let (before, after) = (taken("before"), taken("after"));
    AuditView {
        id,
        at: at.rfc3339(),
        actor,
        action,
        tenant,
        detail,
        before,
        after,
    }
}

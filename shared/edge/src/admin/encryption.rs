//! The keys that stored secrets are sealed with, for the operator.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{EncryptionStatus, Operator, RotationState, RotationStep};
use serde::Serialize;

use super::caller::Caller;
use crate::error_reply::Problem;
use crate::query::Query;

/// A part of the tenants; `next` is the `cursor` of the next part.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EncryptionStatus)]
pub(crate) struct StatusView {
    active_key: String,
    old_keys: Vec<String>,
    tenants: usize,
    secrets: BTreeMap<String, usize>,
    plain_secrets: usize,
    lost_secrets: usize,
    unreadable: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EncryptionRotation)]
pub(crate) struct StepView {
    /// `running`, `waiting`, `done` or `blocked`.
    state: &'static str,
    active_key: String,
    old_keys: Vec<String>,
    retired_keys: Vec<String>,
    tenants: usize,
    secrets: usize,
    resealed: usize,
    lost_secrets: usize,
    unreadable: Vec<String>,
    /// The `cursor` of the next step, and the time before which it is of no use.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    /// Of `blocked`: how many records keep the old keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_by: Option<usize>,
}

/// Read the state of the encryption keys
#[utoipa::path(
    get, path = "/admin/v1/encryption", tag = "operations", operation_id = "encryption_status",
    params(("cursor" = Option<String>, Query, description = "the `next` of the part before")),
    responses((status = 200, description = "how many secrets each key seals", body = StatusView)),
    security(("admin_token" = [])))]
pub(crate) async fn status(
    State(operator): State<Arc<Operator>>,
    query: Query,
) -> Result<Json<StatusView>, Problem> {
    let status = operator.encryption_status(query.text("cursor")?).await?;
    let EncryptionStatus {
        active_key,
        old_keys,
        tenants,
        secrets,
        plain_secrets,
        lost_secrets,
        unreadable,
        next,
    } = status;
    Ok(Json(StatusView {
        active_key,
        old_keys,
        tenants,
        secrets,
        plain_secrets,
        lost_secrets,
        unreadable,
        next,
    }))
}

/// Rotate the encryption keys, by a step
///
/// Repeat it with `next` until the state is `done`.
#[utoipa::path(
    post, path = "/admin/v1/encryption/rotate", tag = "operations", operation_id = "rotate_encryption",
    params(("cursor" = Option<String>, Query, description = "the `next` of the step before")),
    responses((status = 200, description = "how far it has come", body = StepView),
        (status = 409, description = "the keys were changed meanwhile")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<StepView>, Problem> {
    let cursor = query.text("cursor")?;
    let step = operator.rotate_encryption(cursor, &actor).await?;
    Ok(Json(step_view(step)))
}

fn step_view(step: RotationStep) -> StepView {
    let (state, next, not_before, blocked_by) = match step.state {
        RotationState::Running { next } => ("running", Some(next), None, None),
        RotationState::Waiting { next, not_before } => {
            ("waiting", Some(next), Some(not_before.rfc3339()), None)
        }
        RotationState::Done => ("done", None, None, None),
        RotationState::Blocked { records } => ("blocked", None, None, Some(records)),
    };
    StepView {
        state,
        active_key: step.active_key,
        old_keys: step.old_keys,
        retired_keys: step.retired_keys,
        tenants: step.tenants,
        secrets: step.secrets,
        resealed: step.resealed,
        lost_secrets: step.lost,
        unreadable: step.unreadable,
        next,
        not_before,
        blocked_by,
    }
}

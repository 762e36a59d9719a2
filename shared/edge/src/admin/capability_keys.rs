//! The keys that webhook paths and links to outputs are signed with, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{CapabilityRotation, CapabilityStatus};
use fluxgate_core::time::Timestamp;
use serde::Serialize;

use super::caller::Caller;
use crate::error_reply::Problem;
use crate::query::Query;

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CapabilityKeys)]
pub(crate) struct KeysView {
    /// It signs.
    active_key: String,
    /// What they signed still works.
    old_keys: Vec<String>,
    /// When the last link that an old key signed is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    links_end_at: Option<String>,
}

/// Read which keys sign links
#[utoipa::path(
    get, path = "/admin/v1/capability-keys", tag = "operations", operation_id = "capability_keys",
    responses((status = 200, description = "the ids of the keys", body = KeysView)),
    security(("admin_token" = [])))]
pub(crate) async fn status(
    State(keys): State<Arc<CapabilityRotation>>,
) -> Result<Json<KeysView>, Problem> {
    Ok(Json(view(keys.status().await?)))
}

/// Add a key, which signs links from now on
///
/// What the old one signed works until it is retired.
#[utoipa::path(
    post, path = "/admin/v1/capability-keys/rotate", tag = "operations", operation_id = "rotate_capability_keys",
    responses((status = 200, description = "the ids of the keys", body = KeysView),
        (status = 409, description = "there is an old key already, or the keys were changed meanwhile")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(keys): State<Arc<CapabilityRotation>>,
    Caller(actor): Caller,
) -> Result<Json<KeysView>, Problem> {
    Ok(Json(view(keys.rotate(&actor).await?)))
}

/// Drop the old keys, and with them what they signed
#[utoipa::path(
    post, path = "/admin/v1/capability-keys/retire", tag = "operations", operation_id = "retire_capability_keys",
    params(("force" = Option<bool>, Query, description = "`true`: end links that still work")),
    responses((status = 200, description = "the ids of the keys", body = KeysView),
        (status = 409, description = "links that an old key signed still work, or the keys were changed meanwhile")),
    security(("admin_token" = [])))]
pub(crate) async fn retire(
    State(keys): State<Arc<CapabilityRotation>>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Json<KeysView>, Problem> {
    let force = query.flag("force")?;
    Ok(Json(view(keys.retire(force, &actor).await?)))
}

fn view(status: CapabilityStatus) -> KeysView {
    KeysView {
        active_key: status.active_key,
        old_keys: status.old_keys,
        links_end_at: status.links_end_at.map(Timestamp::rfc3339),
    }
}

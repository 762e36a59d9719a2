//! The provider's webhook at the end of a run. The path proves which task it is about, the
//! signature proves the sender.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use fluxgate_core::Error;
use fluxgate_core::id::{TaskId, TenantId};

use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::header;
use crate::in_flight::Payer;
use crate::path::Path;
use crate::request_line::{name_task, name_tenant};
use crate::state::ReceiverEdge;

/// Maximum size of a webhook's body.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Answers 200 for new and known results alike, so that the provider stops sending. A bad signature
/// changes nothing; the watch will poll the provider.
pub(crate) async fn receive(
    State(edge): State<ReceiverEdge>,
    Capability { tenant, task }: Capability,
    headers: HeaderMap,
    body: RawBody,
) -> Result<StatusCode, Problem> {
    let body = body.bytes()?;
    let header =
        |name: &str| Ok(header::one(&headers, name)?.and_then(|value| value.to_str().ok()));
    edge.receiver.receive(&tenant, &task, header, &body).await?;
    Ok(StatusCode::OK)
}

/// The task proven by the path. Checked before the body is read, so that strangers get no room for
/// one.
pub(crate) struct Capability {
    tenant: TenantId,
    task: TaskId,
}

impl FromRequestParts<ReceiverEdge> for Capability {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &ReceiverEdge) -> Result<Self, Problem> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, edge)
            .await
            .map_err(|_| unknown())?;
        let capability = Self::of(edge, &path.0).await.ok_or_else(unknown)?;
        parts.extensions.insert(Payer::Provider);
        name_tenant(&capability.tenant);
        name_task(&capability.task);
        Ok(capability)
    }
}

impl Capability {
    async fn of(
        edge: &ReceiverEdge,
        (tenant, task, token): &(String, String, String),
    ) -> Option<Self> {
        let (tenant, task) = (TenantId::parse(tenant).ok()?, TaskId::parse(task).ok()?);
        let is_path = edge.receiver.is_path_of(&tenant, &task, token).await;
        is_path.then_some(Self { tenant, task })
    }
}

/// A path that was never issued is a 404, whatever else is wrong with it.
fn unknown() -> Error {
    Error::not_found("there is no such webhook")
}

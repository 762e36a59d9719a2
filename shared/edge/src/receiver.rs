//! What the provider calls at the end of a run. The path proves which task, the signature proves who.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::provider::ProviderRun;
use fluxgate_core::task::Via;
use fluxgate_core::webhook::{SignedHeaders, v3};
use fluxgate_core::{Error, Kind, Result};

use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::header;
use crate::in_flight::Payer;
use crate::path::Path;
use crate::state::Edge;

/// The largest webhook that is read.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Answers 200 for news and for what is known already: the provider is to stop telling. A bad signature changes nothing, the watch
/// will ask the provider itself.
pub(crate) async fn receive(
    State(edge): State<Edge>,
    Capability { tenant, task }: Capability,
    headers: HeaderMap,
    body: RawBody,
) -> std::result::Result<StatusCode, Problem> {
    let fluxgate = &edge.fluxgate;
    let body = body.bytes()?;
    let secret = fluxgate.ports.provider.webhook_secret().await?;
    let signed =
        signed_headers(&headers).and_then(|headers| v3::verify(&secret, &headers, fluxgate.ports.clock.now(), &body));
    if signed.is_err() {
        // The path was ours: most likely the provider signs with another secret than it tells.
        tracing::warn!(task.id = %task, tenant.id = %tenant, "a webhook with a bad signature was refused; the poll will find out");
    }
    signed?;
    let run = run(&body)?;
    fluxgate.apply_signal(&tenant, &task, run.signal(Via::Webhook)).await?;
    Ok(StatusCode::OK)
}

/// Signed or not, what is no prediction is the sender's fault, and sending it again would change nothing.
fn run(body: &[u8]) -> Result<ProviderRun> {
    let value = json::value(body, JsonBounds::DOCUMENT)?;
    ProviderRun::from_json(&value)
        .map_err(|error| Error::invalid("webhook_unreadable", "the webhook's body is no prediction").source(error))
}

/// The task that the path proves. Checked before the body is read: strangers get no room for one.
pub(crate) struct Capability {
    tenant: TenantId,
    task: TaskId,
}

impl FromRequestParts<Edge> for Capability {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> std::result::Result<Self, Problem> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, edge).await.map_err(|_| unknown())?;
        let capability = Self::of(edge, &path.0).ok_or_else(unknown)?;
        parts.extensions.insert(Payer::Provider);
        Ok(capability)
    }
}

impl Capability {
    fn of(edge: &Edge, (tenant, task, token): &(String, String, String)) -> Option<Self> {
        let (tenant, task) = (TenantId::parse(tenant).ok()?, TaskId::parse(task).ok()?);
        edge.fluxgate.settings.capability.verify(&tenant, &task, token).then_some(Self { tenant, task })
    }
}

/// A path that was never given out is not found, whatever is wrong with it.
fn unknown() -> Error {
    Error::not_found("there is no such webhook")
}

fn signed_headers(headers: &HeaderMap) -> Result<SignedHeaders> {
    let refused = |text: String| Error::new(Kind::Unauthenticated, "invalid_webhook_signature", text);
    let text = |name: &str| {
        let one = header::one(headers, name).map_err(|error| refused(error.message))?;
        one.and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .ok_or_else(|| refused(format!("the header {name} is missing")))
    };
    let timestamp = text("webhook-timestamp")?.parse();
    let timestamp = timestamp.map_err(|_| refused("the header webhook-timestamp is not a number".to_owned()))?;
    Ok(SignedHeaders { id: text("webhook-id")?, timestamp, signature: text("webhook-signature")? })
}

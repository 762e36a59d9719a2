//! A router behind a function URL or an HTTP API.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::admin::{AdminCaller, CallerScopes};
use fluxgate_core::app::Gateway;
use fluxgate_core::tenant::Actor;
use fluxgate_edge::{Deadline, Held, XrayTrace, authenticated_operator};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;

use crate::cloudwatch::{REQUEST_LATENCY, SERVER_ERRORS};
use crate::emf;
use crate::init::InitError;
use crate::xray::sampled;

/// Serves until the platform ends the process.
pub async fn serve(router: Router) -> Result<(), InitError> {
    let layers = (from_fn(measured), from_fn(tell_context));
    Ok(lambda_http::run(router.layer(layers)).await?)
}

/// A router that learns its public URL from the first request, unless the URL is configured.
pub fn learning_base_url(router: Router, gateway: Arc<Gateway>) -> Router {
    router.layer(from_fn_with_state(gateway, learn))
}

/// A router for callers that the platform has authenticated with IAM; their ARN goes into the audit
/// log and decides which scopes they have. It refuses all others, in case its URL is ever deployed
/// without IAM.
pub fn iam_only(router: Router, scopes: CallerScopes) -> Router {
    router.layer(from_fn_with_state(Arc::new(scopes), refuse_strangers))
}

async fn measured(mut request: Request, next: Next) -> Response {
    let (started, held) = (Instant::now(), Held::default());
    request.extensions_mut().insert(held.clone());
    let response = next.run(request).await;
    if !held.is_held() {
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        REQUEST_LATENCY.observe(emf::function(), took_ms);
    }
    if response.status().is_server_error() {
        SERVER_ERRORS.count(emf::function());
    }
    emf::flush();
    response
}

/// The platform ends an invocation at its deadline, whatever the function waits for, and may keep a
/// trace of it.
async fn tell_context(mut request: Request, next: Next) -> Response {
    if let Some(context) = request.lambda_context_ref() {
        let deadline = UNIX_EPOCH + Duration::from_millis(context.deadline);
        let left = deadline.duration_since(SystemTime::now());
        let deadline = Deadline(Instant::now() + left.unwrap_or_default());
        let xray = context.xray_trace_id.as_deref().and_then(sampled);
        let xray = xray.map(|id| XrayTrace(id.to_owned()));
        let extensions = request.extensions_mut();
        extensions.insert(deadline);
        if let Some(xray) = xray {
            extensions.insert(xray);
        }
    }
    next.run(request).await
}

async fn learn(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    // The platform's own value, not the Host header, which the caller controls.
    if let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref()
        && let Some(domain) = &context.domain_name
    {
        gateway.learn_base_url(&format!("https://{domain}"));
    }
    next.run(request).await
}

async fn refuse_strangers(
    State(scopes): State<Arc<CallerScopes>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.authorizer.as_ref().and_then(|by| by.iam.as_ref())
        }
        _ => None,
    };
    let Some(caller) = caller else {
        tracing::error!(
            "a call to the admin API without IAM was refused; set AuthType AWS_IAM on its URL"
        );
        return StatusCode::FORBIDDEN.into_response();
    };
    // The ARN is the most specific identity that the platform reports.
    let name = [&caller.user_arn, &caller.user_id, &caller.account_id]
        .into_iter()
        .find_map(Option::as_deref);
    let name = name.unwrap_or("iam");
    let caller = AdminCaller {
        actor: Actor::new(name),
        scopes: scopes.of(name),
    };
    authenticated_operator(&mut request, caller);
    next.run(request).await
}

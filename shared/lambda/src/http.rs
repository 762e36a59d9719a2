//! A router behind a function URL or an HTTP API.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::app::Gateway;
use fluxgate_core::tenant::Actor;
use fluxgate_edge::Deadline;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;

use crate::emf;
use crate::init::InitError;

/// Serves until the platform ends the process.
pub async fn serve(router: Router) -> Result<(), InitError> {
    let layers = (from_fn(publish_metrics), from_fn(set_deadline));
    Ok(lambda_http::run(router.layer(layers)).await?)
}

/// A router that learns its public URL from the first request, unless the URL is configured.
pub fn learning_base_url(router: Router, gateway: Arc<Gateway>) -> Router {
    router.layer(from_fn_with_state(gateway, learn))
}

/// A router for callers that the platform has authenticated with IAM; their ARN goes into the audit
/// log. It refuses all others, in case its URL is ever deployed without IAM.
pub fn iam_only(router: Router) -> Router {
    router.layer(from_fn(refuse_strangers))
}

async fn publish_metrics(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    emf::flush();
    response
}

/// The platform ends an invocation at its deadline, whatever the function waits for.
async fn set_deadline(mut request: Request, next: Next) -> Response {
    let deadline_ms = request.lambda_context_ref().map(|context| context.deadline);
    if let Some(deadline_ms) = deadline_ms {
        let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
        let left = deadline.duration_since(SystemTime::now());
        let deadline = Deadline(Instant::now() + left.unwrap_or_default());
        request.extensions_mut().insert(deadline);
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

async fn refuse_strangers(mut request: Request, next: Next) -> Response {
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
    let actor = Actor::new(name.unwrap_or("iam"));
    request.extensions_mut().insert(actor);
    next.run(request).await
}

//! Admin tokens, for installations without IAM: whoever has one is its caller.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::admin::{AdminCaller, AdminScope};
use fluxgate_core::app::AdminAccess;
use fluxgate_core::{Error, Kind, Result};

use super::caller::authenticated;
use crate::bearer::token;
use crate::error_reply::Problem;

/// Authenticates the bearer of a token as the operator.
pub(crate) fn token_only(router: Router, access: Arc<AdminAccess>) -> Router {
    router.layer(from_fn_with_state(access, refuse_strangers))
}

/// A router that needs a token with this scope.
pub fn with_scope(router: Router, access: Arc<AdminAccess>, scope: AdminScope) -> Router {
    router.layer(from_fn_with_state((access, scope), refuse_without))
}

/// The holder of the token in these headers.
pub(crate) async fn holder(access: &AdminAccess, headers: &HeaderMap) -> Result<AdminCaller> {
    match token(headers) {
        Ok(token) => access.authenticate(token).await,
        Err(_) => {
            let text = "send an admin token as 'Authorization: Bearer'; 'fluxgate token --admin' prints the data folder's";
            Err(Error::new(Kind::Unauthenticated, "admin_token", text))
        }
    }
}

async fn refuse_strangers(
    State(access): State<Arc<AdminAccess>>,
    mut request: Request,
    next: Next,
) -> Response {
    match holder(&access, request.headers()).await {
        Ok(caller) => {
            authenticated(&mut request, caller);
            next.run(request).await
        }
        Err(error) => Problem(error).into_response(),
    }
}

async fn refuse_without(
    State((access, scope)): State<(Arc<AdminAccess>, AdminScope)>,
    request: Request,
    next: Next,
) -> Response {
    let caller = holder(&access, request.headers()).await;
    match caller.and_then(|caller| caller.require(scope)) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem(error).into_response(),
    }
}

//! A single token for the whole admin API, for installations without IAM.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::tenant::Actor;
use fluxgate_core::{Error, Kind};

use crate::error_reply::Problem;
use crate::operator_token::OperatorToken;

/// Authenticates the bearer of the token as the operator.
pub(crate) fn token_only(router: Router, operator: OperatorToken) -> Router {
    router.layer(from_fn_with_state(operator, refuse_strangers))
}

async fn refuse_strangers(
    State(operator): State<OperatorToken>,
    mut request: Request,
    next: Next,
) -> Response {
    if !operator.is_borne_by(request.headers()) {
        let text =
            "send the admin token as 'Authorization: Bearer'; 'fluxgate token --admin' prints it";
        return Problem(Error::new(Kind::Unauthenticated, "admin_token", text)).into_response();
    }
    request.extensions_mut().insert(Actor::operator());
    next.run(request).await
}

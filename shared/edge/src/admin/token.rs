//! One token for the whole admin API, where there is no IAM.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::audit::Actor;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::signature::Secret;
use fluxgate_core::{Error, Kind};

use crate::error_reply::Problem;

/// Lets in whoever bears the token, as the operator.
pub(crate) fn token_only(router: Router, token: &Secret) -> Router {
    let digest = Arc::new(sha256(token.expose().as_bytes()));
    router.layer(from_fn_with_state(digest, refuse_strangers))
}

async fn refuse_strangers(State(digest): State<Arc<Sha256>>, mut request: Request, next: Next) -> Response {
    if !bears(request.headers(), &digest) {
        let text = "send the admin token as 'Authorization: Bearer'; 'fluxgate token --admin' prints it";
        return Problem(Error::new(Kind::Unauthenticated, "admin_token", text)).into_response();
    }
    request.extensions_mut().insert(Actor::operator());
    next.run(request).await
}

/// Digests are compared, in constant time, so that neither the token nor its length can be felt out.
fn bears(headers: &HeaderMap, digest: &Sha256) -> bool {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else { return false };
    let given = sha256(token.trim().as_bytes());
    scheme.eq_ignore_ascii_case("bearer") && aws_lc_rs::constant_time::verify_slices_are_equal(&given, digest).is_ok()
}

//! Which query parameters each route takes. Any other is refused: a flag that is misspelt would be
//! taken for one that is left out, and the change would be another than was asked for.

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::batches::BATCH_PARAMETERS;
use super::tasks::TASK_PARAMETERS;
use crate::error_reply::Problem;
use crate::query::Query;
use crate::v1::DELIVERY_PARAMETERS;
use crate::v1::ledger::PARAMETERS as LEDGER_PARAMETERS;
use crate::v1::statements::STATEMENT_PARAMETERS;
use crate::v1::usage::USAGE_PARAMETERS;

const OF_PRICES: [&str; 2] = ["allow_under_cost", "force"];

fn known(method: &Method, path: &str) -> &'static [&'static str] {
    match (method.as_str(), path) {
        ("GET" | "HEAD", "/admin/v1/tenants") => &["accounts"],
        ("GET" | "HEAD", "/admin/v1/tenant-ids") => &["deleted"],
        ("DELETE", "/admin/v1/tenants/{id}") => &["forget_balance"],
        ("DELETE", "/admin/v1/tenants/{id}/personal-data")
        | ("DELETE", "/admin/v1/tenants/{id}/tasks/{task}/personal-data") => {
            &["outputs", "dry_run", "cursor"]
        }
        ("POST", "/admin/v1/capability-keys/retire")
        | ("POST", "/admin/v1/tenants")
        | ("PATCH", "/admin/v1/tenants/{id}") => &["force"],
        ("PUT" | "PATCH", "/admin/v1/tenants/{id}/prices")
        | ("DELETE", "/admin/v1/tenants/{id}/prices/{*model}") => &OF_PRICES,
        ("DELETE", "/admin/v1/tenants/{id}/prices") => &["models", "allow_under_cost", "force"],
        ("GET" | "HEAD", "/admin/v1/reconcile") => &["from", "to"],
        ("GET" | "HEAD", "/admin/v1/audit") => &["before", "limit"],
        ("GET" | "HEAD", "/admin/v1/tasks") => &TASK_PARAMETERS,
        ("GET" | "HEAD", "/admin/v1/tenants/{id}/batches") => &BATCH_PARAMETERS,
        ("GET" | "HEAD", "/admin/v1/dead-letters") => &["lane", "cursor", "limit"],
        ("GET" | "HEAD", "/admin/v1/encryption")
        | ("POST", "/admin/v1/encryption/rotate" | "/admin/v1/restoration") => &["cursor"],
        ("GET" | "HEAD", "/admin/v1/tenants/{id}/deliveries") => &DELIVERY_PARAMETERS,
        ("GET" | "HEAD", "/admin/v1/tenants/{id}/ledger") => &LEDGER_PARAMETERS,
        ("GET" | "HEAD", "/admin/v1/usage" | "/admin/v1/tenants/{id}/usage") => &USAGE_PARAMETERS,
        ("GET" | "HEAD", "/admin/v1/tenants/{id}/statements/{month}") => &STATEMENT_PARAMETERS,
        _ => &[],
    }
}

pub(super) async fn check(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let known = path.map_or(&[][..], |path| known(request.method(), path.as_str()));
    match Query::of(request.uri().query().unwrap_or_default()).only(known) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem(error).into_response(),
    }
}

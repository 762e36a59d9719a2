//! Which scope each route of the admin API needs. A route that is not listed needs all of them.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::Result;
use fluxgate_core::admin::AdminScope::{self, Money, Read, Write};

use super::caller::caller;
use crate::error_reply::Problem;

/// By path without `/admin/v1`. A `HEAD` needs what its `GET` does.
const ROUTES: &[(&str, &[(&str, AdminScope)])] = &[
    ("/openapi.json", &[("GET", Read)]),
    ("/tenants", &[("GET", Read), ("POST", Write)]),
    ("/tenant-ids", &[("GET", Read)]),
    (
        "/tenants/{id}",
        &[("GET", Read), ("PATCH", Write), ("DELETE", Write)],
    ),
    ("/tenants/{id}/personal-data", &[("DELETE", Write)]),
    (
        "/tenants/{id}/tasks/{task}/personal-data",
        &[("DELETE", Write)],
    ),
    ("/tenants/{id}/suspend", &[("POST", Write)]),
    ("/tenants/{id}/resume", &[("POST", Write)]),
    ("/tenants/{id}/destination/probe", &[("POST", Write)]),
    ("/trust/check", &[("POST", Write)]),
    ("/tenants/{id}/trust/check", &[("POST", Write)]),
    ("/tenants/{id}/trust/probe", &[("POST", Write)]),
    ("/tenants/{id}/webhook-secret", &[("POST", Write)]),
    (
        "/tenants/{id}/prices",
        &[
            ("GET", Read),
            ("PUT", Money),
            ("PATCH", Money),
            ("DELETE", Money),
        ],
    ),
    ("/tenants/{id}/prices/{*model}", &[("DELETE", Money)]),
    ("/tenants/{id}/account", &[("GET", Read)]),
    ("/usage", &[("GET", Read)]),
    ("/tenants/{id}/usage", &[("GET", Read)]),
    ("/tenants/{id}/statements/{month}", &[("GET", Read)]),
    ("/tenants/{id}/account/check", &[("GET", Read)]),
    ("/tenants/{id}/top-ups", &[("POST", Money)]),
    ("/tenants/{id}/top-ups/{reference}/void", &[("POST", Money)]),
    ("/tenants/{id}/credits", &[("POST", Money)]),
    ("/tenants/{id}/debits", &[("POST", Money)]),
    ("/tenants/{id}/tasks/{task}/refund", &[("POST", Money)]),
    ("/tenants/{id}/ledger", &[("GET", Read)]),
    ("/tenants/{id}/alerts", &[("GET", Read), ("PUT", Write)]),
    (
        "/tenants/{id}/budget",
        &[("GET", Read), ("PUT", Money), ("DELETE", Money)],
    ),
    ("/tenants/{id}/endpoints", &[("GET", Read), ("POST", Write)]),
    (
        "/tenants/{id}/endpoints/{endpoint}",
        &[("GET", Read), ("PATCH", Write), ("DELETE", Write)],
    ),
    (
        "/tenants/{id}/endpoints/{endpoint}/secret",
        &[("POST", Write)],
    ),
    (
        "/tenants/{id}/endpoints/{endpoint}/signing-key",
        &[("POST", Write)],
    ),
    (
        "/tenants/{id}/endpoints/{endpoint}/test",
        &[("POST", Write)],
    ),
    (
        "/tenants/{id}/endpoints/{endpoint}/recover",
        &[("POST", Write)],
    ),
    ("/tenants/{id}/deliveries", &[("GET", Read)]),
    ("/tenants/{id}/deliveries/{delivery}", &[("GET", Read)]),
    (
        "/tenants/{id}/deliveries/{delivery}/replay",
        &[("POST", Write)],
    ),
    (
        "/tenants/{id}/deliveries/{delivery}/cancel",
        &[("POST", Write)],
    ),
    ("/tenants/{id}/keys", &[("GET", Read), ("POST", Write)]),
    (
        "/tenants/{id}/keys/{key}",
        &[("GET", Read), ("DELETE", Write)],
    ),
    ("/tenants/{id}/keys/{key}/rotate", &[("POST", Write)]),
    ("/signing-keys", &[("GET", Read)]),
    ("/signing-keys/rotate", &[("POST", Write)]),
    ("/encryption", &[("GET", Read)]),
    ("/encryption/rotate", &[("POST", Write)]),
    ("/restoration", &[("GET", Read), ("POST", Write)]),
    ("/capability-keys", &[("GET", Read)]),
    ("/capability-keys/rotate", &[("POST", Write)]),
    ("/capability-keys/retire", &[("POST", Write)]),
    ("/provider", &[("GET", Read)]),
    ("/reconcile", &[("GET", Read)]),
    ("/audit", &[("GET", Read)]),
    ("/tasks", &[("GET", Read)]),
    ("/tenants/{id}/tasks/{task}", &[("GET", Read)]),
    ("/tenants/{id}/tasks/{task}/cancel", &[("POST", Write)]),
    ("/tenants/{id}/tasks/{task}/fail", &[("POST", Money)]),
    ("/tenants/{id}/tasks/{task}/archive", &[("POST", Write)]),
    ("/tenants/{id}/tasks/{task}/deliver", &[("POST", Write)]),
    ("/tenants/{id}/batches", &[("GET", Read)]),
    ("/tenants/{id}/batches/{batch}", &[("GET", Read)]),
    ("/fair-queue", &[("GET", Read)]),
    ("/dead-letters", &[("GET", Read)]),
    ("/dead-letters/{lane}/redrive", &[("POST", Write)]),
    ("/dead-letters/{lane}/{letter}", &[("DELETE", Write)]),
    ("/tokens", &[("GET", Read), ("POST", Write)]),
    ("/tokens/{name}", &[("DELETE", Write)]),
    ("/tokens/{name}/rotate", &[("POST", Write)]),
];

/// `None` for a route that is not listed.
fn needed(method: &str, path: &str) -> Option<AdminScope> {
    let path = path.strip_prefix("/admin/v1")?;
    let method = if method == "HEAD" { "GET" } else { method };
    let (_, methods) = ROUTES.iter().find(|(known, _)| *known == path)?;
    let (_, scope) = methods.iter().find(|(known, _)| *known == method)?;
    Some(*scope)
}

pub(super) async fn check(request: Request, next: Next) -> Response {
    match checked(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => Problem(error).into_response(),
    }
}

fn checked(request: &Request) -> Result<()> {
    let caller = caller(request.extensions())?;
    let path = request.extensions().get::<MatchedPath>();
    let needed = path.and_then(|path| needed(request.method().as_str(), path.as_str()));
    match needed {
        Some(scope) => caller.require(scope),
        None => AdminScope::ALL
            .iter()
            .try_for_each(|scope| caller.require(*scope)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::admin;
    use crate::openapi;

    /// Both ways: no route without its scope, no scope without its route.
    #[test]
    fn each_route_of_the_admin_api_declares_its_scope() {
        let (_, complete) = admin::documented().into_parts();
        let document = serde_json::to_value(complete(openapi::operators())).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let documented: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase()))
            })
            .chain([(openapi::OPERATORS.to_owned(), "GET".to_owned())])
            .collect();

        let declared: BTreeSet<(String, String)> = ROUTES
            .iter()
            .flat_map(|(path, methods)| {
                let path = format!("/admin/v1{path}");
                methods
                    .iter()
                    .map(move |(method, _)| (path.clone(), (*method).to_owned()))
            })
            .collect();

        let missing: Vec<_> = documented.difference(&declared).collect();
        let stale: Vec<_> = declared.difference(&documented).collect();
        assert_eq!((missing, stale), (vec![], vec![]));
    }

    #[test]
    fn reading_needs_read_and_changing_needs_write_or_money() {
        for (path, methods) in ROUTES {
            for (method, scope) in *methods {
                assert_eq!(*method == "GET", *scope == Read, "{method} {path}");
            }
        }
        assert_eq!(needed("HEAD", "/admin/v1/tenants"), Some(Read));
        assert_eq!(needed("PUT", "/admin/v1/tenants/{id}/budget"), Some(Money));
        assert_eq!(needed("PUT", "/admin/v1/tenants"), None);
        assert_eq!(needed("GET", "/v1/tasks"), None);
    }
}

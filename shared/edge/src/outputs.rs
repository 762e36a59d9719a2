//! `/outputs/…`: redeems a link signed by Fluxgate for a fresh URL in the tenant's bucket.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::Error;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::LinkMethod;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::OutputLink;

use crate::error_reply::{Problem, RoutingError};
use crate::path::Path;
use crate::state::Edge;

/// The link's parts, as strings.
type Link = (String, String, String, String, String);

/// Download an output
///
/// The link itself is the credential, like a presigned URL: 302 to the bytes, 404 for any link that
/// was never issued. A HEAD request is redirected to a URL for HEAD, because a presigned URL is
/// valid for one method.
#[utoipa::path(
    get, path = "/outputs/{tenant}/{task}/{n}/{expires}/{token}", tag = "tasks", operation_id = "output",
    params(("tenant" = String, Path), ("task" = String, Path, description = "the task's id"),
        ("n" = String, Path, description = "its number among the outputs"),
        ("expires" = String, Path, description = "when the link ends, in milliseconds since the Unix epoch"),
        ("token" = String, Path, description = "what shows that Fluxgate made the link")),
    responses(
        (status = 302, description = "to the bytes", headers(("Location" = String, description = "a presigned URL in the tenant's bucket"))),
        (status = 410, description = "the link, or the output, has expired"),
        (status = 503, description = "the bucket cannot be asked now; try again")))]
pub(crate) async fn redeem(
    State(edge): State<Edge>,
    method: Method,
    path: Result<Path<Link>, RoutingError>,
) -> Result<Response, Problem> {
    let unknown = || Error::not_found("there is no such output");
    let Path((tenant, task, n, expires, token)) = path.map_err(|_| unknown())?;
    let tenant = TenantId::parse(&tenant).map_err(|_| unknown())?;
    let task = TaskId::parse(&task).map_err(|_| unknown())?;
    let n = n.parse().map_err(|_| unknown())?;
    let expires = Timestamp(expires.parse().map_err(|_| unknown())?);
    let link = OutputLink {
        tenant: &tenant,
        task: &task,
        n,
        expires,
        token: &token,
    };
    let method = if method == Method::HEAD {
        LinkMethod::Head
    } else {
        LinkMethod::Get
    };
    let url = edge.gateway.redeem(&link, method).await?;
    Ok((
        StatusCode::FOUND,
        [(LOCATION, url), (CACHE_CONTROL, "no-store".to_owned())],
    )
        .into_response())
}

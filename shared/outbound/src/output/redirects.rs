//! Follows redirects of the provider's servers to an output. The guard checks each hop again, as if
//! the provider had given its URL, and nothing from one answer is carried over to the next request.

use std::time::Duration;

use fluxgate_core::port::{FetchFailure, OutputFetch};
use reqwest::header::LOCATION;
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::failure::{failed, forbidden, refused, unusable};
use crate::guard::GuardedClient;
use crate::trace::traced;

/// More than a CDN in front of a moved bucket needs.
const HOPS_MAX: usize = 5;

/// The response with the output. Its time-out covers all hops and the body of the last.
pub(super) async fn follow(
    client: &GuardedClient,
    output: OutputFetch<'_>,
) -> Result<Response, FetchFailure> {
    let end = Instant::now() + Duration::from_millis(output.timeout_ms);
    let mut url = Url::parse(output.url).map_err(|_| unusable("has an invalid URL"))?;
    for _ in 0..=HOPS_MAX {
        let request = client
            .request(Method::GET, url.clone())
            .map_err(forbidden)?
            .with(|request| traced(request, output.trace));
        let rest = end.saturating_duration_since(Instant::now());
        let response = request
            .timeout(rest)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::OK => return Ok(response),
            status if is_redirect(status) => url = next(&url, &response)?,
            status => return Err(refused(status)),
        }
    }
    Err(unusable(&format!(
        "is behind more than {HOPS_MAX} redirects"
    )))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn next(from: &Url, response: &Response) -> Result<Url, FetchFailure> {
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| from.join(location).ok());
    let mut next = next.ok_or_else(|| unusable("is behind a redirect without a valid location"))?;
    // A user name and password in a URL would be sent as an `Authorization` header. Removing them
    // only fails if there is no host, and then the guard refuses the URL.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    Ok(next)
}

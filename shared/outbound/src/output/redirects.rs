//! The way to an output through the redirects of the provider's servers. Each hop is admitted by
//! the guard anew, as if the provider had named it, and nothing of one request is carried into the
//! next.

use std::time::Duration;

use fluxgate_core::port::FetchFailure;
use reqwest::header::LOCATION;
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::failure::{failed, forbidden, refused, unusable};
use crate::guard::GuardedClient;

/// As many as a CDN with a moved bucket behind it needs, and some.
const HOPS_MAX: usize = 5;

/// The answer that holds the output. `timeout_ms` is for all hops and the bytes of the last.
pub(super) async fn follow(
    client: &GuardedClient,
    url: &str,
    timeout_ms: u64,
) -> Result<Response, FetchFailure> {
    let end = Instant::now() + Duration::from_millis(timeout_ms);
    let mut url = Url::parse(url).map_err(|_| unusable("is not at a readable URL"))?;
    for _ in 0..=HOPS_MAX {
        let request = client
            .request(Method::GET, url.clone())
            .map_err(forbidden)?;
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
    let mut next = next.ok_or_else(|| unusable("is behind a redirect that leads nowhere"))?;
    // A name and a password in a URL would be sent as an `Authorization` header. They fail only
    // where there is no host, and there the guard refuses.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    Ok(next)
}

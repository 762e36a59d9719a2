//! One HTTP client for all AWS clients: one connection pool, and compiled-in CA certificates
//! instead of the system's, which a Lambda would read again at each cold start. It is the same HTTP
//! stack as for all other outbound connections, HTTP/1.1 only: the SDK's own would be a second one
//! to load.

mod connector;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use reqwest::{Client, redirect, retry};

use connector::Connector;

/// TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A Lambda is frozen between two invocations, and AWS closes idle connections in the meantime: a
/// request on such a connection is lost to a time-out. Connections that were idle longer than this
/// are not reused; if one breaks sooner, the SDK retries on a new connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A function does few things concurrently.
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// A client with its own pool: create one and pass clones around. Does not connect yet.
///
/// The SDKs keep one connector for each connect time-out and build one more for each client; this
/// one is built once for all.
pub fn client() -> SharedHttpClient {
    let client = pool().expect("the compiled-in trust anchors are valid, which a test checks");
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

/// Retries are left to the SDK, which knows what is safe.
fn pool() -> reqwest::Result<Client> {
    Client::builder()
        .http1_only()
        .tls_backend_preconfigured(fluxgate_tls::with_bundled_roots(&["http/1.1"]))
        .retry(retry::never().max_retries_per_request(0))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if reqwest uses another version of rustls.
    #[test]
    fn the_compiled_in_anchors_are_taken() {
        pool().unwrap();
    }
}

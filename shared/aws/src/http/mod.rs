//! One HTTP client under all AWS clients: one connection pool, and a compiled-in CA set in place of the system's, which a
//! Lambda would read anew on each cold start. The same HTTP stack as every other way out, HTTP/1.1 alone: the SDK's own would
//! be a second one to load.

mod connector;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use reqwest::{Certificate, Client, redirect, retry};

use connector::Connector;

/// TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A Lambda is frozen between two invocations, and AWS closes what was idle meanwhile: an old connection is a request lost to a
/// time-out. Those that were idle longer than this are not used again; one that broke sooner is made good by the SDK's next
/// try, which takes a new connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A function does few things at once.
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// A client with a pool of its own: make one and hand out clones. Connects to nothing yet.
///
/// The SDKs keep one connector for each connect time-out that they are set to, and build one more for each of their clients;
/// this one is built once, whoever asks.
pub fn client() -> SharedHttpClient {
    let client = pool().expect("the compiled-in certificates are taken, which a test makes sure of");
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

/// Trying again is the SDK's to do, which knows what is safe.
fn pool() -> reqwest::Result<Client> {
    Client::builder()
        .http1_only()
        .tls_certs_only(bundled()?)
        .retry(retry::never().max_retries_per_request(0))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .build()
}

/// Mozilla's certificates, which hold Amazon's.
fn bundled() -> reqwest::Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_certificates_are_taken() {
        assert!(bundled().unwrap().len() > 100);

        pool().unwrap();
    }
}

//! One HTTP client under all AWS clients: one connection pool, and a compiled-in CA set in place of
//! the system's, which a Lambda would read anew on each cold start. The same HTTP stack as every
//! other way out, HTTP/1.1 alone: the SDK's own would be a second one to load.

mod connector;

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use reqwest::{Client, redirect, retry};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

use connector::Connector;

/// TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A Lambda is frozen between two invocations, and AWS closes what was idle meanwhile: an old
/// connection is a request lost to a time-out. Those that were idle longer than this are not used
/// again; one that broke sooner is made good by the SDK's next try, which takes a new connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A function does few things at once.
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// A client with a pool of its own: make one and hand out clones. Connects to nothing yet.
///
/// The SDKs keep one connector for each connect time-out that they are set to, and build one more
/// for each of their clients; this one is built once, whoever asks.
pub fn client() -> SharedHttpClient {
    let client = pool().expect("the compiled-in anchors are taken, which a test makes sure of");
    let connector = SharedHttpConnector::new(Connector(client));
    http_client_fn(move |_, _| connector.clone())
}

/// Trying again is the SDK's to do, which knows what is safe.
fn pool() -> reqwest::Result<Client> {
    Client::builder()
        .http1_only()
        .tls_backend_preconfigured(tls())
        .retry(retry::never().max_retries_per_request(0))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .build()
}

/// Mozilla's trust anchors, Amazon's among them, which need no parsing as certificates do; else as
/// reqwest would set it up.
fn tls() -> ClientConfig {
    let anchors = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has suites for the versions that are safe")
        .with_root_certificates(anchors)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another version of rustls than reqwest's would be refused.
    #[test]
    fn the_compiled_in_anchors_are_taken() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);

        pool().unwrap();
    }
}

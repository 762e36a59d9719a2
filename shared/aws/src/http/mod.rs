//! One HTTP client under all AWS clients: one connection pool, and a compiled-in CA set in place of the system's, which a
//! Lambda would read anew on each cold start.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// TCP and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A Lambda is frozen between two invocations, and AWS closes what was idle meanwhile: an old connection is a request lost to a
/// time-out. Those that were idle longer than this are not used again; one that broke sooner is made good by the SDK's next
/// try, which takes a new connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A function does few things at once.
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// How wide PEM is, RFC 7468.
const PEM_COLUMNS: usize = 64;

/// A client with a pool of its own: make one and hand out clones. Connects to nothing yet.
///
/// The SDKs keep one connector for each connect time-out that they are set to, and build one more for each of their clients;
/// this one is built once, whoever asks.
pub fn client() -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let mut builder = Connector::builder()
        .connector_settings(settings)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    builder.set_tls_context(bundled());
    let connector = SharedHttpConnector::new(builder.build());
    http_client_fn(move |_, _| connector.clone())
}

/// Mozilla's certificates, which hold Amazon's.
fn bundled() -> TlsContext {
    let roots = TrustStore::empty().with_pem_certificate(pem());
    TlsContext::builder().with_trust_store(roots).build().expect("a trust store is all that a context needs")
}

/// The SDK takes certificates as PEM only.
fn pem() -> String {
    let mut pem = String::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in BASE64.encode(root).as_bytes().chunks(PEM_COLUMNS) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_certificates_are_taken() {
        assert!(pem().matches("BEGIN CERTIFICATE").count() > 100);

        // The connector parses them and panics on one that it cannot read.
        client();
    }
}

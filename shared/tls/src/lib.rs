//! The one TLS configuration of clients whose trust anchors are compiled in.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// As reqwest would set it up for HTTP/1.1, but with Mozilla's anchors, which need no parsing: a
/// hundred certificates take a millisecond, and a Lambda would read the system's anew on each cold
/// start.
///
/// # Panics
///
/// Never: aws-lc-rs has suites for the versions that rustls finds safe.
pub fn with_bundled_roots() -> ClientConfig {
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

    #[test]
    fn the_anchors_are_mozilla_s_and_http_1_1_alone_is_offered() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);
        assert_eq!(with_bundled_roots().alpn_protocols, [b"http/1.1".to_vec()]);
    }
}

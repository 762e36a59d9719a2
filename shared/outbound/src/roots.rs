//! Whose certificates a server must show.

use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// The certificates that a server's must be signed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Roots {
    /// The machine's own, so that an operator's private authority counts.
    #[default]
    System,
    /// Mozilla's, compiled in: a Lambda would read the system's anew on each cold start.
    Bundled,
}

impl Roots {
    pub(crate) fn trusted_by(self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::System => builder,
            Self::Bundled => builder.tls_backend_preconfigured(bundled()),
        }
    }
}

/// As reqwest would set it up for HTTP/1.1, but with anchors that need no parsing: a hundred
/// certificates take a millisecond.
fn bundled() -> ClientConfig {
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

        Roots::Bundled
            .trusted_by(reqwest::Client::builder())
            .build()
            .unwrap();
    }
}

//! The TLS configurations of clients: with trust anchors that are compiled in, and with the
//! machine's own.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};
use rustls_platform_verifier::Verifier;

/// As reqwest would set it up, but with Mozilla's anchors, which need no parsing: a hundred
/// certificates take a millisecond, and a Lambda would read the system's anew on each cold start.
/// The server chooses one of the protocols, by ALPN.
///
/// # Panics
///
/// Never: aws-lc-rs has suites for the versions that rustls finds safe.
pub fn with_bundled_roots(protocols: &[&str]) -> ClientConfig {
    let anchors = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = begun().with_root_certificates(anchors);
    offering(protocols, config.with_no_client_auth())
}

/// The same with the machine's own anchors, as reqwest sets it up. Fails if it has none.
pub fn with_system_roots(protocols: &[&str]) -> Result<ClientConfig, Error> {
    let verifier = Verifier::new(Arc::new(default_provider()))?;
    let config = begun()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(offering(protocols, config.with_no_client_auth()))
}

fn begun() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs has suites for the versions that are safe")
}

fn offering(protocols: &[&str], mut config: ClientConfig) -> ClientConfig {
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = names.collect();
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchors_are_mozilla_s_and_only_the_named_protocols_are_offered() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);
        let config = with_bundled_roots(&["h2", "http/1.1"]);
        assert_eq!(
            config.alpn_protocols,
            [b"h2".to_vec(), b"http/1.1".to_vec()]
        );
    }
}

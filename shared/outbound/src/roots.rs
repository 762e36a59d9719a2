//! Whose certificates a server must show.

use reqwest::{Certificate, ClientBuilder};

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
    pub(crate) fn trusted_by(self, builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        match self {
            Self::System => Ok(builder),
            Self::Bundled => Ok(builder.tls_certs_only(bundled()?)),
        }
    }
}

fn bundled() -> reqwest::Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_certificates_are_taken() {
        assert!(bundled().unwrap().len() > 100);

        Roots::Bundled.trusted_by(reqwest::Client::builder()).unwrap().build().unwrap();
    }
}

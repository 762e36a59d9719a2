//! Which certificate authorities a server must use, and which HTTP it may choose.

use fluxgate_core::{Error, Result};
use reqwest::ClientBuilder;
use rustls::ClientConfig;

/// The versions of HTTP that a server is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Http1,
    Http1AndHttp2,
}

/// The accepted certificate authorities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Roots {
    /// The machine's own, so that an operator's private authority is accepted.
    #[default]
    System,
    /// Mozilla's, compiled in: a Lambda would read the system's again at each cold start.
    Bundled,
}

impl Offer {
    fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Http1 => &["http/1.1"],
            Self::Http1AndHttp2 => &["h2", "http/1.1"],
        }
    }
}

impl Roots {
    /// Of a client that offers HTTP/1.1.
    pub(crate) fn trusted_by(self, builder: ClientBuilder) -> ClientBuilder {
        let builder = builder.http1_only();
        match self {
            Self::System => builder,
            Self::Bundled => {
                let protocols = Offer::Http1.protocols();
                builder.tls_backend_preconfigured(fluxgate_tls::with_bundled_roots(protocols))
            }
        }
    }

    /// Fails with kind `Internal` if this machine has no usable certificate store.
    pub(crate) fn config(self, offer: Offer) -> Result<ClientConfig> {
        let protocols = offer.protocols();
        match self {
            Self::System => fluxgate_tls::with_system_roots(protocols).map_err(unusable),
            Self::Bundled => Ok(fluxgate_tls::with_bundled_roots(protocols)),
        }
    }
}

fn unusable(error: rustls::Error) -> Error {
    let text = "cannot set up the HTTP client; install the system's CA certificates";
    Error::internal("http_client_unavailable", text).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if reqwest uses another version of rustls.
    #[test]
    fn the_compiled_in_anchors_are_taken() {
        Roots::Bundled
            .trusted_by(reqwest::Client::builder())
            .build()
            .unwrap();
    }
}

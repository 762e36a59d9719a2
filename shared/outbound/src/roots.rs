//! Which certificate authorities a server must use, and which HTTP it may choose.

use reqwest::ClientBuilder;

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

impl Roots {
    pub(crate) fn trusted_by(self, builder: ClientBuilder, offer: Offer) -> ClientBuilder {
        let (builder, protocols): (_, &[&str]) = match offer {
            Offer::Http1 => (builder.http1_only(), &["http/1.1"]),
            Offer::Http1AndHttp2 => (builder, &["h2", "http/1.1"]),
        };
        match self {
            Self::System => builder,
            Self::Bundled => {
                builder.tls_backend_preconfigured(fluxgate_tls::with_bundled_roots(protocols))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if reqwest uses another version of rustls.
    #[test]
    fn the_compiled_in_anchors_are_taken() {
        Roots::Bundled
            .trusted_by(reqwest::Client::builder(), Offer::Http1)
            .build()
            .unwrap();
    }
}

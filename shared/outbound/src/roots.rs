//! Which certificate authorities a server must use.

use reqwest::ClientBuilder;

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
    pub(crate) fn trusted_by(self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::System => builder,
            Self::Bundled => builder.tls_backend_preconfigured(fluxgate_tls::with_bundled_roots()),
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
            .trusted_by(reqwest::Client::builder())
            .build()
            .unwrap();
    }
}

//! Where tenants reach this installation.

use std::sync::OnceLock;

/// The public address of the tenant API, without a trailing `/`.
///
/// A function whose URL is chosen by its platform learns it from the first request; everything else
/// is configured at startup.
#[derive(Debug, Default)]
pub struct BaseUrl(OnceLock<String>);

impl BaseUrl {
    pub fn fixed(url: &str) -> Self {
        let base = Self::default();
        base.learn(url);
        base
    }

    /// Only the first call has an effect.
    pub fn learn(&self, url: &str) {
        self.0.get_or_init(|| url.trim_end_matches('/').to_owned());
    }

    /// Empty while unknown, so that links are relative.
    pub fn as_str(&self) -> &str {
        self.0.get().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_learned_once_and_loses_its_slash() {
        let base = BaseUrl::default();
        assert_eq!(base.as_str(), "");

        base.learn("https://gateway.example/");
        base.learn("https://elsewhere.example");

        assert_eq!(base.as_str(), "https://gateway.example");
        assert_eq!(
            BaseUrl::fixed("http://127.0.0.1:8080").as_str(),
            "http://127.0.0.1:8080"
        );
    }
}

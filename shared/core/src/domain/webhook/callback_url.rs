//! The URL of a callback.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::base::error::Error;
use crate::base::host_name::{NO_HOST_NAME, is_host_name};
use crate::base::url_text::unclear;

/// An absolute http or https URL with a host and without credentials. Whether its address is
/// allowed is checked by the guard.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallbackUrl(Url);

impl CallbackUrl {
    /// Maximum URL length, in bytes.
    pub const BYTES_MAX: usize = 2048;

    /// Fails with kind `Invalid` and the reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad =
            |why: &str| Error::invalid("invalid_callback_url", format!("the callback URL {why}"));
        if text.len() > Self::BYTES_MAX {
            return Err(bad("is longer than 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|_| bad("is not an absolute URL"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(bad("must start with https:// or http:// and have a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(
                "must not contain a user name or password; an endpoint's 'headers' can carry them",
            ));
        }
        Ok(Self(url))
    }

    /// As [`Self::parse`], with stricter rules for new URLs: it must be possible to call them. URLs
    /// stored by earlier releases are read with [`Self::parse`]. Fails with kind `Invalid` and the
    /// reason.
    pub fn parse_new(text: &str) -> Result<Self, Error> {
        let bad =
            |why: &str| Error::invalid("invalid_callback_url", format!("the callback URL {why}"));
        // The parser drops spaces around it, and the rest is called as it was parsed.
        if let Some(why) = unclear(text.trim_matches(' ')) {
            return Err(bad(why));
        }
        let given = Self::parse(text)?;
        if given.0.port() == Some(0) {
            return Err(bad("has port 0, on which nothing can listen"));
        }
        match given.0.host() {
            Some(Host::Domain(name)) if !is_host_name(name) => Err(bad(NO_HOST_NAME)),
            _ => Ok(given.without_fragment()),
        }
    }

    /// No receiver sees it, and it would make two URLs of one.
    fn without_fragment(mut self) -> Self {
        self.0.set_fragment(None);
        self
    }

    pub fn url(&self) -> &Url {
        &self.0
    }

    /// For everybody but its own tenant: path and query may hold the tenant's secrets.
    pub fn without_path(&self) -> String {
        format!("{}/…", self.0.origin().ascii_serialization())
    }
}

/// For logs: path and query may hold secrets.
impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackUrl({})", self.without_path())
    }
}

impl TryFrom<String> for CallbackUrl {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<CallbackUrl> for String {
    fn from(url: CallbackUrl) -> Self {
        url.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_url_is_absolute_plain_and_without_credentials() {
        assert!(CallbackUrl::parse("https://hooks.example/x?y=1").is_ok());
        for text in [
            "",
            "/x",
            "ftp://a/b",
            "https://u:p@a/b",
            "https://u@a/b",
            "mailto:a@b.c",
            "file:///etc/passwd",
        ] {
            assert!(CallbackUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_new_callback_url_can_be_called() {
        let label = |n: usize| "a".repeat(n);
        let name = |n: usize| format!("{0}.{0}.{0}.{1}", label(63), label(n - 192));
        for text in [
            "https://hooks.example/x?y=1",
            " https://hooks.example./x",
            "HTTPS://Hooks.Example:8443",
            "http://receiver:8080/",
            "http://my_service.internal/",
            "https://bücher.example/ü?q=ü",
            "https://r3---sn-a.example/",
            "https://192.0.2.1/",
            "https://[2001:db8::1]/",
            &format!("https://{}.example/", label(63)),
            &format!("https://{}/", name(253)),
        ] {
            assert!(CallbackUrl::parse_new(text).is_ok(), "{text:?}");
        }
        for text in [
            "https://a..b/",
            "https://.example.com/",
            "https://example.com../",
            "https://./",
            "https://-x/",
            "https://x-.example/",
            "https://*.example.com/",
            &format!("https://{}.example/", label(64)),
            &format!("https://{}/", name(254)),
            "https:///x",
            "https:\\\\x",
            "https:x",
            "https:/x",
            "https:x?y=://z",
            "https://example.com:0/",
            "https://example.com/\0",
            "https://exa\nmple.com/",
            "\thttps://example.com/",
            "https://example.com/\u{85}",
            "https://example.com:1\\@example.net/x",
            "https://example.com/x\\y",
            "https://example.com/x y",
        ] {
            assert!(CallbackUrl::parse_new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_was_taken_before_is_read_as_it_was() {
        let url: CallbackUrl = serde_json::from_str("\"https://a..b/x\"").unwrap();

        assert_eq!(url.url().as_str(), "https://a..b/x");
    }

    #[test]
    fn the_debug_form_of_a_callback_url_hides_path_and_query() {
        let url = CallbackUrl::parse("https://hooks.example/secret?token=1").unwrap();

        assert_eq!(format!("{url:?}"), "CallbackUrl(https://hooks.example/…)");
    }
}

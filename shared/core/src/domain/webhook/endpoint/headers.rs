//! Headers that a tenant has sent with its callbacks: for receivers behind an API key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::echo::echo;
use crate::base::error::{Error, Result};

/// How many an endpoint may have, and how long a value may be.
pub const HEADERS_MAX: usize = 16;
const VALUE_BYTES_MAX: usize = 4096;

/// Headers that the request needs for itself, or that say who sends it.
const OURS: [&str; 15] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "traceparent",
    "tracestate",
];
const OUR_PREFIXES: [&str; 4] = ["webhook-", "svix-", "fluxgate-", "proxy-"];

/// The name of a header that a tenant may choose, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderName(String);

impl HeaderName {
    /// Kind `Invalid`: for what is no name of a header (RFC 9110, section 5.1), and for headers
    /// that Fluxgate sends itself.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            let text = format!("the header '{}' {why}", echo(text));
            Error::invalid("invalid_header", text).field("headers")
        };
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..=64).contains(&text.len()) || !text.bytes().all(is_token) {
            return Err(refused("is not a name of 1 to 64 letters, digits and '-'"));
        }
        let name = text.to_ascii_lowercase();
        let is_ours = OURS.contains(&name.as_str())
            || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if is_ours {
            return Err(refused("is sent by Fluxgate itself; choose another"));
        }
        Ok(Self(name))
    }

    /// Kind `Invalid` for a value that is too long, or that would end the header (RFC 9110, section
    /// 5.5). The value is not repeated: it may be a secret.
    pub fn check_value(&self, value: &str) -> Result<()> {
        let fits = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte);
        if value.len() > VALUE_BYTES_MAX || !value.bytes().all(fits) || value != value.trim() {
            let text = format!(
                "the value of the header '{self}' is not at most {VALUE_BYTES_MAX} printable ASCII characters without spaces around them"
            );
            return Err(Error::invalid("invalid_header", text).field("headers"));
        }
        Ok(())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HeaderName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<HeaderName> for String {
    fn from(name: HeaderName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_header_is_no_header_of_ours_and_cannot_end_itself() {
        for name in ["X-Api-Key", "authorization", "x-tenant.id", "Cookie"] {
            assert_eq!(
                HeaderName::parse(name).unwrap().as_str(),
                name.to_lowercase()
            );
        }
        for name in [
            "",
            "a b",
            "a:b",
            "a\r\nb",
            "ü",
            "Host",
            "Webhook-Signature",
            "webhook-anything",
            "Svix-Id",
            "Content-Length",
            "Transfer-Encoding",
            "Fluxgate-Key",
            "traceparent",
            "Tracestate",
            &"x".repeat(65),
        ] {
            assert!(HeaderName::parse(name).is_err(), "{name:?}");
        }
        let name = HeaderName::parse("x-api-key").unwrap();
        assert!(name.check_value("Bearer a=b; c\td").is_ok());
        for value in ["a\r\nX: y", "a\0", " a", "a ", "ü", &"x".repeat(4097)] {
            let error = name.check_value(value).unwrap_err();
            assert!(!error.message.contains("X: y"), "{}", error.message);
        }
    }
}

//! One try of a delivery, as its tenant is shown it.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// How much of a failed answer's body is kept.
pub const EXCERPT_BYTES_MAX: usize = 1024;

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub duration_ms: u64,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ErrorClass>,
    /// Why there was no answer, or why the status is no success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The beginning of a failed answer's body, at most [`EXCERPT_BYTES_MAX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The `Location` of an answer that redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The `Retry-After` of a failed answer, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

impl Attempt {
    /// Without what the receiver said, and without what was said of it.
    pub(super) fn without_words(&self) -> Self {
        Self {
            error: None,
            body: None,
            location: None,
            retry_after: None,
            ..self.clone()
        }
    }

    pub fn is_success(&self) -> bool {
        self.class.is_none()
            && self
                .status
                .is_some_and(|status| (200..300).contains(&status))
    }
}

/// What went wrong, for programs. The attempt's `error` says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The receiver's name has no address, or nobody says which.
    Dns,
    /// The address is not one that callbacks may go to.
    ForbiddenAddress,
    /// Nobody listens, or the network does not lead there.
    Connect,
    /// The receiver's certificate is not accepted, or it speaks no TLS.
    Tls,
    /// No connection, or no answer, in time.
    Timeout,
    /// The connection broke, or what came is no HTTP.
    Protocol,
    /// 3xx: callbacks follow no redirect.
    Redirect,
    /// 4xx.
    ClientError,
    /// 410: the receiver wants no more.
    Gone,
    /// 5xx, and any other status that is no success.
    ServerError,
}

impl ErrorClass {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::ClientError => "client_error",
            Self::Gone => "gone",
            Self::ServerError => "server_error",
        }
    }

    /// `None` for a success.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            410 => Some(Self::Gone),
            400..=499 => Some(Self::ClientError),
            _ => Some(Self::ServerError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorClass;

    #[test]
    fn a_class_is_one_word_in_the_log_and_in_the_api() {
        for class in [
            ErrorClass::Dns,
            ErrorClass::ForbiddenAddress,
            ErrorClass::Connect,
            ErrorClass::Tls,
            ErrorClass::Timeout,
            ErrorClass::Protocol,
            ErrorClass::Redirect,
            ErrorClass::ClientError,
            ErrorClass::Gone,
            ErrorClass::ServerError,
        ] {
            let word = serde_json::to_value(class).unwrap();
            assert_eq!(word, class.as_str());
        }
    }
}

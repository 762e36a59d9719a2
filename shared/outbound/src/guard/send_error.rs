//! Why a guarded request has no answer.

use std::error::Error as StdError;
use std::fmt;

use hyper_util::client::legacy;

#[derive(Debug)]
pub(crate) enum SendError {
    /// The request itself cannot be sent.
    Invalid(reqwest::Error),
    /// No connection, or no readable answer on it.
    Failed(legacy::Error),
    /// Its time was up.
    Late,
    /// Interim answers without end.
    Flooded,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(_) => "the request is invalid",
            Self::Failed(_) => "the request failed",
            Self::Late => "the answer did not come in time",
            Self::Flooded => "too many interim answers came",
        })
    }
}

impl StdError for SendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Failed(error) => Some(error),
            Self::Late | Self::Flooded => None,
        }
    }
}

//! Why a request failed, in words that may be shown to a tenant: without URL, headers, body or
//! address.

use std::error::Error as StdError;
use std::io;

use fluxgate_core::unprintable::is_unprintable;
use fluxgate_core::webhook::ErrorClass;
use hyper_util::client::legacy;

use crate::guard::{SendError, Unresolved};

const TLS_TEXT_CHARS_MAX: usize = 160;

/// The first cause of this type in the chain.
pub(crate) fn cause<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref())
}

/// What happened, as the end of a sentence whose subject is the server.
pub(crate) fn describe(error: &(dyn StdError + 'static)) -> String {
    if is_connect(error) {
        return unreachable_because(error);
    }
    let built = cause::<reqwest::Error>(error);
    let text = if built.is_some_and(reqwest::Error::is_builder) {
        "could not be called: the request is invalid"
    } else if is_flood(error) {
        "sends interim answers (1xx) without end, and no final one"
    } else if is_timeout(error) {
        "did not answer in time"
    } else if built.is_some_and(|error| error.is_body() || error.is_decode()) {
        "closed the connection in the middle of its response"
    } else {
        "closed the connection without a readable response"
    };
    text.to_owned()
}

/// The same for programs.
pub(crate) fn class(error: &(dyn StdError + 'static)) -> ErrorClass {
    if is_timeout(error) && !is_dns(error) {
        return ErrorClass::Timeout;
    }
    if !is_connect(error) {
        return ErrorClass::Protocol;
    }
    if is_dns(error) {
        return ErrorClass::Dns;
    }
    let io = cause::<io::Error>(error).map(innermost);
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidData) => ErrorClass::Tls,
        _ => ErrorClass::Connect,
    }
}

/// There was no connection to send it on.
pub(crate) fn is_connect(error: &(dyn StdError + 'static)) -> bool {
    cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect)
        || cause(error).is_some_and(reqwest::Error::is_connect)
}

pub(crate) fn is_timeout(error: &(dyn StdError + 'static)) -> bool {
    let late = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    matches!(cause(error), Some(SendError::Late))
        || cause(error).is_some_and(reqwest::Error::is_timeout)
        || cause(error).is_some_and(hyper::Error::is_timeout)
        || cause(error).is_some_and(late)
}

fn is_dns(error: &(dyn StdError + 'static)) -> bool {
    cause::<Unresolved>(error).is_some() || cause(error).is_some_and(reqwest::Error::is_dns)
}

fn is_flood(error: &(dyn StdError + 'static)) -> bool {
    matches!(cause(error), Some(SendError::Flooded))
}

fn unreachable_because(error: &(dyn StdError + 'static)) -> String {
    let io = cause::<io::Error>(error).map(innermost);
    let text = match io.map(io::Error::kind) {
        _ if cause(error) == Some(&Unresolved::Unanswered) => {
            "could not be reached: its name could not be looked up in time"
        }
        _ if is_dns(error) => "could not be reached: its name does not resolve",
        _ if is_timeout(error) => "could not be reached in time",
        Some(io::ErrorKind::ConnectionRefused) => "refused the connection",
        // rustls reports its own errors as invalid data; an expired certificate is worth
        // mentioning.
        Some(io::ErrorKind::InvalidData) => return tls_failure(io),
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
            "closed the connection while it was being established"
        }
        _ => "could not be reached",
    };
    text.to_owned()
}

/// hyper-rustls wraps one `io::Error` in another, and `source` skips the wrapped one.
fn innermost(error: &io::Error) -> &io::Error {
    std::iter::successors(Some(error), |error| (*error).get_ref()?.downcast_ref())
        .last()
        .unwrap_or(error)
}

fn tls_failure(io: Option<&io::Error>) -> String {
    let detail = io
        .and_then(io::Error::get_ref)
        .map(ToString::to_string)
        .unwrap_or_default();
    let detail: String = detail
        .chars()
        .filter(|c| !is_unprintable(*c))
        .take(TLS_TEXT_CHARS_MAX)
        .collect();
    format!("failed the TLS handshake: {detail}")
}

//! Why a request failed, in words that may be shown to a tenant: without URL, headers, body or
//! address.

use std::error::Error as StdError;
use std::io;

use fluxgate_core::webhook::ErrorClass;

use crate::guard::Unresolved;

const TLS_TEXT_CHARS_MAX: usize = 160;

/// The first cause of this type in the chain.
pub(crate) fn cause<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref())
}

/// What happened, as the end of a sentence whose subject is the server.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    if error.is_connect() {
        return unreachable_because(error);
    }
    let text = if error.is_builder() {
        "could not be called: the request is invalid"
    } else if error.is_timeout() {
        "did not answer in time"
    } else if error.is_body() || error.is_decode() {
        "closed the connection in the middle of its response"
    } else {
        "closed the connection without a readable response"
    };
    text.to_owned()
}

/// The same for programs.
pub(crate) fn class(error: &reqwest::Error) -> ErrorClass {
    if error.is_timeout() && !error.is_dns() {
        return ErrorClass::Timeout;
    }
    if !error.is_connect() {
        return ErrorClass::Protocol;
    }
    if error.is_dns() || cause(error) == Some(&Unresolved::Unanswered) {
        return ErrorClass::Dns;
    }
    let io = cause::<io::Error>(error).map(innermost);
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidData) => ErrorClass::Tls,
        _ => ErrorClass::Connect,
    }
}

fn unreachable_because(error: &reqwest::Error) -> String {
    let io = cause::<io::Error>(error).map(innermost);
    let text = match io.map(io::Error::kind) {
        _ if cause(error) == Some(&Unresolved::Unanswered) => {
            "could not be reached: its name could not be looked up in time"
        }
        _ if error.is_dns() => "could not be reached: its name does not resolve",
        _ if error.is_timeout() => "could not be reached in time",
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
        .filter(|c| !c.is_control())
        .take(TLS_TEXT_CHARS_MAX)
        .collect();
    format!("failed the TLS handshake: {detail}")
}

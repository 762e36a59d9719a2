//! Why a call got no response from a gateway, and how to fix it.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use url::Url;

/// The call was sent and its response was lost: whether it had any effect is unknown.
#[derive(Debug)]
pub struct BrokenOff(String);

impl Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BrokenOff {}

/// The gateway answered that it will not.
#[derive(Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub why: String,
    /// Its machine code, where it gave one.
    pub code: Option<String>,
    /// The field of the request that is at fault.
    pub field: Option<String>,
}

impl Refused {
    /// From an error body of either API.
    pub(super) fn by(status: StatusCode, body: &Value) -> Self {
        let text = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| body.get(name)?.as_str());
            found.next().map(str::to_owned)
        };
        Self {
            status,
            why: text(&["message", "detail"]).unwrap_or_else(|| "no reason given".to_owned()),
            code: text(&["error_code", "code"]),
            field: text(&["field"]),
        }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {})", self.why, self.status.as_u16())
    }
}

impl Error for Refused {}

/// Nothing is listening there.
#[derive(Debug)]
pub struct NothingAnswers(String);

impl Display for NothingAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nothing answers at {}; is 'fluxgate serve' running there?",
            self.0
        )
    }
}

impl Error for NothingAnswers {}

/// What is there is no gateway that can be spoken to so.
#[derive(Debug)]
pub struct NoGateway(pub(super) String);

impl Display for NoGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NoGateway {}

/// This shell has nothing to sign a call with.
#[derive(Debug)]
pub struct NoCredentials(pub(super) String);

impl Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot sign the call with AWS credentials ({}); set AWS_PROFILE, or sign in as for the AWS CLI",
            self.0
        )
    }
}

impl Error for NoCredentials {}

/// The error of a call that got no response.
pub fn unanswered(base_url: &str, error: &reqwest::Error) -> anyhow::Error {
    if let Some(why) = causes(error).find_map(|cause| tls_trouble(base_url, cause)) {
        return NoGateway(why).into();
    }
    if error.is_connect() {
        return NothingAnswers(base_url.to_owned()).into();
    }
    if error.is_timeout() {
        return BrokenOff(format!("{base_url} took too long to answer")).into();
    }
    let is_parse = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse)
    };
    if causes(error).any(is_parse) {
        return NoGateway(format!(
            "the server at {base_url} does not speak HTTP; if it speaks TLS, write https://"
        ))
        .into();
    }
    let cause = causes(error)
        .last()
        .map_or_else(String::new, |cause| format!(": {cause}"));
    BrokenOff(format!("the call to {base_url} broke off{cause}")).into()
}

/// The error of an output whose server gave no response. Its URL is a credential, and is not told.
pub(super) fn undownloaded(url: &str, error: &reqwest::Error) -> anyhow::Error {
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    let Ok(origin) = origin else {
        return anyhow::anyhow!("an output is named by something that is no URL");
    };
    if error.is_timeout() {
        return BrokenOff(format!(
            "the output's server {origin} took too long to answer"
        ))
        .into();
    }
    if let Some(why) = causes(error).find_map(|cause| tls_trouble(&origin, cause)) {
        return NoGateway(format!("the output cannot be fetched: {why}")).into();
    }
    let why = match causes(error).last() {
        Some(cause) if !error.is_builder() => format!(": {cause}"),
        _ => String::new(),
    };
    BrokenOff(format!("the output cannot be fetched from {origin}{why}")).into()
}

fn tls_trouble(base_url: &str, cause: &(dyn Error + 'static)) -> Option<String> {
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidMessage(_) => {
            let plain = base_url.replacen("https://", "http://", 1);
            Some(format!(
                "the server at {base_url} does not speak TLS; write {plain}"
            ))
        }
        rustls::Error::InvalidCertificate(why) => Some(format!(
            "the certificate of {base_url} is not trusted by this machine: {why:?}; \
             for a CA of your own set SSL_CERT_FILE to a file with its certificate"
        )),
        other => Some(format!(
            "cannot make a TLS connection to {base_url}: {other}"
        )),
    }
}

/// An error and its causes. An [`io::Error`] is replaced by the error that it wraps.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// A response that no gateway would give: from something else, or from a proxy in front of a
/// gateway that is failing.
pub fn foreign(base_url: &str, status: StatusCode, headers: &HeaderMap) -> anyhow::Error {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no content type");
    if status.is_server_error() {
        return BrokenOff(format!(
            "{base_url} answered HTTP {} without a reason; try again later",
            status.as_u16()
        ))
        .into();
    }
    let hint = if content_type.contains("xml") || headers.contains_key("x-amz-request-id") {
        "it looks like the S3 server: the API is at the first of the two addresses that 'fluxgate serve' prints"
    } else {
        "use the address that 'fluxgate serve' prints, or the stack's GatewayUrl"
    };
    NoGateway(format!(
        "the server at {base_url} is not Fluxgate (HTTP {}, {content_type}); {hint}",
        status.as_u16()
    ))
    .into()
}

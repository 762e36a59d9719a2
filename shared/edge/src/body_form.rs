//! Accepts only uncompressed bodies, and JSON only in UTF-8. Anything else is refused before it is
//! read.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fluxgate_core::{Error, echo};
use futures::future::{Either, Ready, ready};
use http_body::Body as _;
use mediatype::names::{CHARSET, JSON};
use mediatype::{MediaType, ReadParams as _};
use tower::{Layer, Service};

use crate::error_reply::routing_reply;
use crate::header;

/// Where lines are read as they come.
const BATCHES: &str = "/v1/batches";
/// UTF-8 and its subsets.
const CHARSETS: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];

#[derive(Clone, Copy)]
pub(crate) struct BodyForm;

#[derive(Clone)]
pub(crate) struct InThatForm<S>(S);

impl<S> Layer<S> for BodyForm {
    type Service = InThatForm<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InThatForm(inner)
    }
}

impl<S: Service<Request, Response = Response>> Service<Request> for InThatForm<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match refused(&request) {
            Some(reply) => Either::Right(ready(Ok(reply))),
            None => Either::Left(self.0.call(request)),
        }
    }
}

fn refused(request: &Request) -> Option<Response> {
    if request.body().is_end_stream() {
        return None;
    }
    let path = request.uri().path();
    let refused = refusal(request.headers()).and_then(|refused| match refused {
        None if path == BATCHES => form_refusal(request.headers()),
        refused => Ok(refused),
    });
    match refused {
        Ok(None) => None,
        Ok(Some(error)) => Some(routing_reply(
            path,
            error,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        )),
        Err(error) => Some(routing_reply(path, error, StatusCode::BAD_REQUEST)),
    }
}

/// The reason for refusing the body, if any. Fails with kind `Invalid` for contradictory headers.
fn refusal(headers: &HeaderMap) -> fluxgate_core::Result<Option<Error>> {
    if is_encoded(headers) {
        let text =
            "compressed bodies are not supported; send it uncompressed, without 'Content-Encoding'";
        return Ok(Some(
            Error::invalid("unsupported_content_encoding", text).field("Content-Encoding"),
        ));
    }
    let content_type = header::one(headers, "Content-Type")?.and_then(|value| value.to_str().ok());
    Ok(content_type.and_then(foreign_charset).map(|charset| {
        let text = format!(
            "JSON must be in UTF-8, but the 'Content-Type' says '{}'; send UTF-8",
            echo(&charset)
        );
        Error::invalid("unsupported_charset", text).field("Content-Type")
    }))
}

/// The parts of a form would be read as lines. A client that sends a file as it is may call it
/// urlencoded, as curl does, or anything else.
fn form_refusal(headers: &HeaderMap) -> fluxgate_core::Result<Option<Error>> {
    let content_type = header::one(headers, "Content-Type")?.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let is_form = essence.is_some_and(|it| it.trim().eq_ignore_ascii_case("multipart/form-data"));
    Ok(is_form.then(|| {
        let text = "a batch is JSON lines, not a form; send the file as it is, with curl by \
                    '--data-binary @FILE' instead of '-F'";
        Error::invalid("unsupported_content_type", text).field("Content-Type")
    }))
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

fn foreign_charset(content_type: &str) -> Option<String> {
    let media = MediaType::parse(content_type).ok()?;
    let is_json = media.subty == JSON || media.suffix == Some(JSON);
    let charset = media
        .get_param(CHARSET)
        .filter(|_| is_json)?
        .unquoted_str()
        .to_lowercase();
    (!CHARSETS.contains(&charset.as_str())).then_some(charset)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn code(lines: &[(&'static str, &'static str)]) -> Option<&'static str> {
        let lines = lines.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        refusal(&headers)
            .unwrap_or_else(Some)
            .map(|error| error.code)
    }

    #[test]
    fn a_body_is_sent_as_it_is() {
        for value in ["", "identity", "Identity, identity"] {
            assert_eq!(code(&[("content-encoding", value)]), None, "{value}");
        }
        for value in ["gzip", "identity, br", "x-own", "GZIP"] {
            assert_eq!(
                code(&[("content-encoding", value)]),
                Some("unsupported_content_encoding"),
                "{value}"
            );
        }
    }

    #[test]
    fn lines_do_not_come_in_a_form() {
        let is_refused = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(value));
            form_refusal(&headers).expect("one type").is_some()
        };
        for value in [
            "multipart/form-data; boundary=x",
            "Multipart/Form-Data;boundary=x",
        ] {
            assert!(is_refused(value), "{value}");
        }
        for value in [
            "application/x-www-form-urlencoded",
            "application/jsonl",
            "text/plain",
        ] {
            assert!(!is_refused(value), "{value}");
        }
        assert!(form_refusal(&HeaderMap::new()).expect("no type").is_none());
    }

    #[test]
    fn json_is_utf_8_whatever_it_is_called() {
        for value in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; charset=utf8",
            "application/json; charset=US-ASCII",
            "text/plain; charset=iso-8859-1",
            "multipart/form-data; boundary=x; charset=iso-8859-1",
            "nonsense",
        ] {
            assert_eq!(code(&[("content-type", value)]), None, "{value}");
        }
        for value in [
            "application/json; charset=iso-8859-1",
            "application/json;charset=utf-16",
            "Application/JSON; Charset=latin1",
            "application/problem+json; charset=windows-1252",
        ] {
            assert_eq!(
                code(&[("content-type", value)]),
                Some("unsupported_charset"),
                "{value}"
            );
        }
        let two = [
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ];
        assert_eq!(code(&two), Some("header_repeated"));
    }
}

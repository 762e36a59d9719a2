//! Request heads that two servers could parse differently: refused here, before anything acts on
//! them.

use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::{HeaderMap, Request, Response, StatusCode, Version};

/// What is wrong with a head that hyper accepted, as a complete response; `None` if it is fine.
pub(crate) fn refusal<B>(request: &Request<B>) -> Option<Response<&'static str>> {
    let (status, text) = fault(request.version(), request.headers())?;
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}

fn fault(version: Version, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    // RFC 9112, section 3.2. HTTP/1.0 had no Host header.
    match headers.get_all(HOST).iter().count() {
        1 => {}
        0 if version < Version::HTTP_11 => {}
        0 => {
            return Some((
                StatusCode::BAD_REQUEST,
                "an HTTP/1.1 request must have a Host header\n",
            ));
        }
        _ => {
            return Some((StatusCode::BAD_REQUEST, "send exactly one Host header\n"));
        }
    }
    // RFC 9112, section 6.1: hyper only looks at the last coding.
    let codings = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    let is_read = codings
        .next()
        .is_none_or(|coding| coding.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none();
    (!is_read).then_some((
        StatusCode::NOT_IMPLEMENTED,
        "the only supported transfer coding is 'chunked', by itself\n",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, lines: &[(&'static str, &'static str)]) -> Option<u16> {
        let request = Request::builder().version(version);
        let request = lines.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        refusal(&request.body(()).unwrap()).map(|response| response.status().as_u16())
    }

    #[test]
    fn http_1_1_has_one_host_and_http_1_0_at_most_one() {
        let host = ("host", "a.example");

        assert_eq!(status(Version::HTTP_11, &[host]), None);
        assert_eq!(
            status(Version::HTTP_11, &[("host", "")]),
            None,
            "what has no authority has an empty one"
        );
        assert_eq!(status(Version::HTTP_11, &[]), Some(400));
        assert_eq!(status(Version::HTTP_10, &[]), None);
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(status(version, &[host, host]), Some(400));
        }
    }

    #[test]
    fn a_body_is_in_chunks_or_whole_and_coded_in_no_other_way() {
        let coded = |values: &[&'static str]| {
            let codings = values.iter().map(|value| ("transfer-encoding", *value));
            status(
                Version::HTTP_11,
                &[("host", "a")]
                    .into_iter()
                    .chain(codings)
                    .collect::<Vec<_>>(),
            )
        };

        for read in [&[][..], &["chunked"], &["Chunked"], &[" chunked ,"]] {
            assert_eq!(coded(read), None, "{read:?}");
        }
        for unread in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["chunked, chunked"],
            &["identity"],
        ] {
            assert_eq!(coded(unread), Some(501), "{unread:?}");
        }
    }
}

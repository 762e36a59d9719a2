//! Outputs inside the provider's response: a `data:` URI, base64, or text that is itself the
//! output.

use std::borrow::Cow;

use fluxgate_core::media::{DataUri, Family, HEAD_BYTES, MediaKind, Promise, Unreadable, sniff};
use fluxgate_core::port::FetchFailure;
use url::Url;

use super::failure::{too_large, unusable};

/// An output that need not be fetched.
pub(super) struct Inline<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) provider_type: Option<String>,
    pub(super) promise: Promise,
}

/// `None` for a URL.
pub(super) fn read(
    source: &str,
    makes: Option<MediaKind>,
    bytes_max: u64,
) -> Result<Option<Inline<'_>>, FetchFailure> {
    let promise = Promise::of(source, makes);
    let most = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    if DataUri::is_one(source) {
        let DataUri { declared, bytes } =
            DataUri::read(source, most).map_err(|why| unreadable(why, bytes_max))?;
        let promise = declared
            .as_deref()
            .map_or(promise, Promise::of_content_type);
        return Ok(Some(Inline {
            bytes: bytes.into(),
            provider_type: declared,
            promise,
        }));
    }
    if is_address(source) {
        return Ok(None);
    }
    let bytes = match DataUri::read_bare(source, most) {
        Ok(read) if is_file(&read.bytes) => read.bytes.into(),
        Err(Unreadable::TooLarge) => return Err(too_large(bytes_max)),
        _ if source.len() > most => return Err(too_large(bytes_max)),
        _ => source.as_bytes().into(),
    };
    Ok(Some(Inline {
        bytes,
        provider_type: None,
        promise,
    }))
}

/// A scheme and a host in one word. A sentence may contain a colon too.
fn is_address(source: &str) -> bool {
    let source = source.trim();
    !source.contains(char::is_whitespace) && Url::parse(source).is_ok_and(|url| url.has_authority())
}

/// A word may happen to be valid base64: only a recognised file type counts as a file.
fn is_file(bytes: &[u8]) -> bool {
    let family = sniff(&bytes[..bytes.len().min(HEAD_BYTES)]).family;
    !matches!(
        family,
        Family::Unknown | Family::Text | Family::Json | Family::Markup
    )
}

fn unreadable(why: Unreadable, bytes_max: u64) -> FetchFailure {
    match why {
        Unreadable::TooLarge => too_large(bytes_max),
        Unreadable::NoComma | Unreadable::BrokenBase64 => {
            unusable("is a data: URI that cannot be decoded")
        }
    }
}

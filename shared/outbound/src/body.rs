//! Reads a response into memory, up to an agreed size.

use bytes::BytesMut;
use reqwest::Response;

/// Up to this size an announced length is trusted and memory is allocated for it.
const TRUSTED_BYTES_MAX: usize = 64 * 1024;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
    TooLarge,
    Broken(reqwest::Error),
}

/// The whole body, if it has at most `bytes_max` bytes.
pub(crate) async fn read(mut response: Response, bytes_max: usize) -> Result<BytesMut, Unread> {
    let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(Unread::TooLarge);
    }
    let mut body = BytesMut::with_capacity(announced.min(TRUSTED_BYTES_MAX));
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

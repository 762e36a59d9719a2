//! Reading an answer into memory, but not more of it than agreed.

use bytes::BytesMut;
use reqwest::Response;

/// An announced length is believed, and memory taken for it, up to here.
const TRUSTED_BYTES_MAX: usize = 64 * 1024;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
    TooLarge,
    Broken(reqwest::Error),
}

/// The whole body, when it is at most this long.
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

//! Outputs that come inside their own URL, as `data:…;base64,…` (RFC 2397). The declared type is ignored: bytes are sniffed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_core::port::FetchFailure;

use super::failure::{too_large, unusable};

pub(super) fn is_one(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// Judges the size before a byte is decoded.
pub(super) fn decode(url: &str, bytes_max: u64) -> Result<Vec<u8>, FetchFailure> {
    let (head, encoded) = url.split_once(',').ok_or_else(unreadable)?;
    if !head.to_ascii_lowercase().ends_with(";base64") {
        return Err(unreadable());
    }
    if base64::decoded_len_estimate(encoded.len()) as u64 > bytes_max.saturating_add(2) {
        return Err(too_large(bytes_max));
    }
    STANDARD.decode(encoded).map_err(|_| unreadable())
}

fn unreadable() -> FetchFailure {
    unusable("is a data: URI that is not base64")
}

//! Content codings of answers (RFC 9110, 12.5.3).

use std::io::Write as _;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;
use flate2::Compression;
use flate2::write::GzEncoder;
use fluxgate_core::{Error, Result};

/// Made once and sent often, but waited for by the first who asks.
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW_BITS: u32 = 22;
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
    Brotli,
}

impl Coding {
    /// The one that the client likes best, and of equals the smallest. One that the client does not
    /// name is not used, even if everything else is forbidden.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_ENCODING).iter();
        let named: Vec<(String, u16)> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(named)
            .collect();
        let weight = |name: &str| {
            let of = |name: &str| named.iter().find(|(other, _)| other == name);
            of(name)
                .or_else(|| of("*"))
                .map_or(0, |(_, weight)| *weight)
        };
        let plain = named.iter().find(|(name, _)| name == "identity");
        let plain = plain.map_or(0, |(_, weight)| *weight);
        let (gzip, brotli) = (weight("gzip").max(weight("x-gzip")), weight("br"));
        match brotli.max(gzip).max(plain) {
            0 => Self::Plain,
            best if best == brotli => Self::Brotli,
            best if best == gzip => Self::Gzip,
            _ => Self::Plain,
        }
    }

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    pub(crate) fn encode<T: From<Vec<u8>>>(self, plain: &[u8]) -> Result<T> {
        let coded = match self {
            Self::Plain => Ok(plain.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Brotli => {
                let mut coded = Vec::new();
                let mut encoder = brotli::CompressorWriter::new(
                    &mut coded,
                    BUFFER_BYTES,
                    BROTLI_QUALITY,
                    BROTLI_WINDOW_BITS,
                );
                let written = encoder.write_all(plain).and_then(|()| encoder.flush());
                drop(encoder);
                written.map(|()| coded)
            }
        };
        let mut coded = coded.map_err(|error| {
            Error::internal("compress", "the answer could not be compressed").source(error)
        })?;
        coded.shrink_to_fit();
        Ok(coded.into())
    }
}

/// A coding and its weight in thousandths. An odd weight is none.
fn named(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok());
    let weight = weight.filter(|weight| (0.0..=1.0).contains(weight))?;
    Some((name.to_ascii_lowercase(), (weight * 1_000.0) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_is_the_one_that_the_client_likes_best() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("gzip", Coding::Gzip),
            ("GZIP;q=0.5, br;q=0.1", Coding::Gzip),
            ("br;q=0, gzip", Coding::Gzip),
            ("gzip;q=0.5, identity", Coding::Plain),
            ("identity;q=0.5, gzip;q=0.5", Coding::Gzip),
            ("*", Coding::Brotli),
            ("*;q=0", Coding::Plain),
            ("br;q=0, *", Coding::Gzip),
            ("br;q=high", Coding::Plain),
            ("deflate, zstd", Coding::Plain),
            ("", Coding::Plain),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accepted.parse().expect("a header's value"));
            assert_eq!(Coding::of(&headers), expected, "{accepted}");
        }
        assert_eq!(Coding::of(&HeaderMap::new()), Coding::Plain);
    }
}

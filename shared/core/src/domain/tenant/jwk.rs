//! Reads the binary members of a JWK (RFC 7517): leniently where only one thing can be meant.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// RFC 7518 wants base64url without padding. Some issuers pad it, and some write plain base64: the
/// two alphabets have no sign in common that means two things.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let plain = |c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    };
    LENIENT
        .decode(text.chars().map(plain).collect::<String>())
        .ok()
}

/// A big-endian number without its leading zeros, which RFC 7518 forbids and some issuers write.
pub fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// A big-endian number of this many bytes. Some issuers leave leading zeros out, others add one.
pub fn number_of(text: &str, size: usize) -> Option<Vec<u8>> {
    let number = number(text)?;
    let missing = size.checked_sub(number.len())?;
    Some([vec![0; missing], number].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_either_alphabet_is_read_padded_or_not_and_nothing_else_is() {
        for text in ["-_8", "-_8=", "+/8", "+/8=", "+_8="] {
            assert_eq!(bytes(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        for text in ["-_8==", "-_9", "-_ 8", "-_8\n", "!", "-"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_the_size_that_its_kind_of_key_gives_it() {
        assert_eq!(number("AAEC"), Some(vec![1, 2]));
        assert_eq!(number_of("AQI", 3), Some(vec![0, 1, 2]));
        assert_eq!(number_of("AAABAg", 3), Some(vec![0, 1, 2]));
        assert_eq!(number_of("AQIDBA", 3), None);
    }
}

//! A file embedded in a text: a `data:` URI (RFC 2397, parsed as browsers do), or bare base64.

use std::borrow::Cow;

use data_url::DataUrl;
use data_url::forgiving_base64::DecodeError;

/// The content of an embedded file.
#[derive(Debug, PartialEq, Eq)]
pub struct DataUri {
    /// The declared content type, in lower case and without parameters; `None` if absent, or if it
    /// is plain text, the default.
    pub declared: Option<String>,
    pub bytes: Vec<u8>,
}

/// Why a text could not be decoded as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Not a `data:` URI: there is no comma after the header.
    NoComma,
    BrokenBase64,
    TooLarge,
}

impl DataUri {
    /// True for `data:` in any case.
    pub fn is_one(text: &str) -> bool {
        text.trim_start()
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
    }

    /// Accepts line breaks, missing padding, percent-encoding and the URL-safe alphabet. Never
    /// decodes more than `bytes_max`.
    pub fn read(text: &str, bytes_max: usize) -> Result<Self, Unreadable> {
        let (_, body) = text.split_once(',').ok_or(Unreadable::NoComma)?;
        match Self::read_as_it_is(text, bytes_max) {
            Err(Unreadable::BrokenBase64) if body.contains(['-', '_']) => {
                let head = &text[..text.len() - body.len()];
                Self::read_as_it_is(&format!("{head}{}", standard(body)), bytes_max)
            }
            read => read,
        }
    }

    /// Bare base64, as if preceded by `data:;base64,`.
    pub fn read_bare(text: &str, bytes_max: usize) -> Result<Self, Unreadable> {
        // Characters outside the alphabet would end the file early or be misinterpreted.
        if text.contains(['%', '#', ',', ':']) {
            return Err(Unreadable::BrokenBase64);
        }
        Self::read(&format!("data:;base64,{text}"), bytes_max)
    }

    fn read_as_it_is(text: &str, bytes_max: usize) -> Result<Self, Unreadable> {
        let uri = DataUrl::process(text).map_err(|_| Unreadable::NoComma)?;
        let mut bytes = Vec::with_capacity(bytes_max.min(text.len() / 4 * 3));
        let decoded = uri.decode(|piece| {
            if bytes.len() + piece.len() > bytes_max {
                return Err(());
            }
            bytes.extend_from_slice(piece);
            Ok(())
        });
        decoded.map_err(|error| match error {
            DecodeError::InvalidBase64(_) => Unreadable::BrokenBase64,
            DecodeError::WriteError(()) => Unreadable::TooLarge,
        })?;
        let mime = uri.mime_type();
        let declared =
            (!mime.matches("text", "plain")).then(|| format!("{}/{}", mime.type_, mime.subtype));
        Ok(Self { declared, bytes })
    }
}

/// Converts from the alphabet of RFC 4648, section 5, to that of section 4.
fn standard(body: &str) -> Cow<'_, str> {
    body.replace('-', "+").replace('_', "/").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<String>, Vec<u8>), Unreadable> {
        DataUri::read(text, 100).map(|read| (read.declared, read.bytes))
    }

    #[test]
    fn a_data_uri_is_read_however_it_is_written() {
        let hello = Ok((Some("image/png".to_owned()), b"hello?>".to_vec()));
        for text in [
            "data:image/png;base64,aGVsbG8/Pg==",
            "data:image/png;base64,aGVsbG8/Pg",
            "DATA:IMAGE/PNG;BASE64,aGVsbG8/Pg==",
            "data:image/png;charset=utf-8;base64,aGVsbG8/Pg==",
            "data:image/png; charset=utf-8 ; base64,aGVs\r\nbG8/\n Pg==\n",
            "data:image/png;base64,aGVsbG8_Pg",
            "data:image/png;base64,aGVsbG8%2FPg%3D%3D",
            " data:image/png,hello%3F%3E",
        ] {
            assert_eq!(read(text), hello, "{text:?}");
            assert!(DataUri::is_one(text), "{text:?}");
        }
        assert_eq!(read("data:;base64,aGk="), Ok((None, b"hi".to_vec())));
        assert_eq!(
            read("data:image/svg+xml;base64,aGk="),
            Ok((Some("image/svg+xml".to_owned()), b"hi".to_vec()))
        );
    }

    #[test]
    fn what_is_no_data_uri_is_refused() {
        assert_eq!(read("data:image/png;base64"), Err(Unreadable::NoComma));
        for body in ["@@@@", "aGk=x", "a", "****"] {
            assert_eq!(
                read(&format!("data:image/png;base64,{body}")),
                Err(Unreadable::BrokenBase64),
                "{body}"
            );
        }
    }

    #[test]
    fn the_bound_holds_for_what_is_decoded() {
        assert_eq!(
            DataUri::read("data:;base64,aGVs\n\n\n\nbG8=", 5)
                .unwrap()
                .bytes,
            b"hello"
        );
        assert_eq!(
            DataUri::read("data:;base64,aGVsbG8=", 4),
            Err(Unreadable::TooLarge)
        );
        assert_eq!(DataUri::read_bare("aGVsbG8=", 4), Err(Unreadable::TooLarge));
    }

    #[test]
    fn base64_needs_no_head_and_a_url_is_none() {
        assert_eq!(
            DataUri::read_bare("aGVs\nbG8_Pg", 100).unwrap().bytes,
            b"hello?>"
        );
        for text in [
            "https://a.example/x",
            "blob:x",
            "aGk=,aGk=",
            "aGk%3D",
            "aGk=x",
        ] {
            assert_eq!(
                DataUri::read_bare(text, 100),
                Err(Unreadable::BrokenBase64),
                "{text}"
            );
        }
    }
}

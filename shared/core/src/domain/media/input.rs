//! A file that a client embedded in an input instead of a URL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{DataUri, Family, HEAD_BYTES, Unreadable, is_program, sniff};
use crate::base::error::{Error, Kind, Result};

/// Its type is detected from its bytes; the declared type counts only if they are inconclusive.
#[derive(Debug, PartialEq, Eq)]
pub struct InputFile {
    pub content_type: String,
    /// Without the dot; letters and digits only.
    pub extension: &'static str,
    pub bytes: Vec<u8>,
}

impl InputFile {
    /// Reads a `data:` URI or bare base64. Fails with kind `Invalid`, or with kind `TooLarge` over
    /// `bytes_max`.
    pub fn read(text: &str, bytes_max: usize) -> Result<Self> {
        let is_uri = DataUri::is_one(text);
        let read = if is_uri {
            DataUri::read(text, bytes_max)
        } else {
            DataUri::read_bare(text, bytes_max)
        };
        match read {
            Ok(read) => Self::of(read).map_err(|error| if is_uri { error } else { not_media() }),
            Err(Unreadable::TooLarge) => {
                let text = format!(
                    "the embedded file has more than {bytes_max} bytes; upload it and send its URL instead"
                );
                Err(Error::new(Kind::TooLarge, "data_uri_too_large", text))
            }
            Err(Unreadable::NoComma) => Err(invalid("has no comma")),
            Err(Unreadable::BrokenBase64) if is_uri => Err(invalid("contains invalid base64")),
            Err(Unreadable::BrokenBase64) => Err(not_media()),
        }
    }

    fn of(DataUri { declared, bytes }: DataUri) -> Result<Self> {
        let found = sniff(&bytes[..bytes.len().min(HEAD_BYTES)]);
        let content_type = match found.family {
            Family::Text | Family::Json | Family::Markup => {
                return Err(invalid("contains text, not a picture"));
            }
            Family::Unknown => {
                let is_media = |name: &String| super::is_inline(name) && !bytes.is_empty();
                declared
                    .filter(is_media)
                    .ok_or_else(|| invalid("does not contain a known picture format"))?
            }
            Family::Picture | Family::Drawing | Family::Video | Family::Sound | Family::Other => {
                found.content_type.to_owned()
            }
        };
        Ok(Self {
            content_type,
            extension: found.extension,
            bytes,
        })
    }

    /// As [`Self::read`], for inputs that accept only pictures. Fails with kind `Invalid` for files
    /// that are certainly not pictures: documents, archives, programs, audio. Videos are accepted,
    /// because a picture in an ISO container of an unknown brand looks like one.
    pub fn as_picture(self) -> Result<Self> {
        let head = &self.bytes[..self.bytes.len().min(HEAD_BYTES)];
        match sniff(head).family {
            Family::Other | Family::Sound => Err(invalid(&format!(
                "contains a file of type {}, not a picture",
                self.content_type
            ))),
            Family::Unknown if is_program(head) => {
                Err(invalid("contains a program, not a picture"))
            }
            _ => Ok(self),
        }
    }

    /// The normal form in which inputs are stored.
    pub fn data_uri(&self) -> String {
        format!(
            "data:{};base64,{}",
            self.content_type,
            STANDARD.encode(&self.bytes)
        )
    }
}

fn invalid(why: &str) -> Error {
    Error::invalid(
        "invalid_data_uri",
        format!("the data: URI {why}; it must look like data:image/png;base64,…"),
    )
}

fn not_media() -> Error {
    Error::invalid(
        "invalid_parameter",
        "a picture must be an https URL, an uploaded file's URL, a data: URI or the file itself as base64",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn code(text: &str) -> &'static str {
        InputFile::read(text, 1_000)
            .expect_err("the test expects an error")
            .code
    }

    #[test]
    fn the_bytes_tell_the_type_and_one_form_is_kept() {
        for text in [
            PNG.to_owned(),
            format!("data:image/jpeg;base64,{PNG}"),
            format!("data:application/octet-stream;base64,{PNG}"),
            format!("data:;base64,{}", PNG.trim_end_matches('=')),
        ] {
            let file = InputFile::read(&text, 1_000).unwrap();

            assert_eq!(
                (file.content_type.as_str(), file.extension),
                ("image/png", "png")
            );
            assert_eq!(file.data_uri(), format!("data:image/png;base64,{PNG}"));
        }
    }

    #[test]
    fn a_picture_that_nobody_here_knows_keeps_the_name_that_it_was_given() {
        let file = InputFile::read("data:image/x-new;charset=a/b;base64,AAECAwQ=", 1_000).unwrap();

        assert_eq!(
            (file.content_type.as_str(), file.extension),
            ("image/x-new", "bin")
        );
    }

    #[test]
    fn text_and_nothing_are_no_pictures() {
        for text in [
            "data:text/html;base64,PGI+",
            "data:image/png;base64,aGVsbG8=",
            "data:image/png;base64,",
        ] {
            assert_eq!(code(text), "invalid_data_uri", "{text}");
        }
        for text in [
            "data:",
            "data:image/png;base64,@@@@",
            "data:application/x-new;base64,AAECAwQ=",
        ] {
            assert_eq!(code(text), "invalid_data_uri", "{text}");
        }
        for text in [
            "not a url",
            "ftp://files.example/a.png",
            "/home/me/a.png",
            "aGVsbG8=",
            "AAECAwQ=",
        ] {
            assert_eq!(code(text), "invalid_parameter", "{text}");
        }
        assert_eq!(
            InputFile::read(PNG, 10).expect_err("it is larger").kind,
            Kind::TooLarge
        );
    }

    #[test]
    fn what_is_surely_no_picture_is_refused_where_pictures_alone_are_taken() {
        let read = |declared: &str, bytes: &[u8]| {
            InputFile::read(
                &format!("data:{declared};base64,{}", STANDARD.encode(bytes)),
                1_000,
            )
            .unwrap()
            .as_picture()
        };
        let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 60]].concat();

        for (declared, bytes) in [
            ("application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3".as_slice()),
            ("image/png", b"%PDF-1.4\n1 0 obj"),
            ("application/zip", b"PK\x03\x04\x14\0\0\0"),
            ("audio/mpeg", b"ID3\x03\0\0\0\0\0\0"),
            ("image/png", &elf),
            ("image/png", b"MZ\x90\0\x03\0\0\0"),
        ] {
            assert_eq!(
                read(declared, bytes).unwrap_err().code,
                "invalid_data_uri",
                "{declared} {bytes:?}"
            );
        }
        for (declared, bytes) in [
            ("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice()),
            (
                "image/svg+xml",
                b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            ),
            ("image/heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            ("image/x-next-year", b"\0\0\0\x18ftypzzzz\0\0\0\0mif1zzzz"),
            ("image/x-new", b"\0\x01\x02\x03"),
        ] {
            assert!(read(declared, bytes).is_ok(), "{declared}");
        }
    }
}

//! Detects a file's type from its first bytes, regardless of its name and its declared type. Most
//! formats are detected by the crate `infer`.

use std::sync::LazyLock;

use infer::{Infer, MatcherType, Type};
use serde::de::IgnoredAny;

use super::{OCTET_STREAM, matchers};

/// Enough bytes for every matcher.
pub const HEAD_BYTES: usize = 8 * 1024;

/// A file's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    pub content_type: &'static str,
    /// Without the dot; letters and digits only.
    pub extension: &'static str,
    pub family: Family,
}

/// The classification that decisions are based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A raster picture.
    Picture,
    /// A vector picture that may contain scripts: SVG.
    Drawing,
    Video,
    Sound,
    /// An archive, document, 3D model or weights: known, but none of the above.
    Other,
    Json,
    Text,
    /// HTML, or XML other than a drawing.
    Markup,
    /// Unknown binary data.
    Unknown,
}

const fn media_type(
    content_type: &'static str,
    extension: &'static str,
    family: Family,
) -> MediaType {
    MediaType {
        content_type,
        extension,
        family,
    }
}

const UNKNOWN: MediaType = media_type(OCTET_STREAM, "bin", Family::Unknown);
/// Stored under a type that no browser opens.
const MARKUP: MediaType = media_type(OCTET_STREAM, "bin", Family::Markup);
const JSON: MediaType = media_type("application/json", "json", Family::Json);
const TEXT: MediaType = media_type("text/plain; charset=utf-8", "txt", Family::Text);

/// Custom matchers are tried first.
static MATCHERS: LazyLock<Infer> = LazyLock::new(|| {
    let mut infer = Infer::new();
    // Starts with a length, which may look like the two or three magic bytes of other formats.
    infer.add(OCTET_STREAM, "safetensors", matchers::is_safetensors);
    infer.add("model/gltf-binary", "glb", matchers::is_glb);
    infer.add("audio/mpeg", "mp3", matchers::is_mpeg_layer_3);
    infer.add("image/heif", "heif", matchers::is_heif);
    infer.add("video/mp4", "mp4", matchers::is_other_iso_media);
    infer
});

/// True for extensions of files that are detected from their bytes and are not text.
pub(super) fn knows(extension: &str) -> bool {
    MATCHERS.is_supported(extension) || extension == "svg"
}

/// From the first [`HEAD_BYTES`] of a file, or all of a shorter file.
pub fn sniff(head: &[u8]) -> MediaType {
    let is_cut = head.len() >= HEAD_BYTES;
    let found = MATCHERS.get(head);
    if matchers::is_text(head, is_cut) {
        // A sentence that happens to start with two magic letters is not a picture.
        return text(head, is_cut, found);
    }
    found.map_or(UNKNOWN, of_bytes)
}

/// True for executables. They are [`Family::Unknown`], because they are stored as plain bytes.
pub(super) fn is_program(head: &[u8]) -> bool {
    infer::app::is_elf(head)
        || infer::app::is_exe(head)
        || infer::app::is_wasm(head)
        || infer::app::is_java(head)
}

fn of_bytes(found: Type) -> MediaType {
    let known = |family| media_type(found.mime_type(), found.extension(), family);
    match found.matcher_type() {
        MatcherType::Archive | MatcherType::Doc | MatcherType::Book | MatcherType::Font => {
            known(Family::Other)
        }
        MatcherType::App | MatcherType::Text => UNKNOWN,
        MatcherType::Image | MatcherType::Video | MatcherType::Audio | MatcherType::Custom => {
            known(match found.mime_type().split('/').next() {
                Some("image") => Family::Picture,
                Some("video") => Family::Video,
                Some("audio") => Family::Sound,
                _ => Family::Other,
            })
        }
    }
}

fn text(head: &[u8], is_cut: bool, found: Option<Type>) -> MediaType {
    if matchers::is_svg(head) {
        return media_type("image/svg+xml", "svg", Family::Drawing);
    }
    if matchers::is_markup(head) {
        return MARKUP;
    }
    match found.map(|found| found.mime_type()) {
        Some("application/pdf") => media_type("application/pdf", "pdf", Family::Other),
        _ if is_json(head, is_cut) => JSON,
        _ => TEXT,
    }
}

/// An object or an array, as far as can be seen.
fn is_json(head: &[u8], is_cut: bool) -> bool {
    let head = matchers::without_bom(head).trim_ascii_start();
    matches!(head, [b'{' | b'[', ..])
        && match serde_json::from_slice::<IgnoredAny>(head) {
            Ok(_) => true,
            Err(error) => is_cut && error.is_eof(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: &[u8]) -> (&'static str, &'static str) {
        let found = sniff(head);
        (found.content_type, found.extension)
    }

    #[test]
    fn media_are_told_by_their_first_bytes() {
        assert_eq!(told(b"\xff\xd8\xff\xe0\0\x10JFIF"), ("image/jpeg", "jpg"));
        assert_eq!(told(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), ("image/png", "png"));
        assert_eq!(told(b"RIFF\x24\0\0\0WEBPVP8 "), ("image/webp", "webp"));
        assert_eq!(told(b"GIF89a\x01\0\x01\0"), ("image/gif", "gif"));
        assert_eq!(
            told(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"),
            ("video/mp4", "mp4")
        );
        assert_eq!(told(b"ID3\x03\0\0\0\0\0\0"), ("audio/mpeg", "mp3"));
        assert_eq!(told(b"RIFF\x24\0\0\0WAVEfmt "), ("audio/x-wav", "wav"));
    }

    #[test]
    fn a_container_of_iso_media_is_told_by_its_brand_and_an_unknown_brand_is_a_video() {
        let of_brand = |brand: &str| {
            let mut head = b"\0\0\0\x18ftyp".to_vec();
            head.extend_from_slice(brand.as_bytes());
            head.extend_from_slice(b"\0\0\0\0mp42mp41\0\0\0\x08mdat");
            told(&head)
        };

        for brand in [
            "iso7", "iso8", "iso9", "isoa", "hvc1", "hev1", "cmfc", "cmfs", "XAVC", "3gp5", "3g2a",
            "dby1", "zzzz",
        ] {
            assert_eq!(of_brand(brand), ("video/mp4", "mp4"), "{brand}");
        }
        for brand in [
            "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "mif2", "msf1",
        ] {
            assert_eq!(of_brand(brand), ("image/heif", "heif"), "{brand}");
        }
        assert_eq!(of_brand("avif"), ("image/avif", "avif"));
        assert_eq!(of_brand("qt  "), ("video/quicktime", "mov"));
        assert_eq!(of_brand("M4A "), ("audio/m4a", "m4a"));
        assert_eq!(
            told(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif\0\0\0\x08meta"),
            ("image/avif", "avif")
        );
    }

    #[test]
    fn sound_without_a_tag_is_told_by_its_frame_and_other_sync_words_are_not_taken_for_it() {
        for head in [
            &b"\xff\xfa\x90\x64\0\0"[..],
            b"\xff\xfb\x90\x64\0\0",
            b"\xff\xf3\x40\xc4\0\0",
            b"\xff\xe3\x18\xc4\0\0",
        ] {
            assert_eq!(told(head), ("audio/mpeg", "mp3"), "{head:?}");
        }
        assert_eq!(told(b"\xff\xf1\x50\x80\0\x1f").0, "audio/aac");
        for head in [
            &b"\xff\xea\x90\x64\0\0"[..],
            b"\xff\xe3\xf8\xc4\0\0",
            b"\xff\xe3\x1c\xc4\0\0",
            b"\xff\xfe<\0h\0",
        ] {
            assert_eq!(told(head), (OCTET_STREAM, "bin"), "{head:?}");
        }
    }

    #[test]
    fn models_weights_archives_and_documents_are_known_and_are_no_media() {
        for (head, content_type, extension) in [
            (&b"glTF\x02\0\0\0\x14\0\0\0"[..], "model/gltf-binary", "glb"),
            (b"\x02\0\0\0\0\0\0\0{}", OCTET_STREAM, "safetensors"),
            (b"PK\x03\x04\x14\0\0\0", "application/zip", "zip"),
            (b"\x1f\x8b\x08\0\0\0\0\0", "application/gzip", "gz"),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf", "pdf"),
            (b"%PDF-1.4\n1 0 obj", "application/pdf", "pdf"),
        ] {
            assert_eq!(told(head), (content_type, extension));
            assert_eq!(sniff(head).family, Family::Other);
        }
    }

    /// A header of 2815 bytes starts like JPEG XL, one of 64511 like MP3, one of 19778 like BMP,
    /// one of 4606279 like GIF.
    #[test]
    fn the_length_that_weights_begin_with_is_not_taken_for_another_file_s_first_bytes() {
        for length in [2_815_u64, 64_511, 19_778, 4_606_279, 40_223] {
            let mut head = length.to_le_bytes().to_vec();
            head.extend_from_slice(b"{\"__metadata__\":");

            assert_eq!(told(&head), (OCTET_STREAM, "safetensors"), "{length}");
        }
    }

    #[test]
    fn text_is_text_whatever_letters_it_begins_with() {
        for text in [
            "Eine rote Tasse.",
            "BMW cars",
            "GIF of a cat",
            "ID3 tags",
            "MAC and cheese",
            "{oops",
            "#!/bin/sh",
            "%!",
        ] {
            assert_eq!(
                told(text.as_bytes()),
                ("text/plain; charset=utf-8", "txt"),
                "{text}"
            );
        }
        for json in ["{\"caption\":\"a cup\"}", "\u{feff} [1,\n2]", "[]"] {
            assert_eq!(
                told(json.as_bytes()),
                ("application/json", "json"),
                "{json}"
            );
        }
        let long = |start: &str| {
            format!("{start}{}", "ü".repeat(HEAD_BYTES)).into_bytes()[..HEAD_BYTES].to_vec()
        };
        assert_eq!(told(&long("{\"caption\":\"")).0, "application/json");
        assert_eq!(told(&long("x")).0, "text/plain; charset=utf-8");
    }

    #[test]
    fn drawings_are_known_behind_whatever_stands_before_them_and_pages_are_none() {
        for drawing in [
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
            "\u{feff}\n<?xml version=\"1.0\"?>\n<!-- <html> -->\n<svg>",
            "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x.dtd\" [ <!ENTITY a \"b>\"> ]><svg\n",
            "<svg:svg xmlns:svg=\"x\">",
        ] {
            assert_eq!(
                told(drawing.as_bytes()),
                ("image/svg+xml", "svg"),
                "{drawing}"
            );
        }
        for page in [
            "<!doctype html><title>x</title>",
            "  <HTML lang=en><svg>",
            "<?xml version=\"1.0\"?><Error>",
            "<!-- a --><p>",
            "<svgx>",
            "<b>",
        ] {
            assert_eq!(
                (told(page.as_bytes()), sniff(page.as_bytes()).family),
                ((OCTET_STREAM, "bin"), Family::Markup),
                "{page}"
            );
        }
    }

    #[test]
    fn programs_and_what_nobody_knows_are_only_bytes() {
        for head in [
            &b"\x7fELF\x02\x01\x01"[..],
            b"MZ\x90\0\x03",
            b"\0asm\x01\0\0\0",
            b"\x93NUMPY\x01\0",
            b"\xfe\xff\0<\0h",
            b"",
        ] {
            assert_eq!(sniff(head), UNKNOWN, "{head:?}");
        }
    }
}

//! Files: detecting their type from their bytes, whether a browser may show them, and files
//! embedded in text.

mod data_uri;
mod input;
mod kind;
mod matchers;
mod names;
mod promise;
mod sniff;

pub use data_uri::{DataUri, Unreadable};
pub use input::InputFile;
pub use kind::MediaKind;
pub use names::key_extension;
pub use promise::Promise;
use sniff::is_program;
pub use sniff::{Family, HEAD_BYTES, MediaType, sniff};

/// The type of unknown files.
pub const OCTET_STREAM: &str = "application/octet-stream";
/// Makes a browser save a file instead of opening it as a page.
pub const ATTACHMENT: &str = "attachment";

/// True for types that a browser may show by itself: raster pictures, video and audio. A page or a
/// drawing (SVG) would run scripts in the origin that serves it.
pub fn is_inline(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let of_a_kind = |kind: &str| essence.starts_with(kind);
    (of_a_kind("image/") || of_a_kind("video/") || of_a_kind("audio/")) && !essence.ends_with("xml")
}

/// The `Content-Disposition` for files of this type, if any.
pub fn disposition(content_type: &str) -> Option<&'static str> {
    (!is_inline(content_type)).then_some(ATTACHMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_videos_and_sounds_are_shown_and_all_else_is_an_attachment() {
        for shown in [
            "image/png",
            "IMAGE/JPEG",
            "image/avif",
            "video/mp4; codecs=avc1",
            "audio/mpeg",
        ] {
            assert_eq!(disposition(shown), None, "{shown}");
        }
        for plain in [
            "image/svg+xml",
            " Image/SVG+XML; charset=utf-8",
            "text/html",
            "text/plain; charset=utf-8",
            "application/json",
            "application/xhtml+xml",
            "model/gltf-binary",
            OCTET_STREAM,
            "",
            "image",
        ] {
            assert_eq!(disposition(plain), Some("attachment"), "{plain}");
        }
    }
}

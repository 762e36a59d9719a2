//! What a file is by its first bytes, whatever its server calls it. Only pictures, videos and sounds are anything: a web page
//! or an SVG served from a tenant's bucket would run scripts there.

use infer::MatcherType;

/// Enough for every matcher of `infer` that looks for media.
pub(super) const HEAD_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediaType {
    pub(super) content_type: &'static str,
    /// Without the dot.
    pub(super) extension: &'static str,
}

pub(super) fn sniff(head: &[u8]) -> Option<MediaType> {
    let found = infer::get(head)?;
    let is_media = matches!(found.matcher_type(), MatcherType::Image | MatcherType::Video | MatcherType::Audio);
    is_media.then(|| MediaType { content_type: found.mime_type(), extension: found.extension() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: &[u8]) -> Option<(&'static str, &'static str)> {
        sniff(head).map(|media_type| (media_type.content_type, media_type.extension))
    }

    #[test]
    fn media_are_told_by_their_first_bytes() {
        assert_eq!(told(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some(("image/jpeg", "jpg")));
        assert_eq!(told(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(("image/png", "png")));
        assert_eq!(told(b"RIFF\x24\0\0\0WEBPVP8 "), Some(("image/webp", "webp")));
        assert_eq!(told(b"GIF89a\x01\0\x01\0"), Some(("image/gif", "gif")));
        assert_eq!(told(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41"), Some(("video/mp4", "mp4")));
        assert_eq!(told(b"ID3\x03\0\0\0\0\0\0"), Some(("audio/mpeg", "mp3")));
        assert_eq!(told(b"RIFF\x24\0\0\0WAVEfmt "), Some(("audio/x-wav", "wav")));
    }

    #[test]
    fn pages_drawings_with_scripts_archives_and_programs_are_not_media() {
        for head in [
            &b"<!DOCTYPE html><html><body>"[..],
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>",
            b"<?xml version=\"1.0\"?><svg>",
            b"PK\x03\x04\x14\0\0\0",
            b"%PDF-1.7",
            b"\x7fELF\x02\x01\x01",
            b"{\"error\":\"expired\"}",
            b"plain text",
            b"",
        ] {
            assert_eq!(told(head), None, "{:?}", String::from_utf8_lossy(head));
        }
    }
}

//! File extensions: what they imply about a file, and which one an object's key gets.

use url::Url;

use super::{Family, MediaType, sniff};

/// Extensions whose files are text.
pub(super) const TEXTS: [&str; 22] = [
    "txt", "text", "md", "json", "jsonl", "ndjson", "geojson", "csv", "tsv", "srt", "vtt", "ass",
    "lrc", "yaml", "yml", "toml", "log", "gltf", "rtf", "ps", "pem", "sh",
];
/// Extensions of markup files, which start like a web page.
pub(super) const MARKUPS: [&str; 5] = ["html", "htm", "xhtml", "xml", "dae"];
/// Extensions of files that may be text or binary.
pub(super) const EITHER: [&str; 7] = ["obj", "mtl", "ply", "stl", "pcd", "usd", "cube"];
/// Extensions of binary files, besides those that are detected from their bytes.
pub(super) const BYTES: [&str; 22] = [
    "jpeg", "jfif", "heic", "tiff", "exr", "hdr", "mpeg", "3gp", "oga", "ogv", "weba", "fbx",
    "usdz", "splat", "spz", "bin", "ckpt", "pt", "pth", "npy", "npz", "tgz",
];

/// The extension in the last path segment of an address: short, and only letters and digits.
pub(super) fn extension(source: &str) -> Option<String> {
    let url = Url::parse(source)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let (_, extension) = url.path().rsplit('/').next()?.rsplit_once('.')?;
    let is_one = (1..=11).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then(|| extension.to_ascii_lowercase())
}

/// The extension for an object's key: from the file's bytes, or if they are inconclusive, from its
/// address if the extension is known.
pub fn key_extension(source: &str, found: &MediaType) -> &'static str {
    let open: &[&[&'static str]] = match found.family {
        Family::Unknown => &[&BYTES, &EITHER],
        Family::Text => &[&TEXTS, &EITHER],
        Family::Picture
        | Family::Drawing
        | Family::Video
        | Family::Sound
        | Family::Other
        | Family::Json
        | Family::Markup => &[],
    };
    let known = open.iter().copied().flatten().copied();
    let named = || {
        extension(source).and_then(|extension| known.into_iter().find(|known| *known == extension))
    };
    named().unwrap_or(found.extension)
}

/// True for extensions of binary files.
pub(super) fn is_of_bytes(extension: &str) -> bool {
    BYTES.contains(&extension) || sniff::knows(extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::media::sniff as told;

    #[test]
    fn a_key_ends_with_what_the_bytes_say_and_else_with_a_known_extension_of_the_address() {
        let picture = told(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        let (unknown, text, page) = (told(b"\0\x01"), told(b"v 1 0 0"), told(b"<p>x"));
        for (source, found, extension) in [
            ("https://cdn.example/a.jpg", &picture, "png"),
            ("https://cdn.example/mesh.FBX?sig=a", &unknown, "fbx"),
            ("https://cdn.example/mesh.ply", &unknown, "ply"),
            ("https://cdn.example/mesh.obj", &text, "obj"),
            ("https://cdn.example/subtitles.srt", &text, "srt"),
            ("https://cdn.example/a.html", &unknown, "bin"),
            ("https://cdn.example/a.svg", &unknown, "bin"),
            ("https://cdn.example/a.html", &text, "txt"),
            ("https://cdn.example/a.html", &page, "bin"),
            ("https://cdn.example/a.%2e%2e%2f", &unknown, "bin"),
            ("A cup.npz", &text, "txt"),
        ] {
            assert_eq!(key_extension(source, found), extension, "{source}");
        }
    }
}

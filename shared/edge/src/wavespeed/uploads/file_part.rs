//! What a form says of its file: a name and a type, made safe and complete.

use fluxgate_core::media::{HEAD_BYTES, OCTET_STREAM, sniff};
use fluxgate_core::unprintable::is_unprintable;

const FILENAME_CHARS_MAX: usize = 200;

/// The last segment of a path, since some clients send paths; without characters that end a header.
pub(super) fn file_name(sent: &str) -> String {
    let name = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|sign| !is_unprintable(*sign))
        .take(FILENAME_CHARS_MAX)
        .collect();
    if matches!(name.trim(), "" | "." | "..") {
        "upload".to_owned()
    } else {
        name
    }
}

/// The declared type, or if there is none, the type detected from the first bytes.
pub(super) fn content_type(declared: Option<String>, first: &[u8]) -> String {
    let told = declared.filter(|declared| !declared.eq_ignore_ascii_case(OCTET_STREAM));
    told.unwrap_or_else(|| {
        sniff(&first[..first.len().min(HEAD_BYTES)])
            .content_type
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_the_last_part_of_its_path_and_holds_nothing_that_ends_a_header() {
        for (sent, kept) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\photos\\my \"cat\".png", "my \"cat\".png"),
            ("a\r\nx: y.png", "ax: y.png"),
            ("photos/", "upload"),
            ("..", "upload"),
            ("", "upload"),
        ] {
            assert_eq!(file_name(sent), kept, "{sent:?}");
        }
        assert_eq!(
            file_name(&"ü".repeat(999)).chars().count(),
            FILENAME_CHARS_MAX
        );
    }

    #[test]
    fn a_type_that_the_client_leaves_open_is_told_by_the_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (declared, first, told) in [
            (None, &png[..], "image/png"),
            (Some("application/octet-stream"), png, "image/png"),
            (Some("image/webp"), png, "image/webp"),
            (None, b"\0\x01", OCTET_STREAM),
            (None, b"", OCTET_STREAM),
        ] {
            assert_eq!(
                content_type(declared.map(str::to_owned), first),
                told,
                "{declared:?}"
            );
        }
    }
}

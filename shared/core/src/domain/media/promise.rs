//! What the provider led us to expect of an output. A server that has lost a file often answers 200
//! with an error page; where another kind of file was expected, that page is not the output.

use super::names::{EITHER, MARKUPS, TEXTS, extension, is_of_bytes};
use super::{Family, MediaKind, is_inline};

/// What an output is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promise {
    /// Nothing is known: whatever arrives is the output.
    #[default]
    Nothing,
    /// A page or markup, which cannot be told apart from a server's error page.
    Markup,
    /// Text of any kind other than markup.
    Text,
    /// Binary: a picture, video, audio, model or archive.
    Bytes,
}

impl Promise {
    /// From the extension of its address, or else from what its model produces.
    pub fn of(source: &str, made: Option<MediaKind>) -> Self {
        let of_model = || {
            if made.is_some() {
                Self::Bytes
            } else {
                Self::Nothing
            }
        };
        extension(source)
            .and_then(|extension| Self::of_extension(&extension))
            .unwrap_or_else(of_model)
    }

    /// For an embedded file, from its declared type.
    pub fn of_content_type(content_type: &str) -> Self {
        if is_inline(content_type) {
            Self::Bytes
        } else {
            Self::Nothing
        }
    }

    /// `None` for an inconclusive extension, or one whose files may be text or binary.
    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            text if TEXTS.contains(&text) => Some(Self::Text),
            markup if MARKUPS.contains(&markup) => Some(Self::Markup),
            either if EITHER.contains(&either) => None,
            bytes if is_of_bytes(bytes) => Some(Self::Bytes),
            _ => None,
        }
    }

    /// True if the received file is text where a binary file was promised.
    pub fn is_broken_by(self, found: Family) -> bool {
        match (self, found) {
            (Self::Bytes, Family::Text | Family::Json | Family::Markup)
            | (Self::Text, Family::Markup) => true,
            (Self::Nothing | Self::Markup | Self::Text | Self::Bytes, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_of_the_address_decides_and_without_one_what_the_model_makes() {
        let image = MediaKind::of_model_type("image-to-image");
        for (source, made, promised) in [
            ("https://cdn.example/a/out.png", None, Promise::Bytes),
            (
                "https://cdn.example/a/out.PNG?X-Amz-Signature=a.txt",
                None,
                Promise::Bytes,
            ),
            (
                "https://cdn.example/lora.safetensors",
                MediaKind::of_model_type("training"),
                Promise::Bytes,
            ),
            ("https://cdn.example/out.json", image, Promise::Text),
            ("https://cdn.example/out.svg", None, Promise::Bytes),
            ("https://cdn.example/page.html", image, Promise::Markup),
            (
                "https://cdn.example/mesh.glb",
                MediaKind::of_model_type("image-to-3d"),
                Promise::Bytes,
            ),
            (
                "https://cdn.example/mesh.obj",
                MediaKind::of_model_type("image-to-3d"),
                Promise::Nothing,
            ),
            ("https://cdn.example/download.php", None, Promise::Nothing),
            ("https://cdn.example/download.php", image, Promise::Bytes),
            ("https://cdn.example/out", image, Promise::Bytes),
            (
                "https://cdn.example/v1.2/out",
                MediaKind::of_model_type("text-to-video"),
                Promise::Bytes,
            ),
            (
                "https://cdn.example/out",
                MediaKind::of_model_type("text-to-audio"),
                Promise::Bytes,
            ),
            (
                "https://cdn.example/out",
                MediaKind::of_model_type("image-to-text"),
                Promise::Nothing,
            ),
            (
                "https://cdn.example/out",
                MediaKind::of_model_type("image-to-3d"),
                Promise::Nothing,
            ),
            (
                "https://cdn.example/out",
                MediaKind::of_model_type("training"),
                Promise::Nothing,
            ),
            (
                "https://cdn.example/out",
                MediaKind::of_model_type("image-captioning"),
                Promise::Nothing,
            ),
            ("https://cdn.example/out", None, Promise::Nothing),
            ("https://cdn.example/out.a-b", image, Promise::Bytes),
            ("a cup.", image, Promise::Bytes),
        ] {
            assert_eq!(Promise::of(source, made), promised, "{source} {made:?}");
        }
    }

    #[test]
    fn text_in_place_of_a_file_breaks_the_promise_and_a_file_of_another_kind_does_not() {
        for (promised, found, broken) in [
            (Promise::Bytes, Family::Markup, true),
            (Promise::Bytes, Family::Json, true),
            (Promise::Bytes, Family::Text, true),
            (Promise::Bytes, Family::Picture, false),
            (Promise::Bytes, Family::Drawing, false),
            (Promise::Bytes, Family::Unknown, false),
            (Promise::Text, Family::Markup, true),
            (Promise::Text, Family::Json, false),
            (Promise::Text, Family::Unknown, false),
            (Promise::Markup, Family::Markup, false),
            (Promise::Nothing, Family::Markup, false),
        ] {
            assert_eq!(
                promised.is_broken_by(found),
                broken,
                "{promised:?} {found:?}"
            );
        }
    }
}

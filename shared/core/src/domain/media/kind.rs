//! What a model produces, according to the catalogue.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    Picture,
    Video,
    Sound,
}

/// Suffixes of a model's `type`, and what such a model produces.
const ENDINGS: [(&str, MediaKind); 6] = [
    ("-to-image", MediaKind::Picture),
    ("-to-video", MediaKind::Video),
    ("-to-audio", MediaKind::Sound),
    ("-to-speech", MediaKind::Sound),
    ("-to-music", MediaKind::Sound),
    ("-to-sound", MediaKind::Sound),
];

impl MediaKind {
    /// From a catalogue entry's `type`, such as `image-to-image`. `None` if it is inconclusive, or
    /// names text, 3D models or weights.
    pub fn of_model_type(model_type: &str) -> Option<Self> {
        let model_type = model_type.trim().to_ascii_lowercase();
        ENDINGS
            .iter()
            .find(|(ending, _)| model_type.ends_with(ending))
            .map(|(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_makes_is_the_end_of_its_type() {
        for (model_type, kind) in [
            ("image-to-image", Some(MediaKind::Picture)),
            ("Text-to-Video", Some(MediaKind::Video)),
            ("text-to-speech", Some(MediaKind::Sound)),
            ("image-to-text", None),
            ("image-to-3d", None),
            ("training", None),
            ("image-captioning", None),
            ("", None),
        ] {
            assert_eq!(MediaKind::of_model_type(model_type), kind, "{model_type}");
        }
    }
}

//! Which look a prompt asks for. Keywords count from the start of a word only, so that neither
//! "economical" is a comic nor Renoir a film noir; the first filter in the list wins.

use super::canvas::Canvas;
use super::{
    blur, cartoon, monochrome, negative, oil, pixel_art, sepia, sketch, tone, watercolour, woodcut,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Watercolour,
    Sketch,
    Monochrome,
    PixelArt,
    Sepia,
    Woodcut,
    Oil,
    Cartoon,
    Blur,
    Negative,
    Tone,
}

const KEYWORDS: [(Filter, &[&str]); 10] = [
    (
        Filter::Watercolour,
        &[
            "watercolour",
            "watercolor",
            "water colour",
            "water color",
            "aquarelle",
        ],
    ),
    (Filter::Sketch, &["sketch", "pencil", "drawing", "charcoal"]),
    (
        Filter::Monochrome,
        &[
            "black and white",
            "monochrome",
            "grayscale",
            "greyscale",
            "noir",
        ],
    ),
    (
        Filter::PixelArt,
        &["pixel art", "pixelart", "8 bit", "8bit"],
    ),
    (Filter::Sepia, &["sepia", "vintage", "old photo"]),
    (Filter::Woodcut, &["woodcut", "linocut", "engraving"]),
    (Filter::Oil, &["oil painting", "impasto", "van gogh"]),
    (Filter::Cartoon, &["cartoon", "comic", "anime"]),
    (Filter::Blur, &["blur", "dreamy"]),
    (Filter::Negative, &["negative", "invert"]),
];

impl Filter {
    pub(super) fn of_prompt(prompt: &str) -> Self {
        let words = words_of(prompt);
        let asks_for = |keyword: &&str| words.contains(&format!(" {keyword}"));
        KEYWORDS
            .iter()
            .find(|(_, keywords)| keywords.iter().any(asks_for))
            .map_or(Self::Tone, |(filter, _)| *filter)
    }

    pub(super) fn applied_to(self, picture: &Canvas, seed: u64) -> Canvas {
        match self {
            Self::Watercolour => watercolour::painted(picture, seed),
            Self::Sketch => sketch::drawn(picture, seed),
            Self::Monochrome => monochrome::developed(picture, seed),
            Self::PixelArt => pixel_art::pixelated(picture, seed),
            Self::Sepia => sepia::aged(picture, seed),
            Self::Woodcut => woodcut::printed(picture, seed),
            Self::Oil => oil::painted(picture, seed),
            Self::Cartoon => cartoon::inked(picture),
            Self::Blur => blur::dreamt(picture),
            Self::Negative => negative::inverted(picture),
            Self::Tone => tone::graded(picture, seed),
        }
    }
}

/// The prompt in lower case, one space before each word and nothing else between them: `" 8 bit
/// pixel art"`.
fn words_of(prompt: &str) -> String {
    let lower = prompt.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .fold(String::new(), |mut text, word| {
            text.push(' ');
            text.push_str(word);
            text
        })
}

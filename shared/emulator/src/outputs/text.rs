//! Words: one sentence that says what was asked, and the same as JSON with times.

use bytes::Bytes;
use serde_json::json;

use super::Order;
use crate::filters::random::SplitMix64;

const ASKED_CHARS_MAX: usize = 120;
const LIGHTS: [&str; 5] = ["soft", "warm", "harsh", "low", "even"];
const THINGS: [&str; 5] = ["shapes", "lines", "shadows", "colours", "planes"];

pub(super) fn sentence(order: &Order<'_>, random: &mut SplitMix64) -> String {
    let asked: String = order.words.chars().take(ASKED_CHARS_MAX).collect();
    let seen = match &order.source {
        Some(picture) => format!(" on {} by {} pixels", picture.width(), picture.height()),
        None => String::new(),
    };
    let (light, thing) = (
        LIGHTS[random.below(LIGHTS.len())],
        THINGS[random.below(THINGS.len())],
    );
    format!("The emulator answers \"{asked}\" with {light} {thing}{seen}.")
}

/// The sentence, and each of its words with the second at which it begins.
pub(super) fn json(order: &Order<'_>, random: &mut SplitMix64) -> Bytes {
    let text = sentence(order, random);
    let segment = |(index, word): (usize, &str)| {
        let start = index as f64 * 0.5;
        json!({"start": start, "end": start + 0.5, "text": word})
    };
    let segments: Vec<_> = text.split(' ').enumerate().map(segment).collect();
    json!({"text": text, "segments": segments})
        .to_string()
        .into()
}

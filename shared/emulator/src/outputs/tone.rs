//! Sounds as samples: a tune of plain tones, and a murmur with the rhythm of a text.

use std::f32::consts::TAU;

use crate::filters::random::SplitMix64;

pub(super) const SAMPLES_PER_SECOND: u32 = 22_050;
/// A pentatonic scale from A3, in hertz.
const SCALE: [f32; 6] = [220.0, 246.94, 277.18, 329.63, 369.99, 440.0];
const NOTES: usize = 8;
const NOTE_SECONDS: f32 = 0.25;
const WORDS_MAX: usize = 60;
const LETTER_SECONDS: f32 = 0.04;
const PAUSE_SECONDS: f32 = 0.08;

/// Two seconds of music.
pub(super) fn tune(random: &mut SplitMix64) -> Vec<i16> {
    (0..NOTES)
        .flat_map(|_| note(SCALE[random.below(SCALE.len())], NOTE_SECONDS))
        .collect()
}

/// One tone per word, as long as the word.
pub(super) fn speech(text: &str, random: &mut SplitMix64) -> Vec<i16> {
    let words = text.split_whitespace().take(WORDS_MAX);
    let spoken = words.flat_map(|word| {
        let seconds = LETTER_SECONDS * word.chars().take(20).count() as f32;
        let pause = vec![0; samples(PAUSE_SECONDS)];
        [note(random.between(120.0, 180.0), seconds), pause].concat()
    });
    spoken.collect()
}

/// A tone that fades in and out, so that it does not click.
fn note(hertz: f32, seconds: f32) -> Vec<i16> {
    let count = samples(seconds);
    let sample = |index: usize| {
        let through = index as f32 / count as f32;
        let loudness = (through * 10.0).min((1.0 - through) * 4.0).min(1.0);
        let time = index as f32 / SAMPLES_PER_SECOND as f32;
        ((TAU * hertz * time).sin() * loudness * 12_000.0) as i16
    };
    (0..count).map(sample).collect()
}

fn samples(seconds: f32) -> usize {
    (seconds * SAMPLES_PER_SECOND as f32) as usize
}

//! The look for all other prompts: hues shifted, contrast changed, shadows and highlights tinted,
//! all from the prompt's seed.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, mix, smoothstep};
use super::oklab::{self, Lab};
use super::random::SplitMix64;
use std::f32::consts::{PI, TAU};

struct Grade {
    ticket: f32,
    chroma: f32,
    contrast: f32,
    shadow: Lab,
    light: Lab,
}

pub(super) fn graded(picture: &Canvas, seed: u64) -> Canvas {
    let grade = grade_of(seed);
    picture.map(|pixel| regraded(pixel, &grade))
}

/// Never a small ticket, which would pass for no edit at all; shadow and light tints face each
/// other on the wheel.
fn grade_of(seed: u64) -> Grade {
    let mut random = SplitMix64::new(seed);
    let hue = random.between(0.0, TAU);
    Grade {
        ticket: random.between(0.35 * PI, 1.65 * PI),
        chroma: random.between(1.0, 1.3),
        contrast: random.between(0.35, 0.9),
        shadow: oklab::from_hue(0.02, 0.055, hue),
        light: oklab::from_hue(0.0, 0.045, hue + random.between(0.75, 1.25) * PI),
    }
}

fn regraded(pixel: Rgb, grade: &Grade) -> Rgb {
    let [lightness, a, b] = oklab::from_rgb(pixel);
    let (sin, cos) = grade.ticket.sin_cos();
    let turned = [
        contrasted(lightness, grade.contrast),
        (a * cos - b * sin) * grade.chroma,
        (a * sin + b * cos) * grade.chroma,
    ];
    let bright = smoothstep(0.15, 0.85, lightness);
    oklab::into_rgb(std::array::from_fn(|i| {
        turned[i] + mix(grade.shadow[i], grade.light[i], bright)
    }))
}

//! A comic: flat bright colours in a few tones, with black outlines.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, luma, mix_rgb, saturated};
use super::kuwahara::flattened;
use super::lines::{self, Pen};

const TONES: f32 = 5.0;
const INK: Rgb = [0.07, 0.05, 0.09];

pub(super) fn inked(picture: &Canvas) -> Canvas {
    let scale = picture.scale();
    let radius = ((5.0 * scale).round() as usize).clamp(1, 5);
    let flat = flattened(&flattened(picture, radius), radius);
    let pen = Pen {
        sigma: (1.3 * scale).max(0.5),
        sharpness: 18.0,
        threshold: 0.12,
        steepness: 9.0,
    };
    let outlines = lines::drawn(&flat.map(luma), &pen);
    flat.zip(&outlines, |pixel, paper| {
        mix_rgb(INK, coloured(pixel), paper)
    })
}

fn coloured(pixel: Rgb) -> Rgb {
    let before = contrasted(luma(pixel), 0.4).max(0.004);
    let after = stepped(before.powf(0.85));
    saturated(
        pixel.map(|channel| channel * after / luma(pixel).max(0.004)),
        1.45,
    )
}

/// Steps with short slopes between them, so that their edges are smooth.
fn stepped(value: f32) -> f32 {
    let nearest = (value * TONES).round();
    (nearest + 0.5 * (4.0 * (value * TONES - nearest)).tanh()) / TONES
}

//! A woodcut: black ink on cream paper, with tones cut as lines that follow the shapes and get
//! thicker in the shadows.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, luma, mix_rgb, smoothstep};
use super::gaussian::blurred;
use super::grid::Plane;
use super::lines::{self, Pen};
use super::random::SplitMix64;
use super::{noise, texture, tones};

const PAPER: Rgb = [0.945, 0.912, 0.835];
const INK: Rgb = [0.085, 0.075, 0.075];

/// Distance from cut to cut in pixels of the reference picture.
const PITCH: f32 = 6.0;

pub(super) fn printed(picture: &Canvas, seed: u64) -> Canvas {
    let scale = picture.scale();
    let grey = picture.map(luma);
    let tone =
        blurred(&tones::clear(picture, 0.7), 1.2 * scale).map(|value| contrasted(value, 0.55));
    let form = blurred(&grey, 14.0 * scale);
    let pen = Pen {
        sigma: (1.5 * scale).max(0.5),
        sharpness: 16.0,
        threshold: 0.10,
        steepness: 12.0,
    };
    let outlines = lines::drawn(&blurred(&grey, scale), &pen);
    let gleams = gleams(picture);
    let angle = SplitMix64::new(seed).between(-0.9, -0.35);
    tone.map_at(|x, y, tone| {
        let (column, row) = (x as isize, y as isize);
        let relief = 26.0 * form.at(column, row);
        let paper = cut(
            seed,
            (x as f32 / scale, y as f32 / scale),
            angle,
            relief,
            tone,
        );
        let worn = smoothstep(0.80, 0.90, texture::tooth(seed ^ 21, x, y, 2.0 * scale));
        mix_rgb(
            INK,
            PAPER,
            (paper * outlines.at(column, row))
                .max(gleams.at(column, row))
                .max(0.7 * worn),
        )
    })
}

/// In dark areas an edge is cut as a white line, on its brighter side.
fn gleams(picture: &Canvas) -> Plane {
    let scale = picture.scale();
    let tone = tones::clear(picture, 0.0);
    let (near, far) = (blurred(&tone, 1.6 * scale), blurred(&tone, 4.0 * scale));
    near.zip(&far, |near, far| {
        smoothstep(0.035, 0.055, near - far) * smoothstep(0.5, 0.4, far)
    })
}

/// 1 where the knife took the wood away.
fn cut(seed: u64, (x, y): (f32, f32), angle: f32, relief: f32, tone: f32) -> f32 {
    let wobble = 5.0 * noise::fractal(seed, x / 70.0, y / 70.0, 2);
    let phase = (y * angle.cos() - x * angle.sin() + relief + wobble) / PITCH;
    let ridge = (phase.fract().abs() * 2.0 - 1.0).abs();
    let hand = 0.16 * (noise::value(seed ^ 22, x / 3.0, y / 3.0) - 0.5);
    smoothstep(-0.13, 0.13, tone + hand - (0.10 + 0.80 * ridge))
}

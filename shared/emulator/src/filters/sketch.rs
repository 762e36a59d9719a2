//! A pencil drawing: outlines, three layers of hatching for the shadows, and the tooth of the
//! paper.

use super::canvas::Canvas;
use super::colour::{Rgb, luma, mix_rgb, smoothstep};
use super::gaussian::blurred;
use super::grid::Plane;
use super::{noise, texture, tones};

const PAPER: Rgb = [0.972, 0.962, 0.935];
const GRAPHITE: Rgb = [0.13, 0.13, 0.15];

/// The brightness below which a layer starts, and the angle of its strokes.
const HATCHINGS: [(f32, f32); 3] = [(0.72, -0.85), (0.42, -0.35), (0.22, 0.75)];

/// How much the side of the pencil darkens the shadows under the hatching.
const SMUDGE: f32 = 0.38;

pub(super) fn drawn(picture: &Canvas, seed: u64) -> Canvas {
    let scale = picture.scale();
    let grey = picture.map(luma);
    let outline = outlines(&grey);
    let tone = blurred(&tones::clear(picture, 0.6), 1.5 * scale);
    outline.map_at(|x, y, line| {
        let place = (x as f32 / scale, y as f32 / scale);
        let tone = tone.at(x as isize, y as isize);
        let shaded = 1.0 - (1.0 - hatching(seed, place, tone)) * (1.0 - SMUDGE * (1.0 - tone));
        let pressure = 0.55 + 0.7 * texture::tooth(seed ^ 11, x, y, 2.2 * scale);
        let ragged = 0.05 * (noise::fractal(seed ^ 12, place.0 / 30.0, place.1 / 30.0, 3) - 0.5);
        let reach = smoothstep(
            0.01,
            0.07,
            texture::inset(x, y, picture.width, picture.height) + ragged,
        );
        let dark = (1.0 - (1.0 - line) * (1.0 - shaded)) * pressure * reach;
        mix_rgb(PAPER, GRAPHITE, dark.clamp(0.0, 1.0))
    })
}

/// Dodging the picture with its own blurred copy leaves only where it differs from its
/// surroundings.
fn outlines(grey: &Plane) -> Plane {
    let (near, around) = (
        blurred(grey, 0.8 * grey.scale()),
        blurred(grey, 4.0 * grey.scale()),
    );
    near.zip(&around, |near, around| {
        smoothstep(0.96, 0.70, (near + 0.04) / (around + 0.04))
    })
}

fn hatching(seed: u64, (x, y): (f32, f32), tone: f32) -> f32 {
    let layers = HATCHINGS
        .iter()
        .enumerate()
        .map(|(layer, &(begins, angle))| {
            let (sin, cos) = f32::sin_cos(angle);
            let bend = 3.0 * noise::value(seed ^ 13, x / 90.0, y / 90.0);
            let (along, across) = (x * cos + y * sin, y * cos - x * sin + bend);
            let stroke = noise::value(seed.wrapping_add(layer as u64), along / 46.0, across / 1.7);
            smoothstep(begins, begins - 0.45, tone) * smoothstep(0.30, 0.85, stroke)
        });
    1.0 - layers.fold(1.0, |paper, dark| paper * (1.0 - 0.8 * dark))
}

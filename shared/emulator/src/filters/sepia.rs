//! An old print: faded brown tones, stains, scratches and dust, on a cream border.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, luma, mix, mix_rgb, smoothstep};
use super::gaussian::blurred_canvas;
use super::{noise, texture};

const SHADOW: Rgb = [0.17, 0.10, 0.06];
const MIDDLE: Rgb = [0.62, 0.45, 0.29];
const LIGHT: Rgb = [0.97, 0.90, 0.74];
const PAPER: Rgb = [0.95, 0.91, 0.80];

/// Width of the paper around the print as a portion of the shorter side.
const BORDER: f32 = 0.035;

pub(super) fn aged(picture: &Canvas, seed: u64) -> Canvas {
    let soft = blurred_canvas(picture, 0.7 * picture.scale());
    let scale = picture.scale();
    soft.map_at(|x, y, pixel| {
        let inset = texture::inset(x, y, picture.width, picture.height);
        let spread = 220.0 * scale;
        let stain = noise::fractal(seed, x as f32 / spread, y as f32 / spread, 4);
        let value = faded(
            luma(pixel),
            texture::corner(x, y, picture.width, picture.height),
            stain,
        );
        let value = value
            + 0.07 * texture::grain(seed ^ 2, x, y, 1.4 * scale)
            + damage(seed, x as f32 / scale, y as f32 / scale);
        let print = toned(value.clamp(0.0, 1.0));
        let paper = PAPER.map(|channel| {
            channel - 0.10 * (stain - 0.4).max(0.0) - 0.02 * texture::tooth(seed, x, y, 2.0 * scale)
        });
        mix_rgb(
            paper,
            print,
            smoothstep(BORDER - 0.003, BORDER + 0.003, inset),
        )
    })
}

fn faded(value: f32, corner: f32, stain: f32) -> f32 {
    let print = mix(0.08, 0.95, contrasted(value, 0.55));
    print * (1.0 - 0.30 * corner * corner) + 0.16 * (stain - 0.5)
}

/// Light specks of dust and long, nearly upright scratches; positions are in pixels of the
/// reference picture.
fn damage(seed: u64, x: f32, y: f32) -> f32 {
    let speck = smoothstep(0.965, 0.99, noise::value(seed ^ 3, x / 2.6, y / 2.6))
        * noise::value(seed ^ 4, x / 60.0, y / 60.0);
    let lane = x + 5.0 * noise::value(seed ^ 5, x / 300.0, y / 90.0);
    let scratch = smoothstep(0.93, 0.99, noise::value(seed ^ 6, lane / 1.6, y / 900.0));
    let broken = smoothstep(0.62, 0.75, noise::value(seed ^ 7, lane / 18.0, y / 130.0));
    0.35 * speck + 0.20 * scratch * broken
}

fn toned(value: f32) -> Rgb {
    if value < 0.5 {
        mix_rgb(SHADOW, MIDDLE, value * 2.0)
    } else {
        mix_rgb(MIDDLE, LIGHT, value * 2.0 - 1.0)
    }
}

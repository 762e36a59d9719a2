//! A watercolour: washes that flow, dry darker at their edges and settle in rough paper.

use super::canvas::Canvas;
use super::colour::{Rgb, luma, mix, mix_rgb, pigmented, saturated, smoothstep};
use super::gaussian::blurred;
use super::grid::{Grid, Plane};
use super::kuwahara::flattened;
use super::{noise, texture};

const PAPER: Rgb = [0.985, 0.975, 0.95];

/// The ragged edge cannot reach farther inside than this.
const RAGGED_INSET_MAX: f32 = 0.09;

pub(super) fn painted(picture: &Canvas, seed: u64) -> Canvas {
    let scale = picture.scale();
    let radius = ((5.0 * scale).round() as usize).clamp(1, 5);
    let washes = flattened(&flattened(&wobbled(picture, seed), radius), radius);
    let rims = rims(&washes.map(luma));
    washes.map_at(|x, y, pixel| {
        let place = (x as f32 / scale, y as f32 / scale);
        let tooth = texture::tooth(seed ^ 31, x, y, 2.4 * scale);
        let density =
            density(seed, place) + 1.5 * rims.at(x as isize, y as isize) + 0.9 * (tooth - 0.5);
        let wash = pigmented(thinned(pixel), density);
        let lit = mix_rgb(wash, PAPER, 0.10 * tooth);
        mix_rgb(
            PAPER,
            lit,
            reach(
                seed,
                place,
                texture::inset(x, y, picture.width, picture.height),
            ),
        )
    })
}

/// A hand is not steady: outlines waver by a few pixels.
fn wobbled(picture: &Canvas, seed: u64) -> Canvas {
    let scale = picture.scale();
    let waver = |seed: u64, x: usize, y: usize| {
        let span = 34.0 * scale;
        6.5 * scale * (noise::fractal(seed, x as f32 / span, y as f32 / span, 3) - 0.5)
    };
    Grid::from_fn(picture.width, picture.height, |x, y| {
        picture.sample(
            x as f32 + waver(seed ^ 32, x, y),
            y as f32 + waver(seed ^ 33, x, y),
        )
    })
}

/// Where pigment gathers: just inside the border of a wash.
fn rims(luma: &Plane) -> Plane {
    let around = blurred(luma, 3.0 * luma.scale());
    luma.zip(&around, |value, around| {
        smoothstep(0.0, 0.16, around - value)
    })
}

/// Bright and clear in colour, like transparent paint.
fn thinned(pixel: Rgb) -> Rgb {
    saturated(pixel.map(|channel| mix(0.10, 1.0, channel.powf(0.72))), 1.3)
}

fn density(seed: u64, (x, y): (f32, f32)) -> f32 {
    let pool = noise::fractal(seed ^ 34, x / 120.0, y / 120.0, 4);
    0.55 + 1.5 * (pool - 0.25)
}

/// The paint ends in a ragged edge before the paper does.
fn reach(seed: u64, (x, y): (f32, f32), inset: f32) -> f32 {
    if inset > RAGGED_INSET_MAX {
        return 1.0;
    }
    let ragged = 0.09 * (noise::fractal(seed ^ 35, x / 70.0, y / 70.0, 4) - 0.5);
    smoothstep(0.025, 0.040, inset + ragged)
}

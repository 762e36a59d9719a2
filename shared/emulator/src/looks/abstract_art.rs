//! A picture from nothing but a seed: folded bands of colour, lit like silk.

use super::canvas::Canvas;
use super::colour::mix;
use super::grid::{Grid, Plane};
use super::oklab::{self, Lab};
use super::random::SplitMix64;
use super::{noise, texture};
use std::f32::consts::TAU;

const COLOURS: usize = 5;

pub(super) fn painted(width: usize, height: usize, seed: u64) -> Canvas {
    let mut random = SplitMix64::new(seed);
    let palette = palette(&mut random);
    let zoom = random.between(1.1, 1.9) / width.max(height) as f32;
    let folds: Plane = Grid::from_fn(width, height, |x, y| fold(seed, x as f32 * zoom, y as f32 * zoom));
    let bands = random.between(2.2, 3.6);
    folds.map_at(|x, y, value| {
        let (column, row) = (x as isize, y as isize);
        let slope = folds.at(column + 1, row + 1) - folds.at(column - 1, row - 1);
        let light = (slope / zoom * 0.035).clamp(-0.16, 0.16) + 0.008 * texture::grain(seed ^ 41, x, y, 1.0);
        let [lightness, a, b] = between(&palette, value * bands);
        oklab::into_rgb([lightness + light, a, b])
    })
}

/// Noise that moves the places at which noise is read, twice (Quilez, "domain warping").
fn fold(seed: u64, x: f32, y: f32) -> f32 {
    let read = |salt: u64, x: f32, y: f32| noise::fractal(seed ^ salt, x, y, 3);
    let (first_x, first_y) = (read(42, x, y), read(43, x, y));
    let (second_x, second_y) =
        (read(44, x + 1.8 * first_x, y + 1.8 * first_y), read(45, x + 1.8 * first_x, y + 1.8 * first_y));
    read(46, x + 1.6 * second_x, y + 1.6 * second_y) + 0.5 * second_x
}

/// Neighbours on the wheel from dark to light, with one that faces them.
fn palette(random: &mut SplitMix64) -> [Lab; COLOURS] {
    let hue = random.between(0.0, TAU);
    let step = random.between(0.25, 0.55);
    std::array::from_fn(|index| {
        let along = index as f32 / (COLOURS - 1) as f32;
        let facing = if index == 3 { TAU / 2.0 } else { 0.0 };
        oklab::from_hue(
            mix(0.26, 0.90, along),
            mix(0.10, 0.07, along) + random.between(0.0, 0.05),
            hue + step * index as f32 + facing,
        )
    })
}

fn between(palette: &[Lab; COLOURS], place: f32) -> Lab {
    let place = place.rem_euclid(1.0) * COLOURS as f32;
    let (index, share) = (place as usize, place.fract());
    let (from, to) = (palette[index % COLOURS], palette[(index + 1) % COLOURS]);
    std::array::from_fn(|i| mix(from[i], to[i], share * share * (3.0 - 2.0 * share)))
}

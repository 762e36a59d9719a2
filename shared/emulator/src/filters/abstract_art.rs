//! A picture generated from a seed: sheets of coloured paper cut along winding lines, each in the
//! shadow of the next.

use super::canvas::Canvas;
use super::colour::{mix, smoothstep};
use super::grid::{Grid, Plane};
use super::oklab::{self, Lab};
use super::random::SplitMix64;
use super::{noise, texture};
use std::f32::consts::TAU;

const COLOURS: usize = 6;

pub(super) fn painted(width: usize, height: usize, seed: u64) -> Canvas {
    let mut random = SplitMix64::new(seed);
    let palette = palette(&mut random);
    let zoom = random.between(1.0, 1.7) / width.max(height) as f32;
    let sheets = random.between(7.0, 11.0).floor();
    let heights = levelled(
        &Grid::from_fn(width, height, |x, y| {
            fold(seed, x as f32 * zoom, y as f32 * zoom)
        }),
        sheets,
    );
    heights.map_at(|x, y, level| {
        let (column, row) = (x as isize, y as isize);
        let across = heights.at(column + 1, row) - heights.at(column - 1, row);
        let down = heights.at(column, row + 1) - heights.at(column, row - 1);
        let [lightness, a, b] = sheet(&palette, level, 0.5 * across.hypot(down), sheets);
        let lit = 0.05 * (-(across + down) / (zoom * 12.0)).tanh()
            + 0.012 * texture::grain(seed ^ 41, x, y, 1.0);
        oklab::into_rgb([lightness + lit, a, b])
    })
}

/// Noise that displaces the coordinates at which noise is read, twice (Quilez, "domain warping").
fn fold(seed: u64, x: f32, y: f32) -> f32 {
    let read = |salt: u64, x: f32, y: f32| noise::fractal(seed ^ salt, x, y, 2);
    let (first_x, first_y) = (x + 1.8 * read(42, x, y), y + 1.8 * read(43, x, y));
    let (second_x, second_y) = (read(44, first_x, first_y), read(45, first_x, first_y));
    read(46, x + 1.6 * second_x, y + 1.6 * second_y) + 0.5 * second_x
}

/// The same relief, scaled from 0 to the number of sheets, so that every picture shows them all.
fn levelled(folds: &Plane, sheets: f32) -> Plane {
    let low = folds.cells.iter().copied().fold(f32::INFINITY, f32::min);
    let high = folds
        .cells
        .iter()
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    folds.map(|value| (value - low) / (high - low).max(f32::EPSILON) * sheets * 0.999)
}

/// A sheet has an even border one pixel of `slope` wide, and is in shadow where the sheet above it
/// begins.
fn sheet(palette: &[Lab; COLOURS], level: f32, slope: f32, sheets: f32) -> Lab {
    let (index, within) = (level.floor(), level.fract());
    let colour = |index: f32| between(palette, index.max(0.0) / (sheets - 1.0));
    let (below, own) = (colour(index - 1.0), colour(index));
    let shadow = |within: f32| 0.13 * smoothstep(0.55, 1.0, within).powi(2);
    let own_shadow = if index < sheets - 1.0 {
        shadow(within)
    } else {
        0.0
    };
    let cover = (within / slope.max(f32::EPSILON)).min(1.0);
    let darkness = [mix(shadow(1.0), own_shadow, cover), 0.0, 0.0];
    std::array::from_fn(|i| mix(below[i], own[i], cover) - darkness[i])
}

/// Neighbours on the colour wheel from dark to light, and one accent opposite them.
fn palette(random: &mut SplitMix64) -> [Lab; COLOURS] {
    let hue = random.between(0.0, TAU);
    let step = random.between(0.20, 0.45);
    let chroma = random.between(0.09, 0.13);
    let neighbour = |lightness: f32, chroma: f32, steps: f32| {
        oklab::from_hue(lightness, chroma, hue + steps * step)
    };
    let accent = oklab::from_hue(
        0.74,
        0.14,
        hue + 2.0 * step + random.between(0.40, 0.60) * TAU,
    );
    [
        neighbour(0.27, chroma, 0.0),
        neighbour(0.42, chroma + 0.03, 1.0),
        neighbour(0.60, chroma + 0.03, 2.0),
        neighbour(0.78, chroma, 3.0),
        neighbour(0.93, 0.04, 3.0),
        accent,
    ]
}

fn between(palette: &[Lab; COLOURS], portion: f32) -> Lab {
    let place = portion.clamp(0.0, 1.0) * (COLOURS - 1) as f32;
    let (index, portion) = (place as usize, place.fract());
    let (from, to) = (palette[index], palette[(index + 1).min(COLOURS - 1)]);
    std::array::from_fn(|i| mix(from[i], to[i], portion))
}

//! Pixel art: big square pixels in a small palette of a console's colours, shaded by an ordered
//! dither.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, saturated};
use super::grid::Grid;
use super::oklab::{self, Lab};
use super::palette;

/// Squares along the longer side, and colours in all.
const SQUARES: usize = 112;
const COLOURS: usize = 20;
const SIDE_PX_MIN: usize = 3;

/// Shades a channel has beyond black: five bits, as on consoles of the time.
const SHADES: f32 = 31.0;

/// How far the dither moves lightness either way.
const DITHER: f32 = 0.035;
const BAYER: [[f32; 4]; 4] = [
    [0.0, 8.0, 2.0, 10.0],
    [12.0, 4.0, 14.0, 6.0],
    [3.0, 11.0, 1.0, 9.0],
    [15.0, 7.0, 13.0, 5.0],
];

pub(super) fn pixelated(picture: &Canvas, seed: u64) -> Canvas {
    let side = picture
        .width
        .max(picture.height)
        .div_ceil(SQUARES)
        .max(SIDE_PX_MIN);
    let small = squares(picture, side).map(|pixel| oklab::from_rgb(vivid(pixel)));
    let palette = palette::of(&small.cells, COLOURS, seed);
    let shown = small.map_at(|x, y, colour| {
        on_console(palette[palette::nearest(&palette, dithered(colour, x, y))])
    });
    picture.map_at(|x, y, _| shown.at((x / side) as isize, (y / side) as isize))
}

fn squares(picture: &Canvas, side: usize) -> Canvas {
    Grid::from_fn(
        picture.width.div_ceil(side),
        picture.height.div_ceil(side),
        |column, row| mean(picture, (column * side, row * side), side),
    )
}

fn mean(picture: &Canvas, (left, top): (usize, usize), side: usize) -> Rgb {
    let (right, bottom) = (
        (left + side).min(picture.width),
        (top + side).min(picture.height),
    );
    let mut sum = [0.0; 3];
    for y in top..bottom {
        for pixel in &picture.cells[y * picture.width + left..y * picture.width + right] {
            sum = std::array::from_fn(|i| sum[i] + pixel[i]);
        }
    }
    sum.map(|channel| channel / ((right - left) * (bottom - top)) as f32)
}

fn vivid(pixel: Rgb) -> Rgb {
    saturated(pixel.map(|channel| contrasted(channel, 0.45)), 1.3)
        .map(|channel| channel.clamp(0.0, 1.0))
}

fn dithered([lightness, a, b]: Lab, x: usize, y: usize) -> Lab {
    [lightness + DITHER * (BAYER[y % 4][x % 4] / 7.5 - 1.0), a, b]
}

fn on_console(colour: Lab) -> Rgb {
    oklab::into_rgb(colour).map(|channel| (channel * SHADES).round() / SHADES)
}

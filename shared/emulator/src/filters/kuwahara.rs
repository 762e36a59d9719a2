//! The generalised Kuwahara filter: each pixel takes the colour of the calmest of eight sectors
//! around it, so that surfaces become flat patches of paint while edges stay.

use super::canvas::Canvas;
use super::colour::{Rgb, luma};
use super::grid::Grid;

const SECTORS: usize = 8;

/// How strongly the calmest sector outweighs the others.
const SHARPNESS: i32 = 4;

/// From this radius on every other pixel is enough, as on a chessboard.
const SPARSE_RADIUS_MIN: isize = 4;

struct Tap {
    x: isize,
    y: isize,
    weights: [f32; SECTORS],
}

/// Red, green, blue and the square of brightness, each summed up by sector.
type Sums = [[f32; SECTORS]; 4];

pub(super) fn flattened(canvas: &Canvas, radius: usize) -> Canvas {
    let taps = taps(radius.max(1) as isize);
    let measured = canvas.map(|pixel| [pixel[0], pixel[1], pixel[2], luma(pixel).powi(2)]);
    measured.map_at(|x, y, _| calmest(&sums(&measured, &taps, x as isize, y as isize)))
}

/// The places around a pixel with their portion in each sector; every sector's shares add up to 1.
fn taps(radius: isize) -> Vec<Tap> {
    let places = (-radius..=radius).flat_map(|y| (-radius..=radius).map(move |x| (x, y)));
    let within = places.filter(|(x, y)| {
        x * x + y * y <= radius * radius && (radius < SPARSE_RADIUS_MIN || (x + y) % 2 == 0)
    });
    let mut taps: Vec<Tap> = within
        .map(|(x, y)| Tap {
            x,
            y,
            weights: weights(x as f32, y as f32, radius as f32),
        })
        .collect();
    for sector in 0..SECTORS {
        let total: f32 = taps.iter().map(|tap| tap.weights[sector]).sum();
        taps.iter_mut().for_each(|tap| tap.weights[sector] /= total);
    }
    taps
}

/// Sectors overlap softly, and all of them hold the centre.
fn weights(x: f32, y: f32, radius: f32) -> [f32; SECTORS] {
    let fall = (-2.0 * (x * x + y * y) / (radius * radius)).exp();
    std::array::from_fn(|sector| {
        let angle = sector as f32 * std::f32::consts::TAU / SECTORS as f32;
        let ahead = x * angle.cos() + y * angle.sin();
        let aside = y * angle.cos() - x * angle.sin();
        (ahead + 0.33 * radius / 2.0 - aside * aside / radius)
            .max(0.0)
            .powi(2)
            * fall
    })
}

fn sums(measured: &Grid<[f32; 4]>, taps: &[Tap], x: isize, y: isize) -> Sums {
    let mut sums = Sums::default();
    for tap in taps {
        for (sum, value) in sums.iter_mut().zip(measured.at(x + tap.x, y + tap.y)) {
            sum.iter_mut()
                .zip(&tap.weights)
                .for_each(|(sum, weight)| *sum += weight * value);
        }
    }
    sums
}

fn calmest([red, green, blue, squares]: &Sums) -> Rgb {
    let (mut mean, mut total) = ([0.0; 3], 0.0);
    for (((&red, &green), &blue), &square) in red.iter().zip(green).zip(blue).zip(squares) {
        let variance = (square - luma([red, green, blue]).powi(2)).max(0.0);
        let weight = 1.0 / (0.02 + variance.sqrt()).powi(SHARPNESS);
        mean = [
            mean[0] + weight * red,
            mean[1] + weight * green,
            mean[2] + weight * blue,
        ];
        total += weight;
    }
    mean.map(|channel| channel / total)
}

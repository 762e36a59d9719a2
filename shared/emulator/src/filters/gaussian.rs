//! Gaussian blur: the exact kernel where it is narrow, three running means where it is wide.

use super::canvas::Canvas;
use super::grid::{Grid, Plane};

const NARROW_SIGMA_MAX: f32 = 3.0;

pub(super) fn blurred(plane: &Plane, sigma: f32) -> Plane {
    if sigma <= 0.0 {
        return plane.clone();
    }
    let rows = |plane: &Plane| {
        if sigma < NARROW_SIGMA_MAX {
            weighed(plane, sigma)
        } else {
            averaged(plane, sigma)
        }
    };
    rows(&rows(plane).transposed()).transposed()
}

pub(super) fn blurred_canvas(canvas: &Canvas, sigma: f32) -> Canvas {
    let [red, green, blue] =
        [0, 1, 2].map(|channel| blurred(&canvas.map(|pixel| pixel[channel]), sigma));
    red.zip(&green, |r, g| [r, g])
        .zip(&blue, |[r, g], b| [r, g, b])
}

fn weighed(plane: &Plane, sigma: f32) -> Plane {
    let reach = (sigma * 3.0).ceil() as isize;
    let weights: Vec<f32> = (-reach..=reach)
        .map(|step| (-0.5 * (step as f32 / sigma).powi(2)).exp())
        .collect();
    let total: f32 = weights.iter().sum();
    by_rows(plane, |row, out| {
        let last = row.len() as isize - 1;
        for (x, cell) in out.iter_mut().enumerate() {
            let tap = |(step, weight): (usize, &f32)| {
                weight * row[(x as isize + step as isize - reach).clamp(0, last) as usize]
            };
            *cell = weights.iter().enumerate().map(tap).sum::<f32>() / total;
        }
    })
}

/// Three means of this reach have the spread of the Gaussian (Kovesi 2010, with equal widths).
fn averaged(plane: &Plane, sigma: f32) -> Plane {
    let reach = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0)
        .round()
        .max(1.0) as isize;
    let once = |plane: &Plane| by_rows(plane, |row, out| running_mean(row, out, reach));
    once(&once(&once(plane)))
}

fn running_mean(row: &[f32], out: &mut [f32], reach: isize) {
    let at = |x: isize| f64::from(row[x.clamp(0, row.len() as isize - 1) as usize]);
    let mut sum: f64 = (-reach..=reach).map(at).sum();
    for (x, cell) in out.iter_mut().enumerate() {
        *cell = (sum / (2 * reach + 1) as f64) as f32;
        sum += at(x as isize + reach + 1) - at(x as isize - reach);
    }
}

fn by_rows(plane: &Plane, fill: impl Fn(&[f32], &mut [f32])) -> Plane {
    let mut cells = vec![0.0; plane.cells.len()];
    for (row, out) in plane
        .cells
        .chunks(plane.width)
        .zip(cells.chunks_mut(plane.width))
    {
        fill(row, out);
    }
    Grid {
        width: plane.width,
        height: plane.height,
        cells,
    }
}

//! Prepares brightness for looks that only have ink and paper: stretched, centred, and set off from
//! its surroundings.

use super::canvas::Canvas;
use super::colour::luma;
use super::gaussian::blurred;
use super::grid::Plane;

const BINS: usize = 256;

/// Share of the pixels that may become plain black, and as many plain white.
const CLIPPED: f32 = 0.01;

/// A picture with less range than this is considered flat on purpose.
const RANGE_MIN: f32 = 0.1;

/// The brightness of a picture from 0 to 1; `local` is the weight of a pixel relative to its
/// surroundings.
pub(super) fn clear(picture: &Canvas, local: f32) -> Plane {
    let levelled = levelled(&picture.map(luma));
    let around = blurred(&levelled, 36.0 * picture.scale());
    levelled.zip(&around, |value, around| {
        (value + local * (value - around)).clamp(0.0, 1.0)
    })
}

fn levelled(grey: &Plane) -> Plane {
    let (low, high) = (percentile(grey, CLIPPED), percentile(grey, 1.0 - CLIPPED));
    if high - low < RANGE_MIN {
        return grey.clone();
    }
    let stretched = grey.map(|value| ((value - low) / (high - low)).clamp(0.0, 1.0));
    let mean = stretched.cells.iter().sum::<f32>() / stretched.cells.len() as f32;
    let gamma = (0.5_f32.ln() / mean.clamp(0.01, 0.99).ln()).clamp(0.65, 1.3);
    stretched.map(|value| value.powf(gamma))
}

fn percentile(grey: &Plane, portion: f32) -> f32 {
    let mut counts = [0_usize; BINS];
    for value in &grey.cells {
        counts[((value * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    let mut left = (portion * grey.cells.len() as f32) as usize;
    let bin = counts.iter().position(|&count| {
        let reached = left < count;
        left = left.saturating_sub(count);
        reached
    });
    bin.unwrap_or(BINS - 1) as f32 / (BINS - 1) as f32
}

//! The direction of brush strokes: along edges, and in slow swirls where there are none.

use super::canvas::Canvas;
use super::gaussian::blurred;
use super::grid::Plane;
use super::noise;
use std::f32::consts::{FRAC_PI_2, TAU};

/// The weight of swirls relative to edges.
const SWIRL: f32 = 0.004;

/// Angles in radians along the edges of the picture, from the smoothed structure tensor of its
/// colours: two colours may be equally bright.
pub(super) fn along(picture: &Canvas, smoothing: f32, seed: u64) -> Plane {
    let tensor = picture.map_at(|x, y, _| tensor(picture, x as isize, y as isize));
    let [twice_cos, twice_sin] =
        [0, 1].map(|part| blurred(&tensor.map(|tensor| tensor[part]), smoothing));
    let span = 160.0 * picture.scale();
    twice_cos.map_at(|x, y, cos| {
        let swirl = 2.0 * TAU * noise::fractal(seed, x as f32 / span, y as f32 / span, 2);
        let sin = twice_sin.at(x as isize, y as isize) + SWIRL * swirl.sin();
        0.5 * sin.atan2(cos + SWIRL * swirl.cos()) + FRAC_PI_2
    })
}

/// The steepest direction as cosine and sine of its double angle, so that opposite slopes add up.
fn tensor(picture: &Canvas, x: isize, y: isize) -> [f32; 2] {
    let (left, right) = (picture.at(x - 1, y), picture.at(x + 1, y));
    let (above, below) = (picture.at(x, y - 1), picture.at(x, y + 1));
    let (mut cos, mut sin) = (0.0, 0.0);
    for channel in 0..3 {
        let (across, down) = (
            right[channel] - left[channel],
            below[channel] - above[channel],
        );
        cos += across * across - down * down;
        sin += 2.0 * across * down;
    }
    [cos, sin]
}

//! Smooth noise over the plane: value noise, and octaves of it.

use super::colour::mix;
use super::random;

/// 0 to 1, one independent value per unit square, smooth in between.
pub(super) fn value(seed: u64, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (across, down) = (eased(x - left), eased(y - top));
    let corner = |dx: i64, dy: i64| random::at(seed, left as i64 + dx, top as i64 + dy);
    mix(
        mix(corner(0, 0), corner(1, 0), across),
        mix(corner(0, 1), corner(1, 1), across),
        down,
    )
}

/// Clouds: each octave twice as fine and half as strong, turned so that the lattices do not line
/// up.
pub(super) fn fractal(seed: u64, x: f32, y: f32, octaves: u64) -> f32 {
    let (mut x, mut y, mut portion) = (x, y, 0.5);
    let (mut sum, mut total) = (0.0, 0.0);
    for octave in 0..octaves {
        sum += portion * value(seed.wrapping_add(octave), x, y);
        total += portion;
        portion *= 0.5;
        (x, y) = (1.6 * x - 1.2 * y + 7.3, 1.2 * x + 1.6 * y + 3.1);
    }
    sum / total
}

fn eased(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

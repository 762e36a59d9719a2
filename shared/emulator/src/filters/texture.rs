//! Surfaces: paper, film, and the darker corners of a lens.

use super::noise;

/// 0 in the middle, 1 in the corners.
pub(super) fn corner(x: usize, y: usize, width: usize, height: usize) -> f32 {
    let across = (x as f32 + 0.5) / width as f32 * 2.0 - 1.0;
    let down = (y as f32 + 0.5) / height as f32 * 2.0 - 1.0;
    (across * across + down * down) / 2.0
}

/// Distance to the nearest border as a portion of the shorter side.
pub(super) fn inset(x: usize, y: usize, width: usize, height: usize) -> f32 {
    let nearest = (x.min(width - 1 - x)).min(y.min(height - 1 - y));
    (nearest as f32 + 0.5) / width.min(height) as f32
}

/// Film grain around 0, at most 1 either way.
pub(super) fn grain(seed: u64, x: usize, y: usize, size: f32) -> f32 {
    let size = size.max(1.0);
    let (x, y) = (x as f32 / size, y as f32 / size);
    noise::value(seed, x, y) + noise::value(seed ^ 1, x * 0.53, y * 0.53) - 1.0
}

/// The tooth of rough paper, 0 in its pits to 1 on its ridges.
pub(super) fn tooth(seed: u64, x: usize, y: usize, size: f32) -> f32 {
    let size = size.max(1.0);
    noise::fractal(seed, x as f32 / size, y as f32 / size, 3)
}

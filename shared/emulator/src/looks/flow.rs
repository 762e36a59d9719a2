//! Which way a brush would go: along edges, and in slow swirls where there are none.

use super::gaussian::blurred;
use super::grid::Plane;
use super::noise;

/// How much the swirls count against edges.
const SWIRL: f32 = 0.0025;

/// Angles in radians along the edges of the picture, from its smoothed structure tensor.
pub(super) fn along(luma: &Plane, smoothing: f32, seed: u64) -> Plane {
    let slope_x = luma.map_at(|x, y, _| slope(luma, (x as isize, y as isize), (1, 0)));
    let slope_y = luma.map_at(|x, y, _| slope(luma, (x as isize, y as isize), (0, 1)));
    let tensor = |product: Plane| blurred(&product, smoothing);
    let (xx, yy) = (tensor(slope_x.map(|x| x * x)), tensor(slope_y.map(|y| y * y)));
    let xy = tensor(slope_x.zip(&slope_y, |x, y| x * y));
    let span = 160.0 * luma.scale();
    let (twice_cos, twice_sin) = (xx.zip(&yy, |xx, yy| xx - yy), xy.map(|xy| 2.0 * xy));
    twice_cos.map_at(|x, y, cos| {
        let swirl = 2.0 * std::f32::consts::TAU * noise::fractal(seed, x as f32 / span, y as f32 / span, 2);
        let sin = twice_sin.at(x as isize, y as isize) + SWIRL * swirl.sin();
        0.5 * sin.atan2(cos + SWIRL * swirl.cos()) + std::f32::consts::FRAC_PI_2
    })
}

fn slope(luma: &Plane, (x, y): (isize, isize), (dx, dy): (isize, isize)) -> f32 {
    luma.at(x + dx, y + dy) - luma.at(x - dx, y - dy)
}

//! Ink lines where brightness changes: the extended difference of Gaussians (Winnemöller,
//! Kyprianidis, Olsen 2012).

use super::gaussian::blurred;
use super::grid::Plane;

pub(super) struct Pen {
    /// Half the width of a line in pixels.
    pub(super) sigma: f32,
    /// The weight of edges relative to plain darkness.
    pub(super) sharpness: f32,
    /// Brightness below which there is ink.
    pub(super) threshold: f32,
    /// How abruptly ink begins.
    pub(super) steepness: f32,
}

/// 1 where the paper stays, 0 where there is ink.
pub(super) fn drawn(luma: &Plane, pen: &Pen) -> Plane {
    let (near, far) = (blurred(luma, pen.sigma), blurred(luma, pen.sigma * 1.6));
    near.zip(&far, |near, far| {
        let sharpened = near + pen.sharpness * (near - far);
        if sharpened >= pen.threshold {
            1.0
        } else {
            1.0 + (pen.steepness * (sharpened - pen.threshold)).tanh()
        }
    })
}

//! Black and white film: an orange filter, deep blacks, local contrast, grain and darker corners.

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted};
use super::gaussian::blurred;
use super::grid::Plane;
use super::texture;

pub(super) fn developed(picture: &Canvas, seed: u64) -> Canvas {
    let grey = picture.map(through_filter);
    let clear = with_local_contrast(&grey);
    clear.map_at(|x, y, value| {
        let corner = texture::corner(x, y, picture.width, picture.height);
        let toned = contrasted(value.clamp(0.0, 1.0), 0.75) * (1.0 - 0.38 * corner * corner);
        let grain = texture::grain(seed, x, y, 1.3 * picture.scale());
        [toned + grain * 0.09 * (1.0 - 0.6 * toned); 3]
    })
}

fn through_filter(pixel: Rgb) -> f32 {
    0.45 * pixel[0] + 0.45 * pixel[1] + 0.10 * pixel[2]
}

fn with_local_contrast(grey: &Plane) -> Plane {
    let around = blurred(grey, 28.0 * grey.scale());
    grey.zip(&around, |value, around| value + 0.45 * (value - around))
}

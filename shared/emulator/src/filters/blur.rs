//! A dreamy look: out of focus, glowing, pastel (the darkroom's Orton effect).

use super::canvas::Canvas;
use super::colour::{Rgb, contrasted, mix, saturated, screened};
use super::gaussian::blurred_canvas;
use super::texture;

const HAZE: Rgb = [1.0, 0.93, 0.95];

pub(super) fn dreamt(picture: &Canvas) -> Canvas {
    let soft = blurred_canvas(picture, 4.5 * picture.scale());
    let glow = blurred_canvas(picture, 22.0 * picture.scale());
    let lit = soft.zip(&glow, |soft, glow| {
        std::array::from_fn(|i| glowing(soft[i], glow[i]))
    });
    lit.map_at(|x, y, pixel: Rgb| {
        let haze = 0.06 + 0.16 * texture::corner(x, y, picture.width, picture.height);
        let pixel = saturated(pixel, 1.15);
        std::array::from_fn(|i| mix(pixel[i], HAZE[i], haze))
    })
}

fn glowing(soft: f32, glow: f32) -> f32 {
    mix(
        soft,
        contrasted(screened(soft, glow * glow * 0.8), 0.5),
        0.8,
    )
}

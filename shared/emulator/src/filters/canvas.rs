//! The picture being edited: red, green and blue from 0 to 1, as stored (not linear light). There
//! is no transparency: transparent areas are white, as in a model's output.

use super::colour::{Rgb, mix_rgb};
use super::grid::Grid;
use image::{DynamicImage, RgbImage, Rgba, RgbaImage};

pub(super) type Canvas = Grid<Rgb>;

const WHITE: Rgb = [1.0; 3];

pub(super) fn from_image(picture: DynamicImage) -> Canvas {
    let picture: RgbaImage = picture.into_rgba8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Grid {
        width,
        height,
        cells: picture.pixels().map(on_white).collect(),
    }
}

pub(super) fn into_image(canvas: &Canvas) -> DynamicImage {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let picture = RgbImage::from_fn(canvas.width as u32, canvas.height as u32, |x, y| {
        image::Rgb(canvas.at(x as isize, y as isize).map(byte))
    });
    picture.into()
}

fn on_white(pixel: &Rgba<u8>) -> Rgb {
    let [red, green, blue, alpha] = pixel.0.map(|byte| f32::from(byte) / 255.0);
    mix_rgb(WHITE, [red, green, blue], alpha)
}

impl Canvas {
    /// The interpolated colour between four pixels.
    pub(super) fn sample(&self, x: f32, y: f32) -> Rgb {
        let (left, top) = (x.floor(), y.floor());
        let (column, row) = (left as isize, top as isize);
        let upper = mix_rgb(self.at(column, row), self.at(column + 1, row), x - left);
        let lower = mix_rgb(
            self.at(column, row + 1),
            self.at(column + 1, row + 1),
            x - left,
        );
        mix_rgb(upper, lower, y - top)
    }
}

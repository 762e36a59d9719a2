//! A picture without its background: whatever has the colour of the corners becomes clear.

use image::{DynamicImage, Rgba, RgbaImage};

/// Distance from the background's colour at which a pixel is clear, and at which it is opaque.
const CLEAR: f32 = 30.0;
const OPAQUE: f32 = 90.0;

pub(super) fn of(picture: &DynamicImage) -> DynamicImage {
    let mut pixels = picture.to_rgba8();
    let background = corners(&pixels);
    for Rgba([red, green, blue, alpha]) in pixels.pixels_mut() {
        let away = [*red, *green, *blue]
            .iter()
            .zip(background)
            .map(|(channel, of_background)| (f32::from(*channel) - of_background).powi(2))
            .sum::<f32>()
            .sqrt();
        let shown = ((away - CLEAR) / (OPAQUE - CLEAR)).clamp(0.0, 1.0);
        *alpha = (f32::from(*alpha) * shown).round() as u8;
    }
    pixels.into()
}

/// The mean colour of the four corners.
fn corners(pixels: &RgbaImage) -> [f32; 3] {
    let (right, bottom) = (
        pixels.width().saturating_sub(1),
        pixels.height().saturating_sub(1),
    );
    let corners = [(0, 0), (right, 0), (0, bottom), (right, bottom)].map(|(x, y)| {
        pixels
            .get_pixel_checked(x, y)
            .map_or([0; 4], |pixel| pixel.0)
    });
    std::array::from_fn(|channel| {
        corners
            .iter()
            .map(|corner| f32::from(corner[channel]))
            .sum::<f32>()
            / 4.0
    })
}

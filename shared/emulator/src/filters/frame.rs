//! Sizes: the crop to an aspect ratio, and bounds on the number of pixels that a look has to
//! process.

use image::DynamicImage;
use image::imageops::FilterType;

const EDIT_SIDE_PX_MAX: u32 = 1536;
const TEXT_SIDE_PX: u32 = 1024;

/// The middle of the picture in the requested shape, no larger than the looks are designed for.
pub(super) fn framed(picture: DynamicImage, aspect_ratio: Option<&str>) -> DynamicImage {
    let cropped = match aspect_ratio.and_then(ratio_of) {
        Some(ratio) => cropped(&picture, ratio),
        None => picture,
    };
    if cropped.width().max(cropped.height()) <= EDIT_SIDE_PX_MAX {
        return cropped;
    }
    cropped.resize(EDIT_SIDE_PX_MAX, EDIT_SIDE_PX_MAX, FilterType::CatmullRom)
}

/// Width and height of a picture generated from text; square if no ratio is given.
pub(super) fn size_for_text(aspect_ratio: Option<&str>) -> (usize, usize) {
    let (width, height) = largest_within(
        TEXT_SIDE_PX,
        TEXT_SIDE_PX,
        aspect_ratio.and_then(ratio_of).unwrap_or(1.0),
    );
    (width as usize, height as usize)
}

fn ratio_of(text: &str) -> Option<f64> {
    let (width, height) = text.trim().split_once(':')?;
    let (width, height) = (
        width.trim().parse::<f64>().ok()?,
        height.trim().parse::<f64>().ok()?,
    );
    let ratio = width / height;
    (width > 0.0 && height > 0.0 && ratio.is_finite() && ratio > 0.0).then_some(ratio)
}

fn cropped(picture: &DynamicImage, ratio: f64) -> DynamicImage {
    let (width, height) = largest_within(picture.width(), picture.height(), ratio);
    picture.crop_imm(
        (picture.width() - width) / 2,
        (picture.height() - height) / 2,
        width,
        height,
    )
}

fn largest_within(width: u32, height: u32, ratio: f64) -> (u32, u32) {
    let (wide, high) = (f64::from(width), f64::from(height));
    if wide / high > ratio {
        (((high * ratio).round() as u32).clamp(1, width), height)
    } else {
        (width, ((wide / ratio).round() as u32).clamp(1, height))
    }
}

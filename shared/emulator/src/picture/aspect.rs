//! Sizes and ratios: `16:9` crops a picture, `1024*768` makes one.

use image::{DynamicImage, RgbImage, imageops};

pub(super) const SIDE_MAX: u32 = 2048;
const SIDE_MIN: u32 = 256;
/// The area of a picture made from text, as upstream: about a megapixel.
const AREA: f64 = 1024.0 * 1024.0;
const DRAWN_SIDE_MAX: u32 = 1536;

/// Width to height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ratio(u32, u32);

impl Ratio {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (width, height) = pair(text, ':')?;
        (width > 0 && height > 0).then_some(Self(width, height))
    }

    /// Both sides are multiples of 8.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and at most a few thousand")]
    pub(super) fn size(self) -> (u32, u32) {
        let height = (AREA * f64::from(self.1) / f64::from(self.0)).sqrt();
        let width = AREA / height;
        let side = |length: f64| (length / 8.0).round() as u32 * 8;
        (side(width), side(height))
    }
}

/// `1024*768`, or with an `x`; each side within bounds.
pub(super) fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = pair(text, '*').or_else(|| pair(text, 'x'))?;
    Some((width.clamp(SIDE_MIN, DRAWN_SIDE_MAX), height.clamp(SIDE_MIN, DRAWN_SIDE_MAX)))
}

fn pair(text: &str, separator: char) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(separator)?;
    Some((first.trim().parse().ok()?, second.trim().parse().ok()?))
}

/// The largest part around the middle that has the ratio.
pub(super) fn crop(picture: &DynamicImage, Ratio(width, height): Ratio) -> DynamicImage {
    let (from_width, from_height) = (u64::from(picture.width()), u64::from(picture.height()));
    let (width, height) = (u64::from(width), u64::from(height));
    let to_width = (from_height * width / height).clamp(1, from_width);
    let to_height = (from_width * height / width).clamp(1, from_height);
    let left = side((from_width - to_width) / 2);
    picture.crop_imm(left, side((from_height - to_height) / 2), side(to_width), side(to_height))
}

fn side(length: u64) -> u32 {
    u32::try_from(length).expect("no longer than a side of the picture it was cut from")
}

/// Side by side, all as high as the lowest.
pub(super) fn in_a_row(pictures: &[DynamicImage]) -> Option<DynamicImage> {
    let height = pictures.iter().map(DynamicImage::height).min()?;
    let scaled: Vec<RgbImage> =
        pictures.iter().map(|picture| picture.resize(u32::MAX, height, imageops::FilterType::Triangle).to_rgb8()).collect();
    let mut row = RgbImage::new(scaled.iter().map(RgbImage::width).sum(), height);
    let mut left = 0;
    for picture in &scaled {
        imageops::replace(&mut row, picture, left, 0);
        left += i64::from(picture.width());
    }
    Some(row.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_cropped_around_its_middle_to_the_ratio() {
        let picture = DynamicImage::new_rgb8(600, 400);
        let cropped = |ratio| crop(&picture, Ratio::parse(ratio).unwrap());

        assert_eq!((cropped("1:1").width(), cropped("1:1").height()), (400, 400));
        assert_eq!((cropped("16:9").width(), cropped("16:9").height()), (600, 337));
        assert_eq!((cropped("9:16").width(), cropped("9:16").height()), (225, 400));
    }

    #[test]
    fn a_picture_made_from_text_has_about_a_megapixel_in_any_ratio() {
        assert_eq!(Ratio(1, 1).size(), (1024, 1024));
        assert_eq!(Ratio(16, 9).size(), (1368, 768));
        assert_eq!(parse_size("768*512"), Some((768, 512)));
        assert_eq!(parse_size("9000x1"), Some((1536, 256)));
    }
}

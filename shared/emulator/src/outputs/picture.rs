//! Pictures: edited, made from words, or enlarged.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};

use super::{Failed, Made, Order};
use crate::filters::{self, EditRequest};

const JPEG_QUALITY: u8 = 92;
/// An enlarged picture has twice the pixels a side, up to this.
const ENLARGED_SIDE_PIXELS_MAX: u32 = 2048;

/// The source edited as the words say, or a picture from the words alone.
pub(super) fn drawn(order: &Order<'_>, seed: u64) -> DynamicImage {
    let request = EditRequest {
        prompt: order.words,
        seed,
        guidance_scale: order.guidance_scale,
        aspect_ratio: order.aspect_ratio,
    };
    match order.source.clone() {
        Some(source) => filters::edit(source, &request),
        None => filters::from_text(&request),
    }
}

/// The source as it is, or a picture from the words alone.
pub(super) fn shown(order: &Order<'_>) -> DynamicImage {
    order
        .source
        .clone()
        .unwrap_or_else(|| drawn(order, order.seed))
}

pub(super) fn enlarged(order: &Order<'_>) -> DynamicImage {
    let source = shown(order);
    let longest = source.width().max(source.height());
    let side = (longest * 2).min(ENLARGED_SIDE_PIXELS_MAX.max(longest));
    source.resize(side, side, FilterType::Triangle)
}

pub(super) fn encoded(picture: &DynamicImage, as_png: bool) -> Result<Made, Failed> {
    let mut bytes = Vec::new();
    let (extension, content_type, written) = if as_png {
        let written = picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
        ("png", "image/png", written)
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        let written = picture.to_rgb8().write_with_encoder(encoder);
        ("jpg", "image/jpeg", written)
    };
    written.map_err(|error| Failed(format!("the output could not be encoded: {error}")))?;
    Ok(Made::File {
        extension,
        content_type,
        bytes: bytes.into(),
    })
}

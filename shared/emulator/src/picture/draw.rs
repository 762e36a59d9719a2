//! Turns input bytes into output bytes. It blocks and takes its time: call it where that is allowed.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, imageops};
use serde_json::Value;

use super::aspect::{Ratio, SIDE_MAX, crop, in_a_row, parse_size};
use crate::looks::{Wish, edit, invent};
use crate::run::Run;

const JPEG_QUALITY: u8 = 92;
const DECODED_SIDE_MAX: u32 = 16_384;
const DECODED_BYTES_MAX: u64 = 512 << 20;

/// Everything that decides one output.
#[derive(Debug)]
pub(crate) struct Drawing {
    wish: Wish,
    ratio: Option<Ratio>,
    size: Option<(u32, u32)>,
    png: bool,
}

impl Drawing {
    /// The `n`th output of a run; each has a seed of its own.
    pub(crate) fn of(run: &Run, n: u64) -> Self {
        let number = |input: &str| run.inputs.get(input).and_then(Value::as_f64);
        let wish = Wish {
            prompt: run.text("prompt").unwrap_or_default().to_owned(),
            seed: run.inputs.get("seed").and_then(Value::as_u64).unwrap_or_default().wrapping_add(n),
            guidance_scale: number("guidance_scale").unwrap_or(3.5),
            share: number("strength").unwrap_or(1.0),
        };
        Self {
            wish,
            ratio: run.text("aspect_ratio").and_then(Ratio::parse),
            size: run.text("size").and_then(parse_size),
            png: run.text("output_format") == Some("png"),
        }
    }

    pub(crate) fn extension(&self) -> &'static str {
        if self.png { "png" } else { "jpg" }
    }
}

/// Without sources, a picture is made from the prompt alone. Fails with a text for the run's `error`.
pub(crate) fn draw(drawing: &Drawing, sources: &[Bytes]) -> Result<Vec<u8>, String> {
    let pictures = sources.iter().map(|source| decode(source)).collect::<Result<Vec<_>, _>>()?;
    let drawn = match one_of(pictures) {
        Some(picture) => edit(&framed(picture, drawing.ratio), &drawing.wish),
        None => {
            let size = drawing.size.or(drawing.ratio.map(Ratio::size)).unwrap_or((1024, 1024));
            invent(size, &drawing.wish)
        }
    };
    encode(&drawn, drawing.png)
}

fn one_of(mut pictures: Vec<DynamicImage>) -> Option<DynamicImage> {
    if pictures.len() == 1 { pictures.pop() } else { in_a_row(&pictures) }
}

fn decode(source: &Bytes) -> Result<DynamicImage, String> {
    let mut reader = ImageReader::new(Cursor::new(source)).with_guessed_format().map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(DECODED_SIDE_MAX);
    limits.max_image_height = Some(DECODED_SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn framed(picture: DynamicImage, ratio: Option<Ratio>) -> RgbImage {
    let picture = ratio.map_or_else(|| picture.clone(), |ratio| crop(&picture, ratio));
    if picture.width().max(picture.height()) <= SIDE_MAX {
        return on_white(picture);
    }
    on_white(picture.resize(SIDE_MAX, SIDE_MAX, imageops::FilterType::CatmullRom))
}

/// JPEG knows no transparency.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut white = image::RgbaImage::from_pixel(picture.width(), picture.height(), image::Rgba([255; 4]));
    imageops::overlay(&mut white, &picture, 0, 0);
    DynamicImage::from(white).into_rgb8()
}

fn encode(picture: &RgbImage, png: bool) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    let written = if png {
        picture.write_to(&mut bytes, ImageFormat::Png)
    } else {
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
    };
    written.map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

//! A short video: a slow walk into one picture, as H.264 in an MP4 file that begins with its index.

use bytes::Bytes;
use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use muxide::api::{MuxerBuilder, VideoCodec};
use openh264::OpenH264API;
use openh264::encoder::{Encoder, EncoderConfig, FrameType, RateControlMode};
use openh264::formats::{RgbSliceU8, YUVBuffer};

use super::Failed;

const FRAMES: u32 = 24;
const FRAMES_PER_SECOND: u32 = 12;
const SIDE_PIXELS_MAX: u32 = 320;
const SIDE_PIXELS_MIN: u32 = 32;
/// How far the last frame is in: a fifth of each side is cut off.
const ZOOM_MAX: f32 = 0.2;

pub(super) fn mp4(picture: &DynamicImage) -> Result<Bytes, Failed> {
    let picture = framed(picture);
    let (width, height) = picture.dimensions();
    // One thread and no rate control: the same frames always give the same bytes.
    let config = EncoderConfig::new()
        .num_threads(1)
        .skip_frames(false)
        .rate_control_mode(RateControlMode::Off);
    let mut encoder =
        Encoder::with_api_config(OpenH264API::from_source(), config).map_err(|e| failed(&e))?;
    let mut file = Vec::new();
    let muxer = MuxerBuilder::new(&mut file)
        .video(
            VideoCodec::H264,
            width,
            height,
            f64::from(FRAMES_PER_SECOND),
        )
        .with_fast_start(true);
    let mut muxer = muxer.build().map_err(|e| failed(&e))?;
    for index in 0..FRAMES {
        let frame = zoomed(&picture, index);
        let source = RgbSliceU8::new(&frame, (width as usize, height as usize));
        let encoded = encoder
            .encode(&YUVBuffer::from_rgb8_source(source))
            .map_err(|e| failed(&e))?;
        let is_key = matches!(encoded.frame_type(), FrameType::IDR | FrameType::I);
        let seconds = f64::from(index) / f64::from(FRAMES_PER_SECOND);
        muxer
            .write_video(seconds, &encoded.to_vec(), is_key)
            .map_err(|e| failed(&e))?;
    }
    muxer.finish().map_err(|e| failed(&e))?;
    Ok(file.into())
}

/// The encoder takes even sides.
fn framed(picture: &DynamicImage) -> RgbImage {
    let small = picture.resize(SIDE_PIXELS_MAX, SIDE_PIXELS_MAX, FilterType::Triangle);
    let side = |pixels: u32| pixels.max(SIDE_PIXELS_MIN) & !1;
    let (width, height) = (side(small.width()), side(small.height()));
    small
        .resize_exact(width, height, FilterType::Triangle)
        .to_rgb8()
}

fn zoomed(picture: &RgbImage, index: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let in_by = ZOOM_MAX * index as f32 / FRAMES as f32 / 2.0;
    let at = |pixel: u32, pixels: u32| {
        let from = in_by + pixel as f32 / pixels as f32 * (1.0 - 2.0 * in_by);
        ((from * pixels as f32) as u32).min(pixels - 1)
    };
    RgbImage::from_fn(width, height, |x, y| {
        *picture.get_pixel(at(x, width), at(y, height))
    })
}

fn failed(error: &dyn std::error::Error) -> Failed {
    Failed(format!("the video could not be encoded: {error}"))
}

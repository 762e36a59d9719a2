//! Pictures in and out: fetched from a URL, a `data:` URI or the emulator's own files; decoded and encoded with bounds.

use std::io::Cursor;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader};

use crate::vendor::Vendor;

const PICTURE_BYTES_MAX: usize = 50 * 1024 * 1024;
const SIDE_PIXELS_MAX: u32 = 12_000;
const DECODED_BYTES_MAX: u64 = 512 * 1024 * 1024;
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
const JPEG_QUALITY: u8 = 92;

/// Why a picture cannot be worked from.
#[derive(Debug)]
pub(super) struct Unusable(pub(super) String);

pub(super) async fn fetch(vendor: &Vendor, url: &str) -> Result<Bytes, Unusable> {
    if let Some(data) = url.strip_prefix("data:") {
        return from_data_uri(data);
    }
    // Its own files come from memory: the public address need not be reachable from here.
    if let Some(path) = url.strip_prefix(vendor.base_url.as_str()) {
        let file = vendor.file(path.trim_start_matches('/'));
        return file.map(|file| file.bytes).ok_or_else(|| Unusable("the media is not there (404)".to_owned()));
    }
    match tokio::time::timeout(FETCH_TIMEOUT, download(vendor, url)).await {
        Ok(fetched) => fetched,
        Err(_) => Err(Unusable(format!("the media did not come within {} s", FETCH_TIMEOUT.as_secs()))),
    }
}

fn from_data_uri(data: &str) -> Result<Bytes, Unusable> {
    let (_, text) = data.split_once(";base64,").ok_or_else(|| Unusable("the data: URI is not base64".to_owned()))?;
    let bytes = STANDARD.decode(text).map_err(|error| Unusable(format!("the data: URI is not base64: {error}")))?;
    if bytes.len() > PICTURE_BYTES_MAX { Err(too_large()) } else { Ok(bytes.into()) }
}

async fn download(vendor: &Vendor, url: &str) -> Result<Bytes, Unusable> {
    let unreachable =
        |error: reqwest::Error| Unusable(format!("the media could not be fetched: {}", error.without_url()));
    let answer = vendor.downloads.get(url).send().await.map_err(unreachable)?;
    let answer = answer.error_for_status().map_err(unreachable)?;
    let mut bytes = BytesMut::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(unreachable)?);
        if bytes.len() > PICTURE_BYTES_MAX {
            return Err(too_large());
        }
    }
    Ok(bytes.freeze())
}

fn too_large() -> Unusable {
    Unusable(format!("the media is larger than {PICTURE_BYTES_MAX} bytes"))
}

pub(super) fn decode(bytes: &[u8]) -> Result<DynamicImage, Unusable> {
    let unreadable = |why: String| Unusable(format!("the media is not a picture that can be read: {why}"));
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| unreadable(error.to_string()))?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    reader.decode().map_err(|error| unreadable(error.to_string()))
}

pub(super) fn encode(picture: &DynamicImage) -> Result<Bytes, Unusable> {
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY);
    let written = picture.to_rgb8().write_with_encoder(encoder);
    written.map_err(|error| Unusable(format!("the output could not be written: {error}")))?;
    Ok(jpeg.into())
}

//! Pictures in and out: fetched from a URL, a `data:` URI or the emulator's own files; decoded and encoded with bounds.

use std::io::Cursor;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_url::DataUrl;
use futures::StreamExt as _;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader};

use crate::DEMO_PHOTO;
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
    if !url.trim_start().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")) {
        return inside(url);
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

/// A `data:` URI, or base64 alone.
fn inside(text: &str) -> Result<Bytes, Unusable> {
    let unreadable = || Unusable("the media is no URL and no base64".to_owned());
    let bare = format!("data:;base64,{text}");
    let uri = DataUrl::process(text).or_else(|_| DataUrl::process(&bare)).map_err(|_| unreadable())?;
    let (bytes, _) = uri.decode_to_vec().map_err(|_| unreadable())?;
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

/// What is edited.
pub(super) struct Source {
    pub(super) picture: DynamicImage,
    /// The format of the picture that the emulator's own photograph stands in for.
    pub(super) stands_in_for: Option<&'static str>,
}

/// A picture in a format that the vendor's models take and this emulator does not read has a stand-in.
pub(super) fn decode(bytes: &[u8]) -> Result<Source, Unusable> {
    match unread_format(bytes) {
        None => Ok(Source { picture: read(bytes)?, stands_in_for: None }),
        format => Ok(Source { picture: read(DEMO_PHOTO)?, stands_in_for: format }),
    }
}

fn unread_format(bytes: &[u8]) -> Option<&'static str> {
    match image::guess_format(bytes) {
        Ok(format) => format.extensions_str().first().copied().filter(|_| !format.reading_enabled()),
        // Pictures in the container of videos.
        Err(_) => (bytes.get(4..8) == Some(b"ftyp")).then_some("heic"),
    }
}

fn read(bytes: &[u8]) -> Result<DynamicImage, Unusable> {
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

//! Pictures in and out: from a `data:` URI, the emulator's own files or a remote URL; decoded and
//! encoded within bounds.

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use data_url::DataUrl;
use image::{DynamicImage, ImageReader};
use url::Url;

use crate::DEMO_PHOTO;
use crate::inputs::Media;
use crate::provider::Provider;

const PICTURE_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Tells one file from another.
const FINGERPRINT_BYTES_MAX: u64 = 64 * 1024;
const PIXELS_MAX: u64 = 64_000_000;
const SIDE_PIXELS_MAX: u32 = 12_000;
const DECODED_BYTES_MAX: u64 = 512 * 1024 * 1024;
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a run produced nothing.
#[derive(Debug)]
pub(super) struct Unusable(pub(super) String);

/// The same text for every reason: whoever names an address must not learn what is there.
fn no_picture() -> Unusable {
    let text = "the picture is not available: use an upload, a data: URI, or a public URL that does not \
                redirect, for a picture of at most 50 MB and 64 megapixels";
    Unusable(text.to_owned())
}

/// A picture in full; of other media that were uploaded the beginning is enough.
pub(super) async fn fetch(provider: &Provider, media: &Media) -> Result<Bytes, Unusable> {
    let url = media.place.as_str();
    if !url
        .trim_start()
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
    {
        return inside(url)
            .filter(|bytes| bytes.len() <= PICTURE_BYTES_MAX)
            .ok_or_else(no_picture);
    }
    // Its own files are at hand: no request is made, and the public URL need not be reachable
    // from here.
    if let Some(path) = url
        .strip_prefix(provider.base_url.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
    {
        let uploaded = uploaded(provider, path, media.is_picture).await;
        let output = || provider.file(path).map(|file| file.bytes);
        return uploaded.or_else(output).ok_or_else(no_picture);
    }
    let fetched = tokio::time::timeout(FETCH_TIMEOUT, elsewhere(provider, url)).await;
    fetched.ok().flatten().ok_or_else(no_picture)
}

async fn uploaded(provider: &Provider, path: &str, is_picture: bool) -> Option<Bytes> {
    let upload = provider.uploads.get(path)?;
    if !is_picture {
        return upload.head(FINGERPRINT_BYTES_MAX).await.ok();
    }
    if upload.size > PICTURE_BYTES_MAX as u64 {
        return None;
    }
    upload.head(upload.size).await.ok()
}

/// A `data:` URI, or plain base64.
fn inside(text: &str) -> Option<Bytes> {
    let bare = format!("data:;base64,{text}");
    let uri = DataUrl::process(text)
        .or_else(|_| DataUrl::process(&bare))
        .ok()?;
    uri.decode_to_vec().ok().map(|(bytes, _)| bytes.into())
}

async fn elsewhere(provider: &Provider, url: &str) -> Option<Bytes> {
    let pictures = provider.config.pictures.as_ref()?;
    pictures
        .fetch(Url::parse(url).ok()?, PICTURE_BYTES_MAX)
        .await
}

/// The picture to edit.
pub(super) struct Source {
    pub(super) picture: DynamicImage,
    /// The unreadable format that the emulator's own photograph replaces.
    pub(super) stands_in_for: Option<&'static str>,
}

/// A picture in a format that the provider's models accept but this emulator cannot read is
/// replaced by a stand-in.
pub(super) fn decode(bytes: &[u8]) -> Result<Source, Unusable> {
    match unread_format(bytes) {
        None => Ok(Source {
            picture: read(bytes)?,
            stands_in_for: None,
        }),
        format => Ok(Source {
            picture: read(DEMO_PHOTO)?,
            stands_in_for: format,
        }),
    }
}

fn unread_format(bytes: &[u8]) -> Option<&'static str> {
    match image::guess_format(bytes) {
        Ok(format) => format
            .extensions_str()
            .first()
            .copied()
            .filter(|_| !format.reading_enabled()),
        // Picture formats in a video container.
        Err(_) => (bytes.get(4..8) == Some(b"ftyp")).then_some("heic"),
    }
}

fn read(bytes: &[u8]) -> Result<DynamicImage, Unusable> {
    let reader = || {
        ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|_| no_picture())
    };
    // From the header only: a few bytes can claim to be a picture of gigabytes.
    let (width, height) = reader()?.into_dimensions().map_err(|_| no_picture())?;
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(no_picture());
    }
    let mut reader = reader()?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    reader.decode().map_err(|_| no_picture())
}

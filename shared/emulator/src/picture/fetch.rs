//! Gets the bytes of an input picture. Loopback addresses are fine here: this is an emulator on one machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};

use crate::vendor::Vendor;

const BYTES_MAX: usize = 50 << 20;

/// Fails with a text for the run's `error`.
pub(crate) async fn fetch(vendor: &Vendor, source: &str) -> Result<Bytes, String> {
    if let Some(data) = source.strip_prefix("data:") {
        return decode(data);
    }
    match own_upload(vendor, source) {
        Some(key) => vendor.files.get(key).await.ok_or_else(|| "no such upload".to_owned()),
        None => download(vendor, source).await,
    }
}

/// The emulator's public name need not be one that it can reach itself.
fn own_upload<'a>(vendor: &Vendor, source: &'a str) -> Option<&'a str> {
    let path = source.strip_prefix(&vendor.base_url)?.strip_prefix('/')?;
    path.starts_with("media/").then_some(path)
}

fn decode(data: &str) -> Result<Bytes, String> {
    let content = data.split_once(";base64,").ok_or("a data: URI must be in base64")?.1;
    let bytes = BASE64.decode(content.trim()).map_err(|error| format!("bad base64 in a data: URI: {error}"))?;
    if bytes.len() > BYTES_MAX { Err(too_large()) } else { Ok(bytes.into()) }
}

async fn download(vendor: &Vendor, source: &str) -> Result<Bytes, String> {
    let url = url::Url::parse(source).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}: URLs are not fetched", url.scheme()));
    }
    let response = vendor.downloads.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut response = response.map_err(|error| error.without_url().to_string())?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BYTES_MAX {
            return Err(too_large());
        }
    }
    Ok(bytes.freeze())
}

fn too_large() -> String {
    format!("larger than {} MB", BYTES_MAX >> 20)
}

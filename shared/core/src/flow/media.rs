//! Pictures among the inputs: their addresses are named to be checked, `data:` URIs handed to the vendor's media store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};
use url::Url;

use super::Fluxgate;
use super::addresses::Named;
use super::send::parse_inputs;
use crate::catalogue::Model;
use crate::error::{Error, Kind, Result};
use crate::port::{Purpose, Upload};
use crate::task::Task;

impl Fluxgate {
    /// The addresses of pictures, each with its field. Asks nobody.
    ///
    /// Fails with kind `Invalid` or `TooLarge`, naming the field.
    pub(super) fn media_addresses(&self, model: &Model, inputs: &Map<String, Value>) -> Result<Vec<Named>> {
        let mut named = Vec::new();
        for name in model.media_fields() {
            for text in texts(inputs.get(name)) {
                let url = self.media_address(text).map_err(|error| error.field(name))?;
                named.extend(url.map(|url| Named { field: name.to_owned(), purpose: Purpose::Input, url }));
            }
        }
        Ok(named)
    }

    /// Fails with kind `TooLarge`, naming the field. What is no picture is kept for good and sent as it is.
    pub(super) fn check_sizes(&self, model: &Model, inputs: &Map<String, Value>) -> Result<()> {
        let bytes_max = self.bounds().input_bytes_max;
        let media: Vec<&str> = model.media_fields().collect();
        for (name, value) in inputs.iter().filter(|(name, _)| !media.contains(&name.as_str())) {
            let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
            if bytes > bytes_max {
                let text = format!("the parameter '{name}' holds {bytes} bytes; {bytes_max} are taken");
                return Err(Error::new(Kind::TooLarge, "parameter_too_large", text).field(name));
            }
        }
        Ok(())
    }

    /// `None` for a picture that comes with the request.
    fn media_address(&self, text: &str) -> Result<Option<Url>> {
        if text.starts_with("data:") {
            return data_uri(text, self.bounds().data_uri_bytes_max).map(|_| None);
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            _ => Err(Error::invalid(
                "invalid_parameter",
                "a picture must be an https URL, an uploaded file's URL or a data: URI",
            )),
        }
    }

    /// The inputs with every `data:` URI replaced by the URL of its upload; `None` when there is none to replace.
    pub(super) async fn uploaded(&self, task: &Task, inputs: &str) -> Result<Option<String>> {
        if !inputs.contains("\"data:") {
            return Ok(None);
        }
        let catalogue = self.ports.upstream.catalogue().await?;
        let mut parsed = parse_inputs(inputs);
        for name in catalogue.model(&task.model)?.media_fields() {
            let values = match parsed.get_mut(name) {
                Some(Value::Array(values)) => values.iter_mut().collect(),
                Some(value) => vec![value],
                None => Vec::new(),
            };
            for value in values {
                self.upload_in_place(value).await?;
            }
        }
        Ok(Some(parsed.to_string()))
    }

    async fn upload_in_place(&self, value: &mut Value) -> Result<()> {
        let Some(text) = value.as_str().filter(|text| text.starts_with("data:")) else { return Ok(()) };
        let picture = data_uri(text, self.bounds().data_uri_bytes_max)?;
        let extension = picture.content_type.rsplit('/').next().unwrap_or("bin").to_owned();
        let bytes = Bytes::from(picture.bytes);
        let upload = Upload {
            filename: format!("input.{extension}"),
            content_type: picture.content_type,
            bytes: Box::pin(futures::stream::once(async move { Ok(bytes) })),
        };
        let answer = self.ports.upstream.upload(upload).await?;
        let url = answer.get("download_url").and_then(Value::as_str);
        let url =
            url.ok_or_else(|| Error::unavailable("upload_unreadable", "the upstream's upload answer names no URL"))?;
        *value = Value::String(url.to_owned());
        Ok(())
    }
}

/// True when a stored input was replaced on its way upstream, so that upstream's echo of it differs.
pub(super) fn is_replaced(value: &Value) -> bool {
    texts(Some(value)).any(|text| text.starts_with("data:"))
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values: &[Value] = match value {
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

struct DataUri {
    content_type: String,
    bytes: Vec<u8>,
}

/// Reads `data:image/png;base64,…` (RFC 2397), the base64 form only.
fn data_uri(text: &str, bytes_max: usize) -> Result<DataUri> {
    let bad = |why: &str| {
        Error::invalid("invalid_data_uri", format!("the data: URI {why}; it must look like data:image/png;base64,…"))
    };
    let (head, body) =
        text.strip_prefix("data:").and_then(|rest| rest.split_once(',')).ok_or_else(|| bad("has no comma"))?;
    let content_type = head.strip_suffix(";base64").ok_or_else(|| bad("is not base64"))?;
    if !content_type.starts_with("image/") {
        return Err(bad("does not hold a picture"));
    }
    if body.len() / 4 * 3 > bytes_max {
        let text =
            format!("the data: URI holds more than {bytes_max} bytes; upload the picture and send its URL instead");
        return Err(Error::new(Kind::TooLarge, "data_uri_too_large", text));
    }
    let bytes = STANDARD.decode(body.trim_end()).map_err(|_| bad("holds broken base64"))?;
    Ok(DataUri { content_type: content_type.to_ascii_lowercase(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_uri_is_read_and_a_broken_one_is_refused() {
        let good = data_uri("data:image/png;base64,aGVsbG8=", 100).unwrap();

        assert_eq!((good.content_type.as_str(), good.bytes.as_slice()), ("image/png", b"hello".as_slice()));
        for text in ["data:", "data:image/png,x", "data:text/html;base64,aGVsbG8=", "data:image/png;base64,%%%"] {
            assert_eq!(data_uri(text, 100).unwrap_err_code(), "invalid_data_uri", "{text:?}");
        }
        assert_eq!(data_uri("data:image/png;base64,aGVsbG8gaGVsbG8=", 5).unwrap_err_code(), "data_uri_too_large");
    }

    trait ErrorCode {
        fn unwrap_err_code(self) -> &'static str;
    }

    impl ErrorCode for Result<DataUri> {
        fn unwrap_err_code(self) -> &'static str {
            self.err().expect("the test expects an error").code
        }
    }
}

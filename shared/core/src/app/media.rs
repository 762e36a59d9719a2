//! Media among the inputs: their addresses are collected to be checked, and files embedded in the
//! inputs are found so that they can be uploaded to the provider's media store.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value};
use url::Url;

use super::gateway::Named;
use crate::base::error::{Error, Kind, Result};
use crate::base::url_text::unclear;
use crate::domain::media::InputFile;
use crate::domain::provider::Model;
use crate::domain::task::InputUpload;
use crate::port::Purpose;

/// Normalizes every embedded file to a `data:` URI, and refuses addresses that not everybody reads
/// alike. Fails with kind `Invalid` or `TooLarge`, naming the field.
pub(crate) fn files_in_one_form(
    bytes_max: usize,
    model: &Model,
    mut inputs: Map<String, Value>,
) -> Result<Map<String, Value>> {
    for name in model.media_fields() {
        for value in values_mut(inputs.get_mut(name)) {
            let Some(text) = value.as_str() else {
                continue;
            };
            if address(text).is_some() {
                check_clear(text).map_err(|error| error.field(name))?;
                continue;
            }
            let file = InputFile::read(text, bytes_max);
            let file = if model.takes_pictures_alone(name) {
                file.and_then(InputFile::as_picture)
            } else {
                file
            };
            let file = file.map_err(|error| error.field(name))?;
            *value = Value::String(file.data_uri());
        }
    }
    Ok(inputs)
}

/// The media addresses, each with its field. Does no IO.
pub(crate) fn media_addresses(model: &Model, inputs: &Map<String, Value>) -> Vec<Named> {
    let fields = model
        .media_fields()
        .flat_map(|name| texts(inputs.get(name)).map(move |text| (name, text)));
    let named = |(name, text): (&str, &str)| {
        Some(Named {
            field: name.to_owned(),
            purpose: Purpose::Input,
            url: address(text)?,
        })
    };
    fields.filter_map(named).collect()
}

/// Fails with kind `TooLarge`, naming the field. Inputs that are not media are stored for good and
/// sent unchanged, so they are limited.
pub(crate) fn check_sizes(
    bytes_max: usize,
    model: &Model,
    inputs: &Map<String, Value>,
) -> Result<()> {
    let media: Vec<&str> = model.media_fields().collect();
    for (name, value) in inputs
        .iter()
        .filter(|(name, _)| !media.contains(&name.as_str()))
    {
        let bytes = value
            .as_str()
            .map_or_else(|| value.to_string().len(), str::len);
        if bytes > bytes_max {
            let text = format!(
                "the parameter '{name}' has {bytes} bytes; at most {bytes_max} are allowed"
            );
            return Err(Error::new(Kind::TooLarge, "parameter_too_large", text).field(name));
        }
    }
    Ok(())
}

/// Replaces embedded files with the URLs of their uploads, in the order of the original POST. Files
/// without an upload are left as they are.
pub(crate) fn put_back(inputs: &mut Map<String, Value>, uploads: &[InputUpload]) {
    let mut by_field: BTreeMap<&str, VecDeque<&str>> = BTreeMap::new();
    for upload in uploads {
        by_field
            .entry(&upload.field)
            .or_default()
            .push_back(&upload.url);
    }
    for (field, mut urls) in by_field {
        for value in files_mut(inputs.get_mut(field)) {
            if let Some(url) = urls.pop_front() {
                *value = Value::String(url.to_owned());
            }
        }
    }
}

pub(crate) fn files_mut(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    values_mut(value).filter(|value| value.as_str().is_some_and(|text| text.starts_with("data:")))
}

/// The inputs of a stored task.
pub(super) fn parse_inputs(inputs: &str) -> Value {
    serde_json::from_str(inputs).unwrap_or(Value::Null)
}

/// True if a stored input was replaced on its way to the provider, so that the provider's echo of
/// it differs.
pub(crate) fn is_replaced(value: &Value) -> bool {
    texts(Some(value)).any(|text| text.starts_with("data:"))
}

/// What is checked must be what the provider fetches, and it is sent the text as it was given.
fn check_clear(text: &str) -> Result<()> {
    unclear(text).map_or(Ok(()), |why| {
        let text = format!("the URL {why}");
        Err(Error::invalid("invalid_parameter", text))
    })
}

/// An `http` or `https` URL. Checks the scheme first, so that a file of megabytes is not parsed.
fn address(text: &str) -> Option<Url> {
    let is_http = text
        .trim_start()
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("http"));
    is_http
        .then(|| Url::parse(text).ok())
        .flatten()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The elements of a list, or the single value.
fn values_mut(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    let values: &mut [Value] = match value {
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_mut(value),
        None => &mut [],
    };
    values.iter_mut()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values: &[Value] = match value {
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

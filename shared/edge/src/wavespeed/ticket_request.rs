//! What an upload ticket is asked for with. The provider's own refusal would not say which field is
//! wrong.

use fluxgate_core::{Error, Result};
use mediatype::MediaType;
use serde_json::Value;

use super::page::bad;
use super::uploads::{empty, too_large};

const FILENAME_BYTES_MAX: usize = 255;

/// Fails with kind `Invalid` or `TooLarge`, naming the field.
pub(super) fn check(request: &Value, bytes_max: u64) -> Result<()> {
    filename(&request["filename"])?;
    content_type(&request["content_type"])?;
    match (&request["size"], request["size"].as_u64()) {
        (Value::Null, _) => Err(missing("size", "the size of the file in bytes")),
        (_, None) => Err(bad(
            "size",
            "'size' must be the size of the file in bytes, a whole number".to_owned(),
        )),
        (_, Some(0)) => Err(empty().field("size")),
        (_, Some(size)) if size > bytes_max => Err(too_large(bytes_max)),
        (_, Some(_)) => Ok(()),
    }
}

fn filename(value: &Value) -> Result<()> {
    let text = match value {
        Value::Null => return Err(missing("filename", "the name of the file")),
        value => value.as_str().unwrap_or_default(),
    };
    if text.trim().is_empty() || text.len() > FILENAME_BYTES_MAX || text.contains(char::is_control)
    {
        let text = format!(
            "'filename' must be a text of 1 to {FILENAME_BYTES_MAX} bytes without control characters"
        );
        return Err(bad("filename", text));
    }
    Ok(())
}

/// None, or an empty one, leaves the type open.
fn content_type(value: &Value) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) if text.is_empty() || MediaType::parse(text).is_ok() => Ok(()),
        _ => Err(bad(
            "content_type",
            "'content_type' must be a media type such as image/png".to_owned(),
        )),
    }
}

fn missing(field: &str, what: &str) -> Error {
    Error::invalid("missing_parameter", format!("'{field}' is missing: {what}")).field(field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_for_a_ticket_names_a_file_its_size_and_perhaps_its_type() {
        let long = "x".repeat(255);
        for request in [
            json!({ "filename": "cat.png", "size": 1 }),
            json!({ "filename": "cat.png", "size": 100, "content_type": "image/png" }),
            json!({ "filename": long, "size": 100, "content_type": "", "own": true }),
            json!({ "filename": "Käfer 1.png", "size": 100, "content_type": null }),
        ] {
            assert!(check(&request, 100).is_ok(), "{request}");
        }
        for (request, code, field) in [
            (json!({ "size": 1 }), "missing_parameter", "filename"),
            (json!({ "filename": "a" }), "missing_parameter", "size"),
            (
                json!({ "filename": 7, "size": 1 }),
                "invalid_parameter",
                "filename",
            ),
            (
                json!({ "filename": " ", "size": 1 }),
                "invalid_parameter",
                "filename",
            ),
            (
                json!({ "filename": "a\r\nb", "size": 1 }),
                "invalid_parameter",
                "filename",
            ),
            (
                json!({ "filename": format!("{long}x"), "size": 1 }),
                "invalid_parameter",
                "filename",
            ),
            (
                json!({ "filename": "a", "size": "1" }),
                "invalid_parameter",
                "size",
            ),
            (
                json!({ "filename": "a", "size": -1 }),
                "invalid_parameter",
                "size",
            ),
            (
                json!({ "filename": "a", "size": 1.5 }),
                "invalid_parameter",
                "size",
            ),
            (
                json!({ "filename": "a", "size": 0 }),
                "invalid_upload",
                "size",
            ),
            (
                json!({ "filename": "a", "size": 101 }),
                "upload_too_large",
                "size",
            ),
            (
                json!({ "filename": "a", "size": 1, "content_type": 7 }),
                "invalid_parameter",
                "content_type",
            ),
            (
                json!({ "filename": "a", "size": 1, "content_type": "a\r\nb" }),
                "invalid_parameter",
                "content_type",
            ),
        ] {
            let error = check(&request, 100).expect_err("it is refused");
            assert_eq!(
                (error.code, error.field.as_deref()),
                (code, Some(field)),
                "{request}"
            );
        }
    }
}

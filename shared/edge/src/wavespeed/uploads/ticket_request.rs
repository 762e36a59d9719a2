//! Validates requests for upload tickets, because the provider's own error would not name the
//! field.

use fluxgate_core::{Error, Result};
use mediatype::MediaType;
use serde_json::Value;

use super::super::page::bad;
use super::refusal::{empty, ticket_too_large};

const FILENAME_BYTES_MAX: usize = 255;

/// Fails with kind `Invalid` or `TooLarge`, naming the field.
pub(super) fn check(request: &Value, bytes_max: u64) -> Result<()> {
    filename(&request["filename"])?;
    content_type(&request["content_type"])?;
    match (&request["size"], request["size"].as_u64()) {
        (Value::Null, _) => Err(missing("size", "the size of the file in bytes")),
        (_, None) => Err(bad(
            "size",
            format!(
                "'size' must be the size of the file in bytes, a whole number from 1 to {bytes_max}"
            ),
        )),
        (_, Some(0)) => Err(empty().field("size")),
        (_, Some(size)) if size > bytes_max => Err(ticket_too_large(bytes_max)),
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
            "'filename' must be a string of 1 to {FILENAME_BYTES_MAX} bytes without control characters"
        );
        return Err(bad("filename", text));
    }
    Ok(())
}

/// An absent or empty value leaves the type open.
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
    }

    #[test]
    fn a_request_for_a_ticket_without_a_name_or_a_size_says_which_is_missing() {
        refused(&json!({ "size": 1 }), "missing_parameter", "filename");
        refused(&json!({ "filename": "a" }), "missing_parameter", "size");
    }

    #[test]
    fn a_request_for_a_ticket_with_a_bad_field_names_it() {
        let long = "x".repeat(256);
        for filename in [json!(7), json!(" "), json!("a\r\nb"), json!(long)] {
            let request = json!({ "filename": filename, "size": 1 });
            refused(&request, "invalid_parameter", "filename");
        }
        for size in [json!("1"), json!(-1), json!(1.5)] {
            let request = json!({ "filename": "a", "size": size });
            refused(&request, "invalid_parameter", "size");
        }
        for content_type in [json!(7), json!("a\r\nb")] {
            let request = json!({ "filename": "a", "size": 1, "content_type": content_type });
            refused(&request, "invalid_parameter", "content_type");
        }
    }

    #[test]
    fn a_ticket_for_an_empty_file_or_one_over_the_bound_is_refused() {
        let sized = |size: u64| json!({ "filename": "a", "size": size });

        refused(&sized(0), "invalid_upload", "size");
        refused(&sized(101), "upload_too_large", "size");
    }

    fn refused(request: &Value, code: &str, field: &str) {
        let error = check(request, 100).expect_err("it is refused");
        let told = (error.code, error.field.as_deref());
        assert_eq!(told, (code, Some(field)), "{request}");
    }
}

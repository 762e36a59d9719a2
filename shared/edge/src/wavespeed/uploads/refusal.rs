//! Why an upload is refused, and how large one may be.

use axum::extract::multipart::MultipartError;
use axum::http::StatusCode;
use fluxgate_core::bounds::Bounds;
use fluxgate_core::{Error, Kind, Result};

use super::FILE;
use crate::body::{is_timeout, too_slow};

/// What a form may have beside a file of the maximum size: boundaries, headers, small fields.
pub(in crate::wavespeed) const FORM_BYTES_MAX: usize = 64 * 1024;

/// The largest file by each way.
#[derive(Debug, Clone, Copy)]
pub(super) struct UploadBounds {
    pub(super) form_bytes_max: u64,
    ticket_bytes_max: u64,
}

impl UploadBounds {
    pub(super) fn of(bounds: &Bounds) -> Self {
        Self {
            form_bytes_max: bounds.upload_bytes_max as u64,
            ticket_bytes_max: bounds.ticket_bytes_max,
        }
    }

    /// Before the body is read, by its announced length.
    pub(super) fn admit(self, announced: Option<u64>) -> Result<()> {
        let bytes_max = self.form_bytes_max.saturating_add(FORM_BYTES_MAX as u64);
        match announced {
            Some(bytes) if bytes > bytes_max => Err(self.too_large(FILE)),
            _ => Ok(()),
        }
    }

    pub(super) fn too_large(self, field: &str) -> Error {
        let Self {
            form_bytes_max,
            ticket_bytes_max,
        } = self;
        let instead = if ticket_bytes_max > form_bytes_max {
            format!(
                "for a file of up to {ticket_bytes_max} bytes, POST its filename and size to /api/v3/media/uploads and PUT the file to the URL in the answer"
            )
        } else {
            "send a smaller one".to_owned()
        };
        let text = format!(
            "the file is larger than {form_bytes_max} bytes, the maximum for an upload by form; {instead}"
        );
        Error::new(Kind::TooLarge, "upload_too_large", text).field(field)
    }
}

pub(super) fn ticket_too_large(bytes_max: u64) -> Error {
    let text = format!(
        "the file is larger than {bytes_max} bytes, the maximum for an upload; send a smaller one"
    );
    Error::new(Kind::TooLarge, "upload_too_large", text).field("size")
}

pub(super) fn broken(error: &MultipartError, bounds: UploadBounds) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return bounds.too_large(FILE);
    }
    if is_timeout(error) {
        return too_slow();
    }
    let text = "the form cannot be read to its last boundary; send it again, with a Content-Length that is the body's and without control characters in the headers of its parts";
    Error::invalid("upload_broken", text).field(FILE)
}

pub(super) fn missing() -> Error {
    let text = "there is no file; send it as a multipart part named 'file'";
    Error::invalid("missing_parameter", text).field(FILE)
}

pub(super) fn several() -> Error {
    let text = "an upload may contain only one file; send each file in its own upload";
    Error::invalid("invalid_parameter", text).field(FILE)
}

pub(super) fn empty() -> Error {
    Error::invalid("invalid_upload", "the file is empty; send one with content")
}

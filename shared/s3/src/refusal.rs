//! What S3's errors mean for the caller. Texts name the bucket and S3's own code, never a URL, a key pair or S3's message.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use fluxgate_core::{Error, Kind};

/// Why an operation did not go through.
pub(super) enum Refusal {
    /// The condition did not hold: something lies at the key, or is just being written there.
    Taken,
    Failed(Error),
}

pub(super) fn refusal<E>(error: &SdkError<E>, bucket: &str) -> Refusal
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let failed = |error: Error, cause: String| Refusal::Failed(error.source(cause));
    match (status, code) {
        (_, "PreconditionFailed" | "ConditionalRequestConflict") | (Some(412), _) => Refusal::Taken,
        (_, "NoSuchBucket") => failed(missing(bucket), cause(error, status, code)),
        (Some(401 | 403), _) => failed(denied(bucket), cause(error, status, code)),
        _ => failed(unavailable(bucket), cause(error, status, code)),
    }
}

fn missing(bucket: &str) -> Error {
    Error::unavailable(
        "bucket_missing",
        format!("bucket '{bucket}' does not exist; create it, or correct the destination"),
    )
}

fn denied(bucket: &str) -> Error {
    let text = format!("bucket '{bucket}' refuses Fluxgate; allow s3:PutObject and s3:GetObject, and look at the keys");
    Error::new(Kind::Forbidden, "bucket_denied", text)
}

fn unavailable(bucket: &str) -> Error {
    Error::unavailable(
        "bucket_unavailable",
        format!("bucket '{bucket}' could not be reached or written; it is tried again"),
    )
}

/// S3's status and code when it answered, else why there was no answer.
fn cause<E: StdError + 'static>(error: &SdkError<E>, status: Option<u16>, code: &str) -> String {
    if let Some(status) = status {
        return format!("status {status} {code}").trim_end().to_owned();
    }
    let mut text = error.to_string();
    let mut source = StdError::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

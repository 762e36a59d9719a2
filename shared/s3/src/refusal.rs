//! What S3's errors mean for the caller. Texts name the bucket and S3's own code, never a URL, a key pair or S3's message.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use fluxgate_core::{Error, Kind};

use super::bucket::Bucket;

/// Why an operation did not go through.
pub(super) enum Refusal {
    /// The condition did not hold: something lies at the key, or is just being written there.
    Taken,
    Failed(Error),
}

impl Refusal {
    /// Where no condition was set, so that none can have failed.
    pub(super) fn error(self, bucket: &Bucket<'_>) -> Error {
        match self {
            Self::Taken => unavailable(bucket),
            Self::Failed(error) => error,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn refusal<E>(error: &SdkError<E>, bucket: &Bucket<'_>) -> Refusal
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let failed = |error: Error, cause: String| Refusal::Failed(error.source(cause));
    match (status, code) {
        (_, "PreconditionFailed" | "ConditionalRequestConflict") | (Some(412), _) => Refusal::Taken,
        (_, "NoSuchBucket") => failed(missing(bucket), cause(error, status, code)),
        (Some(301 | 307), _) | (_, "AuthorizationHeaderMalformed") => {
            failed(elsewhere(bucket), cause(error, status, code))
        }
        (Some(401 | 403), _) => failed(denied(bucket), cause(error, status, code)),
        _ => failed(unavailable(bucket), cause(error, status, code)),
    }
}

fn missing(bucket: &Bucket<'_>) -> Error {
    let text = format!("bucket '{}' does not exist; create it, or correct the destination", bucket.name);
    Error::unavailable("bucket_missing", text)
}

fn elsewhere(bucket: &Bucket<'_>) -> Error {
    let text = format!("bucket '{}' is in another region than Fluxgate; name one in Fluxgate's region", bucket.name);
    Error::unavailable("bucket_elsewhere", text)
}

fn denied(bucket: &Bucket<'_>) -> Error {
    let (name, who) = (bucket.name, bucket.caller.name());
    let mut text = format!("bucket '{name}' refuses {who}; allow s3:PutObject and s3:GetObject, and look at the keys");
    if let Some(owner) = &bucket.owner {
        text.push_str(&format!(", and whether account {owner} owns it"));
    }
    Error::new(Kind::Forbidden, "bucket_denied", text)
}

pub(super) fn unavailable(bucket: &Bucket<'_>) -> Error {
    let text = format!("bucket '{}' could not be reached or written; it is tried again", bucket.name);
    Error::unavailable("bucket_unavailable", text)
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

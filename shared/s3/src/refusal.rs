//! What S3's errors mean for the caller. Messages contain the bucket and S3's error code, never a
//! URL, keys or S3's own message.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use fluxgate_core::{Error, Fault, Kind};

use super::bucket::Bucket;

/// Why an operation failed.
pub(super) enum Refusal {
    /// The condition failed: an object exists at the key, or is being written there right now.
    Taken,
    Failed(Error),
}

impl Refusal {
    /// For operations without a condition, where it cannot have failed.
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
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    let code = error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    let failed = |error: Error, cause: String| Refusal::Failed(error.source(cause));
    match (status, code) {
        (_, "PreconditionFailed" | "ConditionalRequestConflict") | (Some(412), _) => Refusal::Taken,
        (_, "NoSuchBucket") => failed(missing(bucket), cause(error, status, code)),
        (Some(301 | 307), _) | (_, "AuthorizationHeaderMalformed") => {
            failed(elsewhere(bucket), cause(error, status, code))
        }
        (_, code) if is_of_key(code) => failed(key_unusable(bucket), cause(error, status, code)),
        (_, code) if OWN_KEYS.contains(&code) => {
            failed(unavailable(bucket), cause(error, status, code))
        }
        (Some(401 | 403), _) => failed(denied(bucket), cause(error, status, code)),
        _ => failed(unavailable(bucket), cause(error, status, code)),
    }
}

/// Errors about the signing keys or this machine's clock: Fluxgate or STS made them, so they are
/// not the tenant's fault.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
const OWN_KEYS: [&str; 7] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// The bucket is encrypted with a key of the tenant's that is disabled, deleted or in another
/// region. KMS errors about its own state are transient.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html#API_GenerateDataKey_Errors>
fn is_of_key(code: &str) -> bool {
    let of_kms = code
        .strip_prefix("KMS.")
        .map(|code| code.trim_end_matches("Exception"));
    let passing = [
        "Throttling",
        "LimitExceeded",
        "KMSInternal",
        "DependencyTimeout",
        "KeyUnavailable",
    ];
    of_kms.is_some_and(|code| !passing.contains(&code))
}

fn key_unusable(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "the KMS key of bucket '{}' cannot be used; enable it, or set another default encryption",
        bucket.name
    );
    Error::unavailable("bucket_key_unusable", text).fault(Fault::Tenant)
}

fn missing(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "bucket '{}' does not exist; create it, or correct the destination",
        bucket.name
    );
    Error::unavailable("bucket_missing", text).fault(Fault::Tenant)
}

fn elsewhere(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "bucket '{}' is in another region than Fluxgate; use a bucket in Fluxgate's region",
        bucket.name
    );
    Error::unavailable("bucket_elsewhere", text).fault(Fault::Tenant)
}

fn denied(bucket: &Bucket<'_>) -> Error {
    let (name, who) = (bucket.name, bucket.caller.name());
    let mut text = format!(
        "bucket '{name}' refuses {who}; allow s3:PutObject and s3:GetObject, and the use of its KMS key"
    );
    if let Some(owner) = &bucket.owner {
        text.push_str(&format!(", and whether account {owner} owns it"));
    }
    Error::new(Kind::Forbidden, "bucket_denied", text).fault(Fault::Tenant)
}

pub(super) fn unavailable(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "bucket '{}' could not be reached or written; will retry",
        bucket.name
    );
    Error::unavailable("bucket_unavailable", text)
}

/// S3's status and code if it answered, or else why there was no response.
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

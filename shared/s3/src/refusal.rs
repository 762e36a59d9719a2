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

/// What an operation needs, as policies name it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Right {
    Put,
    Get,
    Delete,
}

impl Right {
    fn name(self) -> &'static str {
        match self {
            Self::Put => "s3:PutObject",
            Self::Get => "s3:GetObject",
            Self::Delete => "s3:DeleteObject",
        }
    }
}

/// Why a write failed.
pub(super) fn refusal<E>(error: &SdkError<E>, bucket: &Bucket<'_>) -> Refusal
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    refused(error, bucket, Right::Put)
}

pub(super) fn refused<E>(error: &SdkError<E>, bucket: &Bucket<'_>, right: Right) -> Refusal
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(why) = guarded(error) {
        return Refusal::Failed(match why.kind {
            Kind::TooLarge => endless(bucket, &why),
            _ => unreachable_store(bucket, &why),
        });
    }
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
            failed(elsewhere(bucket, region(error)), cause(error, status, code))
        }
        (_, "RequestTimeTooSkewed" | "RequestExpired") => {
            failed(clock_skewed(bucket), cause(error, status, code))
        }
        (Some(501), _) | (_, "NotImplemented") => {
            failed(unsupported(bucket), cause(error, status, code))
        }
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch") if bucket.has_own_keys() => {
            failed(keys_refused(bucket), cause(error, status, code))
        }
        (_, code) if is_of_key(code) => failed(key_unusable(bucket), cause(error, status, code)),
        (_, code) if OWN_KEYS.contains(&code) => {
            failed(unavailable(bucket), cause(error, status, code))
        }
        (Some(401 | 403), _) => failed(denied(bucket, right), cause(error, status, code)),
        _ => failed(unavailable(bucket), cause(error, status, code)),
    }
}

/// Errors about the signing keys or this machine's clock: Fluxgate or STS made them, so they are
/// not the tenant's fault.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
const OWN_KEYS: [&str; 5] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
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

/// `found`: where the bucket is, if the store says so.
fn elsewhere(bucket: &Bucket<'_>, found: Option<&str>) -> Error {
    let name = bucket.name;
    let from = match bucket.region() {
        Some(region) => format!("not in region '{region}'"),
        None => "in another region than Fluxgate".to_owned(),
    };
    let text = match found {
        Some(found) => format!(
            "bucket '{name}' is {from} but in '{found}'; set the destination's region to '{found}'"
        ),
        None => format!("bucket '{name}' is {from}; set the destination's region to the bucket's"),
    };
    Error::unavailable("bucket_elsewhere", text).fault(Fault::Tenant)
}

/// S3 signs and accepts requests within 15 minutes.
fn clock_skewed(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "the clock of this machine and that of the store of bucket '{}' differ by more than 15 minutes; \
         set this machine's clock by NTP",
        bucket.name
    );
    Error::unavailable("clock_skewed", text)
}

/// A store of the destination's own that does not know a header: AWS knows them all.
fn unsupported(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "the store of bucket '{}' does not know a feature that was asked of it; set 'conditional_put' to false, \
         'checksums' to 'none', or leave out storage class and KMS key, then probe the destination",
        bucket.name
    );
    Error::unavailable("bucket_feature_missing", text).fault(Fault::Tenant)
}

fn keys_refused(bucket: &Bucket<'_>) -> Error {
    let text = format!(
        "the store of bucket '{}' does not accept the destination's keys; set them again",
        bucket.name
    );
    Error::new(Kind::Forbidden, "bucket_keys_refused", text).fault(Fault::Tenant)
}

fn unreachable_store(bucket: &Bucket<'_>, why: &Error) -> Error {
    let text = format!(
        "the store of bucket '{}' cannot be called: {}",
        bucket.name, why.message
    );
    Error::unavailable("store_forbidden", text).fault(Fault::Tenant)
}

/// Whatever its status was: it has not been read whole.
fn endless(bucket: &Bucket<'_>, why: &Error) -> Error {
    let text = format!("the store of bucket '{}' {}", bucket.name, why.message);
    Error::unavailable("store_answer_too_large", text).fault(Fault::Tenant)
}

fn denied(bucket: &Bucket<'_>, right: Right) -> Error {
    let (name, who, right) = (bucket.name, bucket.caller.name(), right.name());
    let mut text = format!(
        "bucket '{name}' refuses {who} {right}; allow s3:PutObject and s3:GetObject, and the use of its KMS key"
    );
    if let Some(owner) = &bucket.owner {
        text.push_str(&format!(", and whether account {owner} owns it"));
    }
    Error::new(Kind::Forbidden, "bucket_denied", text).fault(Fault::Tenant)
}

/// The guard's refusal, if it refused to connect, or to read on.
fn guarded<E: StdError + 'static>(error: &SdkError<E>) -> Option<Error> {
    let mut source = StdError::source(error);
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<Error>() {
            return Some(found.clone());
        }
        source = cause.source();
    }
    None
}

/// The bucket's region, as S3 tells it beside a redirect.
fn region<E>(error: &SdkError<E>) -> Option<&str> {
    let region = error.raw_response()?.headers().get("x-amz-bucket-region")?;
    let is_name = (1..=32).contains(&region.len())
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_name.then_some(region)
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

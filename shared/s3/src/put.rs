//! The conditional put, and the check of an object that exists already.

use std::collections::HashMap;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fluxgate_core::port::{NewObject, ObjectBody, Stored};
use fluxgate_core::task::Output;
use fluxgate_core::{Error, Fault, Reason, Result};

use super::bucket::Bucket;
use super::refusal::{Refusal, Right, refusal, refused};

/// The metadata name of the digest.
pub(super) const SHA256: &str = "sha256";
/// The metadata name of the content type that the provider gave.
const PROVIDER_TYPE: &str = "provider-type";

pub(super) async fn put_new(bucket: &Bucket<'_>, object: NewObject) -> Result<Stored> {
    let condition = bucket.destination.has_conditional_put().then_some("*");
    let put = request(bucket, &object)
        .await?
        .set_if_none_match(condition.map(str::to_owned))
        .customize();
    // A checksum already covers the bytes; signing the payload would hash them a second time.
    let put = match bucket.has_checksums() {
        true => put.disable_payload_signing(),
        false => put,
    };
    match Box::pin(bucket.caller.does(put).send()).await {
        Ok(_) => Ok(Stored::Created(created(bucket.name, object))),
        Err(error) => match refusal(&error, bucket) {
            Refusal::Taken => existing(bucket, object.key).await.map(Stored::Existing),
            Refusal::Failed(error) => Err(error),
        },
    }
}

/// For a key that is derived from the bytes: an existing object can only be identical, and is
/// overwritten. So the caller needs no permission to read it.
pub(super) async fn put_named(bucket: &Bucket<'_>, object: &NewObject) -> Result<()> {
    let put = request(bucket, object)
        .await?
        .customize()
        .disable_payload_signing();
    let sent = Box::pin(bucket.caller.does(put).send()).await;
    sent.map(drop)
        .map_err(|error| refusal(&error, bucket).error(bucket))
}

async fn request(bucket: &Bucket<'_>, object: &NewObject) -> Result<PutObjectFluentBuilder> {
    let put = bucket
        .client
        .put_object()
        .bucket(bucket.name)
        .set_expected_bucket_owner(bucket.owner.clone())
        .key(&object.key)
        .set_checksum_sha256(bucket.has_checksums().then(|| BASE64.encode(object.sha256)))
        .set_storage_class(bucket.storage_class())
        .set_server_side_encryption(bucket.encryption())
        .set_ssekms_key_id(bucket.kms_key())
        .set_metadata(Some(metadata(object)))
        .content_type(&object.content_type)
        .set_content_disposition(object.content_disposition.map(str::to_owned))
        .content_length(length(object.bytes)?)
        .body(body(&object.body).await?);
    Ok(put)
}

pub(super) fn metadata(object: &NewObject) -> HashMap<String, String> {
    let told = object
        .provider_type
        .clone()
        .map(|told| (PROVIDER_TYPE.to_owned(), told));
    [(SHA256.to_owned(), hex::encode(object.sha256))]
        .into_iter()
        .chain(told)
        .collect()
}

async fn body(body: &ObjectBody) -> Result<ByteStream> {
    match body {
        ObjectBody::Memory(bytes) => Ok(ByteStream::from(bytes.clone())),
        ObjectBody::File(path) => ByteStream::from_path(path.as_ref().as_ref())
            .await
            .map_err(unreadable),
    }
}

pub(super) fn unreadable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let text = "cannot read back a fetched output; check the disk";
    Error::internal("output_file_unreadable", text).source(cause)
}

pub(super) fn length(bytes: u64) -> Result<i64> {
    i64::try_from(bytes)
        .map_err(|error| Error::internal("object_too_large", "an object over 8 EiB").source(error))
}

pub(super) fn created(bucket: &str, object: NewObject) -> Output {
    Output {
        bucket: bucket.to_owned(),
        key: object.key,
        sha256: hex::encode(object.sha256),
        bytes: object.bytes,
        content_type: object.content_type,
        ..Output::default()
    }
}

/// The object that exists at the key.
pub(super) async fn existing(bucket: &Bucket<'_>, key: String) -> Result<Output> {
    let head = bucket
        .client
        .head_object()
        .bucket(bucket.name)
        .set_expected_bucket_owner(bucket.owner.clone())
        .key(&key)
        .set_checksum_mode(bucket.has_checksums().then_some(ChecksumMode::Enabled))
        .customize();
    let head = Box::pin(bucket.caller.does(head).send())
        .await
        .map_err(|error| match refused(&error, bucket, Right::Get) {
            // The put was refused because the key exists, and now it does not: something else is
            // changing it.
            Refusal::Taken => Error::unavailable(
                "bucket_unavailable",
                format!("bucket '{}' gives inconsistent answers", bucket.name),
            ),
            Refusal::Failed(error) => error,
        })?;
    let Some(sha256) = digest(&head) else {
        let text = format!(
            "another object, without a SHA-256, exists at '{key}' in bucket '{}'; move it away",
            bucket.name
        );
        return Err(Error::unavailable("bucket_key_taken", text)
            .because(Reason::KeyTaken)
            .fault(Fault::Tenant));
    };
    Ok(Output {
        bucket: bucket.name.to_owned(),
        key,
        sha256,
        bytes: head
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .unwrap_or(0),
        content_type: head
            .content_type()
            .unwrap_or("application/octet-stream")
            .to_owned(),
        ..Output::default()
    })
}

/// From the metadata, or else from the checksum that S3 keeps for a single put.
fn digest(head: &HeadObjectOutput) -> Option<String> {
    let noted = head
        .metadata()
        .and_then(|metadata| metadata.get(SHA256))
        .cloned();
    noted.or_else(|| BASE64.decode(head.checksum_sha256()?).ok().map(hex::encode))
}

//! The conditional put of a large object in parts, of which one at a time is in memory. S3 verifies
//! the SHA-256 of each part; the SHA-256 of the whole is computed on the way, because S3 has none
//! for an object that was sent in parts.
//!
//! An interrupted upload leaves parts behind that are invisible but billed: a lifecycle rule of the
//! bucket removes them.

use std::time::Duration;

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use fluxgate_core::digest::{RunningSha256, sha256};
use fluxgate_core::port::{NewObject, ObjectBody, Stored};
use fluxgate_core::{Reason, Result};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;

use super::S3Limits;
use super::bucket::Bucket;
use super::put::{created, existing, length, metadata, unreadable};
use super::refusal::{Refusal, refusal, unavailable};

/// S3's limit.
const PARTS_MAX: u64 = 10_000;

pub(super) async fn put_new(
    bucket: &Bucket<'_>,
    object: NewObject,
    limits: S3Limits,
    parts: &Semaphore,
) -> Result<Stored> {
    // Check first, so that a large object is not sent only to learn that it exists already. If the
    // check is refused, that means nothing: the write decides.
    if bucket.destination.has_conditional_put() {
        match existing(bucket, object.key.clone()).await {
            Ok(found) => return Ok(Stored::Existing(found)),
            Err(error) if error.is(Reason::KeyTaken) => return Err(error),
            Err(_) => {}
        }
    }
    let upload = Upload::begin(bucket, &object).await?;
    let timeout = Duration::from_millis(limits.multipart_timeout_ms);
    let late = || Refusal::Failed(unavailable(bucket).source("the parts took too long"));
    let sending = upload.send(&object, limits.part_bytes, parts);
    let sent = tokio::time::timeout(timeout, sending).await;
    match sent.unwrap_or_else(|_| Err(late())) {
        Ok(()) => Ok(Stored::Created(created(bucket.name, object))),
        Err(refusal) => {
            upload.abort().await;
            match refusal {
                Refusal::Taken => existing(bucket, object.key).await.map(Stored::Existing),
                Refusal::Failed(error) => Err(error),
            }
        }
    }
}

struct Upload<'a> {
    bucket: &'a Bucket<'a>,
    key: String,
    id: String,
}

impl<'a> Upload<'a> {
    async fn begin(bucket: &'a Bucket<'a>, object: &NewObject) -> Result<Self> {
        let create = bucket
            .client
            .create_multipart_upload()
            .bucket(bucket.name)
            .set_expected_bucket_owner(bucket.owner.clone())
            .key(&object.key)
            .set_checksum_algorithm(bucket.has_checksums().then_some(ChecksumAlgorithm::Sha256))
            .set_storage_class(bucket.storage_class())
            .set_server_side_encryption(bucket.encryption())
            .set_ssekms_key_id(bucket.kms_key())
            .set_metadata(Some(metadata(object)))
            .content_type(&object.content_type)
            .set_content_disposition(object.content_disposition.map(str::to_owned))
            .customize();
        let created = Box::pin(bucket.caller.does(create).send())
            .await
            .map_err(|error| refusal(&error, bucket));
        let id = created
            .map_err(|refusal| refusal.error(bucket))?
            .upload_id
            .ok_or_else(|| unavailable(bucket))?;
        Ok(Self {
            bucket,
            key: object.key.clone(),
            id,
        })
    }

    /// Sends all parts in order, then completes the upload.
    async fn send(
        &self,
        object: &NewObject,
        part_bytes: u64,
        parts_in_memory: &Semaphore,
    ) -> Result<(), Refusal> {
        let part_bytes = part_bytes.max(object.bytes.div_ceil(PARTS_MAX)).max(1);
        let mut source = Source::open(&object.body).await?;
        let mut whole = RunningSha256::default();
        let mut parts = Vec::new();
        let mut rest = object.bytes;
        while rest > 0 {
            let _room = parts_in_memory.acquire().await.map_err(unreadable)?;
            let part = source.next(rest.min(part_bytes)).await?;
            rest -= rest.min(part_bytes);
            whole.update(&part);
            parts.push(self.send_part(parts.len() + 1, part).await?);
        }
        if whole.finish() != object.sha256 {
            return Err(unavailable(self.bucket)
                .source("the bytes sent do not match the digest")
                .into());
        }
        self.complete(parts).await
    }

    async fn send_part(&self, n: usize, part: Bytes) -> Result<CompletedPart, Refusal> {
        let bucket = self.bucket;
        let number = i32::try_from(n).map_err(|error| unavailable(bucket).source(error))?;
        let checksum = bucket.has_checksums().then(|| BASE64.encode(sha256(&part)));
        let upload = bucket
            .client
            .upload_part()
            .bucket(bucket.name)
            .set_expected_bucket_owner(bucket.owner.clone())
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number)
            .set_checksum_sha256(checksum.clone())
            .content_length(length(part.len() as u64)?)
            .body(part.into())
            .customize();
        let upload = match checksum {
            Some(_) => upload.disable_payload_signing(),
            None => upload,
        };
        let sent = Box::pin(bucket.caller.does(upload).send())
            .await
            .map_err(|error| refusal(&error, bucket))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_checksum_sha256(checksum)
            .set_e_tag(sent.e_tag)
            .build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>) -> Result<(), Refusal> {
        let bucket = self.bucket;
        let condition = bucket.destination.has_conditional_put().then_some("*");
        let complete = bucket
            .client
            .complete_multipart_upload()
            .bucket(bucket.name)
            .set_expected_bucket_owner(bucket.owner.clone())
            .key(&self.key)
            .upload_id(&self.id)
            .set_if_none_match(condition.map(str::to_owned))
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .customize();
        let completed = Box::pin(bucket.caller.does(complete).send()).await;
        completed.map(drop).map_err(|error| refusal(&error, bucket))
    }

    /// Best effort: what remains is removed by the bucket's lifecycle rule.
    async fn abort(&self) {
        let bucket = self.bucket;
        let abort = bucket
            .client
            .abort_multipart_upload()
            .bucket(bucket.name)
            .set_expected_bucket_owner(bucket.owner.clone())
            .key(&self.key)
            .upload_id(&self.id)
            .customize();
        let _ = Box::pin(bucket.caller.does(abort).send()).await;
    }
}

/// Where the parts are read from.
enum Source {
    Memory(Bytes),
    File(File),
}

impl Source {
    async fn open(body: &ObjectBody) -> Result<Self> {
        match body {
            ObjectBody::Memory(bytes) => Ok(Self::Memory(bytes.clone())),
            ObjectBody::File(path) => File::open(path.as_ref().as_ref())
                .await
                .map(Self::File)
                .map_err(unreadable),
        }
    }

    /// The next `bytes`; fails if there are fewer.
    async fn next(&mut self, bytes: u64) -> Result<Bytes> {
        let bytes = usize::try_from(bytes).map_err(unreadable)?;
        match self {
            Self::Memory(rest) if rest.len() < bytes => {
                Err(unreadable("the body is shorter than expected"))
            }
            Self::Memory(rest) => Ok(rest.split_to(bytes)),
            Self::File(file) => {
                let mut part = vec![0; bytes];
                file.read_exact(&mut part).await.map_err(unreadable)?;
                Ok(part.into())
            }
        }
    }
}

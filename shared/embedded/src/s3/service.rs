//! The S3 operations on this machine's objects. Buckets are left to s3s-fs.
//!
//! The objects of s3s-fs are not used: of 16 concurrent conditional puts several win, a wrong
//! checksum is noticed only after the rename, the attributes are written later, nothing is synced,
//! and a listing reads the whole bucket for each page. Multipart uploads and copies have the same
//! faults, so they are disabled.

use std::fs::File;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use fluxgate_core::time::Timestamp as Moment;
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use tracing::Dispatch;

use super::checksum::Digests;
use super::listings::in_version_1;
use super::reads::Reads;
use super::receive::{Received, receive};
use crate::objects::{Attributes, Found, Objects, Put, Writing, is_fit_key};
use crate::sqlite::ObjectName;

/// Bytes read from an object's file at a time.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct FolderS3 {
    pub(super) objects: Objects,
    buckets: FileSystem,
    reads: Reads,
    /// s3s runs without a subscriber; this machine's own failures are logged to the subscriber that
    /// was current at the start.
    log: Dispatch,
}

impl FolderS3 {
    pub(super) fn new(objects: Objects, downloads_per_bucket_max: usize) -> io::Result<Self> {
        let buckets = FileSystem::new(&objects.folder().root)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let log = tracing::dispatcher::get_default(Dispatch::clone);
        let reads = Reads::new(downloads_per_bucket_max);
        Ok(Self {
            objects,
            buckets,
            reads,
            log,
        })
    }

    fn name(&self, bucket: &str, key: &str) -> S3Result<ObjectName> {
        self.has_bucket(bucket)?;
        if !is_fit_key(key) {
            return Err(unfit_key());
        }
        Ok(ObjectName::new(bucket, key))
    }

    /// The bucket's name is valid: s3s has checked it.
    pub(super) fn has_bucket(&self, bucket: &str) -> S3Result<()> {
        match self.objects.folder().has_bucket(bucket) {
            true => Ok(()),
            false => Err(s3_error!(
                NoSuchBucket,
                "there is no bucket of this name here"
            )),
        }
    }

    async fn open(&self, bucket: &str, key: &str) -> S3Result<(Found, File)> {
        let name = self.name(bucket, key)?;
        let opened = self.objects.open_object(&name).await;
        let opened = opened.map_err(|error| self.failed(error))?;
        opened.ok_or_else(|| s3_error!(NoSuchKey, "the bucket has no object with this key"))
    }

    pub(super) fn failed(&self, error: io::Error) -> S3Error {
        self.tell(&error);
        S3Error::internal_error(error)
    }

    fn tell(&self, error: &dyn std::error::Error) {
        tracing::dispatcher::with_default(&self.log, || {
            tracing::error!(error = %error, "the folder of objects could not be read or written");
        });
    }
}

fn unfit_key() -> S3Error {
    s3_error!(
        InvalidArgument,
        "a key consists of names of up to 255 bytes separated by '/', none of them empty, '.' or '..'"
    )
}

/// Whether the key must be free. Any other condition is refused, not ignored.
fn only_if_free(input: &PutObjectInput) -> S3Result<bool> {
    match (&input.if_match, &input.if_none_match) {
        (None, None) => Ok(false),
        (None, Some(condition)) if condition.is_any() => Ok(true),
        _ => Err(s3_error!(
            NotImplemented,
            "the only supported condition of a PUT is 'If-None-Match: *'"
        )),
    }
}

fn attributes(input: PutObjectInput, sha256: Option<String>) -> Attributes {
    Attributes {
        sha256,
        content_type: input.content_type,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        cache_control: input.cache_control,
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
    }
}

/// S3 allows any digest of the bytes as ETag; this one is available.
fn e_tag(attributes: &Attributes) -> Option<ETag> {
    attributes.sha256.clone().map(ETag::Strong)
}

pub(super) fn timestamp(time: Moment) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
    (UNIX_EPOCH + since).into()
}

#[async_trait::async_trait]
impl S3 for FolderS3 {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let (mut input, trailers) = (request.input, request.trailing_headers);
        let name = self.name(&input.bucket, &input.key)?;
        let only_if_free = only_if_free(&input)?;
        let body = input.body.take().ok_or_else(|| s3_error!(IncompleteBody))?;
        let received = receive(&self.objects.incoming(), body, Digests::wanted(&input)).await;
        let Received {
            content,
            bytes,
            digested,
        } = received.inspect_err(|error| {
            if *error.code() == s3s::S3ErrorCode::InternalError {
                self.tell(error);
            }
        })?;
        if !digested.holds(&input, trailers.as_ref()) {
            return Err(s3_error!(BadDigest));
        }
        let checksum_sha256 = digested.checksum.checksum_sha256;
        let attributes = attributes(input, checksum_sha256.clone());
        let e_tag = e_tag(&attributes);
        let writing = Writing {
            name: name.clone(),
            content,
            bytes,
            attributes,
            only_if_free,
        };
        let put = self.objects.put(writing).await;
        let put = put.map_err(|error| self.failed(error))?;
        // Whose object it is, it must be durable: the caller may rely on it as its creator does.
        let committed = self.objects.commit(&name, only_if_free).await;
        committed.map_err(|error| self.failed(error))?;
        if matches!(put, Put::Taken(_)) {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(S3Response::new(PutObjectOutput {
            e_tag,
            checksum_sha256,
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let read = self.reads.begin(&input.bucket)?;
        let (found, file) = self.open(&input.bucket, &input.key).await?;
        let mut file = tokio::fs::File::from_std(file);
        let range = input
            .range
            .map(|range| range.check(found.bytes))
            .transpose()?;
        let part = range.clone().unwrap_or(0..found.bytes);
        file.seek(io::SeekFrom::Start(part.start))
            .await
            .map_err(|error| self.failed(error))?;
        let length = part.end - part.start;
        let e_tag = e_tag(&found.attributes);
        let known = found.attributes;
        let asked = input.response_content_disposition;
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(
                read.of(ReaderStream::with_capacity(file.take(length), READ_BYTES)),
            )),
            content_length: i64::try_from(length).ok(),
            content_range: range
                .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, found.bytes)),
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(timestamp(found.modified)),
            e_tag,
            content_disposition: asked.or_else(|| known.disposition()),
            content_type: Some(known.content_type()),
            content_encoding: known.content_encoding,
            cache_control: known.cache_control,
            // The checksum is of the whole object, so it is not sent with a part.
            checksum_sha256: known.sha256.filter(|_| length == found.bytes),
            metadata: Some(known.metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let (found, _) = self.open(&request.input.bucket, &request.input.key).await?;
        let e_tag = e_tag(&found.attributes);
        let known = found.attributes;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(found.bytes).ok(),
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(timestamp(found.modified)),
            e_tag,
            content_disposition: known.disposition(),
            content_type: Some(known.content_type()),
            content_encoding: known.content_encoding,
            cache_control: known.cache_control,
            checksum_sha256: known.sha256,
            metadata: Some(known.metadata.into_iter().collect()),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let name = self.name(&request.input.bucket, &request.input.key)?;
        let removed = self.objects.remove(&name).await;
        removed.map_err(|error| self.failed(error))?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        Ok(self
            .listed(request.input.into())
            .await?
            .map_output(in_version_1))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.listed(request.input).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.buckets.list_buckets(request).await
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.buckets.create_bucket(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.has_bucket(&request.input.bucket)?;
        self.buckets.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.has_bucket(&request.input.bucket)?;
        self.buckets.get_bucket_location(request).await
    }
}

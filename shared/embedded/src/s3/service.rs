//! The S3 operations on the folder. Objects are written and read here; listings and buckets are
//! left to s3s-fs.
//!
//! The PUT of s3s-fs is not used: of 16 concurrent conditional puts several win, a wrong checksum
//! is noticed only after the rename, the attributes are written later, and nothing is synced.
//! Multipart uploads and copies have the same faults, so they are disabled.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use tracing::Dispatch;

use super::attributes::Attributes;
use super::checksum::Digests;
use super::commit::{CommitLock, Committed, prepare};
use super::folder::{Folder, ObjectPath};
use super::group_sync::GroupSync;
use super::reads::Reads;
use super::receive::receive;

/// Bytes read from an object's file at a time.
const READ_BYTES: usize = 64 * 1024;

pub(super) struct FolderS3 {
    folder: Arc<Folder>,
    lock: Arc<CommitLock>,
    disk: GroupSync,
    listings: FileSystem,
    reads: Reads,
    /// s3s runs without a subscriber; this machine's own failures are logged to the subscriber that
    /// was current at the start.
    log: Dispatch,
}

/// An object's file and its attributes.
struct Opened {
    file: tokio::fs::File,
    bytes: u64,
    modified: Timestamp,
    attributes: Attributes,
}

impl FolderS3 {
    pub(super) fn new(folder: Folder, downloads_per_bucket_max: usize) -> io::Result<Self> {
        let listings = FileSystem::new(&folder.root)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let disk = GroupSync::start(&folder.incoming())?;
        let log = tracing::dispatcher::get_default(Dispatch::clone);
        let reads = Reads::new(downloads_per_bucket_max);
        Ok(Self {
            folder: Arc::new(folder),
            lock: Arc::default(),
            disk,
            listings,
            reads,
            log,
        })
    }

    fn place(&self, bucket: &str, key: &str) -> S3Result<ObjectPath> {
        if !self.folder.has_bucket(bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        self.folder.locate(bucket, key).ok_or_else(unfit_key)
    }

    async fn open(&self, bucket: &str, key: &str) -> S3Result<Opened> {
        let place = self.place(bucket, key)?;
        self.read(&place)
            .await
            .map_err(|error| self.failed(error))?
            .ok_or_else(|| s3_error!(NoSuchKey))
    }

    async fn read(&self, place: &ObjectPath) -> io::Result<Option<Opened>> {
        let file = match tokio::fs::File::open(&place.object).await {
            Ok(file) => file,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let there = file.metadata().await?;
        if there.is_dir() {
            return Ok(None);
        }
        let attributes = Attributes::load(&place.attributes).await?;
        Ok(Some(Opened {
            file,
            bytes: there.len(),
            modified: there.modified()?.into(),
            attributes,
        }))
    }

    /// Runs blocking work, and logs a failure that is not the client's.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder, &CommitLock) -> io::Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let (folder, lock) = (Arc::clone(&self.folder), Arc::clone(&self.lock));
        let done = tokio::task::spawn_blocking(move || work(&folder, &lock))
            .await
            .map_err(io::Error::other);
        done.and_then(std::convert::identity)
            .map_err(|error| self.failed(error))
    }

    async fn synced(&self) -> S3Result<()> {
        self.disk.sync().await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> S3Error {
        if matches!(
            error.kind(),
            ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
        ) {
            return unfit_key();
        }
        self.tell(&error);
        S3Error::internal_error(error)
    }

    fn tell(&self, error: &dyn std::error::Error) {
        tracing::dispatcher::with_default(&self.log, || {
            tracing::error!(error = %error, "the s3 folder could not be read or written");
        });
    }
}

fn unfit_key() -> S3Error {
    s3_error!(
        InvalidArgument,
        "objects are files here: a key consists of names of up to 255 bytes separated by '/', none of them empty, '.' or '..', and \
         must not be below another object"
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

#[async_trait::async_trait]
impl S3 for FolderS3 {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let (mut input, trailers) = (request.input, request.trailing_headers);
        let place = self.place(&input.bucket, &input.key)?;
        let only_if_free = only_if_free(&input)?;
        let body = input.body.take().ok_or_else(|| s3_error!(IncompleteBody))?;
        let received = receive(&self.folder.incoming(), body, Digests::wanted(&input)).await;
        let received = received.inspect_err(|error| {
            if *error.code() == s3s::S3ErrorCode::InternalError {
                self.tell(error);
            }
        })?;
        if !received.digested.holds(&input, trailers.as_ref()) {
            return Err(s3_error!(BadDigest));
        }
        let checksum = received.digested.checksum;
        let attributes = Attributes::of(input, checksum.checksum_sha256.clone());
        let e_tag = attributes.e_tag();
        let place = Arc::new(place);
        let (target, bytes) = (Arc::clone(&place), received.bytes);
        let prepared = self
            .blocking(move |folder, _| prepare(folder, &target, bytes, &attributes))
            .await?;
        self.synced().await?;
        let committed = self
            .blocking(move |_, lock| lock.publish(&place, prepared, only_if_free))
            .await?;
        self.synced().await?;
        if committed == Committed::Taken {
            return Err(s3_error!(PreconditionFailed));
        }
        let checksum_sha256 = checksum.checksum_sha256;
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
        let mut opened = self.open(&input.bucket, &input.key).await?;
        let range = input
            .range
            .map(|range| range.check(opened.bytes))
            .transpose()?;
        let part = range.clone().unwrap_or(0..opened.bytes);
        opened
            .file
            .seek(io::SeekFrom::Start(part.start))
            .await
            .map_err(|error| self.failed(error))?;
        let length = part.end - part.start;
        let e_tag = opened.attributes.e_tag();
        let known = opened.attributes;
        let asked = input.response_content_disposition;
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(read.of(ReaderStream::with_capacity(
                opened.file.take(length),
                READ_BYTES,
            )))),
            content_length: i64::try_from(length).ok(),
            content_range: range
                .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, opened.bytes)),
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(opened.modified),
            e_tag,
            content_disposition: asked.or_else(|| known.disposition()),
            content_type: Some(known.content_type()),
            content_encoding: known.content_encoding,
            cache_control: known.cache_control,
            // The checksum is of the whole object, so it is not sent with a part.
            checksum_sha256: known.sha256.filter(|_| length == opened.bytes),
            metadata: Some(known.metadata),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let opened = self.open(&request.input.bucket, &request.input.key).await?;
        let e_tag = opened.attributes.e_tag();
        let known = opened.attributes;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(opened.bytes).ok(),
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(opened.modified),
            e_tag,
            content_disposition: known.disposition(),
            content_type: Some(known.content_type()),
            content_encoding: known.content_encoding,
            cache_control: known.cache_control,
            checksum_sha256: known.sha256,
            metadata: Some(known.metadata),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let place = self.place(&request.input.bucket, &request.input.key)?;
        self.blocking(move |_, lock| lock.remove(&place)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.listings.list_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.listings.list_objects_v2(request).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.listings.list_buckets(request).await
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.listings.create_bucket(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.listings.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.listings.get_bucket_location(request).await
    }
}

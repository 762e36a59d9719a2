//! Large objects on an S3 that knows parts: the in-process one of local mode does not.

use std::io::Write as _;
use std::path::Path;

use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{
    LinkSigner as _, LinkTerms, NewObject, ObjectBody, ObjectStore as _, Stored,
};
use fluxgate_core::tenant::Destination;
use fluxgate_s3::{S3Limits, S3ObjectStore, S3StoreSettings};
use fluxgate_tests::Ministack;

const BUCKET: &str = "tenant-acme";
const MIB: usize = 1024 * 1024;
/// The least that S3 takes for all but the last.
const PART_BYTES: u64 = 5 * MIB as u64;

struct Bed {
    ministack: Ministack,
    store: S3ObjectStore,
}

impl Bed {
    async fn start() -> Self {
        let ministack = Ministack::start().await;
        let made = reqwest::Client::new()
            .put(format!("{}/{BUCKET}", ministack.endpoint()))
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 200);
        let store = S3ObjectStore::new(settings(&ministack));
        Self { ministack, store }
    }

    async fn put(&self, object: NewObject) -> Stored {
        self.store
            .put_new(&tenant(), &destination(), object)
            .await
            .unwrap()
    }

    /// As S3 lists them: what is being uploaded.
    async fn unfinished(&self) -> usize {
        let listing = reqwest::get(format!("{}/{BUCKET}?uploads", self.ministack.endpoint()))
            .await
            .unwrap();
        listing.text().await.unwrap().matches("<UploadId>").count()
    }
}

fn settings(ministack: &Ministack) -> S3StoreSettings {
    let aws = ministack.aws();
    S3StoreSettings {
        endpoint: aws.endpoint.clone(),
        public_endpoint: None,
        region: aws.region.clone(),
        credentials: aws.credentials.clone(),
        force_path_style: true,
        http: Some(aws.http.clone()),
        limits: S3Limits {
            multipart_over_bytes: Some(PART_BYTES),
            part_bytes: PART_BYTES,
            ..S3Limits::default()
        },
    }
}

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn destination() -> Destination {
    Destination {
        bucket: BUCKET.to_owned(),
        ..Destination::default()
    }
}

struct Spooled(tempfile::NamedTempFile);

impl AsRef<Path> for Spooled {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

fn large(byte: u8) -> (Vec<u8>, NewObject) {
    let bytes: Vec<u8> = (0..12 * MIB)
        .map(|n| byte ^ u8::try_from(n % 251).unwrap())
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let object = NewObject {
        key: "film/0.mp4".to_owned(),
        body: ObjectBody::File(Box::new(Spooled(file))),
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
        content_type: "video/mp4".to_owned(),
        content_disposition: Some("attachment"),
        provider_type: Some("video/x-new".to_owned()),
    };
    (bytes, object)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_object_arrives_in_parts_as_one() {
    let bed = Bed::start().await;
    let (bytes, object) = large(7);

    let Stored::Created(output) = bed.put(object).await else {
        panic!("the key is new")
    };

    let url = bed
        .store
        .presign(&tenant(), &destination(), &output, LinkTerms::get(60_000))
        .await
        .unwrap();
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.headers()["content-disposition"], "attachment");
    assert_eq!(answer.headers()["x-amz-meta-provider-type"], "video/x-new");
    assert_eq!(
        answer.headers()["x-amz-meta-sha256"],
        output.sha256.as_str()
    );
    // A single put's ETag counts no parts.
    assert!(answer.headers()["etag"].to_str().unwrap().ends_with("-3\""));
    assert!(
        answer.bytes().await.unwrap() == bytes,
        "other bytes came back"
    );
    assert_eq!(bed.unfinished().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_large_objects_at_once_one_is_created_and_the_other_told_and_no_parts_remain() {
    let bed = Bed::start().await;
    let ((_, first), (_, second)) = (large(1), large(2));

    let (one, other) = tokio::join!(bed.put(first), bed.put(second));

    let created = [&one, &other]
        .iter()
        .filter(|stored| matches!(stored, Stored::Created(_)))
        .count();
    assert_eq!(created, 1);
    assert_eq!(one.output(), other.output());
    assert_eq!(bed.unfinished().await, 0);
}

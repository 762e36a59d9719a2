//! What every `ObjectStore` and `LinkSigner` promises, as plain functions over the port. An adapter
//! runs them all with a bucket of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{
    LinkMethod, LinkSigner, LinkTerms, NewObject, ObjectBody, ObjectStore, Stored,
};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Kind, Retry};
use futures::future::join_all;

/// A store, who signs links to it, and an empty bucket that it may write.
pub(crate) struct Bench<'a> {
    pub(crate) store: &'a dyn ObjectStore,
    pub(crate) signer: &'a dyn LinkSigner,
    pub(crate) bucket: String,
}

pub(crate) const KEY: &str = "flux/2026/08/25/0190a1b2c3d47e5f8091a2b3c4d5e6f7/0.png";

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

pub(crate) fn destination(bucket: &str) -> Destination {
    Destination {
        bucket: bucket.to_owned(),
        prefix: "flux".to_owned(),
        ..Destination::default()
    }
}

pub(crate) fn object(key: &str, bytes: &'static [u8]) -> NewObject {
    NewObject {
        key: key.to_owned(),
        body: ObjectBody::Memory(Bytes::from_static(bytes)),
        bytes: bytes.len() as u64,
        sha256: sha256(bytes),
        content_type: "image/png".to_owned(),
        content_disposition: None,
        provider_type: None,
    }
}

/// A file that removes itself, as the fetcher hands it over.
pub(crate) struct Spooled(pub(crate) tempfile::NamedTempFile);

impl AsRef<Path> for Spooled {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

impl Bench<'_> {
    pub(crate) async fn put(&self, object: NewObject) -> fluxgate_core::Result<Stored> {
        self.store
            .put_new(&tenant(), &destination(&self.bucket), object)
            .await
    }

    async fn presign(&self, output: &Output) -> String {
        self.presign_for(output, LinkMethod::Get).await
    }

    async fn presign_for(&self, output: &Output, method: LinkMethod) -> String {
        let link = LinkTerms {
            method,
            expires_ms: 60_000,
            from: None,
        };
        self.signer
            .presign(&tenant(), &destination(&self.bucket), output, link)
            .await
            .unwrap()
    }

    async fn download(&self, output: &Output) -> reqwest::Response {
        reqwest::get(self.presign(output).await).await.unwrap()
    }

    fn output(&self, key: &str, bytes: &[u8]) -> Output {
        Output {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            sha256: hex::encode(sha256(bytes)),
            bytes: bytes.len() as u64,
            content_type: "image/png".to_owned(),
            ..Output::default()
        }
    }
}

pub(crate) async fn an_object_is_written_when_its_key_is_free(bench: Bench<'_>) {
    let stored = bench.put(object(KEY, b"picture")).await.unwrap();

    assert_eq!(stored, Stored::Created(bench.output(KEY, b"picture")));
}

pub(crate) async fn a_taken_key_keeps_what_lies_there_and_says_what_it_is(bench: Bench<'_>) {
    bench.put(object(KEY, b"first")).await.unwrap();

    let mut second = object(KEY, b"second one");
    second.content_type = "image/webp".to_owned();
    let stored = bench.put(second).await.unwrap();

    assert_eq!(stored, Stored::Existing(bench.output(KEY, b"first")));
    assert_eq!(
        bench
            .download(&stored.output())
            .await
            .bytes()
            .await
            .unwrap(),
        "first"
    );
}

pub(crate) async fn of_many_puts_at_once_one_creates_and_the_others_are_told_what_it_created(
    bench: Bench<'_>,
) {
    const BODIES: [&[u8]; 4] = [b"a", b"bb", b"ccc", b"dddd"];

    let puts = (0..16).map(|n| bench.put(object(KEY, BODIES[n % 4])));
    let all: Vec<Stored> = join_all(puts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();

    let created: Vec<&Output> = all
        .iter()
        .filter_map(|stored| match stored {
            Stored::Created(output) => Some(output),
            Stored::Existing(_) => None,
        })
        .collect();
    assert_eq!(created.len(), 1);
    assert!(
        all.iter()
            .all(|stored| stored.clone().output() == *created[0])
    );
    let bytes = bench.download(created[0]).await.bytes().await.unwrap();
    assert_eq!(hex::encode(sha256(&bytes)), created[0].sha256);
}

pub(crate) async fn a_body_from_a_file_is_stored_like_one_from_memory_and_its_file_goes_away(
    bench: Bench<'_>,
) {
    let bytes = vec![7; 3 * 1024 * 1024];
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let path: PathBuf = file.path().to_owned();
    let from_file = NewObject {
        body: ObjectBody::File(Box::new(Spooled(file))),
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
        ..object(KEY, b"")
    };

    let stored = bench.put(from_file).await.unwrap();

    assert_eq!(stored, Stored::Created(bench.output(KEY, &bytes)));
    assert_eq!(
        bench
            .download(&stored.output())
            .await
            .bytes()
            .await
            .unwrap(),
        bytes
    );
    assert!(!path.exists());
}

pub(crate) async fn bytes_other_than_their_digest_are_refused_and_leave_the_key_free(
    bench: Bench<'_>,
) {
    let torn = NewObject {
        sha256: sha256(b"picture"),
        ..object(KEY, b"pictur\0")
    };

    let error = bench.put(torn).await.unwrap_err();

    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    let stored = bench.put(object(KEY, b"picture")).await.unwrap();
    assert_eq!(stored, Stored::Created(bench.output(KEY, b"picture")));
}

pub(crate) async fn a_bucket_that_is_missing_is_unavailable_and_may_be_tried_later(
    bench: Bench<'_>,
) {
    let missing = Bench {
        bucket: "nobodys-bucket".to_owned(),
        ..bench
    };

    let error = missing.put(object(KEY, b"picture")).await.unwrap_err();

    assert_eq!(
        (error.kind, error.retry, error.code),
        (Kind::Unavailable, Retry::Later, "bucket_missing"),
        "{error}"
    );
}

pub(crate) async fn a_removed_object_is_gone_its_key_is_free_and_removing_it_again_succeeds(
    bench: Bench<'_>,
) {
    let output = bench.put(object(KEY, b"picture")).await.unwrap().output();
    let (tenant, destination) = (tenant(), destination(&bench.bucket));

    for _ in 0..2 {
        let removed = bench.store.remove(&tenant, &destination, KEY).await;
        removed.unwrap();
    }

    assert_eq!(bench.download(&output).await.status(), 404);
    let again = bench.put(object(KEY, b"again")).await.unwrap();
    assert_eq!(again, Stored::Created(bench.output(KEY, b"again")));
}

pub(crate) async fn a_presigned_url_downloads_the_object_as_what_it_is(bench: Bench<'_>) {
    let output = bench.put(object(KEY, b"picture")).await.unwrap().output();

    let answer = bench.download(&output).await;

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.bytes().await.unwrap(), "picture");
}

pub(crate) async fn what_a_browser_must_not_open_comes_as_an_attachment_with_the_provider_s_type_noted(
    bench: Bench<'_>,
) {
    let mut drawing = object(KEY, b"<svg/>");
    drawing.content_type = "image/svg+xml".to_owned();
    drawing.content_disposition = Some("attachment");
    drawing.provider_type = Some("text/html; charset=utf-8".to_owned());

    let output = bench.put(drawing).await.unwrap().output();
    let as_a_picture = Output {
        content_type: "image/png".to_owned(),
        ..output.clone()
    };

    // By its link, and by one that was signed for something harmless: the object itself says so
    // too.
    for output in [&output, &as_a_picture] {
        let answer = bench.download(output).await;
        assert_eq!(answer.headers()["content-type"], "image/svg+xml");
        assert_eq!(answer.headers()["content-disposition"], "attachment");
        assert_eq!(
            answer.headers()["x-amz-meta-provider-type"],
            "text/html; charset=utf-8"
        );
    }
}

pub(crate) async fn a_picture_may_be_shown_where_it_lies(bench: Bench<'_>) {
    let output = bench.put(object(KEY, b"picture")).await.unwrap().output();

    assert_eq!(
        bench
            .download(&output)
            .await
            .headers()
            .get("content-disposition"),
        None
    );
}

pub(crate) async fn what_somebody_else_laid_at_the_key_comes_as_an_attachment_too(
    bench: Bench<'_>,
) {
    let mut page = object(KEY, b"<p>");
    page.content_type = "text/html".to_owned();
    bench.put(page).await.unwrap();

    let stored = bench.put(object(KEY, b"picture")).await.unwrap();

    assert_eq!(
        bench.download(&stored.output()).await.headers()["content-disposition"],
        "attachment"
    );
}

pub(crate) async fn a_url_for_head_says_what_the_object_is_and_not_what_is_in_it(bench: Bench<'_>) {
    let output = bench.put(object(KEY, b"picture")).await.unwrap().output();
    let url = bench.presign_for(&output, LinkMethod::Head).await;
    let http = reqwest::Client::new();

    let said = http.head(&url).send().await.unwrap();
    let read = http.get(&url).send().await.unwrap();

    assert_eq!(
        (
            said.status().as_u16(),
            said.headers()["content-length"].to_str().unwrap()
        ),
        (200, "7")
    );
    assert_eq!(said.headers()["content-type"], "image/png");
    assert_eq!(read.status(), 403, "it was signed for HEAD");
}

pub(crate) async fn a_url_is_presigned_without_asking_the_bucket(bench: Bench<'_>) {
    let output = Output {
        bucket: "nobodys-bucket".to_owned(),
        ..bench.output(KEY, b"picture")
    };

    let url = bench.presign(&output).await;

    assert!(
        url.contains("nobodys-bucket") && url.contains("X-Amz-Signature="),
        "{url}"
    );
}

pub(crate) async fn keys_with_signs_in_them_are_stored_and_presigned_as_they_are(bench: Bench<'_>) {
    for key in [
        "flux/a b+c/0.png",
        "flux/ümlaut/%41/0.png",
        "flux/a=b&c?d#e/0.png",
    ] {
        let output = bench.put(object(key, b"picture")).await.unwrap().output();

        assert_eq!(output.key, key);
        assert_eq!(
            bench.download(&output).await.bytes().await.unwrap(),
            "picture",
            "{key}"
        );
    }
}

//! The contract against the in-process S3 server, and the answers of S3 that it never gives against
//! a stub.

use std::sync::Arc;

use fluxgate_core::port::{LinkSigner as _, LinkTerms, ObjectStore, Stored, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::Output;
use fluxgate_core::tenant::{AssumedRole, Destination};
use fluxgate_core::{Fault, Kind, Retry};
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::{FolderObjectStore, Objects, create_bucket};
use fluxgate_embedded::s3::{ConnectionBounds, S3Server, S3Settings};
use fluxgate_s3::{S3Limits, S3ObjectStore, S3StoreSettings, fixed_keys};

use crate::contract::{Bench, KEY, destination, object, tenant};
use crate::stub::Stub;

const SECRET: &str = "local-secret";

pub(crate) fn settings(endpoint: String) -> S3StoreSettings {
    S3StoreSettings {
        endpoint: Some(endpoint),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: fixed_keys("local", &Secret::new(SECRET)),
        force_path_style: true,
        http: None,
        limits: S3Limits {
            attempts_max: 1,
            ..S3Limits::default()
        },
    }
}

fn objects(folder: &tempfile::TempDir) -> Objects {
    let rows = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    Objects::open(&folder.path().join("s3"), rows).unwrap()
}

fn server(objects: &Objects) -> S3Server {
    S3Server::start(S3Settings {
        objects: objects.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        access_key: "local".to_owned(),
        secret_key: Secret::new(SECRET),
        connections: ConnectionBounds::default(),
        downloads_per_bucket_max: 16,
    })
    .unwrap()
}

/// Each behaviour of both ways into the local buckets: over S3, and straight into the folder.
macro_rules! contract {
    ($($behaviour:ident)*) => {
        mod over_s3 {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let local = Local::start();

                crate::contract::$behaviour(local.bench(&local.over_s3)).await;
            })*
        }

        mod into_the_folder {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let local = Local::start();
                let store = FolderObjectStore::new(local.objects.clone());

                crate::contract::$behaviour(local.bench(&store)).await;
            })*
        }
    };
}

/// A local S3 server with one bucket.
struct Local {
    objects: Objects,
    over_s3: S3ObjectStore,
    server: S3Server,
    _folder: tempfile::TempDir,
}

impl Local {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(&folder);
        create_bucket(&folder.path().join("s3"), "tenant-acme").unwrap();
        let server = server(&objects);
        Self {
            objects,
            over_s3: S3ObjectStore::new(settings(server.endpoint())),
            server,
            _folder: folder,
        }
    }

    fn bench<'a>(&'a self, store: &'a dyn ObjectStore) -> Bench<'a> {
        Bench {
            store,
            signer: &self.over_s3,
            bucket: "tenant-acme".to_owned(),
        }
    }
}

contract! {
    an_object_is_written_when_its_key_is_free
    a_taken_key_keeps_what_lies_there_and_says_what_it_is
    of_many_puts_at_once_one_creates_and_the_others_are_told_what_it_created
    a_body_from_a_file_is_stored_like_one_from_memory_and_its_file_goes_away
    bytes_other_than_their_digest_are_refused_and_leave_the_key_free
    a_bucket_that_is_missing_is_unavailable_and_may_be_tried_later
    a_removed_object_is_gone_its_key_is_free_and_removing_it_again_succeeds
    a_presigned_url_downloads_the_object_as_what_it_is
    what_a_browser_must_not_open_comes_as_an_attachment_with_the_provider_s_type_noted
    a_picture_may_be_shown_where_it_lies
    what_somebody_else_laid_at_the_key_comes_as_an_attachment_too
    a_url_for_head_says_what_the_object_is_and_not_what_is_in_it
    a_url_is_presigned_without_asking_the_bucket
    keys_with_signs_in_them_are_stored_and_presigned_as_they_are
}

async fn put(store: &S3ObjectStore) -> fluxgate_core::Result<Stored> {
    store
        .put_new(
            &tenant(),
            &destination("tenant-acme"),
            object(KEY, b"picture"),
        )
        .await
}

fn output() -> Output {
    Output {
        bucket: "tenant-acme".to_owned(),
        key: KEY.to_owned(),
        sha256: String::new(),
        bytes: 7,
        content_type: "image/png".to_owned(),
        ..Output::default()
    }
}

#[tokio::test]
async fn a_put_is_conditional_carries_the_known_digest_and_signs_no_payload() {
    let stub = Stub::answering(["200 OK", ""]).await;
    let store = S3ObjectStore::new(settings(stub.endpoint()));

    put(&store).await.unwrap();

    let request = &stub.requests()[0];
    let headers: Vec<(&str, &str)> = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let of = |start: &str| {
        headers
            .iter()
            .filter(|(name, _)| name.starts_with(start))
            .copied()
            .collect::<Vec<_>>()
    };
    assert!(
        request.starts_with(&format!("PUT /tenant-acme/{KEY}")),
        "{request}"
    );
    assert_eq!(of("if-none-match"), [("if-none-match", "*")]);
    assert_eq!(
        of("x-amz-checksum"),
        [(
            "x-amz-checksum-sha256",
            "LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc="
        )]
    );
    assert_eq!(
        of("x-amz-meta")[0].1,
        hex::encode(fluxgate_core::digest::sha256(b"picture"))
    );
    assert_eq!(of("content-length"), [("content-length", "7")]);
    assert_eq!(
        of("x-amz-content-sha256"),
        [("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]
    );
    assert_eq!(of("x-amz-trailer"), []);
}

#[tokio::test]
async fn keys_of_ours_that_s3_does_not_take_are_no_fault_of_the_tenant() {
    let local = Local::start();
    let stranger = fixed_keys("local", &Secret::new("guess"));
    let wrong = S3ObjectStore::new(S3StoreSettings {
        credentials: stranger,
        ..settings(local.server.endpoint())
    });

    let error = put(&wrong).await.unwrap_err();

    assert_eq!(
        (error.kind, error.retry, error.fault),
        (Kind::Unavailable, Retry::Later, Fault::Ours),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_of_s3_says_the_bucket_and_neither_keys_nor_s3_s_own_words() {
    let body = "<Error><Code>AccessDenied</Code><Message>X-Amz-Signature=f00 local-secret</Message></Error>";
    let stub = Stub::answering(["403 Forbidden", body]).await;
    let store = S3ObjectStore::new(settings(stub.endpoint()));

    let error = put(&store).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code, error.fault),
        (Kind::Forbidden, "bucket_denied", Fault::Tenant)
    );
    assert!(
        error.to_string().contains("tenant-acme") && error.with_causes().contains("AccessDenied"),
        "{error}"
    );
    for text in [error.with_causes(), format!("{error:?}")] {
        assert!(
            !text.contains("Signature") && !text.contains(SECRET),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_conflict_with_another_put_is_answered_by_what_that_one_wrote() {
    let conflict = "<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>";
    let there = "200 OK\r\nx-amz-meta-sha256: abc\r\ncontent-type: image/webp";
    let stub = Stub::answering(["409 Conflict", conflict, there, "12345"]).await;
    let store = S3ObjectStore::new(settings(stub.endpoint()));

    let Stored::Existing(output) = put(&store).await.unwrap() else {
        panic!("not there yet")
    };

    assert_eq!(
        (
            output.sha256.as_str(),
            output.bytes,
            output.content_type.as_str()
        ),
        ("abc", 5, "image/webp")
    );
}

#[tokio::test]
async fn an_existing_object_without_metadata_is_known_by_the_checksum_that_s3_kept() {
    let there = "200 OK\r\nx-amz-checksum-sha256: LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc=\r\ncontent-type: image/png";
    let stub = Stub::answering(["412 Precondition Failed", "", there, "1234567"]).await;
    let store = S3ObjectStore::new(settings(stub.endpoint()));

    let stored = put(&store).await.unwrap().output();

    assert_eq!(
        stored.sha256,
        hex::encode(fluxgate_core::digest::sha256(b"picture"))
    );
}

#[tokio::test]
async fn an_existing_object_of_somebody_else_is_not_taken_for_an_output() {
    let stub = Stub::answering(["412 Precondition Failed", "", "200 OK", "whatever"]).await;
    let store = S3ObjectStore::new(settings(stub.endpoint()));

    let error = put(&store).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "bucket_key_taken"),
        "{error}"
    );
    assert_eq!(error.fault, Fault::Tenant);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_made_good_by_the_next_try() {
    let slow_down = "<Error><Code>SlowDown</Code></Error>";
    let there = "200 OK\r\nx-amz-meta-sha256: abc\r\ncontent-type: image/png";
    let answers = [
        "503 Slow Down",
        slow_down,
        "412 Precondition Failed",
        "",
        there,
        "1234567",
    ];
    let stub = Stub::answering(answers).await;
    let patient = S3StoreSettings {
        limits: S3Limits::default(),
        ..settings(stub.endpoint())
    };
    let store = S3ObjectStore::new(patient);

    let stored = put(&store).await.unwrap();

    assert!(matches!(stored, Stored::Existing(_)), "{stored:?}");
    assert_eq!(stub.requests().len(), 3);
}

#[tokio::test]
async fn an_s3_that_fails_or_is_not_there_is_unavailable_and_may_be_tried_later() {
    let stub = Stub::answering(["500 Internal Server Error", ""]).await;
    let failing = S3ObjectStore::new(settings(stub.endpoint()));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let absent = S3ObjectStore::new(settings(format!("http://{nobody}")));

    for store in [failing, absent] {
        let error = put(&store).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry, error.code),
            (Kind::Unavailable, Retry::Later, "bucket_unavailable")
        );
    }
}

#[tokio::test]
async fn an_s3_that_never_answers_is_given_up() {
    let stub = Stub::silent().await;
    let limits = S3Limits {
        attempt_timeout_ms: 50,
        attempts_max: 1,
        ..S3Limits::default()
    };
    let store = S3ObjectStore::new(S3StoreSettings {
        limits,
        ..settings(stub.endpoint())
    });

    let error = put(&store).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "bucket_unavailable"),
        "{error}"
    );
}

#[tokio::test]
async fn a_presigned_url_names_the_public_endpoint() {
    let public_endpoint = Some("https://pictures.example:8443".to_owned());
    let settings = S3StoreSettings {
        public_endpoint,
        ..settings("http://127.0.0.1:1".to_owned())
    };
    let store = S3ObjectStore::new(settings);

    let url = store
        .presign(
            &tenant(),
            &destination("tenant-acme"),
            &output(),
            LinkTerms::get(60_000),
        )
        .await
        .unwrap();

    assert!(
        url.starts_with(&format!("https://pictures.example:8443/tenant-acme/{KEY}?")),
        "{url}"
    );
    assert!(!url.contains(SECRET));
}

#[tokio::test]
async fn a_destination_with_a_role_is_refused_where_no_roles_are_assumed() {
    let store = S3ObjectStore::new(settings("http://127.0.0.1:1".to_owned()));
    let role = AssumedRole {
        arn: "arn:aws:iam::1:role/x".to_owned(),
        external_id: "e".to_owned(),
    };
    let theirs = Destination {
        role: Some(role),
        ..destination("tenant-acme")
    };

    let put = store
        .put_new(&tenant(), &theirs, object(KEY, b"picture"))
        .await
        .unwrap_err();
    let presign = store
        .presign(&tenant(), &theirs, &output(), LinkTerms::get(60_000))
        .await
        .unwrap_err();

    assert_eq!((put.kind, put.code), (Kind::Internal, "role_unsupported"));
    assert_eq!(presign.code, "role_unsupported");
}

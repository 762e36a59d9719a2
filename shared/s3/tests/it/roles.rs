//! Tenants' roles and buckets' owners, as S3 sees them on the wire.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fluxgate_core::id::{AccountId, TenantId};
use fluxgate_core::port::{LinkSigner as _, LinkTerms, ObjectStore as _};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::Output;
use fluxgate_core::tenant::{AssumedRole, Destination};
use fluxgate_core::{Error, Kind, Result};
use fluxgate_s3::{
    Credentials, RoleCredentials, S3Limits, S3ObjectStore, S3StoreSettings, fixed_keys,
};

use crate::contract::{KEY, destination, object, tenant};
use crate::stub::Stub;

fn settings(endpoint: String) -> S3StoreSettings {
    S3StoreSettings {
        endpoint: Some(endpoint),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: fixed_keys("AKIDOWN", &Secret::new("own-secret")),
        force_path_style: true,
        http: None,
        limits: S3Limits {
            attempts_max: 1,
            ..S3Limits::default()
        },
    }
}

/// Hands out keys named after the role, or a refusal.
#[derive(Default)]
pub(crate) struct Roles {
    refusing: bool,
    asked: Mutex<Vec<(AssumedRole, TenantId)>>,
    /// What each session was for.
    policies: Mutex<Vec<String>>,
}

#[async_trait]
impl RoleCredentials for Roles {
    async fn credentials(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> Result<Credentials> {
        self.policies.lock().unwrap().push(policy.to_owned());
        self.asked
            .lock()
            .unwrap()
            .push((role.clone(), tenant.clone()));
        if self.refusing {
            return Err(Error::unavailable("role_denied", "role cannot be assumed"));
        }
        let name = role.arn.rsplit('/').next().unwrap();
        let expires = SystemTime::now() + Duration::from_secs(600);
        Ok(Credentials::new(
            format!("ASIA{name}"),
            "role-secret",
            Some(format!("token-{name}")),
            Some(expires),
            "test",
        ))
    }
}

pub(crate) fn store(stub: &Stub, roles: &Arc<Roles>) -> S3ObjectStore {
    S3ObjectStore::new(settings(stub.endpoint())).with_roles(roles.clone())
}

pub(crate) fn theirs(name: &str) -> Destination {
    let role = AssumedRole {
        arn: format!("arn:aws:iam::210987654321:role/{name}"),
        external_id: "its-id".to_owned(),
    };
    Destination {
        role: Some(role),
        ..destination("tenant-acme")
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
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
async fn a_destination_with_a_role_is_written_with_the_role_s_keys_and_one_without_with_our_own() {
    let stub = Stub::answering(["200 OK", "", "200 OK", "", "200 OK", ""]).await;
    let roles = Arc::new(Roles::default());
    let store = store(&stub, &roles);

    for destination in [theirs("one"), destination("tenant-acme"), theirs("two")] {
        store
            .put_new(&tenant(), &destination, object(KEY, b"picture"))
            .await
            .unwrap();
    }

    let seen: Vec<_> = stub
        .requests()
        .iter()
        .map(|request| {
            let authorization = header(request, "authorization").unwrap();
            let key = authorization
                .split_once("Credential=")
                .unwrap()
                .1
                .split('/')
                .next()
                .unwrap();
            (
                key.to_owned(),
                header(request, "x-amz-security-token").map(str::to_owned),
            )
        })
        .collect();
    let token = |name: &str| Some(name.to_owned());
    assert_eq!(
        seen,
        [
            ("ASIAone".to_owned(), token("token-one")),
            ("AKIDOWN".to_owned(), None),
            ("ASIAtwo".to_owned(), token("token-two"))
        ]
    );
    let asked = roles.asked.lock().unwrap();
    assert_eq!(
        (asked.len(), asked[0].0.external_id.as_str(), &asked[0].1),
        (2, "its-id", &tenant())
    );
}

/// A link in a leaked session opens nothing but what links open.
#[tokio::test]
async fn a_link_is_signed_in_a_session_that_only_reads_and_a_copy_written_in_one_that_writes() {
    let stub = Stub::answering(["200 OK", "", "204 No Content", ""]).await;
    let roles = Arc::new(Roles::default());
    let (store, to) = (store(&stub, &roles), theirs("one"));

    let terms = LinkTerms::get(60_000);
    let link = store.presign(&tenant(), &to, &output(), terms).await;
    let put = store.put_new(&tenant(), &to, object(KEY, b"picture")).await;
    let removed = store.remove(&tenant(), &to, KEY).await;

    link.unwrap();
    put.unwrap();
    removed.unwrap();
    let actions = |policy: &String| {
        let from = policy.find("\"s3:").unwrap();
        policy[from..].split(']').next().unwrap().replace('"', "")
    };
    let policies = roles.policies.lock().unwrap();
    assert_eq!(
        policies.iter().map(actions).collect::<Vec<_>>(),
        [
            "s3:GetObject",
            "s3:PutObject,s3:GetObject,s3:AbortMultipartUpload",
            "s3:DeleteObject"
        ]
    );
    let objects = format!("\"arn:aws:s3:::tenant-acme/{}*\"", to.under_prefix(""));
    assert!(
        policies.iter().all(|it| it.contains(&objects)),
        "{policies:?}"
    );
}

#[tokio::test]
async fn a_bucket_must_belong_to_the_role_s_account_or_the_one_that_was_set() {
    let there = "200 OK\r\nx-amz-meta-sha256: abc";
    let stub = Stub::answering([
        "412 Precondition Failed",
        "",
        there,
        "",
        "200 OK",
        "",
        "200 OK",
        "",
    ])
    .await;
    let store = store(&stub, &Arc::new(Roles::default()));
    let set = Some(AccountId::parse("123456789012").unwrap());

    let named = Destination {
        bucket_owner: set,
        ..destination("tenant-acme")
    };
    for destination in [theirs("one"), named, destination("tenant-acme")] {
        store
            .put_new(&tenant(), &destination, object(KEY, b"picture"))
            .await
            .unwrap();
    }

    let requests = stub.requests();
    let owners: Vec<_> = requests
        .iter()
        .map(|request| header(request, "x-amz-expected-bucket-owner"))
        .collect();
    assert_eq!(
        owners,
        [
            Some("210987654321"),
            Some("210987654321"),
            Some("123456789012"),
            None
        ]
    );
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_leaves_the_bucket_alone() {
    let stub = Stub::answering(["200 OK", ""]).await;
    let roles = Arc::new(Roles {
        refusing: true,
        ..Roles::default()
    });
    let store = store(&stub, &roles);

    let put = store
        .put_new(&tenant(), &theirs("one"), object(KEY, b"picture"))
        .await
        .unwrap_err();
    let presign = store
        .presign(&tenant(), &theirs("one"), &output(), LinkTerms::get(60_000))
        .await
        .unwrap_err();

    assert_eq!((put.kind, put.code), (Kind::Unavailable, "role_denied"));
    assert_eq!(presign.code, "role_denied");
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn a_url_is_presigned_in_the_role_and_lives_no_longer_than_its_keys() {
    let stub = Stub::silent().await;
    let store = store(&stub, &Arc::new(Roles::default()));

    let url = store
        .presign(
            &tenant(),
            &theirs("one"),
            &output(),
            LinkTerms::get(7 * 24 * 3_600_000 - 60_000),
        )
        .await
        .unwrap();

    assert!(
        url.contains("X-Amz-Credential=ASIAone") && url.contains("X-Amz-Security-Token=token-one"),
        "{url}"
    );
    assert!(
        !url.contains("expected-bucket-owner") && !url.contains("role-secret"),
        "{url}"
    );
    let expires = url
        .split_once("X-Amz-Expires=")
        .unwrap()
        .1
        .split('&')
        .next()
        .unwrap();
    assert!(
        (599..=660).contains(&expires.parse::<u64>().unwrap()),
        "{url}"
    );
}

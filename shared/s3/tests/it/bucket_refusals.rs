//! What a bucket refuses, and on whose side the cause lies.

use std::sync::Arc;

use fluxgate_core::port::ObjectStore as _;
use fluxgate_core::{Fault, Kind};

use crate::contract::{KEY, object, tenant};
use crate::roles::{Roles, store, theirs};
use crate::stub::Stub;

const REFUSED: &str = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
const KEY_UNUSABLE: &str = "bucket_key_unusable";
const UNAVAILABLE: &str = "bucket_unavailable";

#[tokio::test]
async fn a_bucket_that_refuses_says_whose_it_must_be() {
    let stub = Stub::answering(["403 Forbidden", REFUSED]).await;
    let store = store(&stub, &Arc::new(Roles::default()));

    let error = store
        .put_new(&tenant(), &theirs("one"), object(KEY, b"picture"))
        .await
        .unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Forbidden, "bucket_denied"),
        "{error}"
    );
    assert!(
        error.message.contains("the role") && error.message.contains("210987654321"),
        "{error}"
    );
}

/// Whoever is at fault pays for what was made and cannot be put: what the tenant can mend is the
/// tenant's.
#[tokio::test]
async fn refusals_of_the_bucket_its_policy_and_its_key_are_the_tenant_s_fault_and_all_others_ours()
{
    for (answer, code, fault) in [
        ("404 NoSuchBucket", "bucket_missing", Fault::Tenant),
        ("301 PermanentRedirect", "bucket_elsewhere", Fault::Tenant),
        ("403 AccessDenied", "bucket_denied", Fault::Tenant),
        ("403 AllAccessDisabled", "bucket_denied", Fault::Tenant),
        ("400 KMS.DisabledException", KEY_UNUSABLE, Fault::Tenant),
        (
            "400 KMS.KMSInvalidStateException",
            KEY_UNUSABLE,
            Fault::Tenant,
        ),
        ("400 KMS.NotFoundException", KEY_UNUSABLE, Fault::Tenant),
        ("400 KMS.ThrottlingException", UNAVAILABLE, Fault::Ours),
        ("403 ExpiredToken", UNAVAILABLE, Fault::Ours),
        ("403 InvalidAccessKeyId", UNAVAILABLE, Fault::Ours),
        ("403 RequestTimeTooSkewed", "clock_skewed", Fault::Ours),
        (
            "501 NotImplemented",
            "bucket_feature_missing",
            Fault::Tenant,
        ),
        ("403 SignatureDoesNotMatch", UNAVAILABLE, Fault::Ours),
        ("400 BadDigest", UNAVAILABLE, Fault::Ours),
        ("429 TooManyRequests", UNAVAILABLE, Fault::Ours),
        ("500 InternalError", UNAVAILABLE, Fault::Ours),
        ("503 SlowDown", UNAVAILABLE, Fault::Ours),
    ] {
        let (status, s3_code) = answer.split_once(' ').unwrap();
        let body = format!("<Error><Code>{s3_code}</Code><Message>no</Message></Error>");
        let status = format!("{status} Whatever");
        let stub = Stub::answering([&*status.leak(), &*body.leak()]).await;
        let store = store(&stub, &Arc::new(Roles::default()));

        let error = store
            .put_new(&tenant(), &theirs("one"), object(KEY, b"picture"))
            .await
            .unwrap_err();

        assert_eq!((error.code, error.fault), (code, fault), "{answer}");
    }
}

#[tokio::test]
async fn a_bucket_of_another_region_is_said_to_be_one() {
    let body = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
    let stub = Stub::answering(["301 Moved Permanently", body]).await;
    let store = store(&stub, &Arc::new(Roles::default()));

    let error = store
        .put_new(&tenant(), &theirs("one"), object(KEY, b"picture"))
        .await
        .unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "bucket_elsewhere"),
        "{error}"
    );
}

//! Tenants' roles: assumed with their ExternalId only, kept while their keys are good, and not
//! asked for in vain.

use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::AssumedRole;
use fluxgate_core::{Fault, Kind, Retry};
use fluxgate_sts::{RoleBounds, StsRoles};

use crate::held_clock::HeldClock;
use crate::sts_server::{StsServer, Trust};

const ARN: &str = "arn:aws:iam::210987654321:role/flux-writer";
const EXTERNAL_ID: &str = "its-id";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;
const GUARDED: Trust = (ARN, Some(EXTERNAL_ID));

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn role(external_id: &str) -> AssumedRole {
    AssumedRole {
        arn: ARN.to_owned(),
        external_id: external_id.to_owned(),
    }
}

fn roles(server: &StsServer, clock: &HeldClock) -> StsRoles {
    StsRoles::new(
        server.settings(),
        Arc::new(clock.clone()),
        RoleBounds::default(),
    )
}

#[tokio::test]
async fn a_role_is_assumed_with_its_external_id_once_for_many() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = roles(&server, &clock);

    for _ in 0..10 {
        let keys = roles
            .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
            .await
            .unwrap();
        assert_eq!(
            (keys.access_key_id(), keys.session_token()),
            ("ASIA1", Some("token-1"))
        );
    }

    let calls = server.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["RoleSessionName"], "fluxgate-acme");
    assert_eq!(calls[0]["ExternalId"], EXTERNAL_ID);
    assert_eq!(calls[0]["DurationSeconds"], "3600");
    assert_eq!(calls[0]["Policy"], POLICY);
}

/// Who only reads must not be handed the keys of who writes.
#[tokio::test]
async fn each_policy_has_a_session_of_its_own() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = roles(&server, &clock);
    let reading = POLICY.replace("[]", "[{}]");

    let mut keys = Vec::new();
    for policy in [POLICY, &reading, POLICY, &reading] {
        let session = roles
            .credentials(&role(EXTERNAL_ID), &tenant(), policy)
            .await
            .unwrap();
        keys.push(session.access_key_id().to_owned());
    }

    assert_eq!(keys, ["ASIA1", "ASIA2", "ASIA1", "ASIA2"]);
    let asked: Vec<String> = server
        .calls()
        .iter()
        .map(|it| it["Policy"].clone())
        .collect();
    assert_eq!(asked, [POLICY, &reading]);
}

#[tokio::test]
async fn many_at_once_wait_for_one_answer() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = Arc::new(roles(&server, &clock));

    let asking: Vec<_> = (0..32)
        .map(|_| {
            let roles = roles.clone();
            tokio::spawn(async move {
                roles
                    .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
                    .await
            })
        })
        .collect();
    for answer in asking {
        assert_eq!(answer.await.unwrap().unwrap().access_key_id(), "ASIA1");
    }

    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn keys_are_renewed_before_they_expire() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = roles(&server, &clock);
    roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();

    clock.pass_s(54 * 60);
    let before = roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();
    clock.pass_s(90);
    let after = roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();

    assert_eq!(
        (before.access_key_id(), after.access_key_id()),
        ("ASIA1", "ASIA2")
    );
}

#[tokio::test]
async fn keys_that_still_work_serve_while_sts_is_down_and_then_no_longer() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = roles(&server, &clock);
    roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();

    server.go_down();
    clock.pass_s(56 * 60);
    let serving = roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();
    clock.pass_s(5 * 60);
    let error = roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap_err();

    assert_eq!(serving.access_key_id(), "ASIA1");
    assert_eq!(
        (error.kind, error.retry, error.code),
        (Kind::Unavailable, Retry::Later, "role_unavailable"),
        "{error}"
    );
    assert_eq!(error.fault, Fault::Ours);
}

#[tokio::test]
async fn a_wrong_external_id_is_denied_and_the_text_says_what_to_check_and_no_more() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;

    let error = roles(&server, &clock)
        .credentials(&role("guess"), &tenant(), POLICY)
        .await
        .unwrap_err();

    assert_eq!(
        (error.kind, error.retry, error.code),
        (Kind::Unavailable, Retry::Later, "role_denied"),
        "{error}"
    );
    assert_eq!(error.fault, Fault::Tenant);
    assert!(
        error.message.contains(ARN) && error.message.contains("sts:ExternalId"),
        "{error}"
    );
    for secret in ["guess", EXTERNAL_ID, "own-secret", "archiver"] {
        assert!(
            !error.with_causes().contains(secret),
            "{}",
            error.with_causes()
        );
    }
}

#[tokio::test]
async fn a_denial_is_remembered_for_seconds_and_a_mended_role_is_then_assumed() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[], &clock).await;
    let roles = roles(&server, &clock);

    for _ in 0..10 {
        assert_eq!(
            roles
                .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
                .await
                .unwrap_err()
                .code,
            "role_denied"
        );
    }
    assert_eq!(server.calls().len(), 1);
    server.trust(&[GUARDED]);
    clock.pass_s(11);

    assert!(
        roles
            .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_denial_when_keys_are_renewed_ends_the_old_ones() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    let roles = roles(&server, &clock);
    roles
        .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
        .await
        .unwrap();

    server.trust(&[]);
    clock.pass_s(56 * 60);

    assert_eq!(
        roles
            .credentials(&role(EXTERNAL_ID), &tenant(), POLICY)
            .await
            .unwrap_err()
            .code,
        "role_denied"
    );
}

#[tokio::test]
async fn a_probe_shows_that_only_the_external_id_opens_the_role() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;

    let probe = roles(&server, &clock)
        .probe(&role(EXTERNAL_ID), &tenant())
        .await;

    assert!(probe.with_external_id.is_ok());
    assert!(probe.without_external_id_refused.unwrap());
    assert!(probe.with_another_external_id_refused.unwrap());
}

#[tokio::test]
async fn a_probe_finds_a_role_that_anybody_may_assume_through_us() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[(ARN, None)], &clock).await;

    let probe = roles(&server, &clock)
        .probe(&role(EXTERNAL_ID), &tenant())
        .await;

    assert!(probe.with_external_id.is_ok());
    assert!(!probe.without_external_id_refused.unwrap());
    assert!(!probe.with_another_external_id_refused.unwrap());
}

#[tokio::test]
async fn a_probe_takes_no_silence_for_a_refusal() {
    let clock = HeldClock::new();
    let server = StsServer::start(&[GUARDED], &clock).await;
    server.go_down();

    let probe = roles(&server, &clock)
        .probe(&role(EXTERNAL_ID), &tenant())
        .await;

    assert_eq!(probe.with_external_id.unwrap_err().code, "role_unavailable");
    assert_eq!(
        probe.without_external_id_refused.unwrap_err().code,
        "role_unavailable"
    );
}

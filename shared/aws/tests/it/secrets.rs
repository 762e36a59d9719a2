//! Secrets: kept for minutes, read again when they no longer work, and clear about what is wrong
//! with them.

use std::sync::Arc;

use fluxgate_aws::secrets::{SecretBounds, SecretName, SecretsManagerSecrets};
use fluxgate_core::secret::Secret;
use fluxgate_core::{Kind, Retry};

use crate::held_clock::HeldClock;
use crate::secrets_server::{Kept, SecretsServer};

const NAME: &str = "fluxgate/upstream-key";

fn name() -> SecretName {
    SecretName::parse(NAME).unwrap()
}

fn secrets(server: &SecretsServer, clock: &HeldClock) -> SecretsManagerSecrets {
    SecretsManagerSecrets::new(
        &server.settings(),
        Arc::new(clock.clone()),
        SecretBounds::default(),
    )
}

#[tokio::test]
async fn a_secret_is_read_once_in_minutes_and_then_again() {
    let clock = HeldClock::new();
    let server = SecretsServer::start(NAME, Kept::Text("sk-first\n")).await;
    let secrets = secrets(&server, &clock);
    for _ in 0..10 {
        assert_eq!(secrets.get(&name()).await.unwrap().expose(), "sk-first");
    }
    assert_eq!(server.calls(), 1);

    server.keep(NAME, Kept::Text("sk-second"));
    clock.pass_s(299);
    let before = secrets.get(&name()).await.unwrap();
    clock.pass_s(2);
    let after = secrets.get(&name()).await.unwrap();

    assert_eq!((before.expose(), after.expose()), ("sk-first", "sk-second"));
}

#[tokio::test]
async fn a_rotated_secret_is_known_as_soon_as_the_old_one_is_refused() {
    let clock = HeldClock::new();
    let server = SecretsServer::start(NAME, Kept::Text("sk-first")).await;
    let secrets = secrets(&server, &clock);
    secrets.get(&name()).await.unwrap();

    server.keep(NAME, Kept::Text("sk-second"));
    clock.pass_s(30);

    for _ in 0..10 {
        assert_eq!(
            secrets.refresh_now(&name()).await.unwrap().expose(),
            "sk-second"
        );
    }
    assert_eq!(secrets.get(&name()).await.unwrap().expose(), "sk-second");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn of_two_values_put_over_one_version_the_first_is_written_and_read_at_once() {
    let clock = HeldClock::new();
    let server = SecretsServer::start(NAME, Kept::Text("ring-1")).await;
    let secrets = secrets(&server, &clock);
    secrets.get(&name()).await.unwrap();
    let (stored, version) = secrets.get_stored(&name()).await.unwrap();
    assert_eq!(stored.expose(), "ring-1");

    let put = async |version, text| {
        let value = Secret::new(text);
        secrets.put_over(&name(), version, &value).await
    };
    put(&version, "ring-2").await.unwrap();
    // Once more, after an answer that was lost.
    put(&version, "ring-2").await.unwrap();
    let refused = put(&version, "ring-two").await.unwrap_err();

    assert_eq!(
        (refused.kind, refused.code),
        (Kind::Conflict, "secret_changed")
    );
    assert_eq!(secrets.get(&name()).await.unwrap().expose(), "ring-2");
    let (_, second) = secrets.get_stored(&name()).await.unwrap();
    put(&second, "ring-3").await.unwrap();
    assert_eq!(secrets.get(&name()).await.unwrap().expose(), "ring-3");
}

#[tokio::test]
async fn an_old_value_serves_while_secrets_manager_is_down() {
    let clock = HeldClock::new();
    let server = SecretsServer::start(NAME, Kept::Text("sk-first")).await;
    let secrets = secrets(&server, &clock);
    secrets.get(&name()).await.unwrap();

    server.keep(NAME, Kept::Down);
    clock.pass_s(3_600);
    let serving = secrets.get(&name()).await.unwrap();
    let calls = server.calls();
    secrets.get(&name()).await.unwrap();

    assert_eq!(serving.expose(), "sk-first");
    assert_eq!(server.calls(), calls, "it was asked again within the pause");
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_by_its_name_and_worth_a_later_try() {
    let cases = [
        (
            Some(Kept::Denied),
            "secret_denied",
            "secretsmanager:GetSecretValue",
        ),
        (Some(Kept::Locked), "secret_denied", "kms:Decrypt"),
        (Some(Kept::Text(" \n")), "secret_empty", "plain text"),
        (Some(Kept::Binary), "secret_empty", "plain text"),
        (None, "secret_missing", "create it"),
    ];
    for (kept, code, remedy) in cases {
        let clock = HeldClock::new();
        let server = SecretsServer::start("another", Kept::Text("sk-other")).await;
        if let Some(kept) = kept {
            server.keep(NAME, kept);
        }

        let error = secrets(&server, &clock).get(&name()).await.unwrap_err();

        assert_eq!(
            (error.kind, error.retry, error.code),
            (Kind::Unavailable, Retry::Later, code),
            "{error}"
        );
        assert!(
            error.message.contains(NAME) && error.message.contains(remedy),
            "{error}"
        );
        assert!(
            !error.with_causes().contains("own words"),
            "{}",
            error.with_causes()
        );
    }
}

#[tokio::test]
async fn a_secret_that_was_given_back_is_read_seconds_later() {
    let clock = HeldClock::new();
    let server = SecretsServer::start(NAME, Kept::Denied).await;
    let secrets = secrets(&server, &clock);
    for _ in 0..10 {
        assert_eq!(
            secrets.get(&name()).await.unwrap_err().code,
            "secret_denied"
        );
    }
    assert_eq!(server.calls(), 1);

    server.keep(NAME, Kept::Text("sk-first"));
    clock.pass_s(6);

    assert_eq!(secrets.get(&name()).await.unwrap().expose(), "sk-first");
}

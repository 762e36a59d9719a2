//! Secrets as Secrets Manager itself keeps and rotates them.

use std::sync::Arc;

use fluxgate_aws::secrets::{SecretBounds, SecretName, SecretsManagerSecrets};
use fluxgate_core::port::SystemClock;
use fluxgate_tests::Ministack;
use serde_json::{Value, json};

const NAME: &str = "fluxgate/upstream-key";

async fn call(ministack: &Ministack, action: &str, body: &Value) {
    let request = reqwest::Client::new().post(ministack.endpoint());
    let request = request.header("x-amz-target", format!("secretsmanager.{action}"));
    let answer = request
        .header("content-type", "application/x-amz-json-1.1")
        .body(body.to_string())
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200, "{action}");
}

fn name() -> SecretName {
    SecretName::parse(NAME).unwrap()
}

fn secrets(ministack: &Ministack) -> SecretsManagerSecrets {
    let bounds = SecretBounds {
        refresh_gap_ms: 0,
        failed_pause_ms: 0,
        ..SecretBounds::default()
    };
    SecretsManagerSecrets::new(ministack.aws(), Arc::new(SystemClock), bounds)
}

#[tokio::test]
async fn a_rotated_secret_is_read_when_the_old_value_is_refused() {
    let ministack = Ministack::start().await;
    let secrets = secrets(&ministack);
    call(
        &ministack,
        "CreateSecret",
        &json!({"Name": NAME, "SecretString": "sk-first"}),
    )
    .await;
    let first = secrets.get(&name()).await.unwrap();

    call(
        &ministack,
        "PutSecretValue",
        &json!({"SecretId": NAME, "SecretString": "sk-second"}),
    )
    .await;
    let kept = secrets.get(&name()).await.unwrap();
    let second = secrets.refresh_now(&name()).await.unwrap();

    assert_eq!(
        (first.expose(), kept.expose(), second.expose()),
        ("sk-first", "sk-first", "sk-second")
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_or_being_deleted_is_said_to_be() {
    let ministack = Ministack::start().await;
    let secrets = secrets(&ministack);
    assert_eq!(
        secrets.get(&name()).await.unwrap_err().code,
        "secret_missing"
    );

    call(
        &ministack,
        "CreateSecret",
        &json!({"Name": NAME, "SecretString": "sk-first"}),
    )
    .await;
    assert!(secrets.get(&name()).await.is_ok());
    call(&ministack, "DeleteSecret", &json!({"SecretId": NAME})).await;

    assert_eq!(
        secrets.refresh_now(&name()).await.unwrap_err().code,
        "secret_missing"
    );
}

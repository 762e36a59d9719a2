//! A gateway behind a front: it takes what carries the front's secret, and nothing else.

use fluxgate_edge::ORIGIN_SECRET;
use fluxgate_tests::{Stack, StackOptions, TestTenant, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const NAME: &str = "fluxgate/origin-secret";
const OLD: &str = "the-old-value-of-the-front-0123456789";
const NEW: &str = "the-new-value-of-the-front-0123456789";

async fn behind_a_front() -> Stack {
    Stack::with(StackOptions {
        parameters: vec![("OriginSecretName", NAME.to_owned())],
        ..StackOptions::default()
    })
    .await
}

async fn put(stack: &Stack, value: &str) {
    let secrets = stack.ministack.aws().secretsmanager();
    let create = secrets.create_secret().name(NAME).secret_string(value);
    if create.send().await.is_err() {
        let put = secrets.put_secret_value().secret_id(NAME);
        put.secret_string(value).send().await.unwrap();
    }
}

/// The status, and the body if it is JSON, of a request as a front would pass it on.
async fn by(tenant: &TestTenant, path: &str, secret: &str) -> (StatusCode, Value) {
    let request = tenant.http().get(tenant.url(path));
    let request = match secret {
        "" => request,
        secret => request.header(ORIGIN_SECRET.as_str(), secret),
    };
    let answer = tenant.send(request).await;
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_came_by_the_front_is_answered_and_the_admin_api_is_not_concerned() {
    let stack = behind_a_front().await;
    let tenant = stack.tenant("acme", "1").await;

    // It is not there yet: nobody can tell who is who.
    let (status, body) = by(&tenant, "/healthz", OLD).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (503, &json!("origin_unknown"))
    );
    assert!(!body.to_string().contains(NAME), "{body}");
    put(&stack, OLD).await;
    eventually("the secret", || async {
        let (status, _) = by(&tenant, "/healthz", OLD).await;
        (status == 200).then_some(())
    })
    .await;

    for path in [
        "/healthz",
        "/openapi.json",
        "/v1/tasks",
        "/outputs/x",
        "/nothing",
    ] {
        for secret in ["", NEW, &OLD[1..], "x"] {
            let (status, body) = by(&tenant, path, secret).await;
            assert_eq!(
                (status.as_u16(), &body["code"]),
                (403, &json!("front_bypassed"))
            );
            let said = body["detail"].as_str().unwrap();
            assert!(said.contains(stack.gateway_url()), "{said}");
        }
    }
    let (status, body) = by(&tenant, "/api/v3/balance", "").await;
    assert_eq!(
        (status.as_u16(), &body["error_code"]),
        (403, &json!("front_bypassed"))
    );
    let (status, body) = by(&tenant, "/api/v3/balance", OLD).await;
    assert_eq!(
        (status.as_u16(), &body["data"]["balance"]),
        (200, &json!(1.0))
    );
    let (status, _) = stack
        .admin_call(Method::GET, "/admin/v1/tenants/acme", &Value::Null)
        .await;
    assert_eq!(status, 200);
    let log = stack.function("gateway").log();
    assert!(!log.contains(OLD), "the secret is in the log");
}

/// A rotation: both, then the front, then the new one alone.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_rotated_two_values_are_taken_and_afterwards_one() {
    let stack = behind_a_front().await;
    let tenant = stack.tenant("acme", "1").await;
    put(&stack, &format!("{OLD} {NEW}")).await;

    let taken = async |secret: &'static str| {
        let (status, _) = by(&tenant, "/healthz", secret).await;
        status == 200
    };
    eventually("both values", || async {
        (taken(OLD).await && taken(NEW).await).then_some(())
    })
    .await;
    put(&stack, NEW).await;
    // It is read again by new processes, or after minutes.
    stack.function("gateway").kill();

    eventually("the new value alone", || async {
        (taken(NEW).await && !taken(OLD).await).then_some(())
    })
    .await;
}
